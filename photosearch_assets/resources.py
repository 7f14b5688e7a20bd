"""The stores as Dagster sees them.

Our assets take ``stores``: what is empty there is as photosearch.toml says, so a run's config
can point one run at another bucket, or have it work for another embedder, and nothing needs to
be said twice: whoever launches it and wherever it runs, it is told the same. Steps of a team's own
that speak to the same buckets get ``s3`` and ``gcs``, Dagster's own resources with the same
endpoint and region. They are made only where a store lies in such a bucket: importing boto3
and Google's client takes two seconds that a folder should not pay.
"""

from importlib.util import find_spec
from typing import Any

import dagster as dg
from pydantic import Field

from photosearch.object_store import schemes_of
from photosearch.settings.settings import Settings, load_settings
from photosearch_assets.instance.step_logs import tell_google


class Stores(dg.ConfigurableResource["Stores"]):
    """Where photos and models lie, and the embedder that a run works for.

    Each value is empty or wins over the setting of its name.
    """

    photos_url: str | None = Field(default=None, description="Image store.")
    models_url: str | None = Field(default=None, description="Model repository.")
    s3_endpoint: str | None = Field(default=None, description="URL of an S3 service.")
    s3_region: str | None = Field(default=None, description="Region of the S3 buckets.")
    gcs_endpoint: str | None = Field(default=None, description="URL of a GCS service.")
    embedder_fingerprint: str | None = Field(
        default=None, description="Embedder to make windows for, instead of the current one."
    )

    def settings(self) -> Settings:
        """The settings with these values in them."""
        return load_settings(None, **self.given())

    def given(self) -> dict[str, str]:
        """The values that are not empty, by setting."""
        return {
            name: value
            for name in Stores.model_fields
            if isinstance(value := getattr(self, name), str)
        }

    def environment(self) -> dict[str, str]:
        """The same for a process that loads the settings itself."""
        return {f"PHOTOSEARCH_{name.upper()}": value for name, value in self.given().items()}


def run_config_for(fingerprint: str | None) -> dict[str, Any]:
    """What a run is configured with that works for this embedder; None: the current one."""
    if fingerprint is None:
        return {}
    return {"resources": {"stores": {"config": {"embedder_fingerprint": fingerprint}}}}


def resources_of(settings: Settings) -> dict[str, Any]:
    """``stores``, and ``s3`` and ``gcs`` where they are used and the extra ``cloud`` is there."""
    resources: dict[str, Any] = {"stores": Stores()}
    schemes = schemes_of(settings)
    if "s3" in schemes and find_spec("dagster_aws") is not None:
        from dagster_aws.s3 import S3Resource

        resources["s3"] = S3Resource(
            endpoint_url=settings.s3_endpoint,
            region_name=settings.s3_region,
            use_unsigned_session=settings.anonymous_stores,
        )
    if "gs" in schemes and find_spec("dagster_gcp") is not None:
        from dagster_gcp.gcs import GCSResource

        tell_google(settings)
        resources["gcs"] = GCSResource()
    return resources
