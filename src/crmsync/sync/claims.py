"""What people said by hand of a person's owner and sales status, with the best evidence of when; and whose word stands."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta

import orjson
import polars as pl

from crmsync.decisions.frames import INSTANT
from crmsync.identity.claims import Claim, Settlement, settle
from crmsync.sync.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Words:
    """What people said by hand: whose word stands, and the records whose owner lost before and has not been written over yet."""

    settlements: tuple[Settlement, ...] = ()
    lost: frozenset[str] = frozenset()


NO_WORDS = Words()


# Two instants of the store differ by at least this much.
_INSTANT_LATER = timedelta(microseconds=1)


def with_certain_times(workspace: Workspace, changes: pl.DataFrame, records: pl.DataFrame, users: pl.DataFrame) -> pl.DataFrame:
    """The records, whose histories are `changes`, with `sales_status_at` at its best evidence, `status_certain`, and
    `owner_certain_at` (null where no history says since when the present owner is there)."""
    if changes.is_empty():  # as of most people
        return records.with_columns(
            pl.lit(value=False).alias("status_certain"), pl.lit(None, dtype=INSTANT).alias("owner_certain_at")
        )
    status = _last(changes, _status_words(workspace), ("object", "field", "new")).rename(
        {"word": "status_word", "at": "status_set"}
    )
    owner = _last(changes, _owner_words(workspace, users), ("connection", "object", "field", "new"))
    owner = owner.rename({"word": "owner_word", "at": "owner_set"})
    is_certain = (pl.col("status_word") == pl.col("sales_status")) & (pl.col("status_set") <= pl.col("sales_status_at"))
    is_owner = pl.col("owner_word") == pl.col("owner")
    return (
        records.join(status, on="ref", how="left")
        .join(owner, on="ref", how="left")
        .with_columns(
            is_certain.fill_null(value=False).alias("status_certain"),
            pl.when(is_certain).then("status_set").otherwise("sales_status_at").alias("sales_status_at"),
            pl.when(is_owner).then("owner_set").otherwise(pl.lit(None, dtype=INSTANT)).alias("owner_certain_at"),
        )
        .drop("status_word", "status_set", "owner_word", "owner_set")
    )


def _last(changes: pl.DataFrame, words: pl.DataFrame, on: tuple[str, ...]) -> pl.DataFrame:
    """ref, word, at: what the newest row of a record's history set, in our words. A history that lags behind shows another word
    than the record does; rows whose value means nothing here (names beside ids) are none."""
    place = pl.col("record").str.splitn("/", 3).struct
    return (
        changes.filter(~pl.col("is_deleted"))
        .with_columns(place.field("field_0").alias("connection"), place.field("field_1").alias("object"))
        .join(words, on=list(on), how="inner")
        .sort("at", "ref")
        .group_by(pl.col("record").alias("ref"))
        .agg(pl.col("word").last(), pl.col("at").last())
    )


def _status_words(workspace: Workspace) -> pl.DataFrame:
    """object, field, new (a vendor's value), word: how each CRM's status reads in our words."""
    rows = {
        (mapping.object, source, str(value), str(word))
        for connection in workspace.connections
        for mapping in connection.mappings.values()
        for entity in mapping.entities
        if entity.kind == "person"
        for read in entity.fields
        if read.target == "sales_status"
        for source in read.sources[:1]
        for value, word in read.values.items()
    }
    names = ("object", "field", "new", "word")
    return pl.DataFrame(sorted(rows), schema=dict.fromkeys(names, pl.String), orient="row").unique(names[:3], keep="first")


def _owner_words(workspace: Workspace, users: pl.DataFrame) -> pl.DataFrame:
    """connection, object, field, new (a user's id), word (the user's ref): how a CRM's history names owners."""
    rows = [
        (connection.name, mapping.object, field)
        for connection in workspace.connections
        for mapping in connection.mappings.values()
        if (field := mapping.source_of("owner")) is not None
    ]
    fields = pl.DataFrame(rows, schema=dict.fromkeys(("connection", "object", "field"), pl.String), orient="row")
    place = pl.col("ref").str.splitn("/", 3).struct
    ids = users.select(place.field("field_0").alias("connection"), place.field("field_2").alias("new"), pl.col("ref").alias("word"))
    return fields.join(ids, on="connection", how="inner").unique(["connection", "object", "field", "new"], keep="first")


def owner_words(workspace: Workspace, records: pl.DataFrame, users: pl.DataFrame, whom: Collection[str] | None = None) -> Words:
    """Owners that people set since we last wrote or took account of them, one settlement for each person; `records` are everyone's,
    or those of the persons `whom`. An owner that lost before
    does not speak again while it waits for our write: the settlement would turn over."""
    bases = owner_bases(workspace, users, records["ref"] if whom is not None else None)
    if bases.is_empty():
        return NO_WORDS
    edits = _by_others(workspace, _owner_edits(records, users, bases))
    places = ["ref", "rep_id"]
    lost = edits.join(workspace.store.settlements.losers("owner", whom), on=places, how="inner").filter(
        pl.col("base_at") < pl.col("seen_at")
    )
    columns = ("person_id", "ref", "rep_id", "at", "owner_certain_at", "base_at")
    claims = (
        Claim(person, "owner", ref, rep, at, certain is not None, since)
        for person, ref, rep, at, certain, since in edits.join(lost, on=places, how="anti").select(columns).iter_rows()
    )
    return Words(tuple(settle(claims)), frozenset(lost["ref"]))


def _owner_edits(records: pl.DataFrame, users: pl.DataFrame, bases: pl.DataFrame) -> pl.DataFrame:
    """The records whose owner is not our base, with `rep_id`, `at` and `base_at`. A user who has left is nobody's choice. What
    differs from our base was set after it, whatever the clock of its CRM says."""
    active = users.filter("is_active").select(pl.col("ref").alias("owner"), "rep_id")
    return (
        records.filter(~pl.col("is_deleted") & ~pl.col("is_read_only"))
        .join(bases, on="ref", how="inner")
        .filter(pl.col("owner").ne_missing(pl.col("base_owner")))
        .join(active, on="owner", how="inner")
        .filter(pl.col("rep_id").is_not_null())
        .with_columns(
            pl.max_horizontal(pl.coalesce("owner_certain_at", "modified_at"), pl.col("base_at") + _INSTANT_LATER).alias("at")
        )
    )


def _by_others(workspace: Workspace, edits: pl.DataFrame) -> pl.DataFrame:
    """The edits without those that show what we sent ourselves since the base was taken: the process died, or the answer was lost,
    before the base could be."""
    if edits.is_empty():
        return edits
    fields = _owner_fields(workspace)
    kinds = {c.name: c.connector.capabilities.user_objects for c in workspace.connections}
    unsure = workspace.store.outbox.unsure({ref.split("/", 2)[2] for ref in edits["ref"]})
    ours = [
        (str(change.ref), f"{change.connection}/{kind}/{change.values()[field]}", sent_at)
        for change, sent_at in unsure
        if (field := fields.get((change.connection, change.object))) in change.values()
        for kind in kinds.get(change.connection, ())
    ]
    sent = pl.DataFrame(ours, schema={"ref": pl.String, "owner": pl.String, "sent_at": INSTANT}, orient="row")
    last = sent.group_by("ref", "owner").agg(pl.col("sent_at").max())
    is_ours = (pl.col("sent_at") >= pl.col("base_at")).fill_null(value=False)
    return edits.join(last, on=["ref", "owner"], how="left", maintain_order="left").filter(~is_ours).drop("sent_at")


def _owner_fields(workspace: Workspace) -> dict[tuple[str, str], str]:
    """(connection, object) → the field to which we write the owner."""
    return {
        (connection.name, object_): write.field
        for connection in workspace.connections
        for object_, mapping in connection.mappings.items()
        for write in mapping.writes
        if write.source == "owner"
    }


def status_settlements(records: pl.DataFrame) -> list[Settlement]:
    """Sales statuses of persons whose records disagree. Each time is the best that is known; the later wins, as it does for the
    person: nobody can say since when a record had another status, so that no later one is overruled for want of proof."""
    said = records.filter(~pl.col("is_deleted") & pl.col("sales_status").is_not_null() & pl.col("sales_status_at").is_not_null())
    disputed = said.filter(pl.col("sales_status").n_unique().over("person_id") > 1)
    return list(_by_time(disputed))


def _by_time(disputed: pl.DataFrame) -> Iterator[Settlement]:
    ordered = disputed.with_columns((pl.col("role") == "ma").fill_null(value=True).alias("#late")).sort(
        ["person_id", "sales_status_at", "#late", "ref"], descending=[False, True, False, False]
    )
    columns = ("person_id", "ref", "sales_status", "sales_status_at", "status_certain")
    for _, group in ordered.group_by("person_id", maintain_order=True):
        first, *others = (
            Claim(person, "sales_status", ref, status, at, certain)
            for person, ref, status, at, certain in group.select(columns).iter_rows()
        )
        yield Settlement(first, tuple(sorted(others, key=lambda claim: claim.record)))


def edits_frame(settlements: Iterable[Settlement]) -> pl.DataFrame:
    """person_id, owner_edit, owner_edit_at of these owners."""
    rows = [(settlement.claim.person_id, settlement.claim.value, settlement.claim.at) for settlement in settlements]
    return pl.DataFrame(rows, schema={"person_id": pl.String, "owner_edit": pl.String, "owner_edit_at": INSTANT}, orient="row")


def owner_bases(workspace: Workspace, users: pl.DataFrame, refs: Iterable[str] | None = None) -> pl.DataFrame:
    """ref of a person's record (of each, or of these) → base_owner: the user ref that we last wrote there, or saw and took into
    account; null where that was nobody, or nobody we know of; base_at: when."""
    known = set(users["ref"])
    ids = None if refs is None else [ref.split("/", 2)[2] for ref in refs]
    rows, fields = [], _owner_fields(workspace)
    for connection in workspace.connections:
        owner_fields = {object_: field for (name, object_), field in fields.items() if name == connection.name}
        kinds = connection.connector.capabilities.user_objects
        bases = workspace.store.bases.of_all(connection.name, sorted(set(owner_fields.values())), ids)
        for base in bases.iter_rows(named=True):
            if owner_fields.get(base["object"]) == base["field"]:
                value = orjson.loads(base["value"])
                owner = next((o for o in (f"{connection.name}/{kind}/{value}" for kind in kinds) if o in known), None)
                rows.append((f"{connection.name}/{base['object']}/{base['record_id']}", owner, base["at"]))
    return pl.DataFrame(rows, schema={"ref": pl.String, "base_owner": pl.String, "base_at": INSTANT}, orient="row")
