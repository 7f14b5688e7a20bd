"""A pack becomes an image, and the image answers."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from index_grpc.server.announcement import Announcement, read_announcement
from index_grpc.server.client import describe_once, is_serving_once, search_once
from index_grpc.serving.serving import Serving, read_serving
from index_grpc.shipping.image import (
    COMMAND,
    ENVIRONMENT,
    build_serving_image,
    find_serving_image,
    pull_serving_image,
    remove_unused,
)
from photosearch.oci.building.build import ImageBuilder
from photosearch.oci.documents import ImageIndex, ImageManifest, parse_document
from photosearch.oci.opening import open_builder
from photosearch.oci.registry import ImageRegistry
from photosearch.processes.spec import photosearch_argv
from photosearch.repository.manifest import Manifest
from photosearch.repository.repository import Repository
from photosearch.windows import Window
from tests.controller.made_repository import FINGERPRINT, MadeRepository, made_settings, vectors_of
from tests.oci.conftest import registry_settings
from tests.oci.docker_registry import DockerRegistry


def hour(number: int) -> str:
    return f"hourly/2026-11-22T{number:02d}"


def serving_of(*manifests: Manifest, tier: str = "hours") -> Serving:
    return Serving.of(
        [(m.window, m.version) for m in manifests if m.window],
        fingerprint=FINGERPRINT,
        quantiser=None,
        tier=tier,
    )


def image_manifest(registry: ImageRegistry, digest: str) -> ImageManifest:
    found = registry.document(digest)
    assert found is not None
    document = parse_document(found[0], digest)
    assert isinstance(document, ImageManifest)
    return document


@contextmanager
def running_server(work: Path, root: Path) -> Iterator[Announcement]:
    """The image's command on this machine, with ``root`` where the image has its files."""
    arguments = [f"{root}{word}" if word.startswith("/index") else word for word in COMMAND]
    environment = {
        "PATH": os.environ["PATH"],
        **{
            name: f"{root}{value}" if value.startswith("/index") else str(work)
            for name, value in ENVIRONMENT.items()
        },
    }
    arguments[arguments.index("--port") + 1] = "0"
    arguments[arguments.index("--host") + 1] = "127.0.0.1"
    server = subprocess.Popen(photosearch_argv(*arguments), env=environment, cwd=work)
    try:
        limit = time.monotonic() + 60
        while True:
            announced = read_announcement(work / "index-server")
            if announced is not None and is_serving_once(announced.address):
                break
            assert server.poll() is None, "the server ended"
            assert time.monotonic() < limit, "the server was not ready in time"
            time.sleep(0.05)
        yield announced
    finally:
        server.terminate()
        server.wait(20)


def test_an_image_pulled_by_its_digest_into_an_empty_place_answers(
    made: MadeRepository, registry: ImageRegistry, builder: ImageBuilder, tmp_path: Path
) -> None:
    manifests = [made.hour(hour(n)) for n in range(3)]
    built = build_serving_image(serving_of(*manifests), made.repository, builder)
    shutil.rmtree(tmp_path / "shop" / ".photosearch" / "repository")

    pulled = pull_serving_image(registry, built.digest, tmp_path / "elsewhere")

    assert read_serving(pulled / "serving.json").name == serving_of(*manifests).name
    work = tmp_path / "work"
    work.mkdir()
    with running_server(work, pulled.parent) as announced:
        wanted = vectors_of(Window.parse(hour(1)), 20)[7]
        answer = search_once(announced.address, wanted, 5, fingerprint=FINGERPRINT)
        described = describe_once(announced.address)
    assert answer.hits[0].photo_id == f"{hour(1)}#7"
    assert [(w.window, w.version) for w in described.windows] == [
        (str(m.window), m.version) for m in manifests
    ]
    assert described.rows == 60


def test_one_more_hour_in_a_pack_of_23_pushes_one_layer(
    docker_registry: DockerRegistry, tmp_path: Path
) -> None:
    settings = registry_settings(tmp_path / "shop", docker_registry.address)
    made, builder = MadeRepository(settings), open_builder(settings)
    registry = builder.registry
    manifests = [made.hour(hour(n), rows=3) for n in range(24)]
    build_serving_image(serving_of(*manifests[:23]), made.repository, builder)
    assert docker_registry.uploads() == 23 + 1  # and the configuration
    docker_registry.forget_requests()

    built = build_serving_image(serving_of(*manifests), made.repository, builder)

    assert built.pushed_layers == 1
    assert docker_registry.uploads() == 1 + 1
    layers = image_manifest(registry, built.digest).layers
    assert len(layers) == 24
    assert layers[-1].annotations["io.photosearch.layer"] == hour(23)


