"""``embedder.json``: all that decides a vector, and the fingerprint over it.

The fingerprint is taken over content: the model's and the projection's digests, the
preprocessing and what is done to the output. Names, dates and devices are left out, so that the
same network built twice, anywhere, is one embedder, and any change that could move a vector is
another. What decodes and resizes a photo is code and not content: whoever changes the pixels
that come out (a test holds them) raises ``format``, which the fingerprint has in it.
"""

import hashlib
import json
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from photosearch.embedder.errors import DamagedEmbedder
from photosearch.embedder.preprocessing import Preprocessing
from photosearch.files.digest import sha256_of

MODEL_FILE = "model.onnx"
PROJECTION_FILE = "projection.npy"
EMBEDDER_FILE = "embedder.json"


OutputTreatment = Literal["root_unit_length", "unit_length"]
"""What is done to a network's features before the projection: ``root_unit_length`` takes their
square roots (keeping the sign), so that a few strong features don't outvote the many."""


class EmbedderFile(BaseModel):
    """The content of ``embedder.json``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    network: str
    precision: Literal["int8", "float32"]
    model_sha256: str
    preprocessing: Preprocessing
    features: int
    projection_sha256: str | None
    dimension: int
    output: OutputTreatment

    @property
    def fingerprint(self) -> str:
        """SHA-256 (hex) over what decides a vector."""
        decisive = self.model_dump(mode="json", exclude={"network", "precision"})
        text = json.dumps(decisive, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def write(self, folder: Path) -> None:
        """Write ``embedder.json`` into ``folder``, the same bytes for the same content."""
        text = json.dumps(self.model_dump(mode="json"), indent=2, sort_keys=True)
        (folder / EMBEDDER_FILE).write_text(text + "\n")

    @classmethod
    def read(cls, folder: Path) -> "EmbedderFile":
        """Read ``folder``'s ``embedder.json`` and verify the files that it names.

        Raises:
            DamagedEmbedder: if a file is missing, unreadable or not the one named.
        """
        path = folder / EMBEDDER_FILE
        try:
            file = cls.model_validate_json(path.read_bytes())
        except (OSError, ValidationError) as error:
            raise DamagedEmbedder(
                f"{path} is no embedder's description",
                found=str(error).splitlines()[0],
                remedy="materialise the asset 'embedder' again",
            ) from error
        _verify(folder / MODEL_FILE, file.model_sha256)
        if file.projection_sha256 is not None:
            _verify(folder / PROJECTION_FILE, file.projection_sha256)
        return file


def _verify(path: Path, expected: str) -> None:
    found = sha256_of(path) if path.exists() else "no file"
    if found != expected:
        raise DamagedEmbedder(
            f"{path} is not the file that {EMBEDDER_FILE} names",
            found=found,
            limit=expected,
            remedy="fetch the embedder from the model repository again",
        )
