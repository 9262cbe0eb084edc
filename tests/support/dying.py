"""A process that dies at a named place: for whoever wants to see it started again."""

from __future__ import annotations

from typing import Any

import pytest


class Killed(BaseException):
    """The process is gone: nothing in crmsync may catch this."""


def kill(patched: pytest.MonkeyPatch, owner: Any, name: str, *, after: bool) -> None:
    """The process dies when this function is about to be called, or has done its work. `owner` is a class, or a module's name."""
    where = owner if not isinstance(owner, str) else __import__(owner, fromlist=["_"])
    real = getattr(where, name)

    def dying(*args: Any, **kwargs: Any) -> Any:
        if after:
            result = real(*args, **kwargs)
            list(result if name == "push" else ())  # it works while it is listened to
        raise Killed

    patched.setattr(where, name, dying)
