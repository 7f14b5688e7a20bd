"""A year of windows searched: CPU a query, recall, memory, and the packs' own overhead.

300,000 vectors of 256 dimensions in 65 windows (11 months, 30 days, 24 hours), drawn from
clusters of uneven size with a falling spectrum, as embeddings have them: a tree has to search
one leaf in twenty and reorder two hundred to find 95 % of the neighbours. All ways are tuned to the
same recall, measured on one set of queries, and timed by the process's CPU clock.
"""

import json
import subprocess
import sys
import tempfile
import time
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.rows import BenchRow
from index_grpc.index.encode import Encoder, EncodeTask
from index_grpc.index.exact import exact_neighbours
from index_grpc.index.glue import glue_indexes
from index_grpc.index.index_files import VECTORS, write_embeddings
from index_grpc.index.npy_files import open_npy
from index_grpc.index.pack import Pack, PackHit, PackWindow
from index_grpc.index.quantiser import train_quantiser
from index_grpc.index.recall import sample_queries
from index_grpc.index.rows import Row
from index_grpc.index.search import TreeSearcher
from index_grpc.serving.packing import plan_packs
from photosearch.settings.settings import Settings
from photosearch.windows import DAY, HOUR, Granularity, Span, Window, windows_within

ROWS = 300_000
DIMENSION = 256
RECALL = 0.95
QUERIES = 320
GROUP = 20
ROUNDS = 6

Ask = Callable[[NDArray[np.float32]], list[PackHit]]


def measure() -> list[BenchRow]:
    """Build the year once in a temporary folder and measure everything on it."""
    with tempfile.TemporaryDirectory() as temporary:
        year = Year(Path(temporary))
        return [*year.building, *compare_packings(year), measure_memory(year)]


@dataclass(frozen=True)
class _Ready:
    """What packing asks of an index."""

    size_bytes: int
    version: str = "1"
    quantiser: str | None = "1"
    stale: bool = False


