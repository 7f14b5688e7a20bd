"""What goes wrong is told, and nothing is lost."""

import json
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from index_grpc.serving.serving import Serving
from index_grpc.shipping.image import (
    build_serving_image,
    find_serving_image,
    pull_serving_image,
)
from photosearch.oci.building.build import ImageBuilder
from photosearch.oci.documents import (
    BASE_DIGEST,
    CONFIG,
    LAYER,
    MANIFEST,
    Descriptor,
    ImageManifest,
    parse_document,
    this_platform,
    to_bytes,
    write_index,
    write_manifest,
)
from photosearch.oci.errors import DamagedImage, ImageError, ImageMissing, RegistryRefused
from photosearch.oci.layout.layout import LayoutRegistry
from photosearch.oci.opening import open_builder, open_registry
from photosearch.oci.registry import Bytes, ImageRegistry
from photosearch.repository.errors import ArtifactMissing
from photosearch.repository.manifest import Manifest
from photosearch.settings.settings import Settings, load_settings
from tests.controller.made_repository import FINGERPRINT, MadeRepository, made_settings
from tests.oci.conftest import registry_settings
from tests.oci.docker_registry import DockerRegistry, running_registry

HOUR = "hourly/2026-11-22T00"


def serving_of(*manifests: Manifest) -> Serving:
    return Serving.of(
        [(m.window, m.version) for m in manifests if m.window],
        fingerprint=FINGERPRINT,
        quantiser=None,
    )


def put_base(registry: ImageRegistry, tag: str, platform: str) -> str:
    """A small base image of one layer; its digest."""
    layer = registry.put_blob(Bytes(b"the base's layer " * 1000))
    system, _, architecture = platform.partition("/")
    config = registry.put_blob(
        Bytes(
            to_bytes(
                {
                    "os": system,
                    "architecture": architecture,
                    "config": {"Entrypoint": ["/opt/photosearch"], "Env": ["PATH=/bin"]},
                    "rootfs": {"type": "layers", "diff_ids": [layer.digest]},
                }
            )
        )
    )
    manifest = write_manifest(
        Descriptor(CONFIG, config.digest, config.size),
        [Descriptor(LAYER, layer.digest, layer.size)],
        {},
    )
    return registry.put_document(manifest, tag=tag)


def layers_of(registry: ImageRegistry, digest: str) -> tuple[Descriptor, ...]:
    found = registry.document(digest)
    assert found is not None
    document = parse_document(found[0], digest)
    assert isinstance(document, ImageManifest)
    return document.layers


def test_a_registry_that_is_down_is_told_within_seconds_and_found_again(tmp_path: Path) -> None:
    with running_registry(tmp_path / "registry") as docker:
        settings = registry_settings(tmp_path, docker.address)
        made, builder = MadeRepository(settings), open_builder(settings)
        serving = serving_of(made.hour(HOUR))
        docker.stop()

        began = time.monotonic()
        with pytest.raises(RegistryRefused, match=r"does not answer.*registry_url"):
            build_serving_image(serving, made.repository, builder)
        assert time.monotonic() - began < 30

        docker.start()
        assert build_serving_image(serving, made.repository, builder).pushed_layers == 1


def test_a_registry_that_only_reads_is_told_and_what_it_has_is_found(tmp_path: Path) -> None:
    with running_registry(tmp_path / "registry") as docker:
        settings = registry_settings(tmp_path, docker.address)
        made, builder = MadeRepository(settings), open_builder(settings)
        first, second = made.hour(HOUR), made.hour("hourly/2026-11-22T01")
        built = build_serving_image(serving_of(first), made.repository, builder)
        docker.stop()
        docker.start(readonly=True)

        with pytest.raises(RegistryRefused, match=r"405 Method Not Allowed.*read-only"):
            build_serving_image(serving_of(first, second), made.repository, builder)
        again = build_serving_image(serving_of(first), made.repository, builder)

        assert (again.digest, again.pushed_bytes) == (built.digest, 0)


