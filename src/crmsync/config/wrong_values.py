"""What is wrong with a value, in the catalogue's words: the validator's speak English only, and of Python's types."""

from __future__ import annotations

import re
from typing import Any

from crmsync.messages import Phrase

_WANTED = {
    "bool_type": "truth",
    "bool_parsing": "truth",
    "date_from_datetime_inexact": "day",
    "date_from_datetime_parsing": "day",
    "date_parsing": "day",
    "date_type": "day",
    "dict_type": "mapping",
    "finite_number": "number",
    "float_parsing": "number",
    "float_type": "number",
    "int_from_float": "whole_number",
    "int_parsing": "whole_number",
    "int_type": "whole_number",
    "list_type": "list",
    "model_type": "mapping",
    "one_secret": "one_secret",
    "string_type": "text",
    "tuple_type": "list",
}
"""The validator's kind of error, and what belongs there instead; see `[wants]` in the catalogue."""

_BOUNDS = {
    "greater_than": ("more_than", "gt"),
    "greater_than_equal": ("at_least", "ge"),
    "less_than": ("less_than", "lt"),
    "less_than_equal": ("at_most", "le"),
    "string_pattern_mismatch": ("pattern", "pattern"),
    "string_too_long": ("no_longer_than", "max_length"),
    "string_too_short": ("no_shorter_than", "min_length"),
    "too_long": ("no_more_than", "max_length"),
    "too_short": ("no_fewer_than", "min_length"),
}
"""The validator's kind of error, the phrase for it, and where the validator has the bound."""


def wants(found: Any) -> Phrase | str:
    """What belongs where pydantic found an error (one of `ValidationError.errors()`); pydantic's own words for what is not
    expected in a configuration."""
    kind, context = found["type"], found.get("ctx", {})
    if kind in _WANTED:
        return Phrase(f"wants.{_WANTED[kind]}")
    if kind in _BOUNDS:
        phrase, bound = _BOUNDS[kind]
        return Phrase(f"wants.{phrase}", {"bound": _plain(context[bound])})
    if kind == "literal_error":
        return Phrase("wants.one_of", {"known": ", ".join(re.findall(r"'([^']*)'", context["expected"]))})
    return str(found["msg"])


def _plain(bound: Any) -> Any:
    """As people write it: 0, not 0.0."""
    return int(bound) if isinstance(bound, float) and bound.is_integer() else bound
