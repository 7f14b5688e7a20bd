"""A step as a process of its own, which speaks Dagster's Pipes.

It keeps a run's memory apart, and is the way of any step that is not ours. A run over a range of
partitions tells a Pipes process no partition at all, so the windows are always handed over in
the extras.
"""

import os
import subprocess
import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import dagster as dg
from pydantic import ValidationError

from photosearch.errors import first_fault
from photosearch.processes.child import end, how_it_ended
from photosearch.settings.settings import Settings
from photosearch.windows import Window
from photosearch_assets.dag import DagStep
from photosearch_assets.errors import StepError
from photosearch_assets.resources import Stores
from photosearch_assets.runners.foreign_results import foreign_results
from photosearch_assets.runners.pipe_messages import WholeLines
from photosearch_assets.runners.progress import tell_photos, tell_result
from photosearch_assets.steps.photo_messages import ERROR, PHOTOS_DONE
from photosearch_assets.steps.result import StepResult

_LOOK_S = 0.2  # how often a process's messages are looked for
_SHOWN = 200  # characters of a message in an error
_ENDS_IN_S = 20.0  # how long a process that is told to end has for it


class InSubprocess:
    """Starts the step's command and passes on what it reports through Pipes, as it comes.

    So a run that dies half-way has recorded the windows it had finished, as in process.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def run(
        self, step: DagStep, windows: Sequence[Window], context: dg.AssetExecutionContext
    ) -> Iterator[StepResult]:
        extras = {"windows": [window.key for window in windows], "step": step.name}
        told: list[StepResult] = []
        try:
            with (
                _session(context, extras) as session,
                _process(step, self.settings, session) as child,
            ):
                reported = 0
                while child.poll() is None:
                    with suppress(subprocess.TimeoutExpired):
                        child.wait(_LOOK_S)
                    messages = session.get_custom_messages()
                    told.extend(_told(step, windows, messages[reported:]))
                    reported = len(messages)
            # Closing the session has read what was written last.
            messages = session.get_custom_messages()
            told.extend(_told(step, windows, messages[reported:]))
            if errors := [message[ERROR] for message in messages if _is(ERROR, str, message)]:
                raise StepError(errors[-1])
        except StepError:
            yield from told
            raise
        if step.own_name is None or not told:
            # A step that tells of its windows may report checks and metadata beside that.
            failed = child.returncode != 0
            yield from foreign_results(step, windows, session, told, failed=failed)
        else:
            yield from told
        if child.returncode:
            raise StepError(
                f"the step {step.name} failed",
                found=f"{' '.join(step.command)}: {how_it_ended(child.returncode)}",
                remedy="read what it printed in the run's stderr",
            )


@contextmanager
def _session(
    context: dg.AssetExecutionContext, extras: Mapping[str, object]
) -> Iterator[dg.PipesSession]:
    with ExitStack() as stack:
        with warnings.catch_warnings():
            # Dagster's Pipes uses what Dagster itself calls deprecated or a preview.
            warnings.simplefilter("ignore")
            session = stack.enter_context(
                dg.open_pipes_session(
                    context=context,
                    context_injector=dg.PipesTempFileContextInjector(),
                    message_reader=WholeLines(),
                    extras=dict(extras),
                )
            )
        yield session


@contextmanager
def _process(
    step: DagStep, settings: Settings, session: dg.PipesSession
) -> Iterator["subprocess.Popen[bytes]"]:
    """The step's process; however the block is left, it is ended."""
    program = sys.executable if step.command[0] == "python" else step.command[0]
    environment = {
        **os.environ,
        **session.get_bootstrap_env_vars(),
        **settings.whereabouts(),
        **Stores(**{name: getattr(settings, name) for name in Stores.model_fields}).environment(),
    }
    command = [program, *step.command[1:]]
    try:
        child = subprocess.Popen(command, cwd=settings.base_dir, env=environment)
    except (OSError, ValueError) as error:
        raise StepError(
            f"the step {step.name} can't be started",
            found=f"{error.strerror if isinstance(error, OSError) else error}: {program}",
            remedy="correct its 'command', which begins in the folder of photosearch.toml",
        ) from error
    try:
        yield child
    finally:
        # By SIGTERM, for what a script starts in the background ignores SIGINT.
        end(child, _ENDS_IN_S)


def _told(
    step: DagStep, windows: Sequence[Window], messages: Iterable[Any]
) -> Iterator[StepResult]:
    """The results among ``messages``; the watchers hear of them and of photos done.

    Raises:
        StepError: at a message that is no result, or of a window that was not asked for.
    """
    for message in messages:
        if not _is_result(message):
            tell_photos(message.get(PHOTOS_DONE, 0))
            continue
        try:
            result = StepResult.model_validate(message)
        except ValidationError as error:
            raise _no_result(step, repr(message), first_fault(error)) from None
        if unknown := message.keys() - StepResult.model_fields.keys():
            raise _no_result(step, ", ".join(sorted(unknown)), "it has no such fields")
        if step.own_name is None and result.step != step.name:
            raise _no_result(step, repr(result.step), "of another step")
        if result.window not in (windows or (None,)):
            where = "no window" if result.window is None else result.window.key
            raise _no_result(step, where, "of a window that it was not asked for")
        tell_result(result)
        yield result


def _no_result(step: DagStep, message: str, why: str) -> StepError:
    return StepError(
        f"the step {step.name} reported something else than a result ({why})",
        found=message if len(message) <= _SHOWN else f"{message[:_SHOWN]}…",
        remedy="a step of your own need only call report_asset_materialization",
    )


def _is_result(message: Any) -> bool:
    return not (_is(PHOTOS_DONE, int, message) or _is(ERROR, str, message))


def _is(member: str, kind: type, message: Any) -> bool:
    """Whether the message has this one member."""
    is_alone = isinstance(message, dict) and message.keys() == {member}
    return is_alone and isinstance(message[member], kind)