def test_a_machine_that_built_none_before_pushes_one_layer_too(
    docker_registry: DockerRegistry, tmp_path: Path
) -> None:
    settings = registry_settings(tmp_path / "shop", docker_registry.address)
    made = MadeRepository(settings)
    manifests = [made.hour(hour(n), rows=3) for n in range(6)]
    build_serving_image(serving_of(*manifests[:5]), made.repository, open_builder(settings))
    shutil.rmtree(settings.state / "images")
    docker_registry.forget_requests()

    built = build_serving_image(serving_of(*manifests), made.repository, open_builder(settings))

    assert built.pushed_layers == 1
    assert docker_registry.uploads() == 1 + 1


def test_the_image_of_an_hour_ago_is_found_among_all_of_its_day(
    docker_registry: DockerRegistry, tmp_path: Path
) -> None:
    settings = registry_settings(tmp_path / "shop", docker_registry.address)
    made = MadeRepository(settings)
    manifests = [made.hour(hour(n), rows=1) for n in range(24)]
    pushed = []

    for number in range(1, 25):
        shutil.rmtree(settings.state / "images", ignore_errors=True)
        built = build_serving_image(
            serving_of(*manifests[:number]), made.repository, open_builder(settings)
        )
        pushed.append(built.pushed_layers)

    assert pushed == [1] * 24


def test_what_is_there_is_neither_read_nor_pushed_again(
    made: MadeRepository, builder: ImageBuilder
) -> None:
    manifest = made.hour(hour(0))
    first = build_serving_image(serving_of(manifest), made.repository, builder)
    (made.files(manifest) / "vectors.npy").unlink()

    second = build_serving_image(serving_of(manifest), made.repository, builder)

    assert (second.digest, second.layers) == (first.digest, first.layers)
    assert (second.pushed_layers, second.pushed_bytes) == (0, 0)
    assert first.pushed_bytes > manifest.size_bytes


def test_an_image_follows_from_the_versions_whoever_builds_it(tmp_path: Path) -> None:
    digests = []
    for machine in ("one", "other"):
        settings = made_settings(tmp_path / machine)
        made = MadeRepository(settings)
        manifests = [made.hour(hour(n)) for n in range(2)]
        if machine == "other":  # made by another run, at another time, planned in another tier
            for manifest in manifests:
                path = made.files(manifest) / "manifest.json"
                text = json.loads(path.read_text())
                text |= {"run_id": "run-2", "created_at": "2027-01-01T00:00:00Z", "recall": 0.5}
                path.write_text(json.dumps(text))
        serving = serving_of(*manifests, tier=machine)
        repository = Repository.open(settings.repository_url)
        built = build_serving_image(serving, repository, open_builder(settings))
        digests.append((built.digest, built.layers))

    assert digests[0] == digests[1]


def test_annotations_tell_what_is_in_the_image_and_where_it_comes_from(
    made: MadeRepository, registry: ImageRegistry, builder: ImageBuilder
) -> None:
    manifests = [made.hour(hour(n)) for n in range(2)]
    serving = serving_of(*manifests)

    built = build_serving_image(serving, made.repository, builder)

    told = image_manifest(registry, built.digest).annotations
    assert told["io.photosearch.fingerprint"] == FINGERPRINT
    assert told["io.photosearch.quantiser"] == ""
    assert json.loads(told["io.photosearch.windows"]) == [
        [str(m.window), m.version] for m in manifests
    ]
    assert told["org.opencontainers.image.version"] == serving.name
    assert told["org.opencontainers.image.base.digest"].startswith("sha256:")
    found = registry.document(serving.name)
    assert found is not None
    beside = parse_document(found[0], "the tag")
    assert isinstance(beside, ImageIndex)
    indexes = json.loads(beside.annotations["io.photosearch.indexes"])
    assert [(i["window"], i["run_id"]) for i in indexes] == [(hour(0), "run-1"), (hour(1), "run-1")]
    assert "org.opencontainers.image.created" in beside.annotations


def test_other_tools_read_the_image(made: MadeRepository, builder: ImageBuilder) -> None:
    skopeo = shutil.which("skopeo")
    if skopeo is None:
        pytest.skip("skopeo is not installed: apt-get install skopeo")
    serving = serving_of(made.hour(hour(0)), made.hour(hour(1)))
    built = build_serving_image(serving, made.repository, builder)
    if built.reference.startswith("oci:"):
        source = f"{built.reference.partition('@')[0]}:{serving.name}"
    else:
        source = f"docker://{built.reference}"

    inspected = subprocess.run(
        [skopeo, "inspect", "--tls-verify=false", "--config", source],
        capture_output=True,
        text=True,
        check=True,
    )

    config = json.loads(inspected.stdout)
    assert config["rootfs"]["diff_ids"] == list(built.layers)
    assert config["config"]["Cmd"] == list(COMMAND)
    assert config["config"]["User"] == "65532:65532"


