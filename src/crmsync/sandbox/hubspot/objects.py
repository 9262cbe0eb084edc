"""Creates, changes, archives and merges records by the portal's rules. First all is checked, then written: a draft never fails."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from crmsync.sandbox.clock import VirtualClock
from crmsync.sandbox.hubspot.associations import Associations, Kind
from crmsync.sandbox.hubspot.catalogue import definitions
from crmsync.sandbox.hubspot.config import PortalConfig
from crmsync.sandbox.hubspot.derive import derived, merged_visits
from crmsync.sandbox.hubspot.errors import BadValue, bad_values, conflict, invalid, missing_required, not_found
from crmsync.sandbox.hubspot.index import SearchIndex
from crmsync.sandbox.hubspot.owners import Owners
from crmsync.sandbox.hubspot.pipelines import Pipelines
from crmsync.sandbox.hubspot.records import SYSTEM, Record, Records, Source, Write
from crmsync.sandbox.hubspot.times import iso
from crmsync.sandbox.hubspot.types import TYPES, ObjectType, object_type
from crmsync.sandbox.hubspot.values import Refused, canonical

_ANY_OF = {"contacts": ("email", "firstname", "lastname"), "companies": ("name", "domain")}
_MAX_MERGES = 250
Tell = Callable[[str, ObjectType, int, Mapping[str, Any]], None]
"""Told what happened to which record, in a webhook's words, and what its event says beside."""
Claims = dict[tuple[str, str], str]
"""Unique values that drafts of one batch have claimed so far, with the text that names the claimant."""


@dataclass(frozen=True, slots=True)
class Link:
    """An association to be made with a new record; no kinds means the pair's default."""

    to: ObjectType
    to_id: int
    kinds: tuple[Kind, ...] = ()


@dataclass(frozen=True, slots=True)
class Draft:
    """A checked write: `record` is None for a creation."""

    kind: ObjectType
    record: Record | None
    values: Mapping[str, str]
    links: tuple[Link, ...] = ()
    touches: bool = True
    claims: Sequence[tuple[str, str]] = field(default=())


