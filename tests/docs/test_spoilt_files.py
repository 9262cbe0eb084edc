"""Whatever is wrong in a file of a configuration is told in our own words, and so in the reader's language."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from prose import ROOT

from crmsync.config.document import read_document, validate
from crmsync.errors import FixConfig
from crmsync.messages import Phrase
from pages import configuration

RULES = sorted((ROOT / "mappings" / "rules").glob("*.yaml"))


def spoilt(value: Any) -> Iterator[Any]:
    """The value with each of its parts in turn replaced by each wrong thing."""
    yield from (None, [], {}, [[]], "?!", "", -1e9, 1.5, True, {"a": {}})
    if isinstance(value, dict):
        yield from ({**value, key: other} for key in value for other in spoilt(value[key]))
    if isinstance(value, list) and value:
        yield from ([other, *value[1:]] for other in spoilt(value[0]))


@pytest.mark.parametrize("file", RULES, ids=lambda file: file.stem)
def test_no_mistake_in_the_rules_is_told_in_the_words_of_a_library(file: Path) -> None:
    document, model = read_document(file), configuration.FILES[f"rules/{file.name}"]
    found = []
    for data in islice(spoilt(document.data), 1200):
        try:
            validate(replace(document, data=data), model)
        except FixConfig as error:
            found += [problem.params["detail"] for problem in error.problems if problem.code == "config.wrong_value"]
    assert found
    assert {str(detail) for detail in found if not isinstance(detail, Phrase)} == set()