def test_a_deleted_image_is_missed_and_built_again(
    made: MadeRepository, registry: ImageRegistry, builder: ImageBuilder
) -> None:
    serving = serving_of(made.hour(hour(0)))
    assert find_serving_image(serving, builder) is None
    built = build_serving_image(serving, made.repository, builder)
    assert find_serving_image(serving, builder) == built.digest

    registry.delete(serving.name)

    assert find_serving_image(serving, builder) is None
    assert build_serving_image(serving, made.repository, builder).digest == built.digest
    assert find_serving_image(serving, builder) == built.digest


def test_an_image_that_lost_a_layer_is_missed_and_built_again(
    made: MadeRepository, registry: ImageRegistry, builder: ImageBuilder, tmp_path: Path
) -> None:
    serving = serving_of(made.hour(hour(0)), made.hour(hour(1)))
    built = build_serving_image(serving, made.repository, builder)

    registry.delete_blob(built.layers[1])

    assert find_serving_image(serving, builder) is None
    again = build_serving_image(serving, made.repository, builder)
    assert (again.digest, again.pushed_layers) == (built.digest, 1)
    assert find_serving_image(serving, builder) == built.digest
    assert pull_serving_image(registry, built.digest, tmp_path / "pulled").exists()


def test_a_tag_that_another_image_took_is_built_again(
    made: MadeRepository, registry: ImageRegistry, builder: ImageBuilder
) -> None:
    ours, other = serving_of(made.hour(hour(0))), serving_of(made.hour(hour(1)))
    built = build_serving_image(ours, made.repository, builder)
    build_serving_image(other, made.repository, builder)
    named = registry.document(other.name)
    assert named is not None

    registry.put_document(named[0], tag=ours.name)

    assert find_serving_image(ours, builder) is None
    again = build_serving_image(ours, made.repository, builder)
    assert (again.digest, again.pushed_layers) == (built.digest, 0)
    assert find_serving_image(ours, builder) == built.digest


def test_progress_counts_the_bytes_of_the_image(
    made: MadeRepository, builder: ImageBuilder
) -> None:
    manifests = [made.hour(hour(n), rows=500) for n in range(3)]
    told: list[tuple[int, int]] = []

    build_serving_image(
        serving_of(*manifests),
        made.repository,
        builder,
        on_progress=lambda done, total: told.append((done, total)),
    )

    done = [each for each, _ in told]
    assert done == sorted(done)
    assert told[-1][0] == told[-1][1] > sum(m.size_bytes for m in manifests)


def test_packs_share_their_layers_when_pulled(
    made: MadeRepository, registry: ImageRegistry, builder: ImageBuilder, tmp_path: Path
) -> None:
    manifests = [made.hour(hour(n)) for n in range(3)]
    folder = tmp_path / "pulled"
    small, large = (
        pull_serving_image(
            registry,
            build_serving_image(serving_of(*some), made.repository, builder).digest,
            folder,
        )
        for some in (manifests[:2], manifests)
    )

    shared = [file for file in small.rglob("*") if file.is_file() and file.name != "serving.json"]

    assert len(shared) == 2 * len(list(made.files(manifests[0]).iterdir()))
    assert all(file.samefile(large / file.relative_to(small)) for file in shared)


def test_a_damaged_unpacked_file_is_unpacked_again(
    made: MadeRepository, registry: ImageRegistry, builder: ImageBuilder, tmp_path: Path
) -> None:
    built = build_serving_image(serving_of(made.hour(hour(0))), made.repository, builder)
    pulled = pull_serving_image(registry, built.digest, tmp_path / "pulled")
    (vectors,) = pulled.rglob("vectors.npy")
    whole = vectors.read_bytes()
    vectors.chmod(0o644)
    vectors.write_bytes(whole[:-1] + bytes([whole[-1] ^ 4]))

    again = pull_serving_image(registry, built.digest, tmp_path / "pulled")

    assert again == pulled
    assert vectors.read_bytes() == whole


def test_unpacked_images_that_nobody_keeps_are_removed(
    made: MadeRepository, registry: ImageRegistry, builder: ImageBuilder, tmp_path: Path
) -> None:
    manifests = [made.hour(hour(n)) for n in range(2)]
    folder = tmp_path / "pulled"
    digests = [
        build_serving_image(serving_of(*some), made.repository, builder).digest
        for some in (manifests[:1], manifests[1:])
    ]
    first, second = (pull_serving_image(registry, digest, folder) for digest in digests)

    remove_unused(folder, {digests[1]})

    assert not first.exists()
    assert second.exists()
    assert len(list((folder / "layers").iterdir())) == 1
    assert pull_serving_image(registry, digests[0], folder) == first
