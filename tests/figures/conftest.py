"""How long an example takes says how busy the machine is, and nothing of the figures."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
