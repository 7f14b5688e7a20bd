"""What a run's tags say of it: who asked for it, and for which windows."""

from collections.abc import Sequence

from photosearch.windows import Window

SOURCE = "photosearch/source"
ATTEMPT = "photosearch/attempt"


def range_tags(windows: Sequence[Window]) -> dict[str, str]:
    """Dagster's own tags of a run over an unbroken stretch of partitions; none without windows."""
    if not windows:
        return {}
    return {
        "dagster/asset_partition_range_start": windows[0].start_text,
        "dagster/asset_partition_range_end": windows[-1].start_text,
    }
