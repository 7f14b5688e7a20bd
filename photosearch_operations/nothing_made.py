"""What is said where nothing was made yet: of nothing, no part is damaged and none too much."""

from photosearch.settings.settings import Settings
from photosearch.terminal.masked import masked


def nothing_made(settings: Settings) -> str:
    """That there was nothing to look at, and where."""
    where = masked(settings.repository_url)
    return (
        f"there was nothing to look at: the model repository {where} holds no version; "
        "'photosearch materialize' makes them, models_url says where"
    )
