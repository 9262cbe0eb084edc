"""The portal as its people use it. Every public call is atomic: the HTTP side holds the same lock."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from crmsync.sandbox.clock import VirtualClock
from crmsync.sandbox.hubspot import visits
from crmsync.sandbox.hubspot.activity import Activity, Campaign, Crowd, Form, RecordList, derived_id
from crmsync.sandbox.hubspot.config import PortalConfig
from crmsync.sandbox.hubspot.errors import invalid
from crmsync.sandbox.hubspot.limits import Limiter
from crmsync.sandbox.hubspot.objects import Link, Objects
from crmsync.sandbox.hubspot.pipelines import Stage
from crmsync.sandbox.hubspot.records import Source
from crmsync.sandbox.hubspot.rollups import after_link, after_write
from crmsync.sandbox.hubspot.times import iso
from crmsync.sandbox.hubspot.tokens import Tokens
from crmsync.sandbox.hubspot.types import ObjectType, object_type


class Portal:
    """One HubSpot portal in memory. Types are given by any of their words (`contacts`, `contact`, `0-1`), ids as text.

    Every method that changes something works at `clock.now()` and raises PortalError for what the portal refuses.
    """

    def __init__(self, clock: VirtualClock, config: PortalConfig | None = None) -> None:
        self.clock = clock
        self.config = config or PortalConfig()
        self.lock = threading.RLock()
        self.objects = Objects(clock, self.config)
        self.activity = Activity()
        self.tokens = Tokens(clock, self.config)
        self.limiter = Limiter(clock, self.config.limits, self.config.time_zone)

    # records

    def create(
        self, type: str, properties: Mapping[str, Any], *, by: str | None = None, associations: Iterable[tuple[str, str]] = ()
    ) -> str:
        """Create a record as the owner `by` would in the portal; `associations` are (type, id) pairs, of default types."""
        with self.lock:
            kind = object_type(type)
            links = [Link(object_type(word), int(number)) for word, number in associations]
            return str(self.write_new(kind, properties, links, self.person(by)).id)

    def write_new(self, kind: ObjectType, properties: Mapping[str, Any], links: Iterable[Link], source: Source) -> Any:
        """Create and carry the consequences; the caller holds the lock."""
        draft = self.objects.draft_create(kind, properties, links)
        record = self.objects.commit(draft, source)
        self.settle_new(kind, record.id, draft.links)
        return record

    def settle_new(self, kind: ObjectType, number: int, links: Iterable[Link]) -> None:
        """Rollups that a new record and its associations cause."""
        for link in links:
            current = self.objects.records[link.to.name].current(link.to_id)
            after_link(self.objects, kind, number, link.to, current)

    def update(self, type: str, id: str, properties: Mapping[str, Any], *, by: str | None = None) -> None:
        """Change a record as the owner `by` would in the portal."""
        with self.lock:
            kind = object_type(type)
            record = self.objects.the(kind, id)
            self.objects.commit(self.objects.draft_update(kind, record, properties), self.person(by))
            after_write(self.objects, kind, [record])

    def archive(self, type: str, id: str) -> None:
        """Move a record to the recycle bin."""
        with self.lock:
            kind = object_type(type)
            partners = list(self.objects.associations.partners(kind, int(id)))
            self.objects.archive(kind, self.objects.the(kind, id))
            for name, other in partners:
                after_link(self.objects, object_type(name), other, kind, int(id))

    def restore(self, type: str, id: str) -> None:
        """Take a record back from the recycle bin, as its page in the portal allows. Its modified time stays as it was, and what
        it was associated with is not known any more."""
        with self.lock:
            self.objects.restore(object_type(type), id)

    def gdpr_delete(self, type: str, id: str) -> None:
        """Delete a record for good."""
        with self.lock:
            kind = object_type(type)
            self.objects.purge(kind, self.objects.the(kind, id))

    def merge(self, type: str, primary: str, other: str, *, source: Source | None = None) -> str:
        """Merge two records; gives the result's id, a new one unless configured otherwise."""
        with self.lock:
            kind = object_type(type)
            winner, loser = self.objects.the(kind, primary), self.objects.the(kind, other)
            if winner is loser:
                raise invalid("A record cannot be merged with itself")
            result = self.objects.merge(kind, winner, loser, source or self.person(None))
            if kind.name == "contacts":
                self.activity.events.move((winner.id, loser.id), result.id)
                for listed in self.activity.lists.values():
                    _move_member(listed, (winner.id, loser.id), result.id)
            return str(result.id)

    def associate(self, from_type: str, from_id: str, to_type: str, to_id: str) -> None:
        """Associate two records by the default type."""
        with self.lock:
            near, far = object_type(from_type), object_type(to_type)
            number, other = self.objects.the(near, from_id).id, self.objects.the(far, to_id).id
            self.objects.associations.link(near, number, far, other)
            after_link(self.objects, near, number, far, other)
            ends = {"fromObjectId": number, "fromObjectTypeId": near.type_id, "toObjectId": other, "toObjectTypeId": far.type_id}
            self.objects.tell("associationChange", near, number, {**ends, "associationRemoved": False})

    def associated(self, from_type: str, from_id: str, to_type: str) -> list[str]:
        """Ids of the associated records, in the order they were associated."""
        with self.lock:
            near = object_type(from_type)
            return [str(other) for other in self.objects.associations.of(near, int(from_id), object_type(to_type))]

    def get(self, type: str, id: str) -> dict[str, str] | None:
        """The record's values (cleared ones as ""), also by the id of a merged record; None when archived or unknown."""
        with self.lock:
            record = self.objects.find(object_type(type), id)
            return None if record is None else dict(record.values)

    def rows(self, type: str) -> Iterator[dict[str, str]]:
        """Values of all live records, by rising id."""
        return (dict(record.values) for record in self.objects.records[object_type(type).name].live())

    def find(self, type: str, property: str, value: str) -> str | None:
        """The id of the record that holds `value` in a unique property."""
        with self.lock:
            record = self.objects.find(object_type(type), value, property)
            return None if record is None else str(record.id)

    # the portal's furniture

    def add_owner(self, email: str, first: str, last: str, *, active: bool = True) -> str:
        """Add a person who can own records; gives the owner id."""
        with self.lock:
            return str(self.objects.owners.add(self.objects.take_id(), email, first, last, self.objects.now(), active=active).id)

    def add_queue(self, name: str) -> str:
        """Add a queue; gives its owner id."""
        with self.lock:
            return str(self.objects.owners.add(self.objects.take_id(), "", name, "", self.objects.now(), kind="QUEUE").id)

    def set_owner_active(self, owner_id: str, *, active: bool) -> None:
        """Archive an owner, or bring one back. The owner's own update time stays, as with the vendor."""
        with self.lock:
            owner = self.objects.owners.get(owner_id)
            if owner is None:
                raise invalid(f"Owner {owner_id} does not exist")
            owner.archived = not active

    def add_form(self, name: str, *, kind: str = "hubspot") -> str:
        """Add a form; gives its guid."""
        with self.lock:
            guid = derived_id("form", self.config.portal_id, len(self.activity.forms), name)
            self.activity.forms[guid] = Form(guid, name, kind, self.objects.now())
            return guid

    def add_campaign(self, name: str, *, starts: str = "", ends: str = "", currency: str = "JPY") -> str:
        """Add a marketing campaign, between days (YYYY-MM-DD) where they are given; gives its guid."""
        with self.lock:
            guid, now = derived_id("campaign", self.config.portal_id, len(self.activity.campaigns), name), self.objects.now()
            held = {"hs_name": name, "hs_start_date": starts, "hs_end_date": ends, "hs_currency_code": currency}
            self.activity.campaigns[guid] = Campaign(guid, held | {"hs_campaign_status": "in_progress"}, now, now)
            return guid

    def spend(self, campaign: str, amount: float, item: str = "") -> None:
        """Add a spend item to a campaign."""
        with self.lock:
            found, now = self.activity.campaign(campaign), self.objects.now()
            found.spent.append((item or f"Item {len(found.spent) + 1}", float(amount), now))
            found.updated_at = now

    def remove_campaign(self, campaign: str) -> None:
        """Delete a campaign."""
        with self.lock:
            del self.activity.campaigns[self.activity.campaign(campaign).guid]

    def add_list(self, name: str, *, type: str = "contacts", processing: str = "MANUAL") -> str:
        """Add a list (MANUAL, SNAPSHOT or DYNAMIC); gives its id."""
        with self.lock:
            number, now = self.objects.take_id(), self.objects.now()
            self.activity.lists[number] = RecordList(number, name, object_type(type), processing, now, now)
            return str(number)

    def members(self, list_id: str) -> list[str]:
        """Ids on a list, in the order they joined."""
        with self.lock:
            return [str(number) for number in self.activity.list(list_id).members]

    def archive_property(self, type: str, name: str) -> None:
        """Put a property away as an admin would; the records keep its values, which nobody sees."""
        with self.lock:
            self.objects.definitions[object_type(type).name].archive(name, self.now())

    def restore_property(self, type: str, name: str) -> None:
        """Bring it back: the values are there again, and no record was edited."""
        with self.lock:
            self.objects.definitions[object_type(type).name].create({"name": name}, self.now())

    def add_stage(self, type: str, pipeline: str, stage_id: str, label: str, *, probability: str = "0.5") -> None:
        """Add an open stage to a pipeline."""
        with self.lock:
            found = self.objects.pipelines.the(object_type(type).name, pipeline)
            found.stages.append(Stage(stage_id, label, len(found.stages), {"isClosed": "false", "probability": probability}))
            self.touch_pipeline(type, pipeline)

    def touch_pipeline(self, type: str, pipeline: str) -> None:
        """Mark a pipeline as edited: all of its records count as modified, as with the vendor."""
        with self.lock:
            kind = object_type(type)
            found = self.objects.pipelines.the(kind.name, pipeline)
            found.updated_at = self.objects.now()
            name = "pipeline" if kind.name == "deals" else "hs_pipeline"
            for record in list(self.objects.records[kind.name].live()):
                if record.values.get(name) == pipeline:
                    self.objects.refresh(kind, record, {kind.modified: self.objects.now()}, touches=True)

    # visitors

    def crowd(self, day: str, source: str, visitors: int, views: int | None = None) -> None:
        """So many whom nobody knows came on a day (YYYY-MM-DD) from a source (organic, direct, paid …), in place of what was said
        of them before."""
        with self.lock:
            self.activity.crowds[day, source] = Crowd(visitors, visitors if views is None else views)

    def submit_form(self, guid: str, values: Mapping[str, str], page_url: str = "") -> str:
        """A visitor sends a form: the contact with that e-mail is made or changed; gives its id."""
        with self.lock:
            return visits.submit(self.objects, self.activity, self.activity.form(guid), values, page_url)

    def view_page(self, contact_id: str, url: str) -> None:
        """A known visitor looks at a page."""
        with self.lock:
            contact = self.objects.the(object_type("contacts"), contact_id)
            visits.view(self.objects, self.activity, contact, url, touches=self.config.analytics_bump_modified)

    def email_activity(self, contact_id: str, kind: str, *, name: str = "") -> None:
        """A contact opens (`open`), clicks in (`click`) or answers (`reply`) one of our e-mails; `name` is the e-mail's."""
        with self.lock:
            contact = self.objects.the(object_type("contacts"), contact_id)
            visits.email(self.objects, contact, kind, name, touches=self.config.analytics_bump_modified)

    def opt_out(self, contact_id: str) -> None:
        """A contact unsubscribes from all e-mail."""
        with self.lock:
            kind = object_type("contacts")
            contact = self.objects.the(kind, contact_id)
            self.objects.refresh(kind, contact, {"hs_email_optout": "true"}, touches=True, source=Source("EMAIL"))

    # who writes

    def person(self, by: str | None) -> Source:
        """The source of a write by the owner `by` in the portal's own pages."""
        owner = self.objects.owners.get(by) if by is not None else None
        if by is not None and owner is None:
            raise invalid(f"Owner {by} does not exist")
        user = owner.user_id if owner is not None else None
        return Source("CRM_UI", f"userId:{user}" if user is not None else None, "CRM_UI", user)

    def program(self) -> Source:
        """The source of a write through the API by the configured app."""
        return Source("INTEGRATION", str(self.config.app_id), self.config.app_name)

    def now(self) -> str:
        """The portal's time in its own form."""
        return iso(self.clock.now())


def _move_member(listed: RecordList, losers: Iterable[int], winner: int) -> None:
    joined = [listed.members.pop(number) for number in losers if number in listed.members]
    if joined:
        listed.members[winner] = min(joined)
