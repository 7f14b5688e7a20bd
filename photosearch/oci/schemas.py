"""What the OCI image format says that its three documents have, for pydantic to check.

Only the shapes: what a document means is read in documents.py, from the document itself, for
base images have fields that no version of the format knows, and they stay as they are.
"""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AnyUrl, BaseModel, ConfigDict, Field, StrictInt
from pydantic.alias_generators import to_camel, to_pascal

_PART = "[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}"
_MediaType = Annotated[str, Field(pattern=f"^{_PART}/{_PART}$")]
_Digest = Annotated[str, Field(pattern="^[a-z0-9]+(?:[+._-][a-z0-9]+)*:[a-zA-Z0-9=_-]+$")]
_Named = Annotated[str, Field(pattern=".")]
_Annotations = dict[_Named, str]
_Version = Annotated[StrictInt, Field(ge=2, le=2)]


class _Document(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, frozen=True)


class _Described(_Document):
    """What one document says of another; its ``digest`` may be any text to a manifest."""

    media_type: _MediaType
    size: Annotated[StrictInt, Field(ge=0, lt=1 << 63)]
    digest: str
    urls: list[AnyUrl] | None = None
    data: str | None = None
    artifact_type: _MediaType | None = None
    annotations: dict[str, str] | None = None


class ManifestShape(_Document):
    """An image: its configuration and its layers."""

    schema_version: _Version
    media_type: _MediaType | None = None
    artifact_type: _MediaType | None = None
    config: _Described
    subject: _Described | None = None
    layers: Annotated[list[_Described], Field(min_length=1)]
    annotations: _Annotations | None = None


class _Platform(BaseModel):
    architecture: str
    os: str
    os_version: str | None = Field(None, alias="os.version")
    os_features: list[str] | None = Field(None, alias="os.features")
    variant: str | None = None


class _Listed(_Described):
    digest: _Digest
    annotations: _Annotations | None = None
    platform: _Platform | None = None


class IndexShape(_Document):
    """Several images under one name."""

    schema_version: _Version
    media_type: _MediaType | None = None
    artifact_type: _MediaType | None = None
    subject: _Listed | None = None
    manifests: list[_Listed]
    annotations: _Annotations | None = None


class _Settings(BaseModel):
    """How a container of the image is run; Docker's names begin with a capital."""

    model_config = ConfigDict(alias_generator=to_pascal)

    user: str | None = None
    exposed_ports: dict[_Named, Any] | None = None
    env: list[str] | None = None
    entrypoint: list[str] | None = None
    cmd: list[str] | None = None
    volumes: dict[_Named, Any] | None = None
    working_dir: str | None = None
    labels: dict[_Named, str] | None = None
    stop_signal: str | None = None
    args_escaped: bool | None = None


class _Layers(BaseModel):
    type: Literal["layers"]
    diff_ids: list[str]


class _Step(BaseModel):
    created: str | None = None
    author: str | None = None
    created_by: str | None = None
    comment: str | None = None
    empty_layer: bool | None = None


class ConfigShape(BaseModel):
    """An image's configuration."""

    created: datetime | None = None
    author: str | None = None
    architecture: str
    variant: str | None = None
    os: str
    os_version: str | None = Field(None, alias="os.version")
    os_features: list[str] | None = Field(None, alias="os.features")
    config: _Settings | None = None
    rootfs: _Layers
    history: list[_Step] | None = None
