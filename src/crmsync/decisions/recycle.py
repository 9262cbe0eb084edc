"""Nothing is thrown away (DOMAIN.md §7): why someone goes back to nurture, for how long, to which list, and when not again.

A recycle reason is one word: `lost_<reason>`, `rejected_<reason>`, `unreached`, `silent` or `dormant`; each has a policy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import time, timedelta
from typing import Literal

import polars as pl

from crmsync.decisions.acts import WHO, Acts
from crmsync.decisions.aligned import only
from crmsync.decisions.frames import INSTANT

Origin = Literal["event", "fiscal_year", "contract_end"]


@dataclass(frozen=True, slots=True)
class Delay:
    """How long before they may come back: `days` after the event, or `days` before the next fiscal year, or before the end of
    the contract (`otherwise_days` after the event where no end is known)."""

    days: int
    counted_from: Origin = "event"
    otherwise_days: int = 180


@dataclass(frozen=True, slots=True)
class Policy:
    """Where a reason leads. `nurture` is a list of the MA; None = none beyond the regular mailing."""

    goes: Literal["recycled", "disqualified"] = "recycled"
    delay: Delay = Delay(0)
    nurture: str | None = None


@dataclass(frozen=True, slots=True)
class Recycle:
    """The recycle document. `policies` by recycle reason; a reason without one uses `<kind>_unknown`.

    `attempts`: approaches without connection after which an mql counts as unreached. `sql_silent_days`: an sql without an open
    opportunity, an approach or a touch for so long went silent. `overrides`: touches that end the wait at once. `most_per_year`
    recycles in 365 days, then dormant. `fiscal_year_starts` is (month, day) in `time_zone`. `lists`: temperature → list.
    Whom marketing holds without a list and who did nothing for `stalled_days` is on `stalled_list`: nobody is silent for longer and
    forgotten."""

    policies: Mapping[str, Policy]
    attempts: int = 5
    sql_silent_days: int = 60
    overrides: tuple[str, ...] = ("quote_request", "inbound_call")
    cool_down_days: int = 14
    most_per_year: int = 3
    fiscal_year_starts: tuple[int, int] = (4, 1)
    time_zone: str = "Asia/Tokyo"
    lists: Mapping[str, str] = field(default_factory=dict)
    upsell_list: str | None = None
    stalled_days: int | None = None
    stalled_list: str | None = None

    def programmes(self) -> frozenset[str]:
        """Every nurture programme that somebody may be put into."""
        others = (*self.lists.values(), self.upsell_list, self.stalled_list)
        return frozenset(name for name in (*(policy.nurture for policy in self.policies.values()), *others) if name)


def reason(recycle: Recycle, kind: str, column: str) -> pl.Expr:
    """The recycle reason for the CRM's word in `column`: `<kind>_<word>`, or `<kind>_unknown` where that has no policy."""
    known = [key for key in recycle.policies if key.startswith(f"{kind}_")]
    word = pl.lit(f"{kind}_") + pl.col(column)
    return pl.when(word.is_in(known)).then(word).otherwise(pl.lit(f"{kind}_unknown"))


def goes(recycle: Recycle, reason_column: str) -> pl.Expr:
    """ "recycled" or "disqualified" for a recycle reason."""
    away = sorted(key for key, policy in recycle.policies.items() if policy.goes == "disqualified")
    return pl.when(pl.col(reason_column).is_in(away)).then(pl.lit("disqualified")).otherwise(pl.lit("recycled"))


def not_before(recycle: Recycle, reason_column: str, at: str, contract_end: str) -> pl.Expr:
    """When the delay of a reason is over that began at `at`; never sooner than the cool-down."""
    until: pl.Expr = pl.lit(None, dtype=INSTANT)
    for key, policy in sorted(recycle.policies.items()):
        until = pl.when(pl.col(reason_column) == key).then(_until(recycle, policy.delay, at, contract_end)).otherwise(until)
    return pl.max_horizontal(until, pl.col(at) + timedelta(days=recycle.cool_down_days)).cast(INSTANT)


def nurture(recycle: Recycle, reason_column: str) -> pl.Expr:
    """The nurture list of a recycle reason; null where it has none."""
    lists = {key: policy.nurture for key, policy in sorted(recycle.policies.items()) if policy.nurture is not None}
    return pl.col(reason_column).replace_strict(lists, default=None, return_dtype=pl.String)


def fresh_evidence(touches: Acts, state: pl.DataFrame, recycle: Recycle) -> pl.DataFrame:
    """person_id, has_fresh, has_override for everyone recycled who has been touched since: old points cannot re-qualify."""
    recycled = only(state, pl.col("phase") == "recycled")[["person_id", "recycled_at"]]
    if recycled.is_empty():
        return pl.DataFrame(schema={"person_id": pl.String, "has_fresh": pl.Boolean, "has_override": pl.Boolean})
    numbered = pl.DataFrame({"person_id": touches.people}).with_row_index(WHO).join(recycled, on="person_id", how="inner")
    newer = touches.rows.join(numbered, on=WHO, how="inner").filter(pl.col("at") > pl.col("recycled_at"))
    overrides = pl.col("kind").cast(pl.String).is_in(recycle.overrides)
    found = newer.group_by("person_id").agg(pl.lit(True).alias("has_fresh"), overrides.any().alias("has_override"))
    return found.sort("person_id")


def _until(recycle: Recycle, delay: Delay, at: str, contract_end: str) -> pl.Expr:
    days = timedelta(days=delay.days)
    if delay.counted_from == "fiscal_year":
        return _next_fiscal_year(recycle, at) - days
    if delay.counted_from == "contract_end":
        end = _midnight(pl.col(contract_end), recycle.time_zone) - days
        return pl.coalesce(end, pl.col(at) + timedelta(days=delay.otherwise_days))
    return pl.col(at) + days


def _next_fiscal_year(recycle: Recycle, at: str) -> pl.Expr:
    """The first start of a fiscal year after `at`, as an instant."""
    month, day = recycle.fiscal_year_starts
    local = pl.col(at).dt.convert_time_zone(recycle.time_zone).dt.date()
    this_year = pl.date(local.dt.year(), month, day)
    return _midnight(
        pl.when(local < this_year).then(this_year).otherwise(pl.date(local.dt.year() + 1, month, day)), recycle.time_zone
    )


def _midnight(day: pl.Expr, time_zone: str) -> pl.Expr:
    local = day.dt.combine(time(0)).dt.replace_time_zone(time_zone, ambiguous="earliest", non_existent="null")
    return local.dt.convert_time_zone("UTC").cast(INSTANT)
