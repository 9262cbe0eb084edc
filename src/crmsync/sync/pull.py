"""pull → stage: bring what changed, and store each page with its cursor in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime

import structlog

from crmsync.ahead import one_ahead
from crmsync.connect.contract import Notice, PullRequest, Stream
from crmsync.connect.reserve import ReserveReached
from crmsync.errors import CrmsyncError
from crmsync.store import Store
from crmsync.store.versions import Staged
from crmsync.sync.carry_over import CarryOver
from crmsync.sync.collector import collector_at_rest
from crmsync.sync.follower import Follower, NoFollower
from crmsync.sync.forecasts import outlook, outlook_finding, records_of
from crmsync.sync.gate import Gate
from crmsync.sync.hinted import read_hinted
from crmsync.sync.notices import Told, keep
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
    """A connection that stopped: message code and parameters of the error. One that `rests` has reached the reserve of the
    account's calls: what is more pressing goes on."""

    connection: str
    code: str
    params: dict[str, object]
    rests: bool = False

    @classmethod
    def of(cls, connection: str, error: CrmsyncError) -> Failure:
        return cls(connection, error.code, dict(error.params), isinstance(error, ReserveReached))


@dataclass(frozen=True, slots=True)
class Pulled:
    """What a pull brought, what connectors told, and which connections stopped. One stopped connection never costs the others
    theirs."""

    streams: tuple[PulledStream, ...]
    failures: tuple[Failure, ...]
    notices: tuple[Told, ...] = ()

    @property
    def failed(self) -> frozenset[str]:
        """The connections to which nothing is sent: what they hold is not known. One that only rests is no such."""
        return frozenset(f.connection for f in self.failures if not f.rests)

    @property
    def is_complete(self) -> bool:
        """Whether every connection was read to the end, people at least."""
        return not self.failures and not any(told.is_grave for told in self.notices)

    def with_more(self, failures: tuple[Failure, ...], notices: tuple[Told, ...] = ()) -> Pulled:
        return replace(self, failures=self.failures + failures, notices=self.notices + notices)

    def with_notices(self, more: tuple[Told, ...]) -> Pulled:
        return replace(self, notices=self.notices + more)


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
                is_more = any(stream.new for stream in streams if stream.connection == connection.name)
                pulling.told.extend(_outlook(workspace.store, connection, is_more=is_more))
        except CrmsyncError as error:
            failures.append(Failure.of(connection.name, error))
            _log.warning("connection_stopped", connection=connection.name, code=error.code)
    return Pulled(tuple(streams), tuple(failures), tuple(pulling.told))


def _outlook(store: Store, connection: Connection, *, is_more: bool) -> Iterator[Told]:
    """That our cycles need more calls than we may make, each time: it is for the schedule's sake."""
    view = outlook(connection, lambda: records_of(store, connection.name, counted_anew=is_more))
    if view is not None and view.is_over:
        finding = outlook_finding(view)
        yield Told(connection.name, "", finding.code, {**finding.params, "connection": connection.name})


def describe(connection: Connection, *, again: bool = False, everything: bool = False) -> None:
    """Ask the CRM what the objects that we write look like now. Each cycle that decides asks `again`: a field that an admin adds
    or hides while we run is used, or rests, from then on. What we only read is asked for once, to say what the CRM does not show
    us. What was last said stays where the CRM does not answer. `everything` asks for all there is."""
    if everything:
        connection.schemas.update(connection.connector.describe(connection.objects))
        return
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
    """One pull under way, and what it was told so far."""

    workspace: Workspace
    now: datetime
    progress: Progress
    follower: Follower
    gate: Gate
    told: list[Told] = field(default_factory=list)


def _pull_stream(pulling: _Pulling, connection: Connection, stream: Stream) -> PulledStream:
    progress, name, object_ = pulling.progress, connection.name, stream.object
    store, notices, is_whole = pulling.workspace.store, list[Notice](), False
    total = PulledStream(name, object_)
    progress.started("pull", name, object_, None)
    try:
        for request in _requests(store, connection, object_, pulling.now):
            total = _pull_request(pulling, connection, stream, request, total, notices)
        is_whole = True
    finally:
        told = keep(store, connection, object_, notices, is_whole=is_whole)
        for news in (one for one in told if one.is_news):
            _log.warning("notice", connection=name, object=object_, code=news.code)
        pulling.told.extend(told)
    pulling.follower.end(connection)
    progress.finished("pull", name, object_)
    return total


def _pull_request(
    pulling: _Pulling, connection: Connection, stream: Stream, request: PullRequest, total: PulledStream, notices: list[Notice]
) -> PulledStream:
    """Stage every page of one request, and add what it brought. After each, the account's other tools are thought of."""
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
            notices.extend(page.notices)
            sweep()
            connection.client.check_reserve("reading")
    return total


def _requests(store: Store, connection: Connection, object_: str, now: datetime) -> Iterator[PullRequest]:
    """What to ask for: what changed since the last time; and everything anew where the mapping wants fields that were not asked
    for before, as the records we have lack them. The increment still comes first: only it tells what was deleted meanwhile."""
    fields = connection.mappings[object_].fields_needed()
    cursor = store.staging.cursor(connection.name, object_)
    asked = (store.runs.meta(_fields_key(connection.name, object_)) or "").split(" ")
    increment = PullRequest(object_, fields, cursor, lambda other: store.staging.known_ids(connection.name, other), now)
    yield increment
    if cursor is not None and not set(fields) <= set(asked):
        yield replace(increment, cursor=None)


def _fields_key(connection: str, object_: str) -> str:
    return f"fields_of:{connection}/{object_}"