class Year:
    """The year's windows encoded with one quantiser, and the truth for a set of queries."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.quantiser = folder / "quantiser"
        vectors = clustered_vectors(ROWS, DIMENSION)
        seconds = _Stopwatch()
        train_quantiser(vectors, self.quantiser)
        training = seconds.lap()
        windows = year_windows()
        counts = rows_per_window(windows, ROWS)
        tasks = []
        start = 0
        for window, count in zip(windows, counts, strict=True):
            part = slice(start, start + count)
            start += count
            embeddings = folder / "embeddings" / window.key
            write_embeddings(embeddings, vectors[part], _rows(window, part))
            tasks.append(EncodeTask(embeddings, folder / "index" / window.key))
        seconds.lap()
        with Encoder(self.quantiser) as encoder:
            for outcome in encoder.encode_many(tasks):
                outcome.require()
        encoding = seconds.lap()
        self.windows = [
            PackWindow(window, task.out, "1") for window, task in zip(windows, tasks, strict=True)
        ]
        glue_indexes([window.folder for window in self.windows], folder / "all")
        bits = open_npy(folder / "all" / VECTORS, np.int16, 2).map()
        self.queries = sample_queries(bits, QUERIES, seed=1)
        truth, _ = exact_neighbours(bits, self.queries, 10)
        self.truth = [{f"photo-{row}" for row in rows} for rows in truth.tolist()]
        self.building = [
            BenchRow("train the quantiser", training, "s", None, "100,000 of 300,000 × 256 rows"),
            BenchRow(
                "encode 65 windows", ROWS / encoding, "rows/s", None, "wall clock, one worker"
            ),
        ]

    def tiers(self, small_pack_bytes: int) -> list[list[PackWindow]]:
        """The packs of the policy in the last half hour of the year."""
        ready = {
            window.window: _Ready(sum(file.stat().st_size for file in window.folder.iterdir()))
            for window in self.windows
        }
        plan = plan_packs(
            ready,
            max(ready).end - HOUR / 2,
            "tiers",
            pack_bytes=Settings.model_fields["pack_bytes"].default,
            small_pack_bytes=small_pack_bytes,
        )
        windows = {window.window: window for window in self.windows}
        return [[windows[window] for window, _ in pack.windows] for pack in plan]

    def open(self, windows: Sequence[PackWindow]) -> Pack:
        return Pack.open(windows, self.quantiser, "bench", RECALL)


def compare_packings(year: Year) -> list[BenchRow]:
    """CPU a query of one pack of all, of tiers, of tiers apart and of a pack for each window.

    ``tiers`` is the default policy, in which the small packs of days and hours travel as one;
    ``apart`` keeps each tier's own.

    All are first tuned to the same recall of their merged answers. One and tiers take turns
    within each round, so that what else runs on the machine meets both; 65 packs would leave
    them cold caches and are timed after.
    """
    layouts = {
        "one": [year.windows],
        "tiers": year.tiers(Settings.model_fields["small_pack_bytes"].default),
        "apart": year.tiers(0),
        "each": [[window] for window in year.windows],
    }
    with ExitStack() as opened:
        ways = {}
        opening = {}
        for name, layout in layouts.items():
            start = time.process_time()
            ways[name] = [opened.enter_context(year.open(windows)) for windows in layout]
            opening[name] = time.process_time() - start
        recalls = {name: _tune(year, packs) for name, packs in ways.items()}
        asks = {name: _asking(packs) for name, packs in ways.items()}
        one = ways["one"][0]
        turns = {
            "one": asks["one"],
            "tiers": asks["tiers"],
            "apart": asks["apart"],
            "one's searcher": _searching(ways["one"]),
            "tiers' searchers": _searching(ways["tiers"]),
            "half": _asking([one], [window.window for window in year.windows[:6]]),
            "tenth": _asking([one], [window.window for window in year.windows[:1]]),
        }
        micros = _micros(turns, year.queries, ROUNDS)
        micros |= _micros({"each": asks["each"]}, year.queries, 2)
    rows = []
    for name, packs in ways.items():
        widths = ", ".join(_width(pack) for pack in packs[:3])
        note = f"{len(packs)} packs, recall@10 {recalls[name]:.3f}, {widths}"
        rows.append(BenchRow(f"CPU a query, {name}", micros[name], "µs", None, note))
    for name, aim in (("tiers", "≤ 1.5"), ("apart", None), ("each", None)):
        ratio = micros[name] / micros["one"]
        note = f"all tuned to recall@10 ≥ {RECALL}; rows read and answers merged, no gRPC"
        rows.append(BenchRow(f"CPU a query, {name} over one index of all", ratio, "×", aim, note))
    ratio = micros["tiers' searchers"] / micros["one's searcher"]
    note = "the same, without reading rows and merging: what ScaNN alone costs"
    rows.append(BenchRow("CPU a query, tiers' searchers over one's", ratio, "×", None, note))
    for name, part in (("half", "half"), ("tenth", "a tenth")):
        ratio = micros[name] / micros["one"]
        note = f"over-fetched, others left out; {ratio:.2f} × a search of all"
        what = f"CPU a query, {part} of the pack asked"
        rows.append(BenchRow(what, micros[name], "µs", None, note))
    note = "rows read and hits made, beyond ScaNN's own"
    overhead = micros["one"] - micros["one's searcher"]
    rows.append(BenchRow("pack: overhead a query", overhead, "µs", None, note))
    note = "CPU: check, glue, load, choose the width on a sample"
    rows.append(BenchRow("pack: open the year", opening["one"], "s", None, note))
    return rows


def measure_memory(year: Year) -> BenchRow:
    """Resident bytes of a process that holds the whole year, over the bytes of its files."""
    code = (
        "import json, sys, psutil\n"
        "from pathlib import Path\n"
        "from index_grpc.index.pack import Pack, PackWindow\n"
        "from photosearch.windows import Window\n"
        "request = json.load(sys.stdin)\n"
        "windows = [PackWindow(Window.parse(k), Path(f), '1') for k, f in request['windows']]\n"
        "pack = Pack.open(windows, Path(request['quantiser']), 'bench', request['recall'])\n"
        "import numpy as np\n"
        "draw = np.random.default_rng(0)\n"
        "for _ in range(300): pack.search(draw.standard_normal(pack.dimension), 10)\n"
        "print(json.dumps([psutil.Process().memory_info().rss, pack.size_bytes]))\n"
    )
    request = {
        "windows": [(window.window.key, str(window.folder)) for window in year.windows],
        "quantiser": str(year.quantiser),
        "recall": RECALL,
    }
    answer = subprocess.run(
        [sys.executable, "-c", code],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        check=True,
    )
    resident, files = json.loads(answer.stdout.splitlines()[-1])
    note = f"whole process {resident >> 20} MiB, files {files >> 20} MiB, 65 windows, no gRPC"
    return BenchRow("pack: resident bytes over file bytes", resident / files, "×", "≤ 1.3", note)


def clustered_vectors(rows: int, dimension: int, seed: int = 0) -> NDArray[np.float32]:
    """Unit vectors float32 [rows, dimension] from clusters in families, Zipf-sized."""
    draw = np.random.default_rng(seed)
    spectrum = (np.arange(1, dimension + 1) ** -0.6).astype(np.float32)
    families = draw.standard_normal((60, dimension), dtype=np.float32)
    clusters = max(60, rows // 100)
    centres = families[draw.integers(60, size=clusters)]
    centres = centres + 0.8 * draw.standard_normal((clusters, dimension), dtype=np.float32)
    share = 1 / (np.arange(clusters) + 20.0)
    members = draw.choice(clusters, rows, p=share / share.sum())
    vectors = np.empty((rows, dimension), np.float32)
    for start in range(0, rows, 16_384):
        part = members[start : start + 16_384]
        drawn = draw.standard_normal((len(part), dimension), dtype=np.float32)
        vectors[start : start + len(part)] = (centres[part] + 1.5 * drawn) * spectrum
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


def year_windows() -> list[Window]:
    """Eleven months, thirty days of December and the hours of its last day."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    month = datetime(2026, 12, 1, tzinfo=UTC)
    day = datetime(2026, 12, 31, tzinfo=UTC)
    return [
        *windows_within(Span(start, month), Granularity.MONTHLY),
        *windows_within(Span(month, day), Granularity.DAILY),
        *windows_within(Span(day, day + DAY), Granularity.HOURLY),
    ]


