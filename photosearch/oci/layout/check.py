"""Whether the two documents of an image folder say what is in it.

``index.json`` belongs to the format and to whoever else writes there, so it bears no checksum of
ours: another tool would keep it and change the rest. It can be worked out again instead. What
an entry says of its document, the document says itself; whether a name is right, only those know
who gave it.
"""

import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from photosearch.oci.documents import INDEX, is_digest, parse_document
from photosearch.oci.errors import DamagedImage
from photosearch.oci.layout.layout import INDEX_FILE, LAYOUT, LAYOUT_FILE, LayoutRegistry, tag_of
from photosearch.terminal.wording import counted

_OF_INDEX = frozenset(
    ("schemaVersion", "mediaType", "artifactType", "manifests", "subject", "annotations")
)
_OF_ENTRY = frozenset(
    ("mediaType", "digest", "size", "urls", "annotations", "data", "platform", "artifactType")
)
_AGAIN = "'photosearch verify --discard' takes it out, and 'photosearch materialize' names it again"


def layout_faults(registry: LayoutRegistry, *, discard: bool) -> Iterator[str]:
    """One line for each thing that the folder's own documents say wrongly.

    With ``discard`` they say so no more; blobs stay.

    Raises:
        RegistryRefused: if ``index.json`` can't be understood: others' names may be in it.
    """
    blobs = registry.blobs()
    content = registry.index_bytes()
    if content is None:
        if blobs:
            yield (
                f"{registry.folder / INDEX_FILE} is missing: found {counted(len(blobs), 'blob')} "
                "and no name of any image; run 'photosearch materialize'"
            )
        return
    entries = registry.entries()
    wrong = {
        number: why for number, entry in enumerate(entries) if (why := _fault(registry, entry))
    }
    for number, why in wrong.items():
        named = tag_of(entries[number]) or "an image without a name"
        yield (
            f"{registry.folder / INDEX_FILE}: what it says of {named} is wrong: found {why}; "
            f"{'taken out' if discard else _AGAIN}"
        )
    top = json.loads(content)
    strange = sorted(top.keys() - _OF_INDEX)
    if top.get("schemaVersion") != 2 or top.get("mediaType", INDEX) != INDEX:
        strange.append("another version or type")
    if strange:
        yield (
            f"{registry.folder / INDEX_FILE} is not as the format wants it: found "
            f"{', '.join(strange)}; {_written(discard)}"
        )
    is_layout = _is_layout(registry)
    if not is_layout:
        yield (
            f"{registry.folder / LAYOUT_FILE} does not say which format this is: found "
            f"{registry.layout_bytes()!r}; {_written(discard)}"
        )
    if discard and (wrong or strange or not is_layout):
        registry.write_anew(without=[entries[number] for number in wrong])


def _written(discard: bool) -> str:
    return "written anew" if discard else "'photosearch verify --discard' writes it anew"


def _is_layout(registry: LayoutRegistry) -> bool:
    content = registry.layout_bytes()
    try:
        return content is not None and json.loads(content) == json.loads(LAYOUT)
    except (ValueError, RecursionError):
        return False


def _fault(registry: LayoutRegistry, entry: Mapping[str, Any]) -> str | None:
    """What an entry says that is not so."""
    if strange := _strange(entry, _OF_ENTRY):
        return f"a member {strange!r} that the format does not have"
    digest = entry["digest"]
    if not is_digest(digest):  # by another tool, with another hash
        return None if registry.has_file(digest) else f"no document {digest}"
    try:
        found = registry.document(digest)
        if found is None:
            return f"no document {digest}"
        if len(found[0]) != entry["size"]:
            return f"{entry['size']} bytes instead of {len(found[0])}"
        parse_document(found[0], digest)
    except DamagedImage:
        return None  # told as a damaged image, whose name is right
    told = json.loads(found[0]).get("mediaType", entry["mediaType"])
    return None if told == entry["mediaType"] else f"type {entry['mediaType']} instead of {told}"


def _strange(document: Mapping[str, Any], known: Collection[str]) -> str | None:
    return next((name for name in document if name not in known), None)
