"""A model repository with real, small indexes, published as the steps publish them."""

import tempfile
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from index_grpc.index.encode import encode_index
from index_grpc.index.glue import glue_indexes
from index_grpc.index.index_files import write_embeddings
from index_grpc.index.rows import Row
from photosearch.repository.addresses import Address, Kind
from photosearch.repository.manifest import Input, Manifest
from photosearch.repository.repository import Repository
from photosearch.settings.settings import SETTINGS_FILE, Settings, load_settings
from photosearch.windows import Window

FINGERPRINT = "f" * 16
DIMENSION = 16


def made_settings(folder: Path, **values: object) -> Settings:
    """Settings with a file, as the processes below a command need one."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [f"{name} = {_toml(value)}" for name, value in values.items()]
    (folder / SETTINGS_FILE).write_text("\n".join(lines) + "\n")
    return load_settings(folder / SETTINGS_FILE)


class MadeRepository:
    """Publishes windows; every row's vector follows from its window and number."""

    def __init__(self, settings: Settings, fingerprint: str = FINGERPRINT) -> None:
        self.repository = Repository.of(settings)
        self.fingerprint = fingerprint
        self.use_embedder(fingerprint)

    def use_embedder(self, fingerprint: str) -> None:
        """Make ``fingerprint`` the current embedder's."""
        with tempfile.TemporaryDirectory() as folder:
            card = Path(folder) / "embedder.json"
            card.write_text("{}")
            address = Address.embedders()
            self.repository.publish(
                address,
                {"embedder.json": card},
                rows=0,
                dimension=DIMENSION,
                inputs=[],
                recipe={},
                version=fingerprint,
            )
            self.repository.set_head(address, fingerprint)
        self.fingerprint = fingerprint

    def hour(self, key: str, rows: int = 20, edition: int = 0) -> Manifest:
        """Publish one hour's index and make it current; another edition has other vectors."""
        window = Window.parse(key)
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            seconds = [window.start + timedelta(seconds=number) for number in range(rows)]
            listed = [
                Row(f"{key}#{number}", f"listing {key}#{number}", at, "0" * 64)
                for number, at in enumerate(seconds)
            ]
            write_embeddings(folder / "embeddings", vectors_of(window, rows, edition), listed)
            encode_index(folder / "embeddings", None, folder / "index")
            return self._publish(window, folder / "index", rows, [])

    def glue(self, key: str) -> Manifest:
        """Publish a day or month from the finer windows that are current."""
        window = Window.parse(key)
        finer = [
            manifest
            for child in window.children()
            if (manifest := self.repository.current(self._address(child))) is not None
        ]
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary) / "index"
            glue_indexes([self.files(manifest) for manifest in finer], folder)
            inputs = [
                Input(kind=Kind.INDEX, window=m.window, version=m.version, digest=m.digest)
                for m in finer
            ]
            return self._publish(window, folder, sum(m.rows for m in finer), inputs)

    def day(self, key: str, hours: Iterable[int] = range(24), rows: int = 5) -> Manifest:
        """Publish a day's hours and the day; the other hours are empty."""
        chosen = set(hours)
        for child in Window.parse(key).children():
            self.hour(child.key, rows if child.start.hour in chosen else 0)
        return self.glue(key)

    def files(self, manifest: Manifest) -> Path:
        """The folder of an index's files."""
        assert manifest.window is not None
        return self.repository.local_files(
            self._address(manifest.window), manifest.version, verify=False
        )

    def flip_a_bit(self, manifest: Manifest) -> None:
        """Damage an index as a failing disk would."""
        path = self.files(manifest) / "vectors.npy"
        content = bytearray(path.read_bytes())
        content[-5] ^= 4
        path.chmod(0o644)
        path.write_bytes(content)

    def _address(self, window: Window) -> Address:
        return Address.index(self.fingerprint, window)

    def _publish(self, window: Window, folder: Path, rows: int, inputs: list[Input]) -> Manifest:
        manifest = self.repository.publish(
            self._address(window),
            {path.name: path for path in folder.iterdir()},
            rows=rows,
            dimension=DIMENSION,
            inputs=inputs,
            recipe={"step": "test"},
            run_id="run-1",
        )
        self.repository.set_head(self._address(window), manifest.version)
        return manifest


def vectors_of(window: Window, rows: int, edition: int = 0) -> NDArray[np.float32]:
    """The vectors of a window's rows: float32 [rows, DIMENSION], unit length."""
    seed = int(window.start.timestamp()) + edition
    drawn = np.random.default_rng(seed).standard_normal((rows, DIMENSION)).astype(np.float32)
    unit: NDArray[np.float32] = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
    return unit


def _toml(value: object) -> str:
    return f'"{value}"' if isinstance(value, str | Path) else str(value).lower()
