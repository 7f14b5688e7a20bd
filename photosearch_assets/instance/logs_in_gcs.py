"""Dagster's keeper of step logs in GCS, which come to a folder of Dagster's home first."""

from typing import Any, Self

from dagster_gcp.gcs.compute_log_manager import GCSComputeLogManager

from photosearch_assets.instance.in_home import in_home


class LogsInGCS(GCSComputeLogManager):
    """The stock one; ``local_dir`` may be relative."""

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Any) -> Self:
        folder = in_home(config_value["local_dir"])
        return super().from_config_value(inst_data, {**config_value, "local_dir": folder})
