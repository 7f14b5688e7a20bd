"""What who may write to a registry can put under a Serving's tag: other content, told alike."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

from index_grpc.serving.serving import Serving
from index_grpc.shipping.annotations import image_annotations, provenance
from index_grpc.shipping.image import COMMAND, ENVIRONMENT
from index_grpc.shipping.layers import serving_layers
from photosearch.oci.building.assemble import put_image
from photosearch.oci.building.build import ImageBuilder
from photosearch.oci.building.layers import Layer, LayerFile
from photosearch.oci.building.put_layers import layer_annotations
from photosearch.oci.documents import LAYER, Descriptor
from photosearch.repository.addresses import Address
from photosearch.repository.repository import Repository

Files = dict[str, bytes]
#: Changes the files of one layer, which is for ``what``.
Poison = Callable[[Files, str], Files]
EVIL = "listing of an attacker"


def put_poisoned(
    serving: Serving,
    repository: Repository,
    builder: ImageBuilder,
    poison: Poison,
    *,
    command: tuple[str, ...] = COMMAND,
    claimed: Serving | None = None,
) -> str:
    """Have the tag name an image that says of itself what the honest one does, but for what is in
    it; ``claimed``: it says so of another Serving. Returns the image's digest."""
    claimed = claimed or serving
    manifests = {
        served.window: repository.manifest(
            Address.index(serving.fingerprint, served.window), served.version
        )
        for served in serving.windows
    }
    described = []
    for planned in serving_layers(serving, manifests, repository):
        honest = {file.path: _content(file) for file in planned.layer.files}
        files = poison(honest, planned.what)
        layer = Layer([LayerFile.of_bytes(path, content) for path, content in files.items()])
        blob = builder.registry.put_blob(layer)
        told = layer_annotations(planned)
        described.append(Descriptor(LAYER, blob.digest, blob.size, told))
    base = builder.read_base()
    image = put_image(
        builder.registry,
        claimed.name,
        base,
        described,
        command=command,
        environment=ENVIRONMENT,
        annotations=image_annotations(claimed),
        provenance=provenance(claimed, manifests),
    )
    return image.digest


def honest(files: Files, what: str) -> Files:
    return files


def other_rows(files: Files, what: str) -> Files:
    """Every row is the attacker's, and the manifest's digests are those of such files."""
    return _with_rows(files, lambda row: {**row, "listing_id": EVIL})


def rows_of_the_same_length(files: Files, what: str) -> Files:
    """As :func:`other_rows`, in a layer of the same size as the honest one."""
    return _with_rows(
        files, lambda row: {**row, "listing_id": EVIL[:1] * len(str(row["listing_id"]))}
    )


def rows_of(window: str) -> Poison:
    return lambda files, what: other_rows(files, what) if what == window else files


def another_quantiser(files: Files, what: str) -> Files:
    return _changed(files, "codebooks", b"x") if what.startswith("quantiser") else files


def another_window(window: str, other: Files) -> Poison:
    """The files of another window in the folder of this one."""

    def poison(files: Files, what: str) -> Files:
        if what != window:
            return files
        place = next(iter(files)).rpartition("/")[0]
        return {f"{place}/{path.rpartition('/')[2]}": content for path, content in other.items()}

    return poison


def another_version_folder(files: Files, what: str) -> Files:
    """The version's folder bears the name of another version."""
    return {
        "/".join([*path.split("/")[:-2], "0" * 16, path.split("/")[-1]]): content
        for path, content in files.items()
    }


def another_index(extra: Files) -> Poison:
    """One more index in each layer."""
    return lambda files, what: {**files, **extra}


def another_file(files: Files, what: str) -> Files:
    """A file that no manifest names, of those that are read if they are there."""
    place = next(iter(files)).rpartition("/")[0]
    return {**files, f"{place}/codes.npy": b"x"}


def without_manifest(files: Files, what: str) -> Files:
    return {path: content for path, content in files.items() if not path.endswith("manifest.json")}


def files_of(serving: Serving, repository: Repository) -> Files:
    """All files of a Serving as its image has them."""
    found: Files = {}
    manifests = {
        served.window: repository.manifest(
            Address.index(serving.fingerprint, served.window), served.version
        )
        for served in serving.windows
    }
    for planned in serving_layers(serving, manifests, repository):
        found |= {file.path: _content(file) for file in planned.layer.files}
    return found


def _content(file: LayerFile) -> bytes:
    source = file.source
    return source if isinstance(source, bytes) else Path(source()).read_bytes()


def _with_rows(files: Files, change: Callable[[dict[str, object]], dict[str, object]]) -> Files:
    for path in [path for path in files if path.endswith("/rows.jsonl")]:
        rows = [change(json.loads(line)) for line in files[path].splitlines()]
        lines = [json.dumps(row, separators=(",", ":")).encode() + b"\n" for row in rows]
        files = _replaced(files, path, b"".join(lines))
    return files


def _changed(files: Files, name: str, more: bytes) -> Files:
    """A file of that name, or the first that is there, ends otherwise."""
    paths = [path for path in files if not path.endswith("/manifest.json")]
    path = next((path for path in paths if name in path), paths[0])
    return _replaced(files, path, files[path] + more)


def _replaced(files: Files, path: str, content: bytes) -> Files:
    folder, _, name = path.rpartition("/")
    told = json.loads(files[f"{folder}/manifest.json"])
    told["files"][name] = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    return {**files, path: content, f"{folder}/manifest.json": json.dumps(told).encode()}
