"""Whatever file of an installation is changed, cut, lost or mixed up with another: verify tells.

What it need not tell is listed here, with why, and nowhere else.
"""

import random
import re
from collections.abc import Iterator

from photosearch.repository.storage.written_by import without_writer
from tests.verify.conftest import Installation

#: Files whose change nobody is told of, and why that is right.
THROWAWAY = {
    r"repository/\.locks/.*|registry/\.locks/.*|.*/\.lock|images/locks/.*": "locked, never read",
    r"images/(layers|built)/.*": "notes of builders; without one a layer is made again",
    r"work/.*|images/unpacked/.*|artifacts/.*": "compared with its digest whenever it is used",
    r"cache/(bytes|pins/.*)": "counted again",
    r"servings/\.desk(\.lock)?": "a desk of another name is another, and gc refuses to delete",
    r"repository/notes/desks/.*": "its name and its age count; lost, it is noted again",
    r"repository/[.]?clock/.*": "asks the bucket for its time",
}
#: Of these the loss alone is none: it is a state that there is without any damage.
MAY_BE_LOST = {
    r"cache/.*": "a cache may be emptied; what is needed is fetched again",
    r"servings/\.(refused-by-.*|crashing)\.json": "nothing is refused, and all is tried again",
    r"repository/asked/(next|previous)-embedder": "no embedder has that role",
    r"repository/asked/embedder": "the current one is wanted",
}
OLDER = "as if gc had taken the version, and a killed step leaves such a folder too"


def test_verify_tells_of_every_damage_to_every_file(installation: Installation) -> None:
    code, said = installation.verified()
    assert code == 0, said
    files = {n: kept for n, kept in installation.files().items() if not _is_in(THROWAWAY, n)}
    seeded = random.Random(9)
    flips = 1 if installation.in_bucket else 2
    contents = {name: kept.read() for name, kept in files.items()}
    missed = []
    for name, kept in files.items():
        may_be_lost = _is_in(MAY_BE_LOST, name) or name == f"repository/{installation.older}"
        for what, content in damages(name, contents, seeded, flips):
            if content is None and may_be_lost:
                continue
            if content is None:
                kept.lose()
            else:
                kept.write(content)
            code, said = installation.verified()
            if code == 0:
                missed.append(f"{name}: {what}")
            kept.write(contents[name])
    assert not missed, "\n".join(missed)
    code, said = installation.verified()
    assert code == 0, said


def damages(
    name: str, contents: dict[str, bytes], seeded: random.Random, flips: int
) -> Iterator[tuple[str, bytes | None]]:
    whole = contents[name]
    for at in seeded.sample(range(len(whole)), min(flips, len(whole))):
        flipped = bytearray(whole)
        flipped[at] ^= 1 << seeded.randrange(8)
        yield f"flipped at {at}", bytes(flipped)
    cut = seeded.randrange(1, len(whole))
    # Who wrote it is no part of what was written.
    if without_writer(whole[:cut]) != without_writer(whole):
        yield f"cut at {cut}", whole[:cut]
    others = [one for one in contents if without_writer(contents[one]) != without_writer(whole)]
    other = seeded.choice(others)
    yield f"replaced by {other}", contents[other]
    yield "lost", None


def _is_in(listed: dict[str, str], name: str) -> bool:
    return any(re.fullmatch(pattern, name) for pattern in listed)
