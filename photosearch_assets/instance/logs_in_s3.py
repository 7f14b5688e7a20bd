"""Dagster's keeper of step logs in S3, which come to a folder of Dagster's home first."""

from typing import Any, Self

from dagster_aws.s3.compute_log_manager import S3ComputeLogManager

from photosearch_assets.instance.in_home import in_home


class LogsInS3(S3ComputeLogManager):
    """The stock one; ``local_dir`` may be relative."""

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Any) -> Self:
        folder = in_home(config_value["local_dir"])
        return super().from_config_value(inst_data, {**config_value, "local_dir": folder})
