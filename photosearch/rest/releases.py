"""How an answer is read that an API of another release wrote.

Members that a reader doesn't know are passed over by every model of an answer. Members that
came with a later release have a default, for the answers of an earlier one, though the OpenAPI
document promises them. And a word of a closed list that is not on it yet is read as a text: a
rule that hides listings may come, and who only counts them must not fail at its name. What
the API itself writes is held to its lists by its types and by the OpenAPI document.
"""

from typing import Any

from pydantic import ConfigDict, ValidationError, ValidatorFunctionWrapHandler, WrapValidator

#: Of a model whose members with a default are missing in answers of earlier releases only.
ALWAYS_SENT = ConfigDict(json_schema_serialization_defaults_required=True)


def _known_or_text(word: Any, known: ValidatorFunctionWrapHandler) -> Any:
    try:
        return known(word)
    except ValidationError:
        if isinstance(word, str):
            return word
        raise


#: Annotates a member whose words may become more.
MAY_GROW = WrapValidator(_known_or_text)
