"""Every setting of every part, in one flat list.

One file, ``photosearch.toml``, and the environment (``PHOTOSEARCH_`` and the setting's name
in capitals), which wins. Relative paths count from the file's folder, so that a command
means the same from wherever it is called and Dagster's processes, which run elsewhere, agree.
"""

import os
import re
import tomllib
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from photosearch.address import asked_name, host_of, origin_of, proxy_of
from photosearch.errors import PhotosearchError
from photosearch.settings.dagster_home import named_home
from photosearch.settings.home import expanded
from photosearch.terminal.masked import masked_setting, masked_text
from photosearch.windows import require_month_aligned

SETTINGS_FILE = "photosearch.toml"
SETTINGS_VARIABLE = "PHOTOSEARCH_SETTINGS"
BASE_DIR_VARIABLE = "PHOTOSEARCH_BASE_DIR"


_Mean = Annotated[float, Field(allow_inf_nan=False)]
_Deviation = Annotated[float, Field(gt=0, allow_inf_nan=False)]
_Pattern = Annotated[str, Field(min_length=1)]


class SettingsError(PhotosearchError):
    """A settings file or variable that can't be used."""


def _month_start(value: datetime) -> datetime:
    moment = value if value.tzinfo else value.replace(tzinfo=UTC)
    return require_month_aligned(moment.astimezone(UTC))


def _root_path(value: str) -> str:
    path = value.rstrip("/")
    if path and re.fullmatch(r"(/(?!\.\.?(/|$))[A-Za-z0-9._~-]+)+", path) is None:
        raise ValueError("a path is written /find or /shop/find")
    return path


def _split(value: object) -> object:
    """Several names in one variable are parted by commas."""
    if not isinstance(value, str):
        return value
    return [one.strip() for one in value.split(",") if one.strip()]


def _named(value: object) -> object:
    """An empty path would be the folder of the settings file itself, with all that is in it."""
    if isinstance(value, str) and not value.strip():
        raise ValueError("the path is empty; leave the setting out for its default")
    return value


def _postgres(value: str) -> str:
    if not re.match(r"postgresql(\+psycopg2)?://.", value):
        raise ValueError("it is written postgresql://USER@HOST/NAME")
    return value


_Place = Annotated[Path, BeforeValidator(_named)]
_Proxies = Annotated[
    tuple[Annotated[str, AfterValidator(proxy_of)], ...], NoDecode, BeforeValidator(_split)
]
_Origins = Annotated[
    tuple[Annotated[str, AfterValidator(origin_of)], ...], NoDecode, BeforeValidator(_split)
]
_Hosts = Annotated[
    tuple[Annotated[str, AfterValidator(asked_name)], ...], NoDecode, BeforeValidator(_split)
]
_Paths = Annotated[tuple[Path, ...], NoDecode, BeforeValidator(_split)]


def _statuses(value: object) -> object:
    """One or several; of a file also those that a database keeps as numbers or truths."""
    if isinstance(value, list | tuple):
        if not value:
            raise ValueError("name one at least")
        return tuple(map(_statuses, value))
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else value


