"""What a serving image tells of itself.

In the image's own annotations, what follows from the versions of its indexes: it belongs to the
image's digest. In those of the index document that its tag names, who made it, when, and how
well it measured: the same content stays the same image whoever builds it.
"""

import json
from collections.abc import Mapping

from index_grpc.serving.serving import Serving
from index_grpc.shipping.layers import ROOT
from photosearch.errors import PhotosearchError
from photosearch.oci.building.put_layers import NAMES
from photosearch.oci.documents import ImageManifest
from photosearch.oci.errors import DamagedImage
from photosearch.repository.manifest import Manifest
from photosearch.version import CODE_VERSION
from photosearch.windows import Window

SERVING_FILE = "serving.json"


def image_annotations(serving: Serving) -> dict[str, str]:
    """What belongs to the image's digest: it follows from the versions."""
    windows = [[served.window.key, served.version] for served in serving.windows]
    return {
        "org.opencontainers.image.title": f"photosearch indexes {serving.name}",
        "org.opencontainers.image.version": serving.name,
        f"{NAMES}.serving": serving.name,
        f"{NAMES}.fingerprint": serving.fingerprint,
        f"{NAMES}.quantiser": serving.quantiser or "",
        f"{NAMES}.windows": json.dumps(windows, separators=(",", ":")),
    }


def provenance(serving: Serving, manifests: Mapping[Window, Manifest]) -> dict[str, str]:
    """What does not: who made it, and when and how well its indexes measured."""
    recalls = [m.recall for m in manifests.values() if m.recall is not None]
    indexes = [
        {
            "window": window.key,
            "version": manifest.version,
            "rows": manifest.rows,
            "recall": manifest.recall,
            "run_id": manifest.run_id,
            "created_at": manifest.created_at.isoformat(),
        }
        for window, manifest in manifests.items()
    ]
    told = {
        f"{NAMES}.code-version": CODE_VERSION,
        f"{NAMES}.tier": serving.tier,
        f"{NAMES}.indexes": json.dumps(indexes, separators=(",", ":")),
    }
    if recalls:
        told[f"{NAMES}.recall"] = f"{min(recalls)}"
    return told


def serving_file(image: ImageManifest) -> dict[str, bytes]:
    """The Serving file of a pulled image, which the image itself has no need of."""
    serving = serving_of(image.annotations)
    return {f"{ROOT}/{SERVING_FILE}": serving.model_dump_json().encode()}


def serving_of(told: Mapping[str, str]) -> Serving:
    """The Serving that an image says it is of, with the name that follows from its content.

    Raises:
        DamagedImage: if it says none.
    """
    try:
        return Serving.of(
            [(Window.parse(key), version) for key, version in json.loads(told[f"{NAMES}.windows"])],
            fingerprint=told[f"{NAMES}.fingerprint"],
            quantiser=told[f"{NAMES}.quantiser"] or None,
        )
    except (KeyError, ValueError, TypeError, RecursionError, PhotosearchError) as error:
        raise DamagedImage(
            "the image is no serving image", found=str(error), remedy="name one of ours"
        ) from error
