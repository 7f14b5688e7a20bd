"""One file of a version, without the others.

To look for a row, nothing but the rows is wanted, and of a version in a bucket the rest would
be a download. A bucket keeps a version's files below a name of their writer's own, so where
the file is not at its plain place it is looked for.
"""

from photosearch.repository.addresses import Address
from photosearch.repository.repository import Repository


def read_file(repository: Repository, address: Address, version: str, name: str) -> bytes | None:
    """The content of a version's file, not compared with its digest; None if there is none."""
    storage = repository.storage
    folder = address.folder(version)
    stored = storage.read(f"{folder}/{name}")
    if stored is not None:
        return stored.content
    for file in storage.files(folder):
        if file.path.endswith(f"/{name}") and not file.staged:
            stored = storage.read(file.path)
            if stored is not None:
                return stored.content
    return None
