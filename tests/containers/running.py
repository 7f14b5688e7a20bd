"""Running a program in an image's root as a cluster would: read-only, as nobody, with a /tmp.

A container runtime needs what a machine of tests may not give (cgroups, its own network), so
the root is mounted read-only in a mount namespace of its own and entered by chroot.
"""

import json
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.containers.conftest import Buildah

_ENTER = """
set -e
root=$1; user=$2; shift 2
mount --bind "$root" "$root"
mount -o remount,bind,ro "$root"
mount -t tmpfs tmpfs "$root/tmp"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
exec env -i "$@"
"""


class Container:
    """An image's root and configuration."""

    def __init__(self, root: Path, config: dict[str, Any]) -> None:
        self.root = root
        self.config = config

    def command(self, *arguments: str) -> list[str]:
        """What runs ``arguments`` by the image's entry point; without any, its command."""
        words = [*self.config["Entrypoint"], *(arguments or self.config["Cmd"])]
        return self.program(*words)

    def program(self, *words: str) -> list[str]:
        """What runs a program in the image."""
        user = self.config["User"]
        chroot = shutil.which("chroot") or "chroot"  # PATH is the image's
        enter = ["unshare", "--mount", "--", "sh", "-c", _ENTER, "sh", str(self.root), user]
        return [*enter, *self.config["Env"], chroot, f"--userspec={user}", str(self.root), *words]

    def run(self, words: Sequence[str]) -> "subprocess.CompletedProcess[str]":
        """Run a program to its end."""
        return subprocess.run(self.program(*words), capture_output=True, text=True, timeout=90)


@contextmanager
def container_of(buildah: Buildah, image: str) -> Iterator[Container]:
    """A root with an image's layers, taken away at the end."""
    name = buildah("from", "--pull-never", image)
    try:
        inspected = json.loads(buildah("inspect", "--type", "image", image))
        config = inspected["OCIv1"]["config"]
        yield Container(Path(buildah("mount", name)), config)
    finally:
        buildah("rm", name)