class Objects:
    """The records of all types. Not safe for several threads by itself: the portal holds the lock."""

    def __init__(self, clock: VirtualClock, config: PortalConfig) -> None:
        self._clock = clock
        self._config = config
        self._next_id = config.first_id
        self._last_now = (clock.now(), iso(clock.now()))
        self.tell: Tell = lambda *_: None
        self.associations = Associations()
        self.owners = Owners()
        self.pipelines = Pipelines()
        self.definitions = {
            name: definitions(kind, provisioned=config.provisioned, unique_on_tasks=config.unique_properties_on_tasks)
            for name, kind in TYPES.items()
        }
        self.records = {name: Records() for name in TYPES}
        self.indexes = {name: SearchIndex(kind.modified, self.unique_names(kind)) for name, kind in TYPES.items()}

    def now(self) -> str:
        """The portal's time in its own form."""
        at = self._clock.now()
        if at is not self._last_now[0]:
            self._last_now = (at, iso(at))
        return self._last_now[1]

    def take_id(self) -> int:
        self._next_id += 1
        return self._next_id - 1

    def unique_names(self, kind: ObjectType) -> tuple[str, ...]:
        own = ("email",) if kind.name == "contacts" else ()
        return own + self.definitions[kind.name].unique()

    # reading

    def find(self, kind: ObjectType, key: str, id_property: str = "", *, follow_merges: bool = True) -> Record | None:
        """The live record by id, or by the value of a unique property. Raises PortalError 400 for a property that is not unique."""
        number = self._number(kind, key, id_property)
        return None if number is None else self.records[kind.name].find(number, follow_merges=follow_merges)

    def _number(self, kind: ObjectType, key: str, id_property: str) -> int | None:
        if id_property in ("", "hs_object_id"):
            return int(key) if key.isdecimal() and key.isascii() else None
        if id_property not in self.unique_names(kind):
            raise invalid(f"Unable to perform read by non-unique property {id_property}")
        return self.records[kind.name].holder(id_property, key)

    def the(self, kind: ObjectType, key: str, id_property: str = "") -> Record:
        """The live record. Raises PortalError 404."""
        found = self.find(kind, key, id_property)
        if found is None:
            raise not_found()
        return found

    # checking

    def draft_create(
        self,
        kind: ObjectType,
        properties: Mapping[str, Any],
        links: Iterable[Link] = (),
        *,
        claims: Claims | None = None,
        rules: bool = False,
    ) -> Draft:
        """A checked creation. Raises PortalError 400, 409."""
        values = self._defaults(kind, self._checked(kind, properties, {}))
        found = tuple(links)
        self._require(kind, values, found)
        self._fit(kind, values, rules=rules)
        for link in found:
            if self.records[link.to.name].find(link.to_id, follow_merges=True) is None:
                raise invalid(f"{link.to.singular.upper()} {link.to_id} does not exist, so that nothing can be associated with it")
        wanted = self._claimed(kind, values, None, claims if claims is not None else {})
        return Draft(kind, None, values, found, claims=wanted)

    def draft_update(
        self, kind: ObjectType, record: Record, properties: Mapping[str, Any], *, claims: Claims | None = None, rules: bool = False
    ) -> Draft:
        """A checked change. A lifecycle stage that would move backwards is dropped in silence, as the vendor does.

        Raises PortalError 400.
        """
        values = self._checked(kind, properties, record.values)
        touches = bool(values)
        if self._moves_back(kind, record, values.get("lifecyclestage", "")):
            del values["lifecyclestage"]
            touches = bool(values)
        values = {name: value for name, value in values.items() if record.values.get(name, "") != value}
        self._fit(kind, {**record.values, **values}, rules=rules)
        wanted = self._claimed(kind, values, record, claims if claims is not None else {})
        return Draft(kind, record, values, touches=touches, claims=wanted)

    def _checked(self, kind: ObjectType, properties: Mapping[str, Any], former: Mapping[str, str]) -> dict[str, str]:
        book, values, bad = self.definitions[kind.name], {}, []
        for name, raw in properties.items():
            definition = book.get(name)
            if definition is None:
                bad.append(BadValue(name, "PROPERTY_DOESNT_EXIST", f'Property "{name}" does not exist'))
                continue
            try:
                values[name] = canonical(definition, raw, former.get(name, ""))
            except Refused as refused:
                bad.append(refused.bad)
        owner = values.get("hubspot_owner_id", "")
        if owner and owner not in self.owners:
            bad.append(BadValue("hubspot_owner_id", "INVALID_OPTION", f"{owner} was not one of the allowed options: no such owner"))
        if bad:
            raise bad_values(bad, self._config.portal_id)
        return values

    def _defaults(self, kind: ObjectType, values: dict[str, str]) -> dict[str, str]:
        """What the portal fills in by itself on creation; blanks given by the caller are no values."""
        given = {name: value for name, value in values.items() if value}
        if kind.name == "tasks":
            return {"hs_task_status": "NOT_STARTED", "hs_task_priority": "NONE", "hs_task_type": "TODO", **given}
        pipelines = self.pipelines.of(kind.name)
        if kind.name == "deals" and "pipeline" not in given and len(pipelines) == 1:
            return {"pipeline": pipelines[0].id, **given}
        return given

    def _require(self, kind: ObjectType, values: Mapping[str, str], links: tuple[Link, ...]) -> None:
        missing = [name for name in kind.required if name not in values]
        any_of = _ANY_OF.get(kind.name, ())
        if any_of and not any(name in values for name in any_of):
            missing = [any_of[0]]
        if missing:
            raise missing_required(kind.singular, missing)
        if kind.name == "leads" and not any(link.to.name == "contacts" for link in links):
            raise invalid("A lead must be associated with a contact when it is created.")

    def _fit(self, kind: ObjectType, values: Mapping[str, str], *, rules: bool) -> None:
        """Values that must go together: a stage with its pipeline, and (on the paths that enforce them) the admins' rules."""
        bad = []
        stage = values.get("dealstage", "")
        if kind.name == "deals" and stage and self.pipelines.find_stage("deals", values.get("pipeline", ""), stage) is None:
            bad.append(BadValue("dealstage", "INVALID_OPTION", f"{stage} was not one of the allowed options of its pipeline"))
        for type_name, name, value, needed in self._config.required_by_rule if rules else ():
            if type_name == kind.name and values.get(name) == value and not values.get(needed):
                bad.append(
                    BadValue(needed, "MISSING_CONDITIONAL_REQUIRED_PROPERTY", f"{needed} is required when {name} is {value}")
                )
        if bad:
            raise bad_values(bad, self._config.portal_id)

    def _claimed(self, kind: ObjectType, values: Mapping[str, str], record: Record | None, claims: Claims) -> list[tuple[str, str]]:
        wanted = [(name, values[name]) for name in self.unique_names(kind) if values.get(name)]
        for name, value in wanted:
            number = self.records[kind.name].holder(name, value)
            holder = str(number) if number is not None else claims.get((name, value.lower()))
            if holder is None or (record is not None and holder == str(record.id)):
                continue
            if record is None:
                raise conflict(kind.singular, holder)
            raise invalid(f"A {kind.singular} with the {name} of this request already exists. Existing ID: {holder}")
        claims.update({(name, value.lower()): str(record.id) if record else "pending" for name, value in wanted})
        return wanted

    def _moves_back(self, kind: ObjectType, record: Record, stage: str) -> bool:
        definition = self.definitions[kind.name].get("lifecyclestage")
        present = record.values.get("lifecyclestage", "")
        if definition is None or not stage or not present:
            return False
        order = [option.value for option in definition.options]
        return present in order and order.index(stage) < order.index(present)

    # writing

    def commit(self, draft: Draft, source: Source) -> Record:
        """Write a draft at the portal's time."""
        return self._create(draft, source) if draft.record is None else self._update(draft, draft.record, source)

    def _create(self, draft: Draft, source: Source) -> Record:
        kind, now, record = draft.kind, self.now(), Record(self.take_id(), {})
        values = {
            **draft.values,
            "hs_object_id": str(record.id),
            "hs_object_source": source.type,
            "hs_object_source_id": source.id or "",
        }
        values["hs_object_source_label"] = source.label or source.type
        values = {name: value for name, value in values.items() if value}
        values |= derived(kind, values, {}, now, self.pipelines)
        values.setdefault(kind.created, now)
        values[kind.modified] = now
        record.write(Write(now, source, values))
        self.records[kind.name].add(record)
        self._settle(draft, record, {})
        self._announce(kind, record)
        self.tell("creation", kind, record.id, {})
        for link in draft.links:
            current = self.records[link.to.name].current(link.to_id)
            self.associations.link(kind, record.id, link.to, current, link.kinds)
        return record

    def _update(self, draft: Draft, record: Record, source: Source) -> Record:
        if not draft.touches:
            return record
        former = record.values
        values = dict(draft.values)
        values |= derived(draft.kind, values, former, self.now(), self.pipelines)
        values[draft.kind.modified] = self.now()
        record.write(Write(self.now(), source, values))
        self._settle(draft, record, former)
        self._announce(draft.kind, record)
        self._tell_changes(draft.kind, record, draft.values)
        return record

    def _tell_changes(self, kind: ObjectType, record: Record, values: Mapping[str, str]) -> None:
        for name, value in values.items():
            self.tell("propertyChange", kind, record.id, {"propertyName": name, "propertyValue": value})

    def _settle(self, draft: Draft, record: Record, former: Mapping[str, str]) -> None:
        """Move the unique values over: the record's former ones are free again."""
        records = self.records[draft.kind.name]
        for name in self.unique_names(draft.kind):
            value = former.get(name, "")
            if value and record.values.get(name, "") != value:
                records.release(name, value, record.id)
        for name, value in draft.claims:
            records.claim(name, value, record.id)

    def refresh(
        self, kind: ObjectType, record: Record, values: Mapping[str, str], *, touches: bool, source: Source = SYSTEM
    ) -> None:
        """Set values as the portal itself does; `touches` says whether the modified time moves."""
        changed = {name: value for name, value in values.items() if record.values.get(name, "") != value}
        if not changed:
            return
        if touches:
            changed[kind.modified] = self.now()
        record.write(Write(self.now(), source, changed))
        self._announce(kind, record)
        self._tell_changes(kind, record, {name: value for name, value in changed.items() if name != kind.modified})

    def _announce(self, kind: ObjectType, record: Record) -> None:
        now, lag = self._clock.now().timestamp(), self._config.search.lag_seconds
        if self._config.search.lag_jitter_seconds:
            share = zlib.crc32(f"{record.id}/{record.version}".encode()) / 0xFFFFFFFF
            lag += self._config.search.lag_jitter_seconds * share
        values = record.values if record.archived_at is None else None
        self.indexes[kind.name].offer(now, now + lag, record.id, record.version, values)

    def catch_up(self, kind: ObjectType) -> SearchIndex:
        """The index of `kind` as searches see it now."""
        index = self.indexes[kind.name]
        index.catch_up(self._clock.now().timestamp())
        return index

    def archive(self, kind: ObjectType, record: Record) -> None:
        """Put a record in the recycle bin: its associations and unique values are free."""
        for name in self.unique_names(kind):
            if value := record.values.get(name):
                self.records[kind.name].release(name, value, record.id)
        self.records[kind.name].archive(record, self.now())
        self._announce(kind, record)
        self.tell("deletion", kind, record.id, {})
        for type_name, other in self.associations.forget(kind, record.id):
            if type_name == "leads" and kind.name == "contacts":
                self._drop_orphan_lead(other)

    def _drop_orphan_lead(self, number: int) -> None:
        """A lead that loses its last contact goes too (vendor's leads guide)."""
        leads = object_type("leads")
        lead = self.records["leads"].find(number, follow_merges=False)
        if lead is not None and not self.associations.of(leads, number, object_type("contacts")):
            self.archive(leads, lead)

    def restore(self, kind: ObjectType, id: str) -> None:
        """Bring a record back from the bin with its unique values. Raises PortalError 404, or 400 where another took them."""
        record = self.records[kind.name].find_archived(int(id)) if id.isdecimal() else None
        if record is None:
            raise not_found()
        for name, value in self._claimed(kind, record.values, record, {}):
            self.records[kind.name].claim(name, value, record.id)
        self.records[kind.name].restore(record)
        self._announce(kind, record)
        self.tell("restore", kind, record.id, {})

    def purge(self, kind: ObjectType, record: Record) -> None:
        """Delete for good; nothing lists the record any more."""
        if record.archived_at is None:
            self.archive(kind, record)
        self.records[kind.name].purge(record)
        self.tell("privacyDeletion", kind, record.id, {})

    def merge(self, kind: ObjectType, primary: Record, other: Record, source: Source) -> Record:
        """Make one record of two. The result has a new id unless configured otherwise; both old ids lead to it.

        Raises PortalError 400.
        """
        merged_ids = [*_ids(primary), *_ids(other), str(primary.id), str(other.id)]
        if len(merged_ids) > 2 * _MAX_MERGES:
            raise invalid("This record has been merged too often to be merged again.")
        keeps = self._config.merge_keeps_primary_id
        values = _merged_values(kind, primary, other, merged_ids)
        for record in (other,) if keeps else (primary, other):
            self._retire(kind, record)
        result = primary if keeps else Record(self.take_id(), {})
        values["hs_object_id"] = str(result.id)
        values[kind.modified] = self.now()
        result.write(Write(self.now(), source, values))
        if not keeps:
            self.records[kind.name].add(result)
        for record in (primary, other):
            if record is not result:
                self.records[kind.name].alias[record.id] = result.id
                self.associations.move(kind, record.id, result.id)
        self._claim_all(kind, result, (primary, other))
        self._announce(kind, result)
        ids = {"primaryObjectId": primary.id, "mergedObjectIds": [other.id], "newObjectId": result.id}
        self.tell("merge", kind, result.id, {**ids, "numberOfPropertiesMoved": len(other.values)})
        return result

    def _retire(self, kind: ObjectType, record: Record) -> None:
        self.records[kind.name].purge(record)
        record.archived_at = self.now()
        record.version += 1
        self._announce(kind, record)

    def _claim_all(self, kind: ObjectType, result: Record, losers: Iterable[Record]) -> None:
        """Old e-mail addresses keep leading to the merged record."""
        for name in self.unique_names(kind):
            for record in (*losers, result):
                if value := record.values.get(name):
                    self.records[kind.name].claim(name, value, result.id)


def _ids(record: Record) -> list[str]:
    return [part for part in record.values.get("hs_merged_object_ids", "").split(";") if part]


def _merged_values(kind: ObjectType, primary: Record, other: Record, merged_ids: list[str]) -> dict[str, str]:
    """The primary's values, the other's where the primary has none, the older creation, every former id and address."""
    values = {**other.values, **{name: value for name, value in primary.values.items() if value}}
    values[kind.created] = min(primary.values[kind.created], other.values[kind.created])
    values["hs_merged_object_ids"] = ";".join(dict.fromkeys(merged_ids))
    if kind.name == "contacts":
        more = [
            *primary.values.get("hs_additional_emails", "").split(";"),
            *other.values.get("hs_additional_emails", "").split(";"),
        ]
        addresses = dict.fromkeys([*more, other.values.get("email", "")])
        values["hs_additional_emails"] = ";".join(address for address in addresses if address and address != values.get("email"))
        values["hs_calculated_merged_vids"] = ";".join(f"{number}:0" for number in merged_ids)
        values |= merged_visits(primary.values, other.values)
    return values
