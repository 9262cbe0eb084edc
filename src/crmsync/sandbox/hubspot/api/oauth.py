"""Tokens: the OAuth calls of every version, and the private app's own token information."""

from __future__ import annotations

from crmsync.sandbox.hubspot.api.exchange import Reply, Request, text_of


def token(request: Request) -> Reply:
    return Reply(200, request.portal.tokens.exchange(request.form(), request.version))


def introspect(request: Request) -> Reply:
    return Reply(200, request.portal.tokens.introspect(request.form().get("token", "")))


def revoke(request: Request) -> Reply:
    request.portal.tokens.revoke(request.form().get("token", ""))
    return Reply(200, {})


def access_token(request: Request) -> Reply:
    """The v1 way to ask what a token may do."""
    known = request.portal.tokens.introspect(request.params["token"])
    return Reply(200, known) if known["active"] else Reply(404, {"status": "error", "message": "Access token not found"})


def private_app(request: Request) -> Reply:
    return Reply(200, request.portal.tokens.private_app(text_of(request.json().get("tokenKey"), "tokenKey")))
