"""What pydantic complains of, as a person is told it."""

import pytest
from pydantic import ValidationError

from index_grpc.serving.serving import ServedWindow
from photosearch.errors import first_fault


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ('{"window": "hourly/2026-11-22T10"}', "version: Field required"),
        ("{", "Invalid JSON"),
    ],
)
def test_the_first_complaint_names_its_place_if_it_has_one(content: str, fault: str) -> None:
    with pytest.raises(ValidationError) as refused:
        ServedWindow.model_validate_json(content)

    assert first_fault(refused.value).startswith(fault)
