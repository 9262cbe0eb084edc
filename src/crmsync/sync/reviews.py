"""The review: records of which it is not clear whose they are, answered by people, and answers taken back."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection

from crmsync.errors import StopConnector
from crmsync.identity.records import Link
from crmsync.store.answers import Answer
from crmsync.sync.lease import done_alone
from crmsync.sync.uniting import unite
from crmsync.sync.workspace import Workspace


def open_reviews(workspace: Workspace) -> list[dict[str, Any]]:
    """What waits for an answer, oldest first: record, person_id, why, since, shown (names and addresses, for a terminal alone), and
    the candidates with the same."""
    store = workspace.store
    rows = store.identity.reviews().sort("since", "record").to_dicts()
    mine = store.identity.persons_of([row["record"] for row in rows])
    candidates = {row["record"]: orjson.loads(row["candidates"]) for row in rows}
    records = store.identity.records_of(sorted({person for found in candidates.values() for person in found}))
    people = store.entities.people([*mine, *records])
    return [
        {
            "record": row["record"],
            "person_id": mine.get(row["record"]),
            "why": row["why"],
            "since": row["since"],
            "shown": _shown(people.get(row["record"], {})),
            "candidates": [
                {
                    "person_id": person,
                    "records": [ref for ref, one in records.items() if one == person],
                    "shown": [_shown(people[ref]) for ref, one in records.items() if one == person and ref in people],
                }
                for person in candidates[row["record"]]
            ],
        }
        for row in rows
    ]


@done_alone("review")
def same(workspace: Workspace, record: str, candidate: str | None, by: str, now: datetime) -> str:
    """Somebody says that the record's person is the candidate (of one candidate, that one). Gives the person's id."""
    former, current, why = _asked(workspace, record, candidate)
    store = workspace.store
    links = [Link.of(row) for row in store.identity.links().to_dicts() if row["person_id"] == former and row["revoked_at"] is None]
    with store.transaction() as db:
        store.answers.say(db, record, (former, current), "same", why, by, now)
        linked = [replace(link, person_id=current, rule="manual").row() for link in links]
        store.identity.save_links(db, linked, now)
        unite(store, db, {former: current}, now)
        store.identity.settle_reviews(db, [record])
        store.decided.replan(db, [current])
        store.journal.note(db, "same", now, {"record": record, "candidate": current, "by": by})
    return current


@done_alone("review")
def different(workspace: Workspace, record: str, candidate: str | None, by: str, now: datetime) -> None:
    """Somebody says that the record is not the candidate: the two never come together by themselves."""
    former, other, why = _asked(workspace, record, candidate)
    store = workspace.store
    (link,) = [Link.of(row) for row in store.identity.links_of("record", [record]).to_dicts()]
    left = [person for person in _candidates(workspace, record) if person != other]
    parted = replace(link, evidence=replace(link.evidence, parted=tuple(dict.fromkeys([*link.evidence.parted, other]))))
    with store.transaction() as db:
        store.answers.say(db, record, (former, other), "different", why, by, now)
        store.identity.save_links(db, [parted.row()], now)
        store.identity.settle_reviews(db, [record])
        if left:
            store.identity.save_reviews(db, [(record, left, why)], now)
        store.journal.note(db, "different", now, {"record": record, "candidate": other, "by": by})


def reopen(workspace: Workspace, record: str, by: str, now: datetime) -> None:
    """Take the last "different" about a record back, for whoever is alone at work: the two may come together, and the question is
    asked again."""
    store = workspace.store
    answer = last_answer(workspace, record)
    links = [Link.of(row) for row in store.identity.links_of("person_id", [answer.person_id]).to_dicts()]
    with store.transaction() as db:
        store.identity.save_links(db, [_open_to(link, answer.candidate).row() for link in links], now)
        ask_again(workspace, db, answer, by, now)
        store.journal.note(db, "taken_back", now, {"record": record, "by": by})


def is_asked(workspace: Workspace, record: str) -> bool:
    """Whether people shall say whose this record is."""
    return record in set(workspace.store.identity.reviews()["record"])


def last_answer(workspace: Workspace, record: str) -> Answer:
    """The last answer about a record that stands. Raises StopConnector where there is none."""
    answer = workspace.store.answers.live(record)
    if answer is None:
        raise StopConnector("review.no_answer", record=record)
    return answer


def ask_again(workspace: Workspace, db: Connection, answer: Answer, by: str, now: datetime) -> None:
    """The answer is taken back, and its question is open."""
    workspace.store.answers.take_back(db, answer, by, now)
    asked = {*_candidates(workspace, answer.record), answer.candidate}
    workspace.store.identity.save_reviews(db, [(answer.record, sorted(asked), answer.why)], now)


def _open_to(link: Link, person: str) -> Link:
    """The link of a record that may be this person after all."""
    return replace(link, evidence=replace(link.evidence, parted=tuple(one for one in link.evidence.parted if one != person)))


def _asked(workspace: Workspace, record: str, candidate: str | None) -> tuple[str, str, str]:
    """(the record's person, the candidate, why it is not clear). Raises StopConnector where nothing is asked, or not of them."""
    rows = [row for row in workspace.store.identity.reviews().to_dicts() if row["record"] == record]
    person = workspace.store.identity.persons_of([record]).get(record)
    if not rows or person is None:
        raise StopConnector("review.not_asked", record=record)
    candidates = _candidates(workspace, record)
    chosen = candidate if candidate is not None or len(candidates) != 1 else candidates[0]
    if chosen not in candidates:
        raise StopConnector("review.which", candidates=", ".join(candidates))
    return person, chosen, rows[0]["why"]


def _candidates(workspace: Workspace, record: str) -> list[str]:
    """Who a record may be, under the ids that they go by now."""
    aliases = workspace.store.identity.aliases()
    rows = [row for row in workspace.store.identity.reviews().to_dicts() if row["record"] == record]
    return sorted({aliases.get(person, person) for row in rows for person in orjson.loads(row["candidates"])})


def _shown(row: dict[str, Any]) -> str:
    parts = (row.get("family_name"), row.get("given_name"), row.get("company_name"), row.get("email"))
    return " ".join(part for part in parts if part)
