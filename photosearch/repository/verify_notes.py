"""What verify looks at beside the versions: that addresses have a HEAD, and that embedders are
those of their names, and their roles.

A lost HEAD is nothing that can be read: the window is simply not there any more, for whoever
looks. What tells of it is that there are versions and none of them is current.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from pydantic import ValidationError

from photosearch.embedder.embedder_file import EMBEDDER_FILE, EmbedderFile
from photosearch.repository.addresses import Address, Kind
from photosearch.repository.embedder_roles import Role, read_noted, role_path
from photosearch.repository.errors import DamagedArtifact
from photosearch.repository.repository import Repository
from photosearch.repository.version_files import read_file
from photosearch.repository.wanted_embedder import wrong_wanted
from photosearch.terminal.wording import counted


def lost_heads(
    repository: Repository, artifacts: Sequence[tuple[Address, str | None]]
) -> Iterator[str]:
    """One line for each address of ``artifacts`` with versions and without HEAD.

    Looked at now, and not when they were listed: a step that runs publishes first and moves
    HEAD at its end.
    """
    exists = repository.storage.exists
    versions: defaultdict[Address, list[str]] = defaultdict(list)
    for address, version in artifacts:
        if version is not None:
            versions[address].append(version)
    with_head = {address for address, version in artifacts if version is None}
    for address in versions.keys() - with_head:
        there = [one for one in versions[address] if exists(address.manifest_path(one))]
        if there and not exists(address.head_path):
            yield (
                f"{address.head_path} is missing: found {counted(len(there), 'version')} and none "
                "that is current; run 'photosearch materialize'"
            )


def wrong_embedders(
    repository: Repository, artifacts: Sequence[tuple[Address, str | None]]
) -> Iterator[str]:
    """One line for each embedder that is another than its version, the fingerprint, says.

    No manifest can tell: what decides a vector stands in the embedder's own description.
    """
    for address, version in artifacts:
        if address.kind is not Kind.EMBEDDER or version is None:
            continue
        content = read_file(repository, address, version, EMBEDDER_FILE)
        try:
            found = EmbedderFile.model_validate_json(content or b"").fingerprint
        except ValidationError:
            continue  # damaged, which is told; or of a later release
        if found != version:
            yield (
                f"{address.folder(version)} is another embedder's than its name says: found "
                f"fingerprint {found}; delete that folder, then run 'photosearch materialize'"
            )


def wrong_roles(repository: Repository) -> Iterator[str]:
    """One line for each note of an embedder's role that names none that is there, the one that is
    wanted among them."""
    if (told := wrong_wanted(repository)) is not None:
        yield told
    for role in Role:
        path = role_path(role)
        try:
            noted = read_noted(repository, role)
        except DamagedArtifact as damage:
            yield str(damage)
            continue
        named = None if noted is None else noted.fingerprint
        if named and not repository.storage.exists(Address.embedders().manifest_path(named)):
            yield (
                f"{path} names no embedder that is there: found {named!r}; "
                "'photosearch embedder use' prepares one, 'photosearch embedder drop' empties it"
            )
