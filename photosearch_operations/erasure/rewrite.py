"""A version again, without a listing.

Rows are dropped from the files as they are: encoding works row by row and gluing lays rows end
to end, so dropping commutes with both, and what comes out is, byte for byte, what the steps
would make of a catalogue that never had the listing. It needs no photo, no embedder and no
ScaNN, so an erasure works while the image store is down, and for old and pinned versions too.
What a version was made from is replaced in its inputs, back to the hours' embeddings.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from pydantic import JsonValue

from index_grpc.index.index_files import CODES, ROWS, TOKENS, VECTORS
from index_grpc.index.npy_files import write_npy
from index_grpc.index.recall import measure_recall
from photosearch.repository.addresses import Address, ArtifactKey, Kind
from photosearch.repository.errors import ArtifactMissing
from photosearch.repository.manifest import REMARKS, Input, Manifest
from photosearch.repository.repository import Repository
from photosearch_operations.erasure.traces import Needles, Trace

_ARRAYS = (VECTORS, TOKENS, CODES)


class Rewriter:
    """Publishes versions without the listing; HEADs stay where they are.

    ``reports`` are the photo reports' digests, old to new; ``work`` a folder for files.
    """

    def __init__(
        self,
        repository: Repository,
        traces: Mapping[ArtifactKey, Trace],
        needles: Needles,
        reports: Mapping[str, str],
        work: Path,
        recall_target: float,
    ) -> None:
        self._repository = repository
        self._traces = traces
        self._needles = needles
        self._reports = reports
        self._work = work
        self._recall_target = recall_target
        self._made: dict[ArtifactKey, Manifest] = {}

    def without(self, address: Address, version: str) -> Manifest:
        """The version that says the same without the listing; itself if it never had it.

        Raises:
            DamagedArtifact, ArtifactMissing: if the version can't be read.
        """
        trace = self._traces.get((address, version))
        if trace is None:
            return self._repository.manifest(address, version)
        if (address, version) not in self._made:
            self._made[address, version] = self._publish(trace)
        return self._made[address, version]

    def _publish(self, trace: Trace) -> Manifest:
        repository, address = self._repository, trace.address
        manifest = repository.manifest(address, trace.version)
        source = repository.local_files(address, trace.version)
        folder = self._work / f"{len(self._made)}-{trace.version}"
        folder.mkdir()
        _drop_rows(source, folder, manifest, set(trace.rows))
        rows = manifest.rows - len(trace.rows)
        recall, details = self._recall(manifest, folder, rows)
        return repository.publish(
            address,
            {name: folder / name for name in manifest.files},
            rows=rows,
            dimension=manifest.dimension,
            inputs=[self._replaced(address, item) for item in manifest.inputs],
            recipe=manifest.recipe,
            quantiser=manifest.quantiser,
            recall=recall,
            failures=[
                failure
                for failure in manifest.failures
                if failure.photo_id not in self._needles.photo_ids
            ],
            details=details,
            run_id=manifest.run_id,
        )

    def _replaced(self, address: Address, item: Input) -> Input:
        if item.kind == "photos":
            digest = self._reports.get(item.digest, item.digest)
            return item.model_copy(update={"version": digest[:16], "digest": digest})
        if item.kind not in (Kind.EMBEDDINGS, Kind.INDEX) or item.window is None:
            return item
        source = Address(Kind(item.kind), address.fingerprint, item.window)
        if (source, item.version) not in self._traces:
            return item
        try:
            manifest = self.without(source, item.version)
        except ArtifactMissing:
            return item
        return item.model_copy(update={"version": manifest.version, "digest": manifest.digest})

    def _recall(
        self, manifest: Manifest, folder: Path, rows: int
    ) -> tuple[float | None, dict[str, JsonValue]]:
        details = self._details(manifest)
        if manifest.kind != Kind.INDEX or not rows:
            return None, {name: details[name] for name in details.keys() & {"parts", REMARKS}}
        quantiser = None
        if manifest.quantiser is not None and manifest.fingerprint is not None:
            address = Address.quantisers(manifest.fingerprint)
            quantiser = self._repository.local_files(address, manifest.quantiser)
        measured = measure_recall(folder, quantiser, self._recall_target)
        if quantiser is not None:
            details["leaves_to_search"] = measured.leaves_to_search
            details["reorder"] = measured.reorder
        return measured.recall, details

    def _details(self, manifest: Manifest) -> dict[str, JsonValue]:
        details = dict(manifest.details)
        remarks = [one for one in manifest.remarks if one.photo_id not in self._needles.photo_ids]
        if details.pop(REMARKS, None) is not None and remarks:
            details[REMARKS] = [one.model_dump() for one in remarks]
        return details


def _drop_rows(source: Path, folder: Path, manifest: Manifest, dropped: set[int]) -> None:
    kept = [number for number in range(manifest.rows) if number not in dropped]
    for name in manifest.files:
        if name in _ARRAYS:
            array = np.load(source / name, mmap_mode="r", allow_pickle=False)
            write_npy(folder / name, np.ascontiguousarray(array[kept]))
        elif name == ROWS:
            with (source / name).open("rb") as rows, (folder / name).open("wb") as out:
                for number, line in enumerate(rows):
                    if number not in dropped:
                        out.write(line)
        else:
            (folder / name).write_bytes((source / name).read_bytes())
