"""Whether a call that failed is sent again, and after how long: a decision on values. Nothing sleeps or draws lots here."""

from __future__ import annotations

from dataclasses import dataclass

from crmsync.connect.calls import Call, Verdict


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """`attempts` counts the first one. Waits grow from `first_seconds` twofold up to `longest_seconds`; a vendor's own wait
    is honoured up to `patience_seconds`, beyond that the call is given up for this run."""

    attempts: int = 5
    first_seconds: float = 0.5
    longest_seconds: float = 30.0
    patience_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class Wait:
    """Send it again after a time drawn evenly between the two: full jitter keeps many workers from knocking together."""

    at_least_seconds: float
    at_most_seconds: float


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Do not send it again. `is_unknown` is True where the CRM may have acted on it."""

    is_unknown: bool = False


def decide_retry(verdict: Verdict, attempt: int, call: Call, policy: RetryPolicy) -> Wait | GiveUp:
    """Decide after the 1-based `attempt` of `call` ended in `verdict`.

    A call that is not repeatable is sent again only where the CRM surely did nothing with it."""
    if verdict.kind != "retry":
        return GiveUp()
    if not (call.is_repeatable or verdict.is_untaken):
        return GiveUp(is_unknown=True)
    if attempt >= policy.attempts or (verdict.wait_seconds or 0) > policy.patience_seconds:
        return GiveUp()
    if verdict.wait_seconds is not None:
        return Wait(verdict.wait_seconds, verdict.wait_seconds + policy.first_seconds)
    return Wait(0.0, min(policy.longest_seconds, policy.first_seconds * 2 ** (attempt - 1)))
