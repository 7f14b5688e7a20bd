"""Dagster's keeper of step logs in a folder, whose path may count from Dagster's home.

dagster.yaml names it. Those of S3 and GCS, which write logs to a folder first, are next to it in
modules of their own, because each needs its cloud's package.
"""

from typing import Any

from dagster._core.storage.local_compute_log_manager import LocalComputeLogManager

from photosearch_assets.instance.in_home import in_home


class LogsInHome(LocalComputeLogManager):
    """The stock one; ``base_dir`` may be relative."""

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Any) -> "LogsInHome":
        return cls(
            **{**config_value, "base_dir": in_home(config_value["base_dir"])}, inst_data=inst_data
        )