class Settings(BaseSettings):
    """The settings; :func:`load_settings` reads them."""

    model_config = SettingsConfigDict(
        env_prefix="PHOTOSEARCH_", extra="forbid", frozen=True, validate_default=True
    )

    base_dir: Path = Field(Path(), description="Folder that relative paths count from.")
    state_dir: _Place = Field(
        Path(".photosearch"),
        description="Folder of all that is made: repository, cache, Dagster's home, logs.",
    )

    # Processes
    hung_after_s: float = Field(
        60.0,
        ge=0,
        description="Seconds without a sign of life after which 'up' ends a process and starts it "
        "again; 0: never.",
    )

    log_format: Literal["text", "json"] = Field(
        "text", description="Logs of the processes: lines of text, or an object a line."
    )
    log_bytes: int = Field(
        10 << 20, ge=4096, description="Size at which such a log makes way for a new one."
    )
    log_files: int = Field(
        3, ge=0, le=99, description="Former logs of a process that are kept, as .log.1 and so on."
    )
    run_log_days: int = Field(
        30,
        ge=0,
        description="Days after which what a Dagster run printed, and its list of events, go; "
        "0: never.",
    )

    # Catalogue
    database_url: str | None = Field(
        None, description="SQLAlchemy URL of the catalogue; a SQLite file in state_dir by default."
    )
    database_password: SecretStr | None = Field(
        None, description="That database's password, so that the URL need not hold it."
    )
    listings_table: str = Field("listings", description="Table of listings.")
    photos_table: str = Field("photos", description="Table of photos.")
    listing_id_column: str = Field("id", description="Listing: its id.")
    listing_title_column: str = Field("title", description='Listing: its title; "" for none.')
    listing_price_column: str = Field("price", description='Listing: its price; "" for none.')
    listing_category_column: str = Field(
        "category", description='Listing: its category; "" for none.'
    )
    listing_status_column: str = Field("status", description='Listing: its status; "" for none.')
    listing_time_column: str = Field("listed_at", description="Listing: when it was listed, UTC.")
    photo_id_column: str = Field("id", description="Photo: its id.")
    photo_listing_column: str = Field("listing_id", description="Photo: its listing's id.")
    photo_path_column: str = Field("path", description="Photo: its path in the image store.")
    photo_position_column: str = Field(
        "position", description="Photo: its place among its listing's, if there is such a column."
    )
    photo_version_column: str = Field(
        "content_version",
        description="Photo: what changes whenever its bytes do, if there is such a column.",
    )
    live_status: Annotated[str | tuple[str, ...], BeforeValidator(_statuses)] = Field(
        "live", description="The status of listings that may be shown, or a list of several."
    )

    # Photos
    photos_url: str | None = Field(
        None, description="Image store: a folder, or a file://, s3:// or gs:// URL."
    )
    photos_ignore: tuple[_Pattern, ...] = Field(
        (),
        description="Of a folder of photos: patterns of names or paths that are left out, such as "
        '["*_thumb.jpg", "drafts/"].',
    )
    undated_photos: Literal["first_seen", "leave_out"] = Field(
        "first_seen",
        description="Of a folder of photos: where photos without a believable time go. "
        "first_seen: into the full hour before the scan that first saw them; leave_out: nowhere.",
    )
    max_megapixels: float = Field(
        110.0,
        gt=0,
        description="Larger photos are refused. The default takes what a phone's camera of 108 "
        "megapixels sends.",
    )
    decode_cpu_s: float = Field(
        10.0,
        gt=0,
        description="CPU seconds that decoding a photo of max_megapixels may take; a smaller one "
        "gets its share, at least a fifth.",
    )
    decode_memory_bytes: int = Field(
        1 << 30,
        ge=64 << 20,
        description="Memory that decoding a photo may take.",
    )
    max_photo_bytes: int = Field(32 << 20, gt=0, description="Larger files are refused.")
    fetch_concurrency: int = Field(16, ge=1, le=256, description="Photos fetched at once.")
    fetch_attempts: int = Field(4, ge=1, description="Tries for one photo, with growing pauses.")
    cache_days: float = Field(30.0, gt=0, description="Days a photo stays in the image cache.")
    cache_bytes: int = Field(
        100 << 30,
        gt=0,
        description="Size of the image cache; the photos used longest ago go first.",
    )

    # Stores
    models_url: str | None = Field(
        None,
        description="Model repository: a folder, or a file://, s3:// or gs:// URL; a folder in "
        "state_dir by default.",
    )
    s3_endpoint: str | None = Field(
        None, description="URL of an S3 service that is not Amazon's; http:// is allowed."
    )
    s3_region: str | None = Field(
        None, description="Region of the S3 buckets; AWS_REGION's or us-east-1 by default."
    )
    gcs_endpoint: str | None = Field(
        None, description="URL of a GCS service that is not Google's; http:// is allowed."
    )
    anonymous_stores: bool = Field(
        False, description="Ask buckets without credentials: public ones, and emulators."
    )
    artifact_cache_bytes: int = Field(
        20 << 30,
        gt=0,
        description="Size of the local copies of artifacts of a model repository in a bucket.",
    )

    # Time
    timeline_start: Annotated[datetime, AfterValidator(_month_start)] = Field(
        datetime(2026, 1, 1, tzinfo=UTC),
        description="First instant of the first window: the start of a month, UTC.",
    )

    # Embedder
    embedder_network: str = Field(
        "efficientnet_lite0",
        description="efficientnet_lite0, torchvision:NAME, or the path of an ONNX file. Like the "
        "rest of what an embedder is made with, it decides the first one only: 'photosearch "
        "embedder use' makes and takes another.",
    )
    embedder_weights: Path | None = Field(
        None, description="Weights file for a torchvision network (a state dict)."
    )
    embedder_precision: Literal["int8", "float32"] = Field(
        "int8", description="int8 is faster on a CPU; float32 can run on a GPU."
    )
    embedder_mean: tuple[_Mean, _Mean, _Mean] | None = Field(
        None, description="Mean your own network expects, pixels in 0..1; ImageNet's by default."
    )
    embedder_std: tuple[_Deviation, _Deviation, _Deviation] | None = Field(
        None, description="Deviation that your own network expects; ImageNet's by default."
    )
    embedder_fingerprint: str | None = Field(
        None,
        description="Make windows for this embedder of the repository instead of the current "
        "one; 'photosearch embedder use' says so in the configuration of its runs.",
    )
    embed_device: Literal["auto", "cpu", "cuda"] = Field(
        "auto", description="Where batches are embedded."
    )
    embed_threads: int = Field(0, ge=0, description="Threads of the embedder; 0: one a core.")
    projection_dimensions: int = Field(256, ge=2, description="Dimensions after the projection.")
    projection_min_photos: int = Field(
        1000, ge=2, description="Below this many photos there is no projection."
    )
    projection_sample: int = Field(5000, ge=2, description="Photos the projection is fitted on.")

    # Index
    quantiser_min_photos: int = Field(
        20_000, ge=100, description="Below this many photos every index is exact."
    )
    quantiser_sample: int = Field(100_000, ge=100, description="Rows the quantiser is trained on.")
    recall_target: float = Field(
        0.9, gt=0, le=1, description="Recall@10 an index needs to be published."
    )
    max_failure_rate: float = Field(
        0.1, ge=0, le=1, description="Share of a window's photos that may be unusable."
    )
    automation: bool = Field(
        True, description="Dagster's sensors, which build windows by themselves, start switched on."
    )
    own_steps: _Place = Field(
        Path("steps.yaml"),
        description="Steps of your own, beside those of the way of a photo: a YAML file, or a "
        "folder of them; nothing happens if it is not there.",
    )
    step_runner: Literal["in_process", "subprocess"] = Field(
        "in_process", description="Where a step's work runs."
    )

    # Serving
    packing: Literal["tiers", "each"] = Field(
        "tiers", description="tiers: few large packs; each: one index server an index."
    )
    pack_bytes: int = Field(2 << 30, gt=0, description="Size at which a pack of months is full.")
    small_pack_bytes: int = Field(
        64 << 20,
        ge=0,
        description="Packs that are within this together travel as one; 0 keeps the tiers apart.",
    )
    drain_s: float = Field(
        2.0, ge=0, description="Seconds an index server lives on after its successor is ready."
    )

    # Images
    registry_url: str | None = Field(
        None,
        description="Registry of serving images: a folder (an OCI layout in state_dir by default) "
        "or oci://HOST:PORT/NAME.",
    )
    registry_insecure: bool = Field(False, description="Speak plain HTTP with the registry.")
    registry_ca_file: Path | None = Field(
        None, description="Certificates by which the registry's is checked; the system's if none."
    )
    registry_user: str | None = Field(
        None, description="User of the registry; by default Docker's configuration file is asked."
    )
    registry_password: SecretStr | None = Field(None, description="That user's password.")
    base_image: str | None = Field(
        None,
        description="Image of the index server that serving images are built on, "
        "HOST:PORT/NAME:TAG or FOLDER:TAG of an OCI layout; none: for index servers installed "
        "beside it.",
    )
    signing_key: Path | None = Field(
        None,
        description="Private key that serving images are signed with where they are built: a PEM "
        "file, ECDSA P-256.",
    )
    signing_key_password: SecretStr | None = Field(
        None, description="That key's password, if it has one."
    )
    trusted_keys: _Paths = Field(
        (),
        description="Public keys (PEM files): an image that none of them signed is not served; "
        "none: signatures are not asked for.",
    )

    # Query
    api_host: Annotated[str, AfterValidator(host_of)] = Field(
        "127.0.0.1",
        description="Address of the REST API: an IP address or a host's name; 0.0.0.0 or :: for "
        "every one of this machine.",
    )
    api_port: int = Field(8080, ge=0, le=65535, description="Port of the REST API.")
    root_path: Annotated[str, AfterValidator(_root_path)] = Field(
        "", description="Path below which a reverse proxy serves the API, such as /find."
    )
    trusted_proxies: _Proxies = Field(
        ("127.0.0.1", "::1"),
        description="Addresses (or networks) of the reverse proxies whose X-Forwarded-For and "
        "X-Forwarded-Proto are believed.",
    )
    allowed_hosts: _Hosts = Field(
        (),
        description="Names that the API is asked under, such as find.example.org or "
        "*.example.org; IP addresses and localhost always are. Without any, an API on loopback "
        "takes names of one label too, and one that listens for others every name.",
    )
    allowed_origins: _Origins = Field(
        (),
        description="Origins of other sites' pages that may search (CORS), such as "
        "https://shop.example.org; * for all.",
    )
    request_log: Literal["off", "text", "json"] = Field(
        "off", description="A line for each request in the API's log; json: all its lines as JSON."
    )
    dagster_host: Annotated[str, AfterValidator(host_of)] = Field(
        "127.0.0.1",
        description="Address that Dagster's web pages listen on; they have no sign-in.",
    )
    dagster_allowed_hosts: _Hosts = Field(
        (),
        description="Names, besides addresses and localhost, that Dagster's web pages are opened "
        "by.",
    )
    dagster_port: int = Field(3000, ge=0, le=65535, description="Port of Dagster's web pages.")
    dagster_database_url: Annotated[str, AfterValidator(_postgres)] | None = Field(
        None,
        description="URL of a PostgreSQL database for Dagster's history, which several machines "
        "share: postgresql://USER@HOST/NAME; SQLite files in state_dir by default.",
    )
    dagster_database_password: SecretStr | None = Field(
        None, description="That database's password; the URL may not have another."
    )
    max_k: int = Field(1000, ge=1, description="Most results of one answer.")
    on_partial: Literal["fail", "degrade", "wait"] = Field(
        "degrade", description="What a query does when windows are missing."
    )
    deadline_s: float = Field(5.0, gt=0, description="Seconds a query may take.")
    max_concurrent_queries: int = Field(
        32, ge=1, description="Queries at once; more are refused with 429."
    )
    max_connections: int = Field(
        1000, ge=1, description="Connections to the API at once; idle ones make room."
    )
    upload_timeout_s: float = Field(
        30.0, gt=0, description="Seconds that a query's body may take to arrive."
    )
    photo_urls: bool = Field(True, description="Whether a query may name its photo by a URL.")
    photo_url_concurrency: int = Field(
        16, ge=1, description="Photos downloaded from URLs at once; more are refused with 429."
    )
    photo_url_timeout_s: float = Field(
        3.0, gt=0, description="Seconds that a photo's URL may take to answer."
    )
    photo_url_private: bool = Field(
        False, description="Whether a photo's URL may lead to private addresses."
    )

    @property
    def state(self) -> Path:
        """``state_dir``, absolute."""
        return self._absolute(self.state_dir)

    @property
    def live_statuses(self) -> tuple[str, ...]:
        """``live_status``, one or several; the first is that of listings without a column."""
        return (self.live_status,) if isinstance(self.live_status, str) else self.live_status

    @property
    def catalogue_file(self) -> Path:
        """The SQLite file of the catalogue where no ``database_url`` is set."""
        return self.state / "catalogue.db"

    @property
    def image_store_url(self) -> str:
        """The image store's URL.

        Raises:
            SettingsError: if no ``photos_url`` is set.
        """
        if self.photos_url is None:
            raise SettingsError(
                "the folder of photos is not set",
                remedy="run 'photosearch init --photos DIR' or set photos_url",
            )
        return self.photos_url if "://" in self.photos_url else self._url(Path(self.photos_url))

    @property
    def repository_url(self) -> str:
        """The model repository's URL."""
        if self.models_url is None:
            return self._url(self.state / "repository")
        return self.models_url if "://" in self.models_url else self._url(Path(self.models_url))

    @property
    def image_registry_url(self) -> str:
        """The URL of the registry of serving images."""
        if self.registry_url is None:
            return self._url(self.state / "registry")
        return (
            self.registry_url if "://" in self.registry_url else self._url(Path(self.registry_url))
        )

    @property
    def max_hits(self) -> int:
        """Most photos that an index server answers: ten times ``max_k``, because a query asks
        for more than a page, of which some are photos of one listing and some are sold."""
        return 10 * self.max_k

    @property
    def cache_dir(self) -> Path:
        """The image cache's folder."""
        return self.state / "cache"

    @property
    def artifacts_dir(self) -> Path:
        """Folder of the local copies of artifacts that lie in a bucket."""
        return self.state / "artifacts"

    @property
    def own_dagster_home(self) -> Path:
        """Folder of a Dagster of this installation's own: its runs, events and logs."""
        return self.state / "dagster"

    @property
    def dagster_home(self) -> Path:
        """The home of the Dagster that is used: DAGSTER_HOME's, or this installation's own.

        Raises:
            DagsterHomeError: if DAGSTER_HOME is no folder.
        """
        return named_home(self.own_dagster_home) or self.own_dagster_home

    @property
    def servings_dir(self) -> Path:
        """Folder of the Servings that are asked for."""
        return self.state / "servings"

    @property
    def unpacked_images_dir(self) -> Path:
        """Folder of the serving images that this machine runs, unpacked."""
        return self.state / "images" / "unpacked"

    @property
    def endpoints_dir(self) -> Path:
        """Folder of endpoint files, by which the API discovers index servers."""
        return self.state / "endpoints"

    @property
    def logs_dir(self) -> Path:
        """Folder of the logs of all processes."""
        return self.state / "logs"

    @property
    def own_steps_path(self) -> Path:
        """The file or folder of a team's own steps, absolute."""
        return self._absolute(self.own_steps)

    @property
    def file(self) -> Path:
        """The settings file these settings belong to, whether it exists or not."""
        return self.base_dir / SETTINGS_FILE

    def environment(self) -> dict[str, str]:
        """What a child process needs in its environment to load the same settings."""
        return {**os.environ, **self.whereabouts()}

    def whereabouts(self) -> dict[str, str]:
        """The variable that leads to these settings: to their file, or without one, as in a
        container, to the folder from which relative paths count."""
        if self.file.exists():
            return {SETTINGS_VARIABLE: str(self.file)}
        return {BASE_DIR_VARIABLE: str(self.base_dir)}

    def _absolute(self, path: Path) -> Path:
        return (self.base_dir / expanded(path)).resolve()

    def _url(self, path: Path) -> str:
        return self._absolute(path).as_uri()


