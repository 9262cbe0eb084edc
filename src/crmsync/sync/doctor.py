"""doctor: what every connection can do and cannot, and what to ask for. Writes to no CRM."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sqlalchemy.exc import SQLAlchemyError

from crmsync.connect.contract import Diagnosing, Finding, FindingState, Use
from crmsync.errors import CrmsyncError, RetryLater
from crmsync.model.memberships import MEMBER
from crmsync.sync.forecasts import Outlook, outlook, outlook_finding, uses_of
from crmsync.sync.heard import intake_state
from crmsync.sync.memberships import enrolling
from crmsync.sync.provision import lacking_options, list_needs, needs
from crmsync.sync.pull import describe
from crmsync.sync.workspace import Connection, Workspace

# A minute apart is ordinary; signed requests and SLA clocks suffer from more.
SKEW = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Told:
    """One finding, of a connection, or of crmsync itself (None)."""

    connection: str | None
    finding: Finding


@dataclass(frozen=True, slots=True)
class Examined:
    """Everything that was found, and the outlook of each connection that says what its calls cost."""

    told: tuple[Told, ...]
    outlooks: dict[str, Outlook] = field(default_factory=dict)

    @property
    def is_well(self) -> bool:
        """Whether there is no error; warnings are for who has time."""
        return not any(one.finding.state == "error" for one in self.told)


def examine(workspace: Workspace, now: datetime, only: str | None = None) -> Examined:
    """Look at the house and at every connection, or at the one named. `now` is our clock, held against the CRMs'."""
    told = [Told(None, finding) for finding in (_database(workspace, now), _configuration(workspace), *_calendars(workspace))]
    outlooks: dict[str, Outlook] = {}
    for connection in workspace.connections:
        if only is None or connection.name == only:
            told += [Told(connection.name, finding) for finding in _Look(workspace, connection, now, outlooks).findings()]
    return Examined(tuple(told), outlooks)


def _database(workspace: Workspace, now: datetime) -> Finding:
    try:
        workspace.store.runs.set_meta("examined_at", now.isoformat())
    except SQLAlchemyError as error:
        return Finding("database", "error", "doctor.database_locked", {"detail": type(error).__name__})
    return Finding("database", "ok", "doctor.database")


def _configuration(workspace: Workspace) -> Finding:
    mappings = sum(len(connection.mappings) for connection in workspace.connections)
    counts = {"rules": len(workspace.definitions.scoring.names), "mappings": mappings, "reps": len(workspace.team.reps)}
    return Finding("configuration", "ok", "doctor.configuration", counts)


def _calendars(workspace: Workspace) -> Iterator[Finding]:
    calendars = workspace.definitions.calendars
    zones = sorted({calendar.time_zone for calendar in calendars.by_name.values()})
    yield Finding("calendar", "ok", "doctor.calendar", {"calendar": calendars.default, "zones": ", ".join(zones)})


