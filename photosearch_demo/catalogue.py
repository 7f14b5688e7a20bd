"""Draws the demo's photos into a folder and writes its catalogue.

Each photo is drawn by itself from its listing's seed, in a pool of processes, and appears
under its name only when it is whole. So a run that was killed goes on where it stopped, and a
second run finds everything there.
"""

import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from photosearch.catalogue.catalogue import Catalogue
from photosearch.settings.settings import Settings
from photosearch_demo.draw.photograph import photograph
from photosearch_demo.draw.products import KIND_OF
from photosearch_demo.shop import DrawnListing

_CHUNK = 16  # photos a process takes at once: about a second of work

_Task = tuple[str, int, int, str]  # kind, seed, shot, file


def draw_photos(
    shop: Sequence[DrawnListing],
    folder: Path,
    *,
    processes: int,
    on_progress: Callable[[int], None] | None = None,
) -> int:
    """Draw every photo that is not there yet; the number drawn.

    ``on_progress`` is told how many photos are there, those found first.
    """
    tasks: list[_Task] = []
    for entry in shop:
        for shot in range(entry.shots):
            file = folder / entry.photo_path(shot)
            if not file.exists():
                tasks.append((entry.kind.name, entry.seed, shot, str(file)))
    done = sum(entry.shots for entry in shop) - len(tasks)
    if on_progress is not None:
        on_progress(done)
    if not tasks:
        return 0
    for parent in {Path(task[3]).parent for task in tasks}:
        parent.mkdir(parents=True, exist_ok=True)
    # spawn: a forked child would inherit the locks of threads that draw the progress bar.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        chunks = [tasks[at : at + _CHUNK] for at in range(0, len(tasks), _CHUNK)]
        for count in pool.map(_draw, chunks):
            done += count
            if on_progress is not None:
                on_progress(done)
    return len(tasks)


def write_catalogue(shop: Sequence[DrawnListing], settings: Settings) -> None:
    """Write the shop into the catalogue of ``settings``; again is the same as once."""
    with Catalogue.open(settings) as catalogue:
        catalogue.create_tables()
        catalogue.write(
            [entry.listing for entry in shop],
            [photo for entry in shop for photo in entry.photos],
        )


def _draw(tasks: Sequence[_Task]) -> int:
    for kind, seed, shot, name in tasks:
        file = Path(name)
        part = file.with_suffix(".part")
        part.write_bytes(photograph(KIND_OF[kind], seed, shot))
        part.replace(file)
    return len(tasks)
