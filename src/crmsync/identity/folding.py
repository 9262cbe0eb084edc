"""Match keys for Japanese and English names. Keys are compared and never shown: the display form is never rewritten.

NFKC folds width, ㈱ and half-width kana; it leaves variant kanji (髙/高), the many dashes and the middle dots, so these have
tables of their own.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

import polars as pl

_VARIANTS = str.maketrans(
    dict(
        zip(
            "髙﨑邉邊齋齊嶋嶌濵濱澤廣德惠眞櫻國學會圓榮龍瀧藏萬與壽𠮷栁塚條曾淵彌禮顯鐵靜",
            "高崎辺辺斎斉島島浜浜沢広徳恵真桜国学会円栄竜滝蔵万与寿吉柳塚条曽渕弥礼顕鉄静",
            strict=True,
        )
    )
)
_DASHES = re.compile("[-\u2010-\u2015\u2212\ufe63\uff0d]")
_AFTER_KANA = re.compile("(?<=[\u30a0-\u30ff])[-\u2010-\u2015\u2212\ufe63\uff0d]")
_WAVES = str.maketrans({"\u301c": "~", "\uff5e": "~"})
_SILENT = re.compile(r"[\s\u30fb\u00b7\u2022\uff65'’`´.,、。]+")
_KANA = re.compile(r"[\u3041-\u30ff]")
_HAN = re.compile(r"[\u3400-\u9fff\uf900-\ufaff々\U00020000-\U0002ffff]")
_LATIN = re.compile(r"[a-z]")


@lru_cache(maxsize=65_536)
def fold(text: str) -> str:
    """One form for all ways to type the same name. A dash after katakana is a long vowel mark, elsewhere it is nothing."""
    plain = unicodedata.normalize("NFKC", text).translate(_VARIANTS).translate(_WAVES).casefold()
    return _SILENT.sub("", _DASHES.sub("", _AFTER_KANA.sub("ー", plain)))


def fold_company(name: str, legal_forms: Iterable[str]) -> str:
    """A company's name without its legal form. Japanese forms stand anywhere, Latin ones only at the end as words of their
    own. A name that is nothing but legal form keeps it."""
    plain = unicodedata.normalize("NFKC", name).casefold()
    found = plain
    for form in _by_length(tuple(legal_forms)):
        found = _without(found, form)
    return fold(found) or fold(plain)


@lru_cache(maxsize=16)
def _by_length(forms: tuple[str, ...]) -> tuple[str, ...]:
    folded = {unicodedata.normalize("NFKC", form).casefold() for form in forms}
    return tuple(sorted(folded, key=lambda form: (-len(form), form)))


def _without(name: str, form: str) -> str:
    if not form.isascii() or form.startswith("("):
        return name.replace(form, " ")
    return re.sub(rf"[\s,]+{re.escape(form)}[\s.,]*$", "", name)


def script(folded: str) -> str:
    """How a name is written: "han" (any kanji), "kana", "latin" or "other". Names in different scripts cannot be compared."""
    if _HAN.search(folded):
        return "han"
    if _KANA.search(folded):
        return "kana"
    return "latin" if _LATIN.search(folded) else "other"


def is_japanese(texts: pl.Expr) -> pl.Expr:
    """Whether there is a kana or a kanji in each; false where there is no text."""
    return texts.str.contains(f"{_KANA.pattern}|{_HAN.pattern}").fill_null(value=False)
