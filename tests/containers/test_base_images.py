"""Each base image has what its part needs and nothing else, and a serving image on one runs.

In one file, so that one worker builds the images once.
"""

import json
import socket
import subprocess
import time
from pathlib import Path

import pytest

from index_grpc.server.client import describe_once, is_serving_once, search_once
from index_grpc.serving.serving import Serving
from index_grpc.shipping.image import build_serving_image
from photosearch.oci.opening import open_builder
from photosearch.settings.settings import Settings, load_settings
from photosearch.windows import Window
from tests.containers.conftest import NAMES, Buildah
from tests.containers.running import container_of
from tests.controller.made_repository import FINGERPRINT, MadeRepository, made_settings, vectors_of
from tests.oci.docker_registry import running_registry

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

HOURS = ["hourly/2026-11-22T10", "hourly/2026-11-22T11"]
#: What must be loaded in an image, and what must not be there.
PARTS = {
    "index-server": (
        ["index_grpc.server.command", "index_grpc.server.server", "index_grpc.index.pack", "scann"],
        [
            "torch",
            "dagster",
            "fastapi",
            "sqlalchemy",
            "onnxruntime",
            "cryptography",
            "api",
            "controller",
        ],
    ),
    "api": (
        [
            *("api.app", "api.serve_command", "photosearch.client.client"),
            *("onnxruntime", "psycopg2", "photosearch.embedder.embedder"),
        ],
        ["torch", "dagster", "scann", "cryptography", "photosearch_assets", "controller"],
    ),
    "step": (
        ["photosearch_assets.steps.__main__", "photosearch_assets.steps.embed_photos", "scann"],
        ["torch", "dagster", "fastapi", "api", "controller"],
    ),
    "code-location": (
        ["photosearch_assets.definitions", "dagster_webserver", "photosearch.oci.remote.remote"],
        ["torch", "fastapi", "onnxruntime", "scann", "api", "controller"],
    ),
    "controller": (
        ["controller.local.deployer", "index_grpc.shipping.image", "photosearch.oci.remote.remote"],
        ["torch", "dagster", "fastapi", "scann", "onnxruntime", "api", "photosearch_assets"],
    ),
}
COMMANDS = {
    "index-server": {"index-server", "settings"},
    "api": {"api", "search", "settings", "windows"},
    "step": {"settings"},
    "code-location": {
        *("embedder", "erase", "explain", "gc", "materialize"),
        *("rollback", "settings", "verify", "versions"),
    },
    "controller": {"deployer", "settings"},
}


@pytest.mark.parametrize("name", NAMES)
def test_an_image_loads_its_part_as_nobody_on_a_read_only_root(
    buildah: Buildah, base_images: dict[str, str], name: str
) -> None:
    present, absent = PARTS[name]
    program = f"""
import importlib, importlib.util, json, os
for module in {present!r}:
    importlib.import_module(module)
try:
    open("/opt/photosearch/new", "w")
    written = True
except OSError as error:
    written = error.strerror
found = [name for name in {absent!r} if importlib.util.find_spec(name)]
print(json.dumps([found, os.getuid(), os.getgid(), written]))
"""

    with container_of(buildah, base_images[name]) as container:
        done = container.run(["python", "-c", program])

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == [[], 65532, 65532, "Read-only file system"]


@pytest.mark.parametrize("name", NAMES)
def test_an_image_has_the_commands_of_its_part_alone(
    buildah: Buildah, base_images: dict[str, str], name: str
) -> None:
    program = """
from importlib.metadata import entry_points
print(*sorted(point.name for point in entry_points(group="photosearch.commands") if point.load()))
"""
    with container_of(buildah, base_images[name]) as container:
        done = container.run(["python", "-c", program])
        shown = container.run(["photosearch", "settings"])

    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) == COMMANDS[name]
    assert shown.returncode == 0, shown.stderr


