"""The OpenAPI page: what it describes is what the API does, also for absurd requests."""

from typing import Any, cast

import httpx
import pytest
import schemathesis
from fastapi.routing import APIRoute
from hypothesis import HealthCheck, Phase, given, settings
from jsonschema_rs import Draft202012Validator
from schemathesis.checks import (
    content_type_conformance,
    not_a_server_error,
    response_schema_conformance,
    status_code_conformance,
)

from api.app import create_app
from api.openapi import SEARCH, SEARCH_ANSWERS
from tests.api.shop import Shop

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


def test_every_route_is_described_with_a_summary_and_its_problems(shop: Shop) -> None:
    app = create_app(shop.settings)
    schema = app.openapi()

    described = {route.path_format for route in app.routes if isinstance(route, APIRoute)}
    assert set(schema["paths"]) == described - {"/", "/docs"}
    for path in schema["paths"].values():
        for operation in path.values():
            assert operation["summary"]
            assert operation["responses"]["200"]["description"] != "Successful Response"
            problem = operation["responses"]["4XX"]["content"]["application/problem+json"]
            assert problem["schema"]["$ref"] == "#/components/schemas/Problem"


def test_the_examples_are_what_the_api_takes_and_gives(shop: Shop) -> None:
    schema = create_app(shop.settings).openapi()
    resolver_root = {"components": schema["components"]}

    body = SEARCH["requestBody"]["content"]["application/json"]
    for example in body["examples"].values():
        Draft202012Validator(body["schema"]).validate(example["value"])
    answer = SEARCH_ANSWERS[200]["content"]["application/json"]["example"]
    Draft202012Validator({**resolver_root, "$ref": "#/components/schemas/SearchAnswer"}).validate(
        answer
    )


def test_real_answers_are_as_described(whole: httpx.Client, shop: Shop) -> None:
    schema = whole.get("/openapi.json").json()

    def require(name: str, answer: Any) -> None:
        Draft202012Validator(
            {"components": schema["components"], "$ref": f"#/components/schemas/{name}"}
        ).validate(answer)

    require("SearchAnswer", whole.post("/v1/search", json={"listing_id": "lamps/item 13"}).json())
    require("Timeline", whole.get("/v1/windows").json())
    require("ListingAnswer", whole.get("/v1/listings/lamps/item%2013").json())
    require("Samples", whole.get("/v1/samples").json())
    require("Readiness", whole.get("/readyz").json())
    require("Problem", whole.get("/v1/listings/none").json())


@pytest.mark.timeout(100)
def test_no_request_that_a_fuzzer_makes_up_is_a_server_error(whole: httpx.Client) -> None:
    schema = schemathesis.openapi.from_url(f"{whole.base_url}/openapi.json")
    for found in schema.get_all_operations():
        fuzz(cast(Any, found).ok(), str(whole.base_url))


def fuzz(operation: Any, url: str) -> None:
    @settings(
        max_examples=25,
        derandomize=True,
        database=None,
        deadline=None,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def run(case: Any) -> None:
        case.validate_response(case.call(base_url=url), checks=CHECKS)

    run()
