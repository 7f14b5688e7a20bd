"""The committed wire modules are what their generator makes of index.proto."""

from pathlib import Path

import pytest

from index_grpc.wire import generate as wire


@pytest.mark.parametrize("name", wire.GENERATED)
def test_the_committed_modules_are_what_the_generator_makes(
    name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    wire.generate(tmp_path)

    generated = (tmp_path / "index_grpc" / "wire" / name).read_text()
    assert generated == (Path(wire.__file__).parent / name).read_text()