@pytest.mark.parametrize("name", NAMES)
def test_nothing_of_this_machine_gets_into_an_image(
    buildah: Buildah, base_images: dict[str, str], name: str
) -> None:
    with container_of(buildah, base_images[name]) as container:
        root = container.root
        files = [path.relative_to(root).as_posix() for path in root.rglob("*")]
        config = container.config

    left = [f for f in files if f.endswith((".whl", "pip.conf", "pip.ini", "/pip", ".netrc"))]
    assert left == []
    assert [
        f for f in files if f.startswith(("root/", "home/", "run/source/", "run/wheels/"))
    ] == []
    assert [line for line in config["Env"] if line.startswith(("PIP_", "SSL_", "HTTP"))] == []
    assert config["User"] == "65532:65532"


def test_the_pages_sizes_are_the_images(buildah: Buildah, base_images: dict[str, str]) -> None:
    page = (Path(__file__).parents[2] / "docs" / "containers.md").read_text()
    told = {
        cells[1].strip().strip("`"): float(cells[2].strip().removesuffix(" MB"))
        for line in page.splitlines()
        if len(cells := line.split("|")) > 3 and cells[2].strip().endswith(" MB")
    }

    for name, image in base_images.items():
        images = json.loads(buildah("images", "--json", image))
        number, unit = images[0]["size"].split()
        assert unit == "MB"
        assert told[name] == pytest.approx(float(number), rel=0.1), name


@pytest.mark.parametrize("place", ["folder", "registry"])
def test_a_serving_image_on_the_index_servers_base_answers_from_its_own_root(
    buildah: Buildah, base_images: dict[str, str], tmp_path: Path, place: str
) -> None:
    with running_registry(tmp_path / "docker-registry") as docker:
        if place == "folder":
            base = f"{tmp_path}/bases:index-server"
            buildah("push", "--quiet", base_images["index-server"], f"oci:{base}")
            settings = made_settings(
                tmp_path / "shop", base_image=base, registry_url=f"{tmp_path}/images"
            )
        else:
            base = f"{docker.address}/shop/index-server:1.0"
            pushed = f"docker://{base}"
            buildah("push", "--quiet", "--tls-verify=false", base_images["index-server"], pushed)
            settings = made_settings(
                tmp_path / "shop",
                base_image=base,
                registry_url=f"oci://{docker.address}/shop/indexes",
                registry_insecure=True,
            )
        serving, reference = built(settings)
        if place == "folder":
            name = buildah("pull", "--quiet", f"{reference.partition('@')[0]}:{serving.name}")
        else:
            name = buildah("pull", "--quiet", "--tls-verify=false", f"docker://{reference}")

    with container_of(buildah, name) as container:
        port = free_port()
        words = container.config["Cmd"]
        words[words.index("--port") + 1] = str(port)
        server = subprocess.Popen(container.command(*words), stderr=subprocess.PIPE, text=True)
        try:
            address = f"127.0.0.1:{port}"
            until_ready(address, server)
            wanted = vectors_of(Window.parse(HOURS[1]), 20)[7]
            answer = search_once(address, wanted, 5, fingerprint=FINGERPRINT)
            described = describe_once(address)
        finally:
            server.terminate()
            server.communicate(timeout=30)

    assert answer.hits[0].photo_id == f"{HOURS[1]}#7"
    assert [w.window for w in described.windows] == HOURS


def built(settings: Settings) -> tuple[Serving, str]:
    made = MadeRepository(load_settings(settings.file))
    serving = Serving.of(
        [(Window.parse(hour), made.hour(hour).version) for hour in HOURS],
        fingerprint=FINGERPRINT,
        quantiser=None,
    )
    image = build_serving_image(serving, made.repository, open_builder(settings))
    return serving, image.reference


def until_ready(address: str, server: "subprocess.Popen[str]") -> None:
    limit = time.monotonic() + 90
    while not is_serving_once(address):
        assert server.poll() is None, server.communicate()[1]
        assert time.monotonic() < limit, "the server was not ready in time"
        time.sleep(0.1)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
