"""HEAD: which version of an address is current.

The only object of the repository that changes. It holds the version and nothing else, so
that ``cat HEAD`` tells a person what they want to know.
"""

from dataclasses import dataclass
from functools import lru_cache

from photosearch.repository.addresses import HEAD, Address, Kind, require_name
from photosearch.repository.errors import MAKE_AGAIN, DamagedArtifact, HeadMoved, RepositoryError
from photosearch.repository.storage import Storage, TagMoved
from photosearch.windows import Granularity, Window, WindowError


@dataclass(frozen=True)
class Head:
    """The current version, and the tag of the object that says so."""

    version: str
    tag: str


def read_head(storage: Storage, address: Address) -> Head | None:
    """See :meth:`Repository.head`."""
    stored = storage.read(address.head_path)
    if stored is None:
        return None
    version = version_in(stored.content)
    if version is None:
        raise DamagedArtifact(
            f"{address.head_path} names no version",
            found=repr(stored.content[:40]),
            remedy=MAKE_AGAIN,
        )
    return Head(version, stored.tag)


def swap_head(storage: Storage, address: Address, version: str, expected: str | None) -> Head:
    """Point HEAD to ``version`` if its tag is still ``expected``.

    Raises:
        HeadMoved: if it is not.
    """
    try:
        return Head(version, storage.replace(address.head_path, f"{version}\n".encode(), expected))
    except TagMoved:
        stored = storage.read(address.head_path)
        raise HeadMoved(
            f"{address.head_path} was moved by another writer",
            found="no HEAD" if stored is None else stored.content.decode().strip(),
            remedy="read it again and decide anew",
        ) from None


def window_heads(storage: Storage, fingerprint: str, kind: Kind) -> dict[Window, str]:
    """See :meth:`Repository.heads`."""
    found: dict[Window, str] = {}
    for granularity in Granularity:
        name = granularity.value  # formatting an enum's member 10,000 times is felt
        folder = f"windows/{fingerprint}/{name}"
        for start, content in storage.read_each(folder, f"{kind}/{HEAD}").items():
            window = _window(f"{name}/{start}")
            version = version_in(content)
            if window is not None and version is not None:
                found[window] = version
    return found


@lru_cache(maxsize=65_536)
def version_in(head: bytes) -> str | None:
    """The version that HEAD's content names; None if it is damaged."""
    try:
        return require_name("a version", head.decode().strip())
    except (RepositoryError, UnicodeDecodeError):
        return None


@lru_cache(maxsize=65_536)
def _window(key: str) -> Window | None:
    try:
        return Window.parse(key)
    except WindowError:
        return None  # some other folder that lies there
