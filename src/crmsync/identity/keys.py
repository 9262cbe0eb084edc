"""Normalised keys: when two addresses, numbers or names are the same one."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection

_DOMAIN = re.compile(r"[a-z0-9\u0080-\uffff]([a-z0-9\u0080-\uffff-]*[a-z0-9\u0080-\uffff])?(\.[a-z0-9\u0080-\uffff-]+)+")


def email_key(text: str | None) -> str | None:
    """Width and case folded, trimmed, exactly one @ with something on both sides. Nothing clever: dots and +tags are the
    business of the mail server, and two addresses that one server takes for one may be two people on another."""
    folded = unicodedata.normalize("NFKC", text or "").casefold().strip()
    local, at, domain = folded.partition("@")
    if not local or not at or not domain or "@" in domain or len(folded.split(maxsplit=1)) > 1:
        return None
    return folded


def phone_key(text: str | None) -> str | None:
    """The E.164 number that mappings write, without its extension; None for anything else."""
    number = (text or "").partition(";")[0]
    return number if re.fullmatch(r"\+\d{6,15}", number) else None


def postal_key(text: str | None) -> str | None:
    """The letters and digits of a postal code, at least four of them, whatever stands between; a leading 〒 is none."""
    code = re.sub(r"[^0-9a-z]", "", unicodedata.normalize("NFKC", text or "").casefold())
    return code if len(code) >= 4 else None


def corporate_number(text: str | None) -> str | None:
    """The 13 digits of a 法人番号 whose check digit is right; the T of an invoice registration number is taken off.

    The leading digit is 9 − (Σ digit × weight mod 9), weights 1 and 2 in turn from the right of the other twelve
    (houjin-bangou.nta.go.jp, checkdigit.pdf). A weak check: it misses 0 for 9 and swaps of digits of one weight."""
    digits = re.sub(r"[\s-]", "", unicodedata.normalize("NFKC", text or "")).upper().removeprefix("T")
    if not re.fullmatch(r"[0-9]{13}", digits):
        return None
    total = sum(int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits[1:])))
    return digits if int(digits[0]) == 9 - total % 9 else None


def domain_of(email: str | None) -> str | None:
    """The part after the @."""
    key = email_key(email)
    return key.partition("@")[2] if key else None


def website_domain(text: str | None) -> str | None:
    """The domain of a web address or of a domain as people type it, without www."""
    plain = unicodedata.normalize("NFKC", text or "").strip().casefold()
    host = re.sub(r"^[a-z]+://", "", plain).split("/")[0].split("?")[0].partition(":")[0].removeprefix("www.")
    return host if _DOMAIN.fullmatch(host) else None


def company_domain(domain: str | None, shared: Collection[str]) -> str | None:
    """The domain where it can stand for one company: not of a free or consumer mail service, nor of a part of one."""
    if not domain or is_shared(domain, shared):
        return None
    return domain


def is_shared(domain: str, shared: Collection[str]) -> bool:
    """Whether the domain, or one above it, is of a mail service that anyone can have an address at."""
    parts = domain.split(".")
    return any(".".join(parts[start:]) in shared for start in range(len(parts) - 1))
