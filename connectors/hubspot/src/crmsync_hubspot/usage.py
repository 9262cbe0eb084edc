"""What HubSpot says of the budget in the headers of its answers. Searches carry none, OAuth apps get no daily pair."""

from __future__ import annotations

import httpx

from crmsync.connect.client import ApiClient

# header → the lane whose remainder it tells
LEFT = {"X-HubSpot-RateLimit-Daily-Remaining": "daily", "X-HubSpot-RateLimit-Remaining": "burst"}


def observe(client: ApiClient, response: httpx.Response) -> None:
    """Record what remains."""
    for header, lane in LEFT.items():
        text = response.headers.get(header, "")
        if text.isdigit():
            client.note_left(lane, int(text))
