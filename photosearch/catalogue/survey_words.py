"""A survey in sentences, the same for ``init`` and ``materialize``."""

from photosearch.catalogue.left_out import Reason, quoted, remedy_for
from photosearch.catalogue.survey import LeftOut, Survey
from photosearch.settings.settings import Settings
from photosearch.terminal.wording import counted

_STATUSES_NAMED = 8
#: Below this share of live listings a shop is told as if there were none.
_FEW = 0.1


def left_out_lines(survey: Survey) -> list[str]:
    """What is left out by which rule, most first."""
    groups = sorted(survey.left_out.items(), key=lambda item: -item[1].count)
    return [_line(reason, group) for reason, group in groups]


def statuses_line(survey: Survey) -> str:
    """How many listings have which status, most first: ``'active' 6, 'sold' 2``."""
    common = survey.statuses.most_common()
    named = [
        f"{'none' if status is None else repr(status)} {count:,}"
        for status, count in common[:_STATUSES_NAMED]
    ]
    rest = sum(count for _, count in common[_STATUSES_NAMED:])
    if rest:
        named.append(f"{rest:,} of {len(common) - _STATUSES_NAMED:,} others")
    return ", ".join(named)


def warning(survey: Survey, settings: Settings) -> str | None:
    """What must not be overlooked: that none or few of the listings may be shown."""
    total = sum(survey.statuses.values())
    if not total or survey.live >= _FEW * total:
        return None
    shown = f"{survey.live:,} of {total:,}" if survey.live else f"None of {total:,}"
    named = (status for status, _ in survey.statuses.most_common())
    most = next((status for status in named if status not in (None, *settings.live_statuses)), None)
    remedy = "set it to what your live listings have"
    if most is not None:
        remedy += f', such as live_status = "{most}"'
    live = quoted(settings.live_statuses)
    return (
        f"{shown} listings may be shown: live_status is {live}, and their statuses are "
        f"{statuses_line(survey)}. In {settings.file}, {remedy}."
    )


def _line(reason: Reason, group: LeftOut) -> str:
    remedy = remedy_for(reason)
    named = "" if group.example is None else f", such as {group.example}"
    return f"{counted(group.count, 'listing')}{named}: {group.why}" + (
        f"; {remedy}" if remedy else ""
    )
