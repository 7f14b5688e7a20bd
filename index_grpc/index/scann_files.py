"""The folder that ScaNN loads a searcher from, made of files that lie elsewhere.

ScaNN names its files in ``scann_assets.pbtxt``, relative to the folder. We link our own
files in, so that nothing is copied and ScaNN's ``serialize`` format never becomes ours: it
writes absolute paths, pickles ids and has no checksums.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

CODEBOOK = "ah_codebook.pb"
PARTITIONER = "serialized_partitioner.pb"
CONFIG = "scann_config.pb"

DATASET_TYPE = "DATASET_NPY"
TOKENS_TYPE = "TOKENIZATION_NPY"
CODES_TYPE = "AH_DATASET_NPY"
VECTORS_TYPE = "BF16_DATASET_NPY"

_QUANTISER_TYPES = {CODEBOOK: "AH_CENTERS", PARTITIONER: "PARTITIONER"}

_BRUTE_FORCE = """
num_neighbors: 10
distance_measure { distance_measure: "DotProductDistance" }
brute_force { bfloat16 { enabled: true } }
"""


def lay_out_tree(folder: Path, quantiser: Path, arrays: Mapping[str, Path]) -> None:
    """Make ``folder`` loadable: the quantiser's files, and ``arrays`` by asset type."""
    for name in (CODEBOOK, PARTITIONER, CONFIG):
        (folder / name).symlink_to((quantiser / name).resolve())
    assets = {kind: folder / name for name, kind in _QUANTISER_TYPES.items()}
    _write_assets(folder, {**assets, **_link(folder, arrays)})


def lay_out_brute_force(folder: Path, vectors: Path) -> None:
    """Make ``folder`` loadable as exact search over the bfloat16 ``vectors`` file."""
    from google.protobuf import text_format
    from scann.proto import scann_pb2

    config = text_format.Parse(_BRUTE_FORCE, scann_pb2.ScannConfig())
    (folder / CONFIG).write_bytes(config.SerializeToString())
    _write_assets(folder, _link(folder, {VECTORS_TYPE: vectors}))


def read_centroids(quantiser: Path) -> NDArray[np.float32]:
    """The centres of the leaves, float32 [leaves, dim], from ScaNN's partitioner file."""
    from scann.partitioning import partitioner_pb2

    message: Any = partitioner_pb2.SerializedPartitioner()
    message.ParseFromString((quantiser / PARTITIONER).read_bytes())
    centers = message.kmeans.kmeans_tree.root.centers
    return np.array([center.dimension for center in centers], np.float32)


def read_codebook(quantiser: Path) -> NDArray[np.float32]:
    """The centres of the blocks, float32 [dim / 2, 16, 2], from ScaNN's codebook file."""
    from scann.proto import centers_pb2

    message: Any = centers_pb2.CentersForAllSubspaces()
    message.ParseFromString((quantiser / CODEBOOK).read_bytes())
    return np.array(
        [
            [center.feature_value_float for center in block.center]
            for block in message.subspace_centers
        ],
        np.float32,
    )


def _link(folder: Path, arrays: Mapping[str, Path]) -> dict[str, Path]:
    links = {kind: folder / f"{kind.lower()}.npy" for kind in arrays}
    for kind, link in links.items():
        link.symlink_to(arrays[kind].resolve())
    return links


def _write_assets(folder: Path, assets: Mapping[str, Path]) -> None:
    (folder / "scann_assets.pbtxt").write_text(
        "".join(
            f'assets {{\n  asset_type: {kind}\n  asset_path: "{path.name}"\n}}\n'
            for kind, path in assets.items()
        )
    )
