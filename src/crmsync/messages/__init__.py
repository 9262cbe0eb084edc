"""Every sentence that a person reads, in Japanese and English, from one catalogue (`catalogue/*.toml`).

    [config.unknown_key]
    en = "Unknown key {key}. Did you mean {nearest}?"
    ja = "不明なキー {key} です。{nearest} ではありませんか。"

Pure: texts in, texts out. Parameters are `str.format` names; a missing one is a bug and raises. What stands in double brackets
is said only where each parameter in it has something to say: "There is no column {name}.[[ Nearest: {nearest}.]]".
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any, Literal

Language = Literal["ja", "en"]
LANGUAGES: tuple[Language, ...] = ("ja", "en")
_OPTIONAL = re.compile(r"\[\[(.*?)\]\]")
_NAMES = re.compile(r"\{(\w+)")


@dataclass(frozen=True, slots=True)
class Phrase:
    """A part of a sentence that is in the catalogue itself: as a parameter it is said in the language of the whole."""

    code: str
    params: Mapping[str, Any] = field(default_factory=dict)


@cache
def catalogue() -> dict[str, dict[str, str]]:
    """Code → language → text, all files together. Raises ValueError where two files define one code."""
    texts: dict[str, dict[str, str]] = {}
    for entry in sorted(resources.files(__name__).joinpath("catalogue").iterdir(), key=lambda e: e.name):
        if entry.name.endswith(".toml"):
            for code, text in _flatten(tomllib.loads(entry.read_text(encoding="utf-8"))):
                if code in texts:
                    raise ValueError(f"message {code} is defined twice (again in {entry.name})")
                texts[code] = text
    return texts


def say(code: str, language: Language = "en", /, **params: Any) -> str:
    """The sentence for `code`. Raises KeyError for a code or a parameter that is not there."""
    said = {name: say(part.code, language, **part.params) if isinstance(part, Phrase) else part for name, part in params.items()}

    def wanted(part: re.Match[str]) -> str:
        return part[1] if all(said[name] for name in _NAMES.findall(part[1])) else ""

    return _OPTIONAL.sub(wanted, catalogue()[code][language]).format(**said)


def whole(text: str) -> str:
    """A text of the catalogue with all that it may say, for those who list them."""
    return _OPTIONAL.sub(r"\1", text)


def name_of(group: str, word: str | None, language: Language = "en") -> str:
    """What people call a word of the domain ("phase", "touch", …). A word that only a customer's own configuration knows is
    its own name; no word at all is a dash."""
    if not word:
        return "—"
    texts = catalogue().get(f"{group}.{word}")
    return texts[language] if texts else word


def _flatten(node: dict[str, Any], prefix: str = "") -> list[tuple[str, dict[str, str]]]:
    if set(node) <= set(LANGUAGES) and node:
        return [(prefix, node)]
    return [pair for key, child in node.items() for pair in _flatten(child, f"{prefix}.{key}" if prefix else key)]
