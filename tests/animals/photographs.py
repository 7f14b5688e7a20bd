"""The photographs of Debian's tuxpaint-stamps-default, and which of them show one species.

The folder ``animals`` holds cut-out photographs; its folders ``cartoon`` and ``toys`` hold
drawings and soft toys, which are left out. A species is read from a file's name: two names
that share a word for an animal show the same one (``lion-2``, ``lion``; ``little-penguin``,
``magellanic_penguin``). Words of age, sex, colour or posture don't count.
"""

import re
from pathlib import Path

FOLDER = Path("/usr/share/tuxpaint/stamps/animals")
_NO_PHOTOGRAPHS = {"cartoon", "toys"}

# Words that name one animal in more than one file, and their species.
_SPECIES = {
    "frog": "frog",
    "penguin": "penguin",
    "guineafowl": "guineafowl",
    "heron": "heron",
    "seagull": "gull",
    "gull": "gull",
    "peacock": "peafowl",
    "peahen": "peafowl",
    "hen": "chicken",
    "chicken": "chicken",
    "rooster": "chicken",
    "bear": "bear",
    "cow": "cattle",
    "bull": "cattle",
    "gnu": "gnu",
    "sheep": "sheep",
    "ram": "sheep",
    "lion": "lion",
    "tiger": "tiger",
    "deer": "deer",
    "doe": "deer",
    "donkey": "donkey",
    "pig": "pig",
    "rabbit": "rabbit",
}
# Two words of which one names another animal.
_NAMESAKES = {"sea_lion"}


def photographs() -> list[Path]:
    """Every photograph, relative to the folder, sorted."""
    found = (path.relative_to(FOLDER) for path in FOLDER.rglob("*.png"))
    return sorted(path for path in found if not _NO_PHOTOGRAPHS & set(path.parts))


def species_of(photo: str | Path) -> str:
    """The species that a photograph's name tells; the name itself when no other shares it."""
    stem = Path(photo).stem
    words = re.split(r"[^a-z]+", stem.lower())
    if stem in _NAMESAKES:
        return stem
    return next((_SPECIES[word] for word in words if word in _SPECIES), stem)