def test_a_registry_whose_disk_is_full_is_told(tmp_path: Path) -> None:
    with running_registry(tmp_path / "registry", largest_file=200_000) as docker:
        settings = registry_settings(tmp_path, docker.address)
        made, builder = MadeRepository(settings), open_builder(settings)
        large = serving_of(made.hour(HOUR, rows=10_000))

        with pytest.raises(RegistryRefused, match="a layer can't be put into"):
            build_serving_image(large, made.repository, builder)

        assert find_serving_image(large, builder) is None
        small = serving_of(made.hour("hourly/2026-11-22T01"))
        assert build_serving_image(small, made.repository, builder).pushed_layers == 1


def test_a_full_disk_leaves_the_folder_as_it_was(tmp_path: Path) -> None:
    settings = made_settings(tmp_path)
    made, builder = MadeRepository(settings), open_builder(settings)
    small = serving_of(made.hour(HOUR))
    build_serving_image(small, made.repository, builder)
    large = serving_of(made.hour("hourly/2026-11-22T01", rows=10_000))
    before = files_of(settings)

    def build() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        with pytest.raises(RegistryRefused, match="ulimit"):
            build_serving_image(large, made.repository, builder)

    in_a_process(build)

    assert files_of(settings) == before
    assert find_serving_image(large, builder) is None
    assert build_serving_image(large, made.repository, builder).pushed_layers == 1


def test_a_full_disk_leaves_no_half_image_where_it_is_pulled(tmp_path: Path) -> None:
    settings = made_settings(tmp_path)
    made, builder = MadeRepository(settings), open_builder(settings)
    registry = builder.registry
    serving = serving_of(made.hour(HOUR), made.hour("hourly/2026-11-22T01", rows=10_000))
    built = build_serving_image(serving, made.repository, builder)
    folder = tmp_path / "pulled"

    def pull() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        with pytest.raises(RegistryRefused, match="can't be unpacked"):
            pull_serving_image(registry, built.digest, folder)

    in_a_process(pull)

    assert list((folder / "unpacking").iterdir()) == []
    assert not (folder / "images").exists()
    assert (pull_serving_image(registry, built.digest, folder) / "serving.json").exists()


def test_a_file_that_is_not_there_or_damaged_makes_no_image(
    made: MadeRepository, registry: ImageRegistry, builder: ImageBuilder
) -> None:
    whole, damaged = made.hour(HOUR), made.hour("hourly/2026-11-22T01")
    serving = serving_of(whole, damaged)
    made.flip_a_bit(damaged)

    with pytest.raises(DamagedImage, match=r"vectors\.npy should have .*photosearch verify"):
        build_serving_image(serving, made.repository, builder)
    (made.files(damaged) / "vectors.npy").unlink()
    with pytest.raises(DamagedImage, match=r"vectors\.npy should have .* found no file"):
        build_serving_image(serving, made.repository, builder)

    assert registry.tags() == []
    again = made.hour("hourly/2026-11-22T01")  # the step makes it again
    assert again.version == damaged.version
    assert build_serving_image(serving, made.repository, builder).pushed_layers == 1


def test_a_version_that_does_not_exist_makes_no_image(
    made: MadeRepository, builder: ImageBuilder
) -> None:
    manifest = made.hour(HOUR).model_copy(update={"version": "absent"})

    with pytest.raises(ArtifactMissing, match="absent"):
        build_serving_image(serving_of(manifest), made.repository, builder)


def test_a_layer_that_is_damaged_in_the_registry_is_not_unpacked(
    made: MadeRepository,
    registry: ImageRegistry,
    builder: ImageBuilder,
    tmp_path: Path,
    request: Any,
) -> None:
    serving = serving_of(made.hour(HOUR))
    built = build_serving_image(serving, made.repository, builder)
    if isinstance(registry, LayoutRegistry):
        blob = registry.folder / "blobs" / "sha256" / built.layers[0].removeprefix("sha256:")
    else:
        blob = request.getfixturevalue("docker_registry").blob_file(built.layers[0])
    content = bytearray(blob.read_bytes())
    content[-3000] ^= 4
    blob.write_bytes(content)

    with pytest.raises(DamagedImage, match=r"layer sha256:\w+ is damaged in the registry"):
        pull_serving_image(registry, built.digest, tmp_path / "pulled")

    assert not list((tmp_path / "pulled").rglob("vectors.npy"))


