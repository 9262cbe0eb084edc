"""What HubSpot says of the budget: in the headers of its answers, and in what it refuses. Searches carry no headers, OAuth apps get
no daily pair."""

from __future__ import annotations

from collections.abc import Mapping

import httpx

from crmsync.connect.calls import Verdict
from crmsync.connect.client import ApiClient
from crmsync_hubspot.faults import DAILY, SECONDLY, TEN_SECONDLY, classify

# header → the lane whose remainder it tells
LEFT = {"X-HubSpot-RateLimit-Daily-Remaining": "daily", "X-HubSpot-RateLimit-Remaining": "burst"}
# policy of a 429 → the lane that has nothing left
SPENT: Mapping[str, str] = {DAILY: "daily", TEN_SECONDLY: "burst", SECONDLY: "search"}


def observe(client: ApiClient, response: httpx.Response) -> None:
    """Record what remains."""
    for header, lane in LEFT.items():
        text = response.headers.get(header, "")
        if text.isdecimal():
            client.note_left(lane, int(text))


def judge(client: ApiClient, response: httpx.Response) -> Verdict:
    """What an answer means; a refusal for its limit says that the lane is spent."""
    verdict = classify(response)
    if response.status_code == 429:
        client.note_left(SPENT[verdict.code], 0)
    return verdict
