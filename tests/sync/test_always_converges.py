"""A state machine over two CRMs in memory: people edit by hand, merge, convert and delete; answers are lost, pages are stale, come
again and out of order, clocks disagree, connections break and come back. However it went: once nobody touches anything, all agrees,
nothing is written, and every change has its receipt."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import ExitStack
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from fake_house import FIELDS, OWNED, House
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from known_alone import check_each_alone
from narrowed import held_against_everyone

from crmsync.model.changes import Change
from crmsync.testing.fake_connector import Trouble

ADDRESSES = ("tanaka@acme.example", "sato@other.example")
CRMS = st.sampled_from(("ma", "sfa"))
WHO = st.sampled_from(ADDRESSES)
REPS = st.sampled_from(("is1@home.example", "is2@home.example"))
IN_PLAY = ("mql", "sql", "closed_won")
DECLARED = {"contacts": OWNED, "leads": OWNED, "tasks": set(FIELDS["tasks"]) - {"note"}}


class TwoCrms(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.held = ExitStack()
        self.held.enter_context(held_against_everyone())
        self.directory = Path(tempfile.mkdtemp())
        self.house = House(self.directory, objects=("users", "leads", "contacts", "visits", "calls", "changes", "tasks"))
        self.gone = {
            name: crm.insert("users", name="gone", email="gone@home.example", active=False) for name, crm in self.house.crms.items()
        }
        self.contacts: dict[tuple[str, str], str] = {}
        self.was_refused: set[str] = set()
        self.unread: list[Any] = []
        for name, crm in self.house.crms.items():
            crm.trouble.before_write = partial(self._look, name)
        self.leads: dict[str, str] = {}  # address → lead that has not been converted
        self.binned: dict[tuple[str, str], str] = {}
        self.arrived: list[Change] = []
        self.by_hand: dict[tuple[str, str], tuple[str, datetime]] = {}  # (crm, contact) → the owner that a person chose, and when
        self.overwritten: list[Any] = []
        self.by_people: dict[tuple[str, str], dict[str, Any]] = {}  # what people last put into fields that are not ours

    # --------------------------------------------------------------------------------------------------- what people do

    @initialize(is_decided=st.booleans(), taken_in=st.sampled_from((None, "ma", "sfa")))
    def somebody_is_in_both_crms(self, is_decided: bool, taken_in: str | None) -> None:
        for crm in ("ma", "sfa"):
            self.a_contact_is_made(crm, ADDRESSES[0])
        self.somebody_visits(ADDRESSES[0], "pricing_page")
        if is_decided:
            self.house.cycle()
        if is_decided and taken_in:
            self.a_rep_takes_a_lead_by_hand(taken_in, ADDRESSES[0])
            self.house.cycle()

    @rule(crm=CRMS, who=WHO)
    def a_contact_is_made(self, crm: str, who: str) -> None:
        if (crm, who) not in self.contacts:
            id_ = self.house.contact(crm, who)
            self.contacts[(crm, who)] = id_
            self.by_people[(crm, id_)] = self._not_ours(crm, id_)

    @rule(who=WHO, what=st.sampled_from(("pricing_page", "document_request", "quote_request")))
    def somebody_visits(self, who: str, what: str) -> None:
        if ("ma", who) in self.contacts:
            self.house.visit("ma", self.contacts[("ma", who)], what)

    @rule(crm=CRMS, who=WHO, note=st.sampled_from(("busy", "holiday")))
    def somebody_writes_a_note(self, crm: str, who: str, note: str) -> None:
        self._edit(crm, who, note=note)

    @rule(crm=CRMS, who=WHO)
    def a_rep_takes_a_lead_by_hand(self, crm: str, who: str) -> None:
        """From whoever has it now: the first rep of inside sales who does not."""
        if (crm, who) in self.contacts:
            stands = self.house.crms[crm].live("contacts")[self.contacts[(crm, who)]].get("owner")
            reps = (self.house.users[crm][rep] for rep in ("is1@home.example", "is2@home.example"))
            self._edit(crm, who, owner=next(user for user in reps if user != stands))

    @rule(crm=CRMS, who=WHO, rep=REPS, lag=st.sampled_from((0, 3)))
    def a_rep_takes_a_lead_and_the_history_says_so(self, crm: str, who: str, rep: str, lag: int) -> None:
        if (crm, who) in self.contacts:
            user = self.house.users[crm][rep]
            self._edit(crm, who, owner=user)
            said = self.house.clock.now() + self.house.crms[crm].trouble.clock_is_off
            self.house.history(crm, self.contacts[(crm, who)], "owner", user, said, by=user)
            self.house.clock.advance(timedelta(minutes=lag))
            self._edit(crm, who, note="later")

    @rule(rep=REPS, other=REPS, who=WHO)
    def two_reps_take_a_lead_in_two_crms(self, rep: str, other: str, who: str) -> None:
        self._edit("ma", who, owner=self.house.users["ma"][rep])
        self.house.clock.advance(timedelta(minutes=1))
        self._edit("sfa", who, owner=self.house.users["sfa"][other])

    @rule(crm=CRMS)
    def two_contacts_of_one_crm_are_merged(self, crm: str) -> None:
        if all((crm, who) in self.contacts for who in ADDRESSES):
            kept, lost = (self.contacts[(crm, who)] for who in ADDRESSES)
            self.house.crms[crm].delete("contacts", lost, into=kept)
            self._is_gone(crm, ADDRESSES[1])

    @rule(crm=CRMS, who=WHO)
    def a_contact_is_deleted(self, crm: str, who: str) -> None:
        if (crm, who) in self.contacts:
            id_ = self.contacts[(crm, who)]
            self.house.crms[crm].delete("contacts", id_)
            self._is_gone(crm, who)
            self.binned[(crm, who)] = id_

    @rule(crm=CRMS, who=WHO)
    def a_contact_is_taken_out_of_the_bin(self, crm: str, who: str) -> None:
        if (crm, who) in self.binned and (crm, who) not in self.contacts:
            id_ = self.binned.pop((crm, who))
            self.house.crms[crm].restore("contacts", id_)
            self.contacts[(crm, who)] = id_
            self.by_people[(crm, id_)] = self._not_ours(crm, id_)

    @rule(who=WHO)
    def a_lead_is_made(self, who: str) -> None:
        if who not in self.leads and ("sfa", who) not in self.contacts:
            self.leads[who] = self.house.contact("sfa", who, "leads")

    @rule(who=WHO)
    def a_lead_is_converted(self, who: str) -> None:
        """The CRM makes a contact of it with its owner, and the lead read-only."""
        if who in self.leads and ("sfa", who) not in self.contacts:
            lead = self.leads.pop(who)
            contact = self.house.contact("sfa", who, owner=self.house.sfa.live("leads")[lead].get("owner"))
            self.contacts[("sfa", who)] = contact
            self.by_people[("sfa", contact)] = self._not_ours("sfa", contact)
            self.house.sfa.edit("leads", lead, converted=True, contact=contact)

    @rule(crm=CRMS, who=WHO)
    def a_lead_is_given_to_somebody_who_has_left(self, crm: str, who: str) -> None:
        self._edit(crm, who, owner=self.gone[crm])

    @rule(crm=CRMS, who=WHO, status=st.sampled_from(("open", "working", "rejected")))
    def a_rep_sets_a_status_by_hand(self, crm: str, who: str, status: str) -> None:
        self._edit(crm, who, status=status, need="yes", budget="yes", authority="yes", reason="timing")

    @rule(crm=CRMS, who=WHO, phase=st.sampled_from(("inquiry", "closed_won", None)))
    def somebody_meddles_with_a_field_of_ours(self, crm: str, who: str, phase: str | None) -> None:
        self._edit(crm, who, phase=phase)

    @rule(who=WHO, rep=REPS)
    def a_rep_calls(self, who: str, rep: str) -> None:
        if ("sfa", who) in self.contacts:
            self.house.call("sfa", rep, contact=self.contacts[("sfa", who)])

    @rule(crm=CRMS, is_deleted=st.booleans())
    def a_rep_puts_a_task_away(self, crm: str, is_deleted: bool) -> None:
        for id_ in sorted(self.house.crms[crm].live("tasks"))[:1]:
            if is_deleted:
                self.house.crms[crm].delete("tasks", id_)
            else:
                self.house.crms[crm].edit("tasks", id_, done="true")

    # ------------------------------------------------------------------------------------------------------- what breaks

    @rule(crm=CRMS, count=st.integers(1, 3))
    def answers_are_lost(self, crm: str, count: int) -> None:
        self.house.crms[crm].trouble.lose_answers = count

    @rule(crm=CRMS, is_reversed=st.booleans(), overlap=st.integers(0, 5))
    def pages_come_out_of_order_and_again(self, crm: str, is_reversed: bool, overlap: int) -> None:
        trouble = self.house.crms[crm].trouble
        trouble.is_reversed, trouble.overlap = is_reversed, overlap

    @rule(crm=CRMS, who=WHO)
    def a_page_is_stale(self, crm: str, who: str) -> None:
        if (crm, who) in self.contacts:
            self.house.crms[crm].trouble.stale.add(("contacts", self.contacts[(crm, who)]))

    @rule(crm=CRMS, after=st.integers(0, 2))
    def a_connection_breaks_in_the_middle_of_a_push(self, crm: str, after: int) -> None:
        self.house.crms[crm].trouble.stop_push_after = after

    @rule(crm=CRMS, is_down=st.booleans())
    def a_connection_goes_or_comes_back(self, crm: str, is_down: bool) -> None:
        self.house.crms[crm].trouble.is_down = is_down

    @rule(crm=CRMS)
    def a_change_is_refused(self, crm: str) -> None:
        self.was_refused.add(crm)
        self.house.crms[crm].trouble.refuse = lambda change: "no" if change.object == "contacts" else ""

    @rule(crm=CRMS)
    def changes_are_taken_again(self, crm: str) -> None:
        self.house.crms[crm].trouble.refuse = lambda _change: ""

    @rule(crm=CRMS, minutes=st.sampled_from((-40, -2, 0, 2, 40)))
    def a_clock_is_off(self, crm: str, minutes: int) -> None:
        self.house.crms[crm].trouble.clock_is_off = timedelta(minutes=minutes)

    @rule(crm=CRMS, who=WHO, note=st.sampled_from(("quick", "quicker")))
    def somebody_is_faster_than_our_write(self, crm: str, who: str, note: str) -> None:
        trouble = self.house.crms[crm].trouble

        def once(_change: object) -> None:
            trouble.before_write = lambda later: self._look(crm, later)
            self._edit(crm, who, note=note)

        trouble.before_write = once

    @rule()
    def the_process_starts_anew(self) -> None:
        self.house.reopen()

    # --------------------------------------------------------------------------------------------------------------- time

    @rule(hours=st.sampled_from((0.25, 3, 24)))
    def a_cycle_runs(self, hours: float) -> None:
        self.house.cycle(later=timedelta(hours=hours))

    @rule()
    def a_cycle_runs_soon(self) -> None:
        self.house.cycle()

    @rule(only=CRMS)
    def a_cycle_runs_for_one_connection(self, only: str) -> None:
        self.house.cycle(only=only)

    @rule()
    def everybody_is_known_alone_as_among_all(self) -> None:
        check_each_alone(self.house)

    @invariant()
    def only_declared_fields_were_written(self) -> None:
        for change in self.house.writes:
            assert set(change.values()) <= DECLARED[change.object]

    @invariant()
    def nothing_was_overwritten_that_had_not_been_read(self) -> None:
        assert self.unread == []

    @invariant()
    def no_owner_chosen_by_a_person_was_replaced_by_a_draw(self) -> None:
        assert self.overwritten == []

    @invariant()
    def no_task_was_made_twice(self) -> None:
        self.house.tasks()

    def teardown(self) -> None:
        try:
            for crm in self.house.crms.values():
                crm.trouble = Trouble()  # all is well again
                crm.trouble.before_write = partial(self._look, crm.name)
            for (name, _), id_ in self.contacts.items():
                if name in self.was_refused:  # somebody mends the record: then it is tried again
                    self.house.crms[name].edit("contacts", id_, note="mended")
                    self.by_people[(name, id_)]["note"] = "mended"
            for _ in range(4):  # time stands still: what it brings is no unrest
                self.house.cycle(later=timedelta(0))
            self._check_rest()
        finally:
            self.held.close()
            self.house.workspace.close()
            shutil.rmtree(self.directory)

    # -------------------------------------------------------------------------------------------------------------- judging

    def _check_rest(self) -> None:
        self._check_receipts()
        self.house.forget_writes()
        last = self.house.cycle(later=timedelta(0))
        assert last.prepared.plan.changes == (), last.prepared.plan
        assert self.house.writes == []
        assert last.prepared.plan.refused == ()
        assert self.house.store.outbox.rejected().is_empty()
        assert self.house.store.outbox.unfinished_persons(["ma", "sfa"]) == []
        for (crm, who), id_ in self.contacts.items():
            assert self._not_ours(crm, id_) == self.by_people[(crm, id_)]
            self._check_shown(crm, who, id_)

    def _check_receipts(self) -> None:
        """What arrived and what was receipted are one set: no change without its receipt, no receipt without its change."""
        told = {change.key: outcome["state"] for change, outcome in self.house.everything_intended()}
        arrived = {change.key for change in self.arrived}
        written = {key for key, state in told.items() if state in ("written", "unchanged")}
        assert arrived <= set(told)
        assert written <= arrived
        assert set(told.values()) <= {"written", "unchanged", "conflict", "rejected", "superseded"}

    def _check_shown(self, crm: str, who: str, id_: str) -> None:
        """Both CRMs show what was decided, and whoever is in play has one clock and no more than its one task."""
        shown = self.house.crms[crm].live("contacts")[id_]
        person = self.house.person_of(crm, id_)
        state = self.house.state(person)
        assert shown["phase"] == state["phase"], who
        running = self.house.clocks(person)
        assert len(running) == (1 if state["phase"] in IN_PLAY else 0)
        mine = [key for key in self.house.tasks() if key.startswith(person)]
        assert mine in ([], [clock["clock_id"] for clock in running])
        if state["phase"] in IN_PLAY:
            assert self.house.rep_of(crm, shown["owner"]) == state["owner"]

    def _look(self, crm: str, change: Change) -> None:
        """Just before a change arrives: what it was made from must be what stands there, or the CRM is going to refuse it."""
        self.arrived.append(change)
        if change.object == "contacts" and change.record_id in self.house.crms[crm].live("contacts"):
            stands, stamp = self.house.crms[crm].live("contacts")[change.record_id], change.expected_modified_at
            has_moved = stamp is None or self.house.crms[crm].stamp_of("contacts", change.record_id) > stamp
            if not has_moved and any(stands.get(d.field) != d.current for d in change.fields):
                self.unread.append(change)
            if stamp is None:
                self.unread.append(change)
            elif not has_moved:
                self._look_at_the_owner(crm, change)

    def _look_at_the_owner(self, crm: str, change: Change) -> None:
        """A draw takes the place of an owner whom a person chose only where the baton has changed hands since."""
        id_ = str(change.record_id)
        chosen, at = self.by_hand.get((crm, id_), (None, None))
        if "owner" not in change.values() or chosen is None or self.house.crms[crm].live("contacts")[id_].get("owner") != chosen:
            return
        state = self.house.state(self.house.person_of(crm, id_))
        if state["owner_because"] in ("round_robin", "account_owner") and state["phase_at"] <= at:
            self.overwritten.append((change, state))

    def _edit(self, crm: str, who: str, **values: Any) -> None:
        if (crm, who) in self.contacts:
            id_ = self.contacts[(crm, who)]
            self.house.crms[crm].edit("contacts", id_, **values)
            owner = values.get("owner")
            if owner in self.house.users[crm].values():
                self.by_hand[(crm, id_)] = (owner, self.house.clock.now())
            self.by_people[(crm, id_)].update({name: value for name, value in values.items() if name not in OWNED})

    def _is_gone(self, crm: str, who: str) -> None:
        del self.by_people[(crm, self.contacts.pop((crm, who)))]

    def _not_ours(self, crm: str, id_: str) -> dict[str, Any]:
        return {name: value for name, value in self.house.crms[crm].live("contacts")[id_].items() if name not in OWNED}


# A story that fails is told as it was found: to make it shorter takes minutes, as every step is a whole cycle.
TwoCrms.TestCase.settings = settings(
    max_examples=7,
    stateful_step_count=16,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
test_whatever_happens_it_converges_and_is_silent = TwoCrms.TestCase
