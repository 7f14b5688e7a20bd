"""What the OpenAPI page says beyond what the models say: examples, bodies, errors.

A search body is parsed by hand (its size is bounded while it is read), so its two media
types are described by hand too, from the same model.
"""

import json
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from photosearch.rest.problem import MEDIA_TYPE, Problem
from photosearch.rest.search import SearchRequest

DESCRIPTION = """
Send a photo, get the listings that look like it. Every answer tells what was searched
(`coverage`): which windows of time, by which index server, what failed and what is missing.

Errors are `application/problem+json` with `what`, `found`, `limit` and `remedy`.
"""

_PROBLEM: dict[str, Any] = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}

ERRORS: dict[str, dict[str, Any]] = {
    "4XX": {"description": "The request can't be answered as it is.", "content": _PROBLEM},
    "5XX": {"description": "The service can't answer now.", "content": _PROBLEM},
}

_SEARCH_SCHEMA = SearchRequest.model_json_schema()
_FORM_SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["photo"],
    "properties": {
        "photo": {"type": "string", "format": "binary", "description": "The photo's file."},
        **{
            name: _SEARCH_SCHEMA["properties"][name]
            for name in ("k", "min_score", "on_partial", "cursor")
        },
    },
}

SEARCH: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {"schema": _FORM_SCHEMA},
            "application/json": {
                "schema": _SEARCH_SCHEMA,
                "examples": {
                    "more like this": {
                        "summary": "More like a listing",
                        "value": {"listing_id": "shoes/red.jpg", "k": 12},
                    },
                    "url": {
                        "summary": "A photo from the web",
                        "value": {"url": "https://example.org/photo.jpg", "min_score": 0.5},
                    },
                    "photo": {
                        "summary": "A photo in base64",
                        "value": {"photo": "/9j/4AAQSkZJRg...", "on_partial": "wait"},
                    },
                    "vector": {
                        "summary": "An embedding of your own (256 numbers by default)",
                        "value": {"vector": [0.0431, -0.0127, 0.0885], "fingerprint": "3f9a1c"},
                    },
                    "next page": {
                        "summary": "The listings that follow",
                        "value": {"cursor": "Zm9sbG93..."},
                    },
                },
            },
        },
    }
}

_ANSWER = {
    "results": [
        {
            "listing_id": "shoes/red.jpg",
            "photo_id": "shoes/red.jpg",
            "score": 0.931204,
            "title": "Red running shoes",
            "category": "shoes",
            "price": 24.5,
            "listed_at": "2026-10-12T08:15:00Z",
            "window": "monthly/2026-10",
            "photo_url": "/v1/photos/shoes/red.jpg",
        }
    ],
    "coverage": {
        "complete": True,
        "fingerprint": "3f9a1c",
        "newest": "2026-11-01T00:00:00Z",
        "windows": [
            {
                "window": "monthly/2026-10",
                "version": "8c41d2",
                "served_by": "months-8c41d2",
                "stale": False,
            }
        ],
        "gaps": [],
        "failed": [],
        "staleness": {"behind_s": 1260.0, "ahead_s": 0.0, "windows": []},
        "hidden": [
            {
                "reason": "status",
                "listings": 2,
                "why": "its status is 'sold', live_status is 'live'",
            }
        ],
        "truncated": False,
    },
    "timings_ms": {"decode": 3.1, "embed": 5.2, "search": 1.4, "catalogue": 0.6, "total": 11.0},
    "cursor": None,
}

SEARCH_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Listings, best first, and what was searched.",
        "content": {"application/json": {"example": _ANSWER}},
    },
}

TIMELINE_ANSWERS: dict[int | str, dict[str, Any]] = {
    304: {"description": "All but `now` is still as the ETag in If-None-Match names it."},
}

PHOTO_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The bytes; the type is what they are, not what their name says.",
        "content": {
            kind: {"schema": {"type": "string", "format": "binary"}}
            for kind in ("image/jpeg", "image/png", "image/webp", "application/octet-stream")
        },
    },
    304: {"description": "They are still what the ETag in If-None-Match names."},
}


def describe(app: FastAPI, root_path: str = "") -> dict[str, Any]:
    """The OpenAPI page of ``app``, made once, with the problems that every path may answer."""
    if app.openapi_schema is None:
        schema = get_openapi(
            title=app.title,
            version=app.version,
            summary=app.summary,
            description=app.description,
            routes=app.routes,
            servers=[{"url": root_path}] if root_path else None,
        )
        schemas = schema.setdefault("components", {}).setdefault("schemas", {})
        schemas["Problem"] = Problem.model_json_schema()
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        for path in schema["paths"].values():
            for operation in path.values():
                operation["responses"].pop("422", None)  # FastAPI's own form of it
                operation["responses"] |= ERRORS
                _describe_success(operation["responses"]["200"], schemas)
        app.openapi_schema = schema
    return app.openapi_schema


def written(app: FastAPI) -> bytes:
    """The page as it is sent."""
    return json.dumps(app.openapi(), separators=(",", ":")).encode()


def _describe_success(answer: dict[str, Any], schemas: Mapping[str, Any]) -> None:
    """Say what is answered, in the words of its model, where FastAPI says "Successful Response"."""
    schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
    model = schemas.get(schema.get("$ref", "").rpartition("/")[2], {})
    if answer["description"] == "Successful Response" and "description" in model:
        answer["description"] = model["description"]
