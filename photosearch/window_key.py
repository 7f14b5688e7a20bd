"""A window as documents name it: its key in the text, a :class:`Window` in the code.

Manifests, Servings, endpoint files and notes say ``daily/2026-11-22``. A model with a field of
this type reads that once, at the border, and refuses a text that names no window as it refuses
any other damage; it writes the same text again.
"""

from typing import Annotated

from pydantic import GetPydanticSchema
from pydantic_core import core_schema

from photosearch.windows import Window

# By hand, because a Serving has hundreds: the text goes to parse without a function between.
_TEXT = core_schema.no_info_after_validator_function(Window.parse, core_schema.str_schema())
_SCHEMA = core_schema.json_or_python_schema(
    json_schema=_TEXT,
    python_schema=core_schema.union_schema([core_schema.is_instance_schema(Window), _TEXT]),
    serialization=core_schema.plain_serializer_function_ser_schema(
        lambda window: window.key, return_schema=core_schema.str_schema()
    ),
)

WindowKey = Annotated[Window, GetPydanticSchema(lambda _source, _handler: _SCHEMA)]
