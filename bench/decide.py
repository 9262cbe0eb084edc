"""How long a decision about everyone takes, with the facts already in memory: a million persons, a tenth of them with --quick.

People and touches are drawn by a seed. The floor is a bare group-by over the same touches in the same process, so that the
ratio says the same on a slow machine and a fast one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from common import Board, asked, forget_peak, leave, peak_mib
from crmsync.config.rules import load_definitions
from crmsync.decisions import catalogue
from crmsync.decisions.conditions import parse
from crmsync.decisions.decide import decide
from crmsync.decisions.definitions import Definitions
from crmsync.decisions.frames import APPROACHES, OPPORTUNITIES, PERSONS, REPS, TOUCHES, Before, Decisions, Facts, conform
from crmsync.decisions.scoring import FitRule, InterestRule, Scoring, Title

RULES = Path(__file__).parents[1] / "mappings" / "rules"
LADDER = {"staff": 1, "lead": 2, "section_head": 3, "manager": 4, "deputy": 5, "director": 6, "division": 7, "executive": 8}
KINDS = {
    "page_view": 40,
    "email_open": 25,
    "email_click": 8,
    "case_page": 8,
    "pricing_page": 6,
    "document_request": 5,
    "seminar": 3,
    "card_exchange": 2,
    "reply": 2,
    "quote_request": 0.5,
    "inbound_call": 0.5,
}
NOW = datetime(2026, 6, 3, 1, tzinfo=UTC)
HISTORY_DAYS = 540


def definitions(rules: int) -> Definitions:
    """The shipped definitions, with as many scoring rules as asked: windows and half-lives over the same touches."""
    found = load_definitions([RULES], LADDER, frozenset(KINDS))
    shipped = found.scoring
    missing = rules - len(shipped.names)
    fit = tuple(
        FitRule(f"size_{n}", Title("規模", "size"), parse(f"employees >= {50 * n}", catalogue.attributes(LADDER)), 1)
        for n in range(1, missing // 3 + 1)
    )
    kinds = [kind for kind in KINDS if kind not in ("quote_request", "inbound_call")]
    interest = tuple(
        InterestRule(f"recent_{n}", Title("最近", "recent"), kinds[n % len(kinds)], 1 + n % 3, 7 + n, 30 + 10 * n, 6)
        for n in range(missing - len(fit))
    )
    return replace(found, scoring=Scoring(1, (*shipped.fit, *fit), (*shipped.interest, *interest), shipped.groups))


def facts(persons: int, touches: int, *, reps: int = 60, seed: int = 7) -> Facts:
    """A population by seed, in the order in which the store gives it: by person, then by time."""
    ids = pl.int_range(persons, eager=True).hash(seed).rank("ordinal").alias("n")
    people = pl.DataFrame({"n": ids}).select(
        pl.format(
            "p{}{}", pl.col("n").cast(pl.String).str.zfill(10), (pl.col("n") * 7919 % 9999999999).cast(pl.String).str.zfill(10)
        ).alias("person_id"),
        *_attributes(),
    )
    return Facts(
        persons=conform(people, PERSONS).sort("person_id"),
        touches=_touches(people["person_id"], touches, seed),
        approaches=_approaches(people["person_id"], reps, seed),
        opportunities=_opportunities(people["person_id"], seed),
        reps=_reps(reps),
    )


def _pick(salt: int, *options: object) -> pl.Expr:
    chosen = pl.col("n").hash(salt) % len(options)
    return chosen.replace_strict(dict(enumerate(options)), return_dtype=None)


def _attributes() -> list[pl.Expr]:
    share = pl.col("n").hash(1) % 1000
    return [
        pl.format("{}@c{}.example", "n", pl.col("n") // 3).alias("email"),
        pl.format("c{}.example", pl.col("n") // 3).alias("email_domain"),
        (share < 120).alias("free_mail"),
        pl.format("c{}", pl.col("n") // 3).alias("company_id"),
        _pick(2, "課長", "部長", "主任", "", "担当").alias("title"),
        (pl.col("n").hash(3) % 9).cast(pl.Int64).alias("title_rank"),
        _pick(4, "it", "manufacturing", "retail").alias("industry"),
        (pl.col("n").hash(5) % 2000).cast(pl.Int64).alias("employees"),
        _pick(6, "kanto", "kansai").alias("territory"),
        pl.lit("ja").alias("language"),
        (share < 950).alias("identified"),
        _pick(8, "inbound", "outbound").alias("source_kind"),
        (pl.lit(NOW) - pl.duration(hours=(pl.col("n").hash(9) % (HISTORY_DAYS * 24))))
        .cast(PERSONS["created_at"])
        .alias("created_at"),
        (share.is_between(950, 970)).alias("opted_out"),
        (share > 990).alias("bounced"),
        pl.lit("0312345678").alias("phone"),
        pl.lit(False).alias("is_deleted"),
    ]


def _touches(ids: pl.Series, count: int, seed: int) -> pl.DataFrame:
    words = [kind for kind, share in KINDS.items() for _ in range(int(share * 2))]
    n = pl.int_range(count, dtype=pl.UInt64)
    # a few do much: the square of an even draw
    who = ((n.hash(seed) % 1_000_000) / 1_000_000) ** 2 * len(ids)
    minutes = n.hash(seed + 1) % (HISTORY_DAYS * 24 * 60)
    kind = (n.hash(seed + 2) % len(words)).cast(pl.UInt32)
    drawn = pl.select(who.cast(pl.UInt32).alias("who"), minutes.alias("minutes"), kind.alias("kind"), n.alias("touch"))
    return conform(
        drawn.select(
            pl.lit(ids).gather(pl.col("who")).alias("person_id"),
            (pl.lit(NOW) - pl.duration(minutes="minutes")).cast(TOUCHES["at"]).alias("at"),
            pl.lit(pl.Series(words)).gather(pl.col("kind")).alias("kind"),
            pl.format("hubspot/events/{}", pl.col("touch").cast(pl.String).str.zfill(10)).alias("touch_id"),
        ),
        TOUCHES,
    ).sort("person_id", "at", "kind", "touch_id")


def _approaches(ids: pl.Series, reps: int, seed: int) -> pl.DataFrame:
    few = ids.sample(len(ids) // 20, seed=seed)
    n = pl.int_range(len(few), dtype=pl.UInt64)
    return conform(
        pl.select(
            pl.lit(few).alias("person_id"),
            (pl.lit(NOW) - pl.duration(hours=n.hash(seed) % 2000)).cast(APPROACHES["at"]).alias("at"),
            pl.lit("call").alias("kind"),
            pl.format("a{}", n).alias("approach_id"),
            pl.format("is{}@x.example", n % reps).alias("rep_id"),
            (n % 3 == 0).alias("connected"),
        ),
        APPROACHES,
    )


def _opportunities(ids: pl.Series, seed: int) -> pl.DataFrame:
    few = ids.sample(len(ids) // 50, seed=seed + 1)
    n = pl.int_range(len(few), dtype=pl.UInt64)
    created = pl.lit(NOW) - pl.duration(hours=24 + n.hash(seed) % 6000)
    return conform(
        pl.select(
            pl.lit(few).alias("person_id"),
            pl.format("o{}", n).alias("opportunity_id"),
            (n % 3).replace_strict({0: "open", 1: "won", 2: "lost"}).alias("status"),
            pl.lit("new_business").alias("kind"),
            created.cast(OPPORTUNITIES["created_at"]).alias("created_at"),
            (created + pl.duration(hours=12)).cast(OPPORTUNITIES["created_at"]).alias("modified_at"),
            pl.when(n % 3 > 0).then(created + pl.duration(hours=12)).cast(OPPORTUNITIES["closed_at"]).alias("closed_at"),
            pl.lit("timing").alias("lost_reason"),
            pl.format("fs{}@x.example", n % 20).alias("rep_id"),
        ),
        OPPORTUNITIES,
    )


def _reps(count: int) -> pl.DataFrame:
    rows = [
        {
            "rep_id": f"{short}{n}@x.example",
            "department": department,
            "is_active": True,
            "is_queue": False,
            "capacity_per_day": 20,
            "weight": 1,
            "calendar": "tokyo",
            **{limit: [] for limit in ("territories", "industries", "sizes", "languages")},
        }
        for short, department in (("is", "inside_sales"), ("fs", "field_sales"), ("cs", "customer_success"))
        for n in range(count)
    ]
    return conform(pl.DataFrame(rows, schema_overrides={k: v for k, v in REPS.items() if k in rows[0]}), REPS)


@dataclass(frozen=True, slots=True)
class Took:
    """Wall and processor seconds: on a machine that others use, the second says what the first would be without them."""

    wall: float
    processor: float


def timed(work: Callable[[], object]) -> tuple[object, Took]:
    begun, worked = time.perf_counter(), time.process_time()
    made = work()
    return made, Took(time.perf_counter() - begun, time.process_time() - worked)


def main() -> None:
    persons = 100_000 if asked(__doc__ or "").quick else 1_000_000
    known, rules = facts(persons, persons * 10), definitions(30)
    board = Board("decide")
    board.put("persons", persons, detail=f"{persons * 10:,} touches, {len(rules.scoring.names)} scoring rules, facts in memory")
    _, floor = timed(lambda: known.touches.group_by("person_id", "kind").agg(pl.len(), pl.col("at").max()))
    board.put("floor: bare group-by of the touches by person and kind", floor.wall, unit=" s")
    first = decide(known, Before.nothing(), rules, NOW - timedelta(days=1))
    before = Before(first.state, first.clocks, first.draws, first.valve)
    del first
    forget_peak()
    told, took = timed(lambda: decide(known, before, rules, NOW))
    assert isinstance(told, Decisions)
    at_most = 5.0 if persons == 1_000_000 else 1.0
    board.put("decide everyone again", took.wall, at_most=at_most, detail=f"{took.processor:.2f} s of processor", unit=" s")
    ratio = took.processor / floor.processor
    board.put("times the floor, of processor", ratio, at_most=5, detail=f"{took.wall / floor.wall:.1f} of wall")
    board.put("most memory, facts included", peak_mib() / 1024, at_most=4, unit=" GiB")
    _, some = timed(lambda: told.reasons_of(told.state["person_id"].head(1000)))
    board.put("reasons of 1,000 persons", some.wall, unit=" s")
    rows, everyone = timed(lambda: told.reasons.height)
    board.put("reasons of everyone", everyone.wall, detail=f"{rows:,} rows", unit=" s")
    leave(board)


if __name__ == "__main__":
    main()
