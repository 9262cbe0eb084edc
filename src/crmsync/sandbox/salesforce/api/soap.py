"""`login()` of the partner SOAP API: what clients with a user name and a password still use, in versions before 65."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from crmsync.sandbox.salesforce.api.wire import Answer, Request

if TYPE_CHECKING:
    from crmsync.sandbox.salesforce.org import Org

FIRST_WITHOUT_LOGIN = 65
"""https://help.salesforce.com/s/articleView?id=release-notes.rn_api_upcoming_retirement_258rn.htm&release=258&type=5"""
_ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
_PARTNER = "urn:partner.soap.sforce.com"
_FAULT = "urn:fault.partner.soap.sforce.com"
_XML = "text/xml;charset=UTF-8"
_WRONG = "Invalid username, password, security token; or user locked out."


def login(org: Org, version: str, request: Request, base_url: str, mint: Callable[[], str]) -> Answer:
    """Answer one `login` call; `mint` gives a session's id, and is asked only once user and password are right.

    A security token may follow the password.
    """
    number = float(version) if re.fullmatch(r"\d+(\.\d)?", version) else 0.0
    if not org.config.oldest_version <= number < FIRST_WITHOUT_LOGIN:
        return _fault("UNSUPPORTED_API_VERSION", "UNSUPPORTED_API_VERSION: Invalid Api version specified on URL")
    body = request.body.decode("utf-8", "replace")
    known = org.config.credentials
    if _inside(body, "username") != known.username or not _inside(body, "password").startswith(known.password):
        return _fault("INVALID_LOGIN", f"INVALID_LOGIN: {_WRONG}")
    return _welcome(org, f"{base_url}/services/Soap/u/{version}/{org.id[:15]}", mint())


def _inside(body: str, name: str) -> str:
    """The text of the first element of this name, whatever its prefix."""
    found = re.search(rf"<(?:\w+:)?{name}\b[^>]*>([^<]*)</", body)
    return "" if found is None else unescape(found[1])


def _welcome(org: Org, server_url: str, session: str) -> Answer:
    lasts = int(org.config.token_lifetime.total_seconds())
    user = org.tables["User"].rows[org.integration_id]
    info = "".join(
        f"<{name}>{escape(value)}</{name}>"
        for name, value in (
            ("organizationId", org.id),
            ("organizationName", org.config.name),
            ("sessionSecondsValid", str(lasts)),
            ("userId", org.integration_id),
            ("userName", str(user["Username"])),
            ("userTimeZone", str(user["TimeZoneSidKey"])),
        )
    )
    result = (
        f"<metadataServerUrl>{escape(server_url.replace('/u/', '/m/'))}</metadataServerUrl><passwordExpired>false</passwordExpired>"
        f"<sandbox>{str(org.config.is_sandbox).lower()}</sandbox><serverUrl>{escape(server_url)}</serverUrl>"
        f"<sessionId>{escape(session)}</sessionId><userId>{org.integration_id}</userId><userInfo>{info}</userInfo>"
    )
    return _answer(200, f'<loginResponse xmlns="{_PARTNER}"><result>{result}</result></loginResponse>')


def _fault(code: str, message: str) -> Answer:
    detail = (
        f"<sf:LoginFault><sf:exceptionCode>{code}</sf:exceptionCode>"
        f"<sf:exceptionMessage>{escape(message.partition(': ')[2])}</sf:exceptionMessage></sf:LoginFault>"
    )
    return _answer(
        500,
        f'<soapenv:Fault xmlns:sf="{_FAULT}"><faultcode>sf:{code}</faultcode>'
        f"<faultstring>{escape(message)}</faultstring><detail>{detail}</detail></soapenv:Fault>",
    )


def _answer(status: int, inside: str) -> Answer:
    text = f'<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="{_ENVELOPE}">'
    body = f"{text}<soapenv:Body>{inside}</soapenv:Body></soapenv:Envelope>"
    return Answer(status, body.encode(), content_type=_XML)
