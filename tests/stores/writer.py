"""A process that publishes: ``python -m tests.stores.writer HOW`` with settings as JSON.

``once CONTENT`` publishes and makes current. ``add N`` runs N writers at once, each of which adds
a line of its own to what the object ``embedders/HEAD`` holds.
"""

import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from photosearch.repository.repository import Repository
from photosearch.repository.storage.port import TagMoved
from photosearch.settings.settings import Settings
from tests.repository.artifacts import HOUR


def publish(settings: Settings, content: str) -> str:
    repository = Repository.of(settings)
    folder = Path(settings.base_dir, f"{os.getpid()}-{content}")
    folder.mkdir(parents=True, exist_ok=True)
    files = {}
    for name, text in (("vectors.npy", content), ("rows.jsonl", "")):
        files[name] = folder / name
        files[name].write_text(text)
    made = repository.publish(
        HOUR,
        files,
        rows=1,
        dimension=2,
        inputs=[],
        recipe={"step": "t"},
    )
    return made.version


def add_myself(settings: Settings, number: int) -> None:
    storage = Repository.of(settings).storage
    while True:
        seen = storage.read("embedders/HEAD")
        lines = b"" if seen is None else seen.content
        lines += f"{os.getpid()} {number}\n".encode()
        try:
            storage.replace("embedders/HEAD", lines, None if seen is None else seen.tag)
        except TagMoved:
            continue
        return


def main() -> None:
    settings = Settings(**json.loads(sys.stdin.read()))
    how, argument = sys.argv[1:]
    if how == "once":
        Repository.of(settings).set_head(HOUR, publish(settings, argument))
    else:
        with ThreadPoolExecutor(int(argument)) as pool:
            list(pool.map(lambda number: add_myself(settings, number), range(int(argument))))


if __name__ == "__main__":
    main()