@dataclass(frozen=True, slots=True)
class _Look:
    """One connection under examination."""

    workspace: Workspace
    connection: Connection
    now: datetime
    outlooks: dict[str, Outlook]

    def findings(self) -> Iterator[Finding]:
        """Everything about the connection. Where it does not let us in, there is nothing more to see."""
        try:
            known: set[str] = set()
            for finding in self._own():
                known.add(str(finding.params.get("object", "")))
                yield finding
                if (finding.check, finding.state) == ("credentials", "error"):
                    return
            describe(self.connection, everything=True)
            yield from self._objects(known)
            yield from self._locked(known)
            yield from self._options()
            yield from self._fields()
            yield from self._clock()
            yield from self._calls()
            yield from self._intake()
        except RetryLater as error:
            yield Finding("connection", "error", "doctor.unreachable", error.params)
        except CrmsyncError as error:
            yield Finding("connection", "error", error.code, error.params)

    def _own(self) -> Iterator[Finding]:
        """What the connector itself can tell of its CRM."""
        connector = self.connection.connector
        return connector.diagnose(self._uses()) if isinstance(connector, Diagnosing) else iter(())

    def _uses(self) -> tuple[Use, ...]:
        """What the mappings do with each object, and that lists are written to where nurture programmes are kept there."""
        kept = self.connection.connector.capabilities.list_object if enrolling(self.workspace, self.connection) else None
        return tuple(replace(use, writes=(MEMBER,)) if use.object == kept else use for use in uses_of(self.connection))

    def _objects(self, known: set[str]) -> Iterator[Finding]:
        """Which objects can be read; what the connector has told better is left out."""
        people = self.connection.connector.capabilities.person_objects
        read = []
        for name, schema in sorted(self.connection.schemas.items()):
            if schema.readable:
                read.append(name)
            elif name not in known:
                state: FindingState = "error" if name in people else "warning"
                yield Finding("permissions", state, "doctor.unread", {"object": name, "why": schema.why_not})
        if read:
            yield Finding("permissions", "ok", "doctor.read", {"count": len(read), "objects": ", ".join(read)})

    def _locked(self, known: set[str]) -> Iterator[Finding]:
        """Fields that mappings write and that the CRM shows but does not let us write."""
        for use in uses_of(self.connection):
            schema = self.connection.schemas.get(use.object)
            if schema is None or not schema.readable or use.object in known:
                continue
            locked = [name for name in use.writes if name in schema.fields and not schema.fields[name].writable]
            if locked:
                yield Finding("permissions", "warning", "doctor.locked", {"object": use.object, "fields": ", ".join(locked)})

    def _options(self) -> Iterator[Finding]:
        """Options that mappings write and that the CRM's lists do not have: portals and orgs have stages of their own."""
        for name, field_, options in lacking_options(self.connection):
            params = {"object": name, "field": field_, "options": ", ".join(options)}
            yield Finding("fields", "warning", "doctor.options_missing", params)

    def _fields(self) -> Iterator[Finding]:
        """What `provision` would say."""
        lacking: dict[tuple[str, str], list[str]] = {}
        wanted = (*needs(self.connection), *list_needs(self.workspace, self.connection))
        for step in self.connection.connector.provision(wanted, apply=False):
            if step.state != "present":
                lacking.setdefault((step.need.object, step.state), []).append(step.need.field)
        for (name, state), fields in lacking.items():
            code = "doctor.fields_refused" if state == "refused" else "doctor.fields_missing"
            yield Finding("fields", "warning", code, {"object": name, "fields": ", ".join(fields)})
        if wanted and not lacking:
            yield Finding("fields", "ok", "doctor.fields", {"count": len(wanted)})

    def _clock(self) -> Iterator[Finding]:
        theirs = self.connection.client.server_time_or_none()
        if theirs is None:
            return
        seconds = round((self.now - theirs).total_seconds())
        is_skewed = abs(seconds) > SKEW.total_seconds()
        code = "doctor.clock_skewed" if is_skewed else "doctor.clock"
        yield Finding("clock", "warning" if is_skewed else "ok", code, {"seconds": seconds})

    def _intake(self) -> Iterator[Finding]:
        """Whether what the CRM says on its own can be heard, and is. Polling does without, so nothing here is an error."""
        ears = self.connection.ears
        if ears.hooks is None and ears.events is None:
            return
        try:
            if ears.hooks is not None:
                ears.hooks()
        except CrmsyncError as error:
            yield Finding("intake", "warning", error.code, error.params)
            return
        heard = intake_state(self.workspace.store, self.connection.name)
        reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(heard.not_taken.items())) or "-"
        if heard.heard_at is None:
            code = "doctor.intake_silent" if ears.hooks is not None else "doctor.events_silent"
            yield Finding("intake", "warning", code, {"reasons": reasons})
        else:
            last = heard.heard_at.isoformat(timespec="seconds")
            params = {"last": last, "hinted": heard.hinted, "waiting": heard.waiting, "reasons": reasons}
            yield Finding("intake", "ok", "doctor.intake", params)

    def _calls(self) -> Iterator[Finding]:
        """What is left of the day, and what our days need."""
        day = self.connection.client.usage.day
        if day is not None:
            yield self._left(day.left, day.limit)
        view = outlook(self.connection, lambda: self.workspace.store.staging.counts(self.connection.name))
        if view is not None:
            self.outlooks[self.connection.name] = view
            yield outlook_finding(view)

    def _left(self, left: int, limit: int) -> Finding:
        reserve = round(limit * self.connection.client.reserve_share)
        params = {"left": left, "limit": limit, "reserve": reserve}
        is_resting = left < reserve
        return Finding("limits", "warning" if is_resting else "ok", "doctor.resting" if is_resting else "doctor.left", params)
