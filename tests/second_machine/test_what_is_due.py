"""What decides what is due lies in the stores that machines share."""

from tests.assets.by_hand import due
from tests.second_machine.conftest import Machines


def test_a_second_machine_sees_that_nothing_is_due(made: Machines) -> None:
    assert due(made.first).is_empty

    assert due(made.second).is_empty
    assert not (made.second.settings.cache_dir / "photos").exists()
