"""When two values of a Salesforce field are the same to us."""

from __future__ import annotations

import math
from typing import Any

from crmsync_salesforce.ids import to_18
from crmsync_salesforce.times import parse_instant


def is_same(held: Any, wanted: Any, kind: str = "") -> bool:
    """Whether a field that holds one already says the other: empty text is null, instants may be written in several ways,
    numbers within a rounding of the field's scale, ids with or without checksum, texts but for outer blanks and line ends,
    choices of several in any order. `kind` is describe's type of the field."""
    if held.__class__ is wanted.__class__ and held == wanted:
        return True
    if held in (None, "") or wanted in (None, ""):
        return held in (None, "") and wanted in (None, "")
    if isinstance(held, bool) or isinstance(wanted, bool):
        return held is wanted
    if isinstance(held, int | float) and isinstance(wanted, int | float):
        # Two decimals is the least scale that crmsync's own number fields have.
        return math.isclose(held, wanted, rel_tol=1e-9, abs_tol=0.005)
    if kind == "multipicklist":
        return set(str(held).split(";")) == set(str(wanted).split(";"))
    if isinstance(held, str) and isinstance(wanted, str):
        return held == wanted or _text(held) == _text(wanted) or _instants_agree(held, wanted)
    return bool(held == wanted)


def _text(value: str) -> str:
    return to_18(value.replace("\r\n", "\n").strip())


def _instants_agree(held: str, wanted: str) -> bool:
    first, second = parse_instant(held), parse_instant(wanted)
    return first is not None and second is not None and first.replace(microsecond=0) == second.replace(microsecond=0)