def test_a_manifest_that_is_damaged_in_the_folder_is_told(tmp_path: Path) -> None:
    settings = made_settings(tmp_path)
    made, builder = MadeRepository(settings), open_builder(settings)
    registry = builder.registry
    built = build_serving_image(serving_of(made.hour(HOUR)), made.repository, builder)
    path = settings.state / "registry" / "blobs" / "sha256" / built.digest.removeprefix("sha256:")
    path.write_text(path.read_text().replace("hourly", "hourlY", 1))

    with pytest.raises(DamagedImage, match="is damaged"):
        pull_serving_image(registry, built.digest, tmp_path / "pulled")


def damage(folder: Path, digest: str) -> None:
    """Change a byte of a document in a layout folder; its size stays."""
    blob = folder / "blobs" / "sha256" / digest.removeprefix("sha256:")
    blob.write_bytes(blob.read_bytes().replace(b"photosearch", b"photoSearch", 1))


@pytest.mark.parametrize("what", ["index", "image"])
def test_an_image_whose_document_is_damaged_is_built_again(tmp_path: Path, what: str) -> None:
    settings = made_settings(tmp_path)
    made, builder = MadeRepository(settings), open_builder(settings)
    registry = builder.registry
    serving = serving_of(made.hour(HOUR))
    built = build_serving_image(serving, made.repository, builder)
    assert isinstance(registry, LayoutRegistry)
    named = registry.document(serving.name)
    assert named is not None
    damage(registry.folder, named[1] if what == "index" else built.digest)

    assert find_serving_image(serving, builder) is None
    again = build_serving_image(serving, made.repository, builder)

    assert (again.digest, again.pushed_layers) == (built.digest, 0)
    assert find_serving_image(serving, builder) == built.digest
    assert pull_serving_image(registry, built.digest, tmp_path / "pulled").exists()


def test_a_damaged_image_keeps_no_other_from_being_built(tmp_path: Path) -> None:
    settings = made_settings(tmp_path)
    made, builder = MadeRepository(settings), open_builder(settings)
    registry = builder.registry
    one, other = serving_of(made.hour(HOUR)), serving_of(made.hour("hourly/2026-11-22T01"))
    build_serving_image(one, made.repository, builder)
    assert isinstance(registry, LayoutRegistry)
    named = registry.document(one.name)
    assert named is not None
    damage(registry.folder, named[1])

    built = build_serving_image(other, made.repository, builder)

    assert find_serving_image(other, builder) == built.digest


def test_an_image_that_the_registry_has_not_is_missing(
    registry: ImageRegistry, tmp_path: Path
) -> None:
    with pytest.raises(ImageMissing, match="has no image"):
        pull_serving_image(registry, "sha256:" + "0" * 64, tmp_path / "pulled")


def test_a_base_image_that_is_missing_or_for_another_platform_is_told(
    made: MadeRepository, settings: Settings, registry: ImageRegistry, tmp_path: Path
) -> None:
    serving = serving_of(made.hour(HOUR))
    bases = open_registry(made_settings(tmp_path / "bases"))
    put_base(bases, "foreign", "linux/s390x")
    place = tmp_path / "bases" / ".photosearch" / "registry"

    for tag, error, told in (
        ("nowhere", ImageMissing, "there is no base image"),
        ("foreign", ImageError, rf"another platform: found linux/s390x.*{this_platform()}"),
    ):
        file = settings.base_dir / "photosearch.toml"
        based = load_settings(file, base_image=f"{place}:{tag}")
        with pytest.raises(error, match=told):
            build_serving_image(serving, made.repository, open_builder(based))

    assert registry.tags() == []


