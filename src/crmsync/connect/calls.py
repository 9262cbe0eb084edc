"""What one request to a CRM is, what its answer means, and how it ends when it does not go through. Pure values."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

from crmsync.errors import CrmsyncError, StopConnector

Kind = Literal["ok", "retry", "auth", "quota", "stop", "reject"]
Params = Mapping[str, Any] | Sequence[tuple[str, Any]]

_REPEATABLE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
_SECRETS = re.compile(
    r"(?i)\b(bearer|oauth|basic)\s+(?!2\.0\b)[^\s\"']+|\b00D\w{12,15}![\w.]+"
    r"|\b(access_token|refresh_token|client_secret|assertion|password)([\"']?\s*[=:]\s*[\"']?)[^\s\"'&,}]+"
)
_LONGEST_TEXT = 200


@dataclass(frozen=True, slots=True)
class Call:
    """One request, complete enough to be built again for every attempt.

    `url` is absolute, or a path that is joined to the base URL "api". `lane` is the vendor's bucket it is counted in.
    `repeatable` says whether sending it twice does no harm; None asks the method (GET, PUT, DELETE yes; POST, PATCH no).
    `is_lenient` hands answers that the classifier rejects back to the caller: what vendors' client libraries expect.
    `is_anonymous` sends no credentials. `wants_json` makes a failed attempt of an answer that is ok and holds something else, such
    as the page of a proxy: a body that nobody can read says neither yes nor no."""

    method: str
    url: str
    params: Params | None = None
    json: Any = None
    content: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    lane: str = "burst"
    repeatable: bool | None = None
    is_lenient: bool = False
    is_anonymous: bool = False
    wants_json: bool = False

    @property
    def is_repeatable(self) -> bool:
        return self.method.upper() in _REPEATABLE_METHODS if self.repeatable is None else self.repeatable

    @property
    def path(self) -> str:
        """The path without host and query: what may be shown (queries can hold personal data)."""
        return urlsplit(self.url).path


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an answer, or its absence, means.

    ok      hand the response to the caller, whatever its status
    retry   the same call may go through, not before `wait_seconds` where the vendor said so
    auth    the credentials were not taken, after the one renewal that the auth flow allows itself
    quota   a limit that no short wait lifts; with `wait_seconds`, nothing is sent before they are over
    stop    nothing of this connection will work until someone acts
    reject  this one call is wrong; `code` and `message` are the vendor's

    `is_untaken` is True where the CRM surely did nothing with the request (it was never sent, or was refused at the door):
    then also a call that must not be repeated may be."""

    kind: Kind
    code: str = ""
    message: str = ""
    wait_seconds: float | None = None
    is_untaken: bool = False


OK = Verdict("ok")


class CallRejected(StopConnector):
    """The CRM understood one call and refused it. A connector turns it into receipts, an unreadable object, a smaller query;
    where it does not, the connection stops."""

    @property
    def status(self) -> int:
        """The HTTP status, 0 where there was no answer."""
        return int(self.params.get("status", 0))

    @property
    def vendor_code(self) -> str:
        return str(self.params.get("vendor_code", ""))

    @property
    def message(self) -> str:
        return str(self.params.get("message", ""))


class AnswerLost(CrmsyncError):
    """A call that must not be repeated was sent, and whether the CRM acted on it is not known: read before anything else."""


def shown(text: str) -> str:
    """A vendor's text, safe to show: one line, no credential, at most 200 characters."""
    line = _SECRETS.sub("***", " ".join(text.split()))
    return line if len(line) <= _LONGEST_TEXT else line[: _LONGEST_TEXT - 1] + "…"
