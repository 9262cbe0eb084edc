"""Facts: what is known now, as the frames that decisions are made from. Only live records of live links count.

They are gathered of everyone, or of some persons alone: of them it is the same, and costs as much as they are many."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

import polars as pl

from crmsync.decisions.frames import APPROACHES, OPPORTUNITIES, PERSONS, TOUCHES, Facts, conform
from crmsync.decisions.routing import QUEUE
from crmsync.identity.companies import companies_frame
from crmsync.identity.persons import persons_frame
from crmsync.model.entities import UserSeen
from crmsync.sync.claims import Words, edits_frame, owner_words, status_settlements, with_certain_times
from crmsync.sync.sight import Sight
from crmsync.sync.workspace import Workspace


def gather(workspace: Workspace, now: datetime, whom: Collection[str] | None = None) -> Facts:
    """Everything known of everyone, or of the persons `whom`, as of what is stored. `now` dates absences only; nothing later than
    it is left out here."""
    return gather_judged(workspace, now, whom)[0]


def gather_judged(workspace: Workspace, now: datetime, whom: Collection[str] | None = None) -> tuple[Facts, Words]:
    """Everything known of them, and whose word stands in it where people set things by hand."""
    sight = Sight.of(workspace.store, whom)
    links = sight.links()
    users = user_reps(workspace)
    persons, words = _persons(workspace, sight, links, users)
    roles, naming = sight.roles(links), sight.naming(links)
    opportunities = sight.opportunities(naming, roles)
    cases = _opportunity_people(opportunities, roles, links)
    facts = Facts(
        persons=conform(persons, PERSONS).sort("person_id"),
        touches=_touches(sight, links),
        approaches=_approaches(sight.approaches(naming, cases), cases, links, users),
        opportunities=_opportunities(opportunities, cases, users),
        reps=workspace.team.frame(_active_in(users), now),
    )
    return facts, words


def user_reps(workspace: Workspace) -> pl.DataFrame:
    """ref of every CRM user → rep_id, is_active, is_queue. A queue is known by the address that the rules call it by, else by
    "queue:<its name>"."""
    users = workspace.store.entities.frame(UserSeen)
    address = pl.col("email").str.strip_chars().str.to_lowercase()
    named = pl.concat_str(pl.lit(QUEUE), pl.col("name").str.strip_chars().str.to_lowercase())
    queue = pl.when(address.is_in(list(queue_addresses(workspace)))).then(address).otherwise(named)
    return users.select("ref", pl.when("is_queue").then(queue).otherwise(address).alias("rep_id"), "is_active", "is_queue")


def queue_addresses(workspace: Workspace) -> frozenset[str]:
    """The addresses by which the rules call queues."""
    return frozenset(queue for queue in workspace.definitions.routing.queues.values() if not queue.startswith(QUEUE))


def active_reps(workspace: Workspace) -> dict[str, bool]:
    """rep_id → active in every CRM that knows the rep. Who is no user of any CRM is not in it."""
    return _active_in(user_reps(workspace))


def _active_in(users: pl.DataFrame) -> dict[str, bool]:
    known = users.filter(pl.col("rep_id").is_not_null())
    return dict(known.group_by("rep_id").agg(pl.col("is_active").all()).sort("rep_id").iter_rows())


def _persons(workspace: Workspace, sight: Sight, links: pl.DataFrame, users: pl.DataFrame) -> tuple[pl.DataFrame, Words]:
    rows = sight.records(links)
    records = _with_roles(workspace, with_certain_times(workspace, sight.changes(rows), rows, users).join(links, on="ref"))
    companies = companies_frame(sight.companies(), users, workspace.vocabulary)
    persons = persons_frame(records, companies, workspace.vocabulary)
    words = owner_words(workspace, records, users, sight.whom)
    told = (
        persons.drop("owner_edit", "owner_edit_at", "account_owner", strict=False)
        .join(edits_frame(words.settlements), on="person_id", how="left")
        .join(_account_owners(workspace, persons, companies), on="person_id", how="left")
    )
    return told, replace(words, settlements=(*words.settlements, *status_settlements(records)))


def _with_roles(workspace: Workspace, records: pl.DataFrame) -> pl.DataFrame:
    """The records of people with what their CRM is used for."""
    roles = pl.DataFrame([(c.name, c.role) for c in workspace.connections], schema=["connection", "role"], orient="row")
    return records.with_columns(pl.col("ref").str.split("/").list.first().alias("connection")).join(
        roles, on="connection", how="left"
    )


def with_account_owners(workspace: Workspace, facts: Facts) -> Facts:
    """The facts with who knows each company now: that changes as others are handed over."""
    companies = companies_frame(Sight.of(workspace.store, None).companies(), user_reps(workspace), workspace.vocabulary)
    owners = _account_owners(workspace, facts.persons, companies)
    persons = facts.persons.drop("account_owner").join(owners, on="person_id", how="left", maintain_order="left")
    return replace(facts, persons=persons.select(facts.persons.columns))


def _account_owners(workspace: Workspace, persons: pl.DataFrame, companies: pl.DataFrame) -> pl.DataFrame:
    """Who knows the company: the rep who answers for another person of it, else the owner of its record."""
    answering = workspace.store.decided.answering("inside_sales")
    colleagues = (
        _at_companies(workspace, answering["person_id"], persons, companies)
        .join(answering.select("person_id", "owner", "owner_at"), on="person_id", how="inner")
        .sort("owner_at", "person_id")
        .group_by("company_id")
        .agg(pl.col("owner").last().alias("colleague_owner"))
    )
    owners = companies.select("company_id", pl.col("owner").alias("record_owner")).unique("company_id", keep="first")
    return (
        persons.select("person_id", "company_id")
        .join(colleagues, on="company_id", how="left")
        .join(owners, on="company_id", how="left")
        .select("person_id", pl.coalesce("colleague_owner", "record_owner").alias("account_owner"))
    )


def _at_companies(workspace: Workspace, whom: pl.Series, persons: pl.DataFrame, companies: pl.DataFrame) -> pl.DataFrame:
    """person_id, company_id of those of `whom` who are at one; of those who are not among `persons` from their own records."""
    known = persons.select("person_id", "company_id")
    others = set(whom) - set(known["person_id"])
    if others:
        sight = Sight.of(workspace.store, others)
        links = sight.links()
        records = _with_roles(workspace, sight.records(links).join(links, on="ref"))
        more = persons_frame(records, companies, workspace.vocabulary)
        known = pl.concat([known, more.select("person_id", "company_id")])
    return known.drop_nulls()


def _touches(sight: Sight, links: pl.DataFrame) -> pl.DataFrame:
    """Touches reach the person of the record they name; where they name none, the one person with their address: each reaches one
    person once."""
    emails = sight.addresses(links).filter(pl.len().over("email") == 1).join(links, on="person_id", how="semi")
    touches = sight.touches(links, emails).filter(~pl.col("is_deleted"))
    by_record = touches.join(links, left_on="person", right_on="ref", how="inner")
    by_email = (
        touches.filter(pl.col("person").is_null() & pl.col("email").is_not_null())
        .join(emails, on="email", how="inner")
        .select(by_record.columns)
    )
    both = pl.concat([by_record, by_email]).rename({"ref": "touch_id"})
    return conform(both, TOUCHES).sort("person_id", "at", "kind", "touch_id")


def _approaches(approaches: pl.DataFrame, cases: pl.DataFrame, links: pl.DataFrame, users: pl.DataFrame) -> pl.DataFrame:
    """Approaches reach the persons named on them, and those of their opportunity where none is named."""
    approaches = approaches.filter(~pl.col("is_deleted"))
    named = _exploded(approaches, "people")
    persons = pl.concat(
        [
            named.join(links, left_on="person", right_on="ref", how="inner").select("ref", "person_id"),
            approaches.filter(pl.col("people") == "[]").join(cases, on="opportunity", how="inner").select("ref", "person_id"),
        ]
    ).unique()
    frame = (
        approaches.join(persons, on="ref", how="inner")
        .join(users.select(pl.col("ref").alias("by"), "rep_id"), on="by", how="left")
        .rename({"ref": "approach_id"})
    )
    return conform(frame, APPROACHES).sort("person_id", "at", "approach_id")


def _opportunities(opportunities: pl.DataFrame, cases: pl.DataFrame, users: pl.DataFrame) -> pl.DataFrame:
    frame = (
        opportunities.filter(~pl.col("is_deleted"))
        .rename({"ref": "opportunity"})
        .join(cases, on="opportunity", how="inner")
        .join(users.select(pl.col("ref").alias("owner"), "rep_id"), on="owner", how="left")
        .rename({"opportunity": "opportunity_id"})
    )
    return conform(frame, OPPORTUNITIES).sort("person_id", "created_at", "opportunity_id")


def _opportunity_people(opportunities: pl.DataFrame, roles: pl.DataFrame, links: pl.DataFrame) -> pl.DataFrame:
    """opportunity → person_id, from the opportunity itself and from the records that link the two."""
    own = _exploded(opportunities, "people").rename({"ref": "opportunity"})
    standing = roles.filter(~pl.col("is_deleted")).select("opportunity", "person")
    pairs = pl.concat([own.select("opportunity", "person"), standing])
    return pairs.join(links, left_on="person", right_on="ref", how="inner").select("opportunity", "person_id").unique()


def _exploded(frame: pl.DataFrame, column: str) -> pl.DataFrame:
    """ref, person: one row for each ref in a JSON list column."""
    lists = frame.select("ref", pl.col(column).str.json_decode(pl.List(pl.String)).alias("person"))
    return lists.explode("person").drop_nulls("person")