def test_of_a_base_for_many_platforms_this_machines_is_taken(
    made: MadeRepository,
    settings: Settings,
    registry: ImageRegistry,
    builder: ImageBuilder,
    tmp_path: Path,
) -> None:
    bases = open_registry(made_settings(tmp_path / "bases"))
    digests = {
        platform: put_base(bases, "1.0", platform or "linux/s390x")
        for platform in (None, "linux/s390x", this_platform())
    }
    sizes = {platform: bases.blob_size(digest) or 0 for platform, digest in digests.items()}
    # The first does not say what it is for, as a builder's attestations do not.
    entries = [
        Descriptor(MANIFEST, digest, sizes[platform], platform=platform)
        for platform, digest in digests.items()
    ]
    bases.put_document(write_index(entries, {}), tag="all")
    place = tmp_path / "bases" / ".photosearch" / "registry"
    based = load_settings(settings.file, base_image=f"{place}:all")

    built = build_serving_image(serving_of(made.hour(HOUR)), made.repository, open_builder(based))

    found = registry.document(built.digest)
    assert found is not None
    document = parse_document(found[0], built.digest)
    assert document.annotations[BASE_DIGEST] == digests[this_platform()]


def test_the_base_images_layers_come_along_and_a_new_base_is_a_new_image(
    made: MadeRepository,
    settings: Settings,
    registry: ImageRegistry,
    builder: ImageBuilder,
    tmp_path: Path,
) -> None:
    serving = serving_of(made.hour(HOUR))
    bases = open_registry(made_settings(tmp_path / "bases"))
    base = put_base(bases, "1.0", this_platform())
    place = tmp_path / "bases" / ".photosearch" / "registry"
    file = settings.base_dir / "photosearch.toml"
    bare = build_serving_image(serving, made.repository, builder)

    based = open_builder(load_settings(file, base_image=f"{place}:1.0"))
    assert find_serving_image(serving, based) is None
    built = build_serving_image(serving, made.repository, based)

    assert built.digest != bare.digest
    assert built.pushed_layers == 0  # the index's is there
    layers = layers_of(registry, built.digest)
    assert [layer.digest for layer in layers] == [
        *(layer.digest for layer in layers_of(bases, base)),
        *bare.layers,
    ]
    assert find_serving_image(serving, based) == built.digest


def test_a_base_in_the_same_registry_is_mounted_and_not_sent(
    docker_registry: DockerRegistry, tmp_path: Path
) -> None:
    settings = registry_settings(tmp_path, docker_registry.address)
    made = MadeRepository(settings)
    bases = registry_settings(tmp_path / "bases", docker_registry.address)
    url = f"oci://{docker_registry.address}/shop/base"
    base_registry = open_registry(load_settings(bases.file, registry_url=url))
    put_base(base_registry, "1.0", this_platform())
    docker_registry.forget_requests()

    based = load_settings(settings.file, base_image=f"{docker_registry.address}/shop/base:1.0")
    build_serving_image(serving_of(made.hour(HOUR)), made.repository, open_builder(based))

    assert docker_registry.uploads() == 2  # the index's layer and the configuration
    mounts = [r.status for r in docker_registry.requests() if "mount=" in r.path]
    assert mounts == [201]  # of the base's layer alone


def test_a_base_layer_whose_digest_is_wrong_is_refused(
    made: MadeRepository, settings: Settings, registry: ImageRegistry, tmp_path: Path
) -> None:
    bases = open_registry(made_settings(tmp_path / "bases"))
    base = put_base(bases, "1.0", this_platform())
    place = tmp_path / "bases" / ".photosearch" / "registry"
    (layer,) = layers_of(bases, base)
    blob = place / "blobs" / "sha256" / layer.digest.removeprefix("sha256:")
    blob.write_bytes(blob.read_bytes().replace(b"base", b"case", 1))
    based = load_settings(settings.base_dir / "photosearch.toml", base_image=f"{place}:1.0")

    with pytest.raises(DamagedImage, match=r"a layer of the base image .*:1\.0 is damaged"):
        build_serving_image(serving_of(made.hour(HOUR)), made.repository, open_builder(based))

    assert registry.tags() == []


