"""Our own steps by name, each imported when it is used.

The code location lists names only; the libraries behind a step are loaded by the run.
"""

from collections.abc import Callable, Iterator, Sequence
from importlib import import_module

from photosearch.windows import Window
from photosearch_assets.errors import StepError
from photosearch_assets.steps.context import StepContext
from photosearch_assets.steps.result import StepResult

Step = Callable[[Sequence[Window], StepContext], Iterator[StepResult]]

_STEPS = {
    "embedder": "build_embedder:run",
    "images": "fetch_images:run",
    "embeddings": "embed_photos:run",
    "quantiser": "train_quantiser:run",
    "hourly_index": "encode_hours:run",
    "daily_index": "glue:glue_days",
    "monthly_index": "glue:glue_months",
    "serving_image": "ship:build_images",
    "index_service": "ship:ask_for_servings",
}
NAMES = tuple(_STEPS)


def own_step(name: str) -> Step:
    """The step of this name.

    Raises:
        StepError: if there is none.
    """
    place = _STEPS.get(name)
    if place is None:
        raise StepError(
            "there is no such step", found=repr(name), limit=f"one of {', '.join(NAMES)}"
        )
    module, function = place.split(":")
    step: Step = getattr(import_module(f"photosearch_assets.steps.{module}"), function)
    return step