def load_settings(file: Path | None = None, **overrides: Any) -> Settings:
    """Read the settings file and the environment; ``overrides`` win over both.

    The file is ``file``, or what PHOTOSEARCH_SETTINGS names, or ``photosearch.toml`` in the
    current folder (or PHOTOSEARCH_BASE_DIR). The two that are named must exist; without the
    third, defaults hold.

    Raises:
        SettingsError: if the file is missing or unreadable, or a value is not allowed.
    """
    named = file or (
        Path(os.environ[SETTINGS_VARIABLE]) if SETTINGS_VARIABLE in os.environ else None
    )
    path = (named or Path(os.environ.get(BASE_DIR_VARIABLE, ""), SETTINGS_FILE)).resolve()
    if path.name != SETTINGS_FILE:
        raise SettingsError(
            f"the settings file is called {SETTINGS_FILE}",
            found=str(path),
            remedy=f"name a {SETTINGS_FILE}",
        )
    if named is not None and not path.exists():
        raise SettingsError(
            f"there is no settings file {path}", remedy="run 'photosearch init' to write one"
        )
    if path.exists() and not path.is_file():  # pydantic-settings would pass over it in silence
        raise SettingsError(f"{path} is not a file", remedy="move it out of the way")

    class FileSettings(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            toml = _TomlFile(settings_cls, path)
            return (init_settings, env_settings, toml)

    try:
        return FileSettings(**{"base_dir": path.parent, **overrides})
    except ValidationError as error:
        raise _refusal(error, path) from error
    except OSError as error:
        raise SettingsError(
            f"the settings file {path} can't be read",
            found=str(error),
            remedy="let this user read it",
        ) from error
    except UnicodeDecodeError as error:
        raise SettingsError(
            f"{path} is not a TOML file", found=str(error), remedy="save it as UTF-8"
        ) from error
    except ValueError as error:
        raise SettingsError(
            f"{path} is not a TOML file", found=str(error), remedy="correct that line"
        ) from error


class _TomlFile(TomlConfigSettingsSource):
    """Takes a file that begins with a mark of its order of bytes, as some editors write it."""

    def _read_file(self, file_path: Any) -> dict[str, Any]:
        return tomllib.loads(file_path.read_text("utf-8-sig"))


def _refusal(error: ValidationError, path: Path) -> SettingsError:
    """The first of pydantic's complaints, in our words."""
    first = error.errors(include_url=False)[0]
    name = str(first["loc"][0])
    correct = f"correct it in {path} or in PHOTOSEARCH_{name.upper()}"
    if first["type"] == "extra_forbidden":
        near = get_close_matches(name, Settings.model_fields, n=1)
        return SettingsError(
            f"there is no setting {name}",
            remedy=(f"did you mean {near[0]}? " if near else "")
            + f"{correct}; 'photosearch settings' lists them all",
        )
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, PhotosearchError):
        return SettingsError(
            f"setting {name} can't be used: {cause.what}",
            found=None if cause.found is None else masked_text(cause.found),
            limit=cause.limit,
            remedy="; ".join(filter(None, (cause.remedy, correct))),
        )
    return SettingsError(
        f"setting {name} can't be used: {first['msg']}",
        found=_found(name, first.get("input")),
        remedy=correct,
    )


def _found(name: str, value: Any) -> str:
    """A value that is refused, unless it is a secret: of one, as a number, only what it is."""
    field = Settings.model_fields.get(name)
    if field is not None and "Secret" in str(field.annotation):
        return f"a value of type {type(value).__name__}; a password is written in quotes"
    return str(masked_setting(repr(value)))