def rows_per_window(windows: Sequence[Window], rows: int) -> list[int]:
    """The year's rows spread over its windows by their length."""
    lengths = np.array([(window.end - window.start) / HOUR for window in windows])
    ends = np.round(np.cumsum(lengths) / lengths.sum() * rows).astype(int)
    return [int(count) for count in np.diff(ends, prepend=0)]


def _asking(packs: Sequence[Pack], windows: Sequence[Window] | None = None) -> Ask:
    def ask(query: NDArray[np.float32]) -> list[PackHit]:
        hits = [hit for pack in packs for hit in pack.search(query, 10, windows)]
        return sorted(hits, key=lambda hit: -hit.score)[:10]

    return ask


def _searching(packs: Sequence[Pack]) -> Callable[[NDArray[np.float32]], object]:
    def search(query: NDArray[np.float32]) -> object:
        return [pack.searcher.nearest(query, 10, 10) for pack in packs]

    return search


def _tune(year: Year, packs: Sequence[Pack]) -> float:
    """Scale the leaves of all packs alike, so that their merged recall just reaches RECALL."""
    trees = [pack.searcher for pack in packs if isinstance(pack.searcher, TreeSearcher)]
    chosen = [tree.parameters for tree in trees]

    def recall(scale: float) -> float:
        for tree, own in zip(trees, chosen, strict=True):
            leaves = min(tree.leaves, max(1, round(own.leaves_to_search * scale)))
            tree.parameters = replace(own, leaves_to_search=leaves)
        return _recall(year, _asking(packs))

    scales = [0.4 * 1.08**step for step in range(25)]
    return recall(scales[bisect_left(scales, RECALL, key=recall, hi=24)])


def _recall(year: Year, ask: Ask) -> float:
    """Recall@10 of the merged answers."""
    found = [
        len({hit.photo_id for hit in ask(query)} & true)
        for query, true in zip(year.queries, year.truth, strict=True)
    ]
    return sum(found) / (10 * len(found))


def _micros(
    ways: Mapping[str, Callable[[NDArray[np.float32]], object]],
    queries: NDArray[np.float32],
    rounds: int,
) -> dict[str, float]:
    """CPU microseconds a query: the median over groups of queries of each group's best round.

    The best round leaves out what other processes did to the caches meanwhile.
    """
    groups = [queries[start : start + GROUP] for start in range(0, len(queries), GROUP)]
    best = {name: [float("inf")] * len(groups) for name in ways}
    for _ in range(rounds):
        for at, group in enumerate(groups):
            for name, work in ways.items():
                start = time.process_time()
                for query in group:
                    work(query)
                spent = (time.process_time() - start) / len(group) * 1e6
                best[name][at] = min(best[name][at], spent)
    return {name: float(np.median(groups_best)) for name, groups_best in best.items()}


def _width(pack: Pack) -> str:
    if not isinstance(pack.searcher, TreeSearcher):
        return "exact"
    parameters = pack.searcher.parameters
    return f"{parameters.leaves_to_search} leaves and {parameters.reorder} reordered"


def _rows(window: Window, part: slice) -> list[Row]:
    step = (window.end - window.start) / max(1, part.stop - part.start)
    return [
        Row(
            photo_id=f"photo-{number}",
            listing_id=f"listing-{number // 2}",
            listed_at=window.start + timedelta(seconds=round(at * step.total_seconds())),
            sha256=f"{number:064x}",
        )
        for at, number in enumerate(range(part.start, part.stop))
    ]


class _Stopwatch:
    """Wall seconds between laps."""

    def __init__(self) -> None:
        self._last = time.perf_counter()

    def lap(self) -> float:
        now = time.perf_counter()
        seconds, self._last = now - self._last, now
        return seconds
