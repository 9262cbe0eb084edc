"""pull → stage: bring what changed, and store each page with its cursor in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from crmsync.connect.contract import PullRequest, Stream
from crmsync.errors import CrmsyncError
from crmsync.store import Store
from crmsync.store.staging import Staged
from crmsync.sync.ahead import one_ahead
from crmsync.sync.carry_over import CarryOver
from crmsync.sync.collector import collector_at_rest
from crmsync.sync.follower import Follower, NoFollower
from crmsync.sync.gate import Gate
from crmsync.sync.hinted import read_hinted
from crmsync.sync.workspace import Connection, Progress, Workspace

_log = structlog.get_logger("crmsync.sync.pull")


@dataclass(frozen=True, slots=True)
class PulledStream:
    """What one object of one connection brought."""

    connection: str
    object: str
    records: int = 0
    new: int = 0
    changed: int = 0

    def with_page(self, records: int, staged: Staged) -> PulledStream:
        return replace(self, records=self.records + records, new=self.new + staged.new, changed=self.changed + staged.changed)


@dataclass(frozen=True, slots=True)
class Failure:
    """A connection that stopped: message code and parameters of the error."""

    connection: str
    code: str
    params: dict[str, object]

    @classmethod
    def of(cls, connection: str, error: CrmsyncError) -> Failure:
        return cls(connection, error.code, dict(error.params))


@dataclass(frozen=True, slots=True)
class Pulled:
    """What a pull brought, and which connections stopped. One stopped connection never costs the others theirs."""

    streams: tuple[PulledStream, ...]
    failures: tuple[Failure, ...]

    @property
    def failed(self) -> frozenset[str]:
        return frozenset(f.connection for f in self.failures)

    def with_failures(self, more: tuple[Failure, ...]) -> Pulled:
        return replace(self, failures=self.failures + more)


def pull(
    workspace: Workspace,
    now: datetime,
    progress: Progress,
    only: str | None = None,
    follower: Follower | None = None,
    *,
    describing: bool = True,
    hinted_only: bool = False,
) -> Pulled:
    """Pull every configured object of every connection, or of the one named. `now` becomes `learnt_at` of what is new. With
    `describing`, each CRM is asked first what its objects look like now. What a CRM hinted at is read before all else; with
    `hinted_only` nothing else is, and nothing is asked that was asked before."""
    streams: list[PulledStream] = []
    failures: list[Failure] = []
    pulling = _Pulling(workspace, now, progress, follower or NoFollower(), Gate.of(workspace))
    for connection in workspace.connections:
        if only is not None and connection.name != only:
            continue
        try:
            describe(connection, again=describing and not hinted_only)
            read_hinted(workspace, connection, now, pulling.follower)
            if not hinted_only:
                streams.extend(_pull_stream(pulling, connection, stream) for stream in _in_order(connection))
        except CrmsyncError as error:
            failures.append(Failure.of(connection.name, error))
            _log.warning("connection_stopped", connection=connection.name, code=error.code)
    return Pulled(tuple(streams), tuple(failures))


def describe(connection: Connection, *, again: bool = False) -> None:
    """Ask the CRM what the objects that we write look like now. Each cycle that decides asks `again`: a field that an admin adds
    or hides while we run is used, or rests, from then on. What we only read is asked for once, to say what the CRM does not show
    us. What was last said stays where the CRM does not answer."""
    written = {object_ for object_, mapping in connection.mappings.items() if mapping.writes}
    wanted = [o for o in connection.objects if o in written or (again and o not in connection.schemas)]
    if wanted and (again or not connection.schemas):
        connection.schemas.update(connection.connector.describe(wanted))


def _in_order(connection: Connection) -> Iterable[Stream]:
    """The configured streams, each after those it needs."""
    wanted = [s for s in connection.connector.capabilities.streams if s.object in connection.objects]
    done: set[str] = set()
    while wanted:
        ready = [s for s in wanted if not (set(s.after) & {w.object for w in wanted} - done)]
        for stream in ready or wanted[:1]:
            yield stream
            done.add(stream.object)
            wanted.remove(stream)


@dataclass(frozen=True, slots=True)
class _Pulling:
    """One pull under way."""

    workspace: Workspace
    now: datetime
    progress: Progress
    follower: Follower
    gate: Gate


def _pull_stream(pulling: _Pulling, connection: Connection, stream: Stream) -> PulledStream:
    progress, name, object_ = pulling.progress, connection.name, stream.object
    total = PulledStream(name, object_)
    progress.started("pull", name, object_, None)
    for request in _requests(pulling.workspace.store, connection, object_):
        total = _pull_request(pulling, connection, stream, request, total)
    pulling.follower.end(connection)
    progress.finished("pull", name, object_)
    return total


def _pull_request(
    pulling: _Pulling, connection: Connection, stream: Stream, request: PullRequest, total: PulledStream
) -> PulledStream:
    """Stage every page of one request, and add what it brought."""
    store, name, object_ = pulling.workspace.store, connection.name, stream.object
    is_from_scratch, carry_over = request.cursor is None, CarryOver(store, name, request)
    pages = connection.connector.pull(request)
    with collector_at_rest() as sweep:
        # A stream that needs others may ask the store for their ids (`known`): it stays on the store's own thread.
        for page in pages if stream.after else one_ahead(pages):
            admitted = pulling.gate.admit(connection, carry_over.whole(page))
            staged = store.staging.stage(name, object_, admitted, page.cursor, pulling.now)
            if is_from_scratch:  # from here on the stored cursor is one that these fields were asked for with
                store.runs.set_meta(_fields_key(name, object_), " ".join(request.fields))
                is_from_scratch = False
            pulling.follower.staged(connection, staged.versions)
            pulling.progress.advanced("pull", name, object_, len(page.records))
            total = total.with_page(len(page.records), staged)
            sweep()
    return total


def _requests(store: Store, connection: Connection, object_: str) -> Iterator[PullRequest]:
    """What to ask for: what changed since the last time; and everything anew where the mapping wants fields that were not asked
    for before, as the records we have lack them. The increment still comes first: only it tells what was deleted meanwhile."""
    fields = connection.mappings[object_].fields_needed()
    cursor = store.staging.cursor(connection.name, object_)
    asked = (store.runs.meta(_fields_key(connection.name, object_)) or "").split(" ")
    increment = PullRequest(object_, fields, cursor, lambda other: store.staging.known_ids(connection.name, other))
    yield increment
    if cursor is not None and not set(fields) <= set(asked):
        yield replace(increment, cursor=None)


def _fields_key(connection: str, object_: str) -> str:
    return f"fields_of:{connection}/{object_}"
