"""From what the repository holds to images and Servings.

Compares state and remembers nothing: the packs that HEADs ask for, the images that the
registry has, the Servings that are asked for. So a lost event, a failed build and a deleted
image all look alike, and are all found by the next comparison.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from index_grpc.serving.desired import DesiredServings, RefusedKey
from index_grpc.serving.desk import RefusedIndex, ServingDesk
from index_grpc.serving.desk_notes import DeskNotes
from index_grpc.serving.opening import open_desk
from index_grpc.serving.serving import Serving
from index_grpc.shipping.image import build_serving_image, find_serving_image
from photosearch.backoff import pause_s
from photosearch.errors import PhotosearchError
from photosearch.oci.building.build import BuiltImage, ImageBuilder
from photosearch.oci.errors import DamagedImage
from photosearch.oci.opening import open_builder
from photosearch.oci.signing.trust import ImageSigner
from photosearch.repository.addresses import Address
from photosearch.repository.errors import ArtifactMissing, DamagedArtifact, RepositoryError
from photosearch.repository.repository import Repository
from photosearch.settings.settings import Settings

FIRST_RETRY_S = 30.0
LAST_RETRY_S = 600.0
_DAMAGE = (DamagedImage, DamagedArtifact, ArtifactMissing)


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Built:
    """What became of the images: of each Serving in order, and why some have none.

    ``is_complete`` says whether every pack that was planned has its image, and ``asked`` are the
    Servings that were asked for when it was planned.
    """

    images: Sequence[tuple[Serving, BuiltImage]]
    failed: Sequence[str]
    is_complete: bool
    asked: Mapping[str, Serving]


@dataclass(frozen=True)
class Comparison:
    """What is wanted beside what there is. Every Serving of ``ready`` names its image."""

    ready: Sequence[Serving] = ()
    unbuilt: Sequence[Serving] = ()
    unasked: Sequence[Serving] = ()
    surplus: Sequence[str] = ()

    @property
    def is_settled(self) -> bool:
        """Whether every wanted Serving is asked for, with its image there, and no other is."""
        return not (self.unbuilt or self.unasked or self.surplus)


@dataclass
class ServingReconciler:
    """Makes images for packs, and asks for the packs as Servings. Kept, it looks cheaply."""

    settings: Settings
    repository: Repository
    builder: ImageBuilder
    clock: Callable[[], datetime] = _utc_now
    first_retry_s: float = FIRST_RETRY_S
    _desk: ServingDesk = field(init=False)
    _desired: DesiredServings = field(init=False)
    _signer: ImageSigner = field(init=False)

    def __post_init__(self) -> None:
        self._desk = open_desk(self.settings)
        self._desired = DesiredServings(self.settings, self.repository, self.clock)
        self._signer = ImageSigner(self.settings)

    @classmethod
    def open(cls, settings: Settings) -> "ServingReconciler":
        """On the repository and the registry of the settings."""
        return cls(settings, Repository.of(settings), open_builder(settings))

    def compare(self) -> Comparison:
        """Look at repository, registry and Servings.

        Raises:
            PhotosearchError: if one of them can't be read.
        """
        ready, unbuilt = [], []
        for serving in self._planned(self._left_out()):
            digest = find_serving_image(serving, self.builder)
            if digest is None or not self._signer.has_signed(self.builder.registry, digest):
                unbuilt.append(serving)
            else:
                ready.append(serving.model_copy(update={"image": digest}))
        asked = self._desk.asked()
        unasked = [serving for serving in ready if asked.get(serving.name) != serving]
        known = {serving.name for serving in [*ready, *unbuilt]}
        return Comparison(ready, unbuilt, unasked, [name for name in asked if name not in known])

    def build(self) -> Built:
        """Build every image that is missing, newest windows first.

        A window whose index is damaged is left out of its pack, so that its finer windows
        stand in for it where they are ready. It is told as refused, and tried again later.
        """
        refused = {index.key: index for index in self._desk.refused("builder")}
        left_out = self._left_out()
        failed: dict[str, str] = {}
        images: list[tuple[Serving, BuiltImage]] = []
        asked = self._desk.asked()
        to_build = self._planned(left_out)
        while to_build:
            serving, *to_build = to_build
            try:
                built = build_serving_image(serving, self.repository, self.builder)
                self._signer.sign(self.builder.registry, built.digest)
            except PhotosearchError as error:
                found = dict(self._damages(serving)) if isinstance(error, _DAMAGE) else {}
                if not found:
                    failed[serving.name] = str(error)
                    continue
                refused |= {key: self._refusal(key, why, refused) for key, why in found.items()}
                left_out |= found.keys()
                images.clear()
                to_build = self._planned(left_out)  # other packs than before: all are looked at
                continue
            images.append((serving, built))
        served = {(w.window, w.version) for serving, _ in images for w in serving.windows}
        still = (left_out - served) & self._desired.current
        kept = [one for key, one in refused.items() if key in still]
        self._desk.tell_refused("builder", kept)
        told = failed | {f"{one.window} {one.version}": one.reason for one in kept}
        return Built(images, [f"{name}: {why}" for name, why in told.items()], not failed, asked)

    def ask(self) -> Comparison:
        """Ask for every Serving whose image is there; and when all are, for no other.

        Where windows are made all the time, the HEADs have moved on since the images were built,
        and would have when they were built again. So what is missing then is built and
        asked for in one go, as it was planned: it answers until the next does.

        Returns what was found before.
        """
        # First: whoever deletes for another desk must know of this one.
        DeskNotes(self.repository.storage).note(self._desk)
        with self._desk.one_asker():
            compared = self.compare()
            for serving in compared.unasked:
                self._desk.ask(serving)
            if not compared.unbuilt:
                for name in compared.surplus:
                    self._desk.let_go(name)
        if compared.unbuilt:
            self._ask_for(self.build())
        return compared

    def _ask_for(self, built: Built) -> None:
        """Ask for these and no others, unless somebody has asked for something meanwhile: that
        may be newer, or without what was erased."""
        with self._desk.one_asker():
            asked = self._desk.asked()
            if not built.is_complete or asked != built.asked:
                return
            servings = [one.model_copy(update={"image": made.digest}) for one, made in built.images]
            for serving in servings:
                if asked.get(serving.name) != serving:
                    self._desk.ask(serving)
            for name in asked.keys() - {serving.name for serving in servings}:
                self._desk.let_go(name)

    def _planned(self, left_out: Collection[RefusedKey]) -> list[Serving]:
        self._desired.look()
        return self._desired.servings(left_out, self._apart())

    def _apart(self) -> set[RefusedKey]:
        """The indexes that travel alone, because a server that held one of them crashed."""
        refused = self._desk.refused("deployer")
        return {one.key for one in refused if one.crashed} | {
            (served.window, served.version)
            for crashing in self._desk.crashing()
            for served in crashing.apart
        }

    def _left_out(self) -> set[RefusedKey]:
        now = self.clock()
        # A pause that is longer than any was begun by a clock that was ahead.
        latest = now + timedelta(seconds=LAST_RETRY_S)
        by_builder = {
            one.key for one in self._desk.refused("builder") if now < one.retry_at <= latest
        }
        by_deployer = {one.key for one in self._desk.refused("deployer") if one.left_out}
        return by_builder | by_deployer

    def _refusal(
        self, key: RefusedKey, reason: str, before: Mapping[RefusedKey, RefusedIndex]
    ) -> RefusedIndex:
        times = before[key].times + 1 if key in before else 1
        pause = timedelta(seconds=pause_s(times, self.first_retry_s, LAST_RETRY_S))
        retry_at = self.clock() + pause
        return RefusedIndex(
            window=key[0], version=key[1], reason=reason, retry_at=retry_at, times=times
        )

    def _damages(self, serving: Serving) -> Iterable[tuple[RefusedKey, str]]:
        """The windows of a Serving whose files are not what their manifests say."""
        for served in serving.windows:
            address = Address.index(serving.fingerprint, served.window)
            try:
                for damage in self.repository.check(address, served.version):
                    raise damage
            except RepositoryError as error:
                yield (served.window, served.version), str(error)


def reconcile_servings(settings: Settings) -> Built:
    """Build what is missing and ask for it, at once.

    Raises:
        PhotosearchError: if the repository or the registry can't be used.
    """
    reconciler = ServingReconciler.open(settings)
    built = reconciler.build()
    reconciler.ask()
    return built
