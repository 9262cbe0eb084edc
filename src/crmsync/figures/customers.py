"""Customers: renewals of contracts that are due, wins that customer success does not know of, customers nobody looks after."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import polars as pl

from crmsync.figures.chain import rate
from crmsync.figures.period import Period, Zone
from crmsync.figures.sheet import Column, Sheet
from crmsync.figures.stays import first_clocks


@dataclass(frozen=True, slots=True)
class Renewals:
    """Contracts that ended: `due` = `renewed` + `lost`; `pending` ended so lately that they may still be renewed, and are in no
    rate, like those that are not due yet (`not_due`: they end in the period, and after today)."""

    due: int
    renewed: int
    lost: int
    pending: int
    not_due: int
    rate: float | None


def contracts(opportunities: pl.DataFrame, companies: pl.DataFrame, today: date, grace_days: int) -> pl.DataFrame:
    """opportunity_id, contract_end, outcome ("renewed" | "lost" | "pending" | "not_due") of every won contract that ends. A
    contract is one of a customer: the company, where one is known, else the person. It is renewed where the customer has won
    another one that ends later, or of kind "renewal" that was closed after this one was. `companies` has person_id and
    company_id; days are those of `today`'s zone."""
    won = (
        opportunities.filter(pl.col("status") == "won")
        .join(companies, on="person_id", how="left")
        .with_columns(pl.coalesce("company_id", "person_id").alias("customer"))
        .sort("customer", "opportunity_id")
        .unique("opportunity_id", keep="first", maintain_order=True)
    )
    ending = won.filter(pl.col("contract_end").is_not_null())
    later = (
        ending.select("opportunity_id", "customer", "contract_end", "closed_at")
        .join(
            won.select("customer", pl.col("contract_end").alias("ends"), "kind", pl.col("closed_at").alias("won_at")), on="customer"
        )
        .filter(
            (pl.col("ends") > pl.col("contract_end"))
            | ((pl.col("kind") == "renewal") & (pl.col("won_at") > pl.col("closed_at"))).fill_null(False)
        )
        .select("opportunity_id")
        .unique()
    )
    outcome = (
        pl.when(pl.col("contract_end") > today)
        .then(pl.lit("not_due"))
        .when(pl.col("opportunity_id").is_in(later["opportunity_id"].to_list()))
        .then(pl.lit("renewed"))
        .when(pl.col("contract_end") <= today - timedelta(days=grace_days))
        .then(pl.lit("lost"))
        .otherwise(pl.lit("pending"))
    )
    return ending.select("opportunity_id", "contract_end", outcome.alias("outcome"))


def due_at(told: pl.DataFrame, zone: Zone) -> pl.DataFrame:
    """opportunity_id, due_at (noon of the day on which it ends: there is a noon on every day), is_renewed: of the contracts that
    are decided, renewed or lost. What may still be renewed is in no rate."""
    noon = (
        pl.col("contract_end")
        .cast(pl.Datetime("us"))
        .dt.offset_by("12h")
        .dt.replace_time_zone(zone.name)
        .dt.convert_time_zone("UTC")
    )
    decided = told.filter(pl.col("outcome").is_in(["renewed", "lost"]))
    return decided.select("opportunity_id", noon.alias("due_at"), (pl.col("outcome") == "renewed").alias("is_renewed"))


def renewals(told: pl.DataFrame, first: date, last: date) -> Renewals:
    """Of the contracts (as above) that end between two days, both included."""
    ending = told.filter(pl.col("contract_end").is_between(first, last))
    count = {name: ending.filter(pl.col("outcome") == name).height for name in ("renewed", "lost", "pending", "not_due")}
    due = count["renewed"] + count["lost"]
    return Renewals(due=due, **count, rate=rate(count["renewed"], due))


@dataclass(frozen=True, slots=True)
class Aftercare:
    """`wins`: people won in the period; `unacknowledged`: of those, without an act of customer success; `overdue`: of those, past
    the date that was promised. `customers`: all of them now; `unfollowed`: of those, without an act of ours for too long."""

    wins: int
    unacknowledged: int
    overdue: int
    customers: int
    unfollowed: int

    @property
    def unfollowed_share(self) -> float | None:
        """None over nobody."""
        return rate(self.unfollowed, self.customers)

    @property
    def acknowledged_share(self) -> float | None:
        """Of the wins; None over none."""
        return rate(self.wins - self.unacknowledged, self.wins)


def aftercare(
    persons: pl.DataFrame,
    stayed: pl.DataFrame,
    clocks: pl.DataFrame,
    approaches: pl.DataFrame,
    period: Period,
    now: datetime,
    unfollowed_days: int,
) -> Aftercare:
    """`persons` need person_id, acknowledged_at, opted_out, is_deleted; `stayed` is of `stays`. Acknowledged is who has
    `acknowledged_at` since the win, or whose first clock since then was met (the kick-off). Who wants no contact is left alone on
    purpose, and so is not un-followed; a new customer is not before the days are over."""
    living = persons.filter(~pl.col("is_deleted").fill_null(False))
    customers = stayed.filter((pl.col("phase") == "closed_won") & (pl.col("entered_at") <= now)).join(living, on="person_id")
    won = customers.filter(period.holds("entered_at"))
    known = won.join(first_clocks(won, clocks), on=["person_id", "entered_at"], how="left")
    taken = pl.max_horizontal("acknowledged_at", "met_at") >= pl.col("entered_at")
    missing = known.filter(~taken.fill_null(False))
    last_act = approaches.filter(pl.col("at") <= now).group_by("person_id").agg(pl.col("at").max().alias("last_approach_at"))
    now_customers = customers.filter(pl.col("left_at").is_null()).join(last_act, on="person_id", how="left")
    quiet_since = pl.max_horizontal("last_approach_at", "entered_at")
    is_quiet = (quiet_since < now - timedelta(days=unfollowed_days)) & ~pl.col("opted_out").fill_null(False)
    return Aftercare(
        wins=won.height,
        unacknowledged=missing.height,
        overdue=missing.filter((pl.col("due_at") < now).fill_null(False)).height,
        customers=now_customers.height,
        unfollowed=now_customers.filter(is_quiet).height,
    )


RENEWALS = (
    Column("due_contracts"),
    Column("renewed"),
    Column("lost_contracts"),
    Column("pending"),
    Column("not_due"),
    Column("renewal_rate", "share"),
)
AFTERCARE = (
    Column("wins"),
    Column("unacknowledged"),
    Column("overdue"),
    Column("customers"),
    Column("unfollowed"),
    Column("unfollowed_share", "share"),
)


def customers_sheets(renewed: Renewals, care: Aftercare) -> tuple[Sheet, Sheet]:
    """Both as sheets, of one row each."""
    due = (renewed.due, renewed.renewed, renewed.lost, renewed.pending, renewed.not_due, renewed.rate)
    after = (care.wins, care.unacknowledged, care.overdue, care.customers, care.unfollowed, care.unfollowed_share)
    return _sheet("renewals", RENEWALS, due), _sheet("aftercare", AFTERCARE, after)


def _sheet(name: str, columns: tuple[Column, ...], row: tuple[float | None, ...]) -> Sheet:
    schema = {column.name: pl.Float64 if column.kind == "share" else pl.Int64 for column in columns}
    return Sheet.of(name, columns, pl.DataFrame([row], schema=schema, orient="row"))