BUILD = """
import sys, json
from pathlib import Path
from index_grpc.serving.serving import Serving
from index_grpc.shipping.image import build_serving_image
from photosearch.oci.opening import open_builder
from photosearch.repository.repository import Repository
from photosearch.settings.settings import load_settings
settings = load_settings(Path(sys.argv[1]))
serving = Serving.model_validate_json(sys.argv[2])
built = build_serving_image(
    serving, Repository.open(settings.repository_url), open_builder(settings),
    on_progress=lambda done, total: print("done", done, flush=True),
)
print(json.dumps([built.digest, built.pushed_layers, built.pushed_bytes]))
"""


def building(settings: Settings, serving: Serving) -> "subprocess.Popen[str]":
    """A process that builds an image, and tells how far it is."""
    return subprocess.Popen(
        [sys.executable, "-c", BUILD, str(settings.file), serving.model_dump_json()],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )


@pytest.mark.parametrize("lines", [1, 3, 8])
def test_a_builder_killed_in_the_middle_loses_nothing(
    made: MadeRepository,
    settings: Settings,
    registry: ImageRegistry,
    builder: ImageBuilder,
    lines: int,
    tmp_path: Path,
) -> None:
    serving = serving_of(
        made.hour(HOUR, rows=60_000), made.hour("hourly/2026-11-22T01", rows=60_000)
    )
    killed = building(settings, serving)
    assert killed.stdout is not None
    for _ in range(lines):
        assert killed.stdout.readline()
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    killed.stdout.close()

    assert find_serving_image(serving, builder) is None or lines == 8
    built = build_serving_image(serving, made.repository, builder)

    assert find_serving_image(serving, builder) == built.digest
    assert pull_serving_image(registry, built.digest, tmp_path / "pulled").exists()
    if isinstance(registry, LayoutRegistry):
        assert list((registry.folder / ".staging").iterdir()) == []


def test_of_two_builders_at_once_one_builds_and_both_have_the_image(
    made: MadeRepository, settings: Settings
) -> None:
    serving = serving_of(made.hour(HOUR, rows=20_000))
    builders = [building(settings, serving) for _ in range(2)]

    with ThreadPoolExecutor() as both:
        answers = list(both.map(lambda process: process.communicate(timeout=60)[0], builders))

    built = [json.loads(answer.splitlines()[-1]) for answer in answers]
    assert len({digest for digest, _, _ in built}) == 1
    assert sorted(layers for _, layers, _ in built) == [0, 1]
    assert min(pushed_bytes for _, _, pushed_bytes in built) == 0


def test_of_two_pullers_at_once_both_have_the_image(
    made: MadeRepository, registry: ImageRegistry, builder: ImageBuilder, tmp_path: Path
) -> None:
    serving = serving_of(made.hour(HOUR, rows=5000), made.hour("hourly/2026-11-22T01", rows=5000))
    built = build_serving_image(serving, made.repository, builder)
    folder = tmp_path / "pulled"

    with ThreadPoolExecutor(4) as pullers:
        pulled = list(
            pullers.map(lambda _: pull_serving_image(registry, built.digest, folder), range(4))
        )

    assert len(set(pulled)) == 1
    assert (pulled[0] / "serving.json").exists()
    assert list((folder / "unpacking").iterdir()) == []


def files_of(settings: Settings) -> set[str]:
    folder = settings.state / "registry"
    return {
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and ".locks" not in path.parts
    }


def in_a_process(work: Any) -> None:
    """Run ``work`` in a process of its own, whose limits end with it."""
    process = multiprocessing.get_context("fork").Process(target=work)
    process.start()
    process.join(60)
    assert process.exitcode == 0, os.strerror(abs(process.exitcode or 0))
