"""What a connector must, may and must not do.

A connector says what it can do and supplies four verbs: `describe`, `pull`, `push`, `provision`. It *must* be stateless
between calls but for caches, go through the `ApiClient` it is given for every byte (the vendor's client library included),
keep vendor values untouched in `RawRecord.fields`, and answer for every item of a batch. It *may* raise the errors of
`crmsync.errors`. It *must not* know of persons, scores or phases, write a field it was not handed, sleep, read the
clock (use `client.server_time()` or the request's `now`), or touch the environment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from crmsync.model.changes import Cause, Change, Receipt
from crmsync.model.records import ObjectSchema, RawRecord

if TYPE_CHECKING:
    from crmsync.connect.client import ApiClient
    from crmsync.connect.hints import HookReader, HookSettings


@dataclass(frozen=True, slots=True)
class Stream:
    """One remote object that can be pulled. `is_event` marks append-only things (history, page views). `after` names
    streams that must have been pulled before in the same cycle (submissions after forms)."""

    object: str
    is_event: bool = False
    after: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What this connector can do at all; what the credentials at hand can do is `describe`'s answer. `causes` says what the codes
    of its "rejected" receipts mean: code → why, as an admin would say it. A code that is not there is "other". `queue_object` is
    what queues are, where the CRM has queues that an API may create; `list_object` what lists of people are, where the connector
    keeps their members (see `Enrolling`)."""

    streams: tuple[Stream, ...]
    writable: tuple[str, ...]
    user_objects: tuple[str, ...]
    person_objects: tuple[str, ...]
    task_object: str | None = None
    causes: Mapping[str, Cause] = field(default_factory=dict)
    queue_object: str | None = None
    list_object: str | None = None


@dataclass(frozen=True, slots=True)
class PullRequest:
    """Pull what changed in one object since `cursor` (None: everything, the backfill).

    `fields` are vendor field names the mappings want (the connector intersects them with the live schema). `cursor` is what
    this connector put into `Page.cursor` before, opaque to everyone else, JSON values only. `known` gives, where a stream
    needs them, ids already stored of an object, its own or another (`known("contacts")`), so that a connector keeps no state.
    `now` is the run's instant by our clock (None: not told)."""

    object: str
    fields: tuple[str, ...]
    cursor: Mapping[str, Any] | None
    known: Callable[[str], Iterable[str]] = lambda _object: ()
    now: datetime | None = None


# The code of the notice that an object cannot be read. Where it is one of people, the run is no whole one.
UNREAD = "connect.unread"


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that an admin should know and that stops nothing: message code and its parameters. One that `stands` is given
    with every pull as long as it holds, and told when it is new; any other is told each time it is given."""

    code: str
    params: Mapping[str, Any]
    stands: bool = False


def unread(object: str, why: str) -> Notice:
    """The notice that this object cannot be read; `why` is the CRM's own reason, such as the scope that is missing. It belongs
    on the page that leaves the cursor alone: only what this object feeds rests."""
    return Notice(UNREAD, {"object": object, "why": why}, stands=True)


@dataclass(frozen=True, slots=True)
class Page:
    """Some records and the cursor that is true once they are stored: both are committed in one transaction.
    `expected` is the vendor's own count of the whole answer, where it gives one (for progress and reconciliation).
    Of `notices`, those that do not stand are given once: the cursor remembers them. `fields` are what was asked for of each record,
    where the connector can say so: a field that was asked for before and could not be this time keeps its stored value, for nobody
    has cleared it."""

    records: tuple[RawRecord, ...]
    cursor: Mapping[str, Any]
    expected: int | None = None
    notices: tuple[Notice, ...] = ()
    fields: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class PushBatch:
    """Changes of one connection, one object, one operation, one record each, in an order the caller relies on."""

    object: str
    changes: tuple[Change, ...]


# The kinds of field that a mapping can ask for; what each is called in a CRM is the connector's affair.
FieldKind = Literal["text", "long_text", "number", "choice", "datetime", "date", "queue", "list"]


@dataclass(frozen=True, slots=True)
class Need:
    """A field the mappings want in the CRM: what `provision` creates, or tells an admin to create. A choice has `options`. A queue
    that the rules name is one, too: `field` is its name, `options` are the objects of which it takes records. So is a
    list of people, by its name."""

    object: str
    field: str
    type: FieldKind
    label: str
    options: tuple[str, ...] = ()
    is_unique: bool = False


@dataclass(frozen=True, slots=True)
class ProvisionStep:
    """What became of a need. `message` holds the CRM's own words; `asks` are what an admin has to do where the
    state is "missing" or "refused", to be passed on as they are."""

    need: Need
    state: str  # "present" | "missing" | "created" | "refused"
    message: str = ""
    asks: tuple[Notice, ...] = ()


class Connector(Protocol):
    """One CRM, for one connection."""

    capabilities: Capabilities

    def describe(self, objects: Sequence[str]) -> Mapping[str, ObjectSchema]:
        """The live schema of each object. An object the credentials cannot read comes back with `readable=False`."""

    def pull(self, request: PullRequest) -> Iterator[Page]:
        """Yield pages until the present is reached. Any page may be the last one stored: the cursor of each page, given to
        a new call, must lose nothing (it may repeat). Always yields at least one page, so that an empty window moves."""

    def push(self, batch: PushBatch) -> Iterator[Receipt]:
        """Send and answer for every change exactly once, in any order. Nothing is sent twice without knowing that the first
        did not arrive, unless the CRM makes repetition harmless (update, upsert)."""

    def read(self, object: str, ids: Sequence[str], fields: Sequence[str]) -> Mapping[str, RawRecord]:
        """The present version of a few records by id, for reconciling writes of unknown outcome. Missing ids are absent."""

    def provision(self, needs: Sequence[Need], *, apply: bool) -> tuple[ProvisionStep, ...]:
        """Compare the wanted fields with the CRM's; with `apply`, create what is missing. Never deletes."""


@dataclass(frozen=True, slots=True)
class Use:
    """What a configuration does with one object: the vendor's names of the fields it reads, and of those it writes."""

    object: str
    reads: tuple[str, ...]
    writes: tuple[str, ...] = ()


FindingState = Literal["ok", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What a look at one side of a connection gave. `check` names the side, a word of `check` in the message catalogue
    ("credentials", "permissions", …); the message says what is so and, where it is not ok, the remedy: the very scope,
    permission or button to ask for. crmsync adds `connection` to the parameters."""

    check: str
    state: FindingState
    code: str
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Cost:
    """What one object costs in calls, as the vendor counts them.

    `each_cycle`      although nothing changed, and one more for every stored record of the object `for_each`, where that is set
    `per_changed`     for each record that changed, its associations included
    `per_written`     for each record that we write
    `per_record`      for each record of a whole reading, which comes every `whole_every_days` (None: the first time only)
    `each_day`        apart from all this"""

    object: str
    each_cycle: float = 1.0
    for_each: str = ""
    per_changed: float = 0.0
    per_written: float = 0.0
    per_record: float = 0.0
    whole_every_days: float | None = None
    each_day: float = 0.0


@runtime_checkable
class Enrolling(Protocol):
    """What a connector may do beside the verbs: keep the members of lists (`Capabilities.list_object`).

    It *must* then take updates of the object "memberships" in `push` (`crmsync.model.memberships`: the id says which list and whom,
    the field `member` whether they are to be on it), and answer "unchanged" where it was so already: that tells who was put there
    by somebody else. It *must not* repeat one whose answer was lost: that is "unknown", and the list is read. It *must not* take
    anything off a list that it was not handed."""

    def members(self, list_id: str) -> Iterator[Sequence[tuple[str, str]]]:
        """Everybody on a list now, page by page: (object, id) of their records."""


@runtime_checkable
class Diagnosing(Protocol):
    """What a connector may do beside the verbs, for `crmsync doctor`; what the verbs tell of any CRM is asked without it."""

    def diagnose(self, uses: Sequence[Use]) -> Iterator[Finding]:
        """Look at credentials, permissions, limits and versions. Writes nothing. What cannot be asked is no finding; an error that
        is raised ends the look with its own message."""


@runtime_checkable
class Costed(Protocol):
    """What a connector may say of its calls, so that they can be forecast."""

    def costs(self, uses: Sequence[Use]) -> Sequence[Cost]:
        """One per object that is pulled or written. Nothing is sent."""


@dataclass(frozen=True, slots=True)
class ConnectionSettings:
    """One `connections:` entry of the configuration, as a connector sees it. `secret(name)` reads what `auth.<name>` refers
    to (environment or secret file); values never appear in `options`."""

    name: str
    base_urls: Mapping[str, str]
    options: Mapping[str, Any]
    secret: Callable[[str], str]


@dataclass(frozen=True, slots=True)
class BudgetRule:
    """At most `calls` per `seconds` in `lane` (a lane is a vendor's own bucket: "burst", "search", "daily")."""

    lane: str
    calls: int
    seconds: float


@dataclass(frozen=True, slots=True)
class ConnectorPlugin:
    """What the entry point names: facts of the CRM, the way to make a connector, and where its default mappings are.

    `base_urls` are the vendor's own hosts by name ("api", "login"), the defaults that configuration may replace.
    `budget` are the vendor's limits with our reserve already taken off. `mappings` is None where they are shipped with crmsync.
    `hooks` makes the reader of the vendor's webhooks, None where it has none that we know; it raises StopConnector where a secret
    is missing. `broadcasts` says that its connectors can follow a stream of events (`connect.hints.Broadcasting`)."""

    name: str
    make: Callable[[ConnectionSettings, ApiClient], Connector]
    base_urls: Mapping[str, str]
    budget: tuple[BudgetRule, ...]
    auth_secrets: Mapping[str, tuple[str, ...]]
    options: Mapping[str, type] = field(default_factory=dict)
    mappings: Path | None = None
    hooks: Callable[[HookSettings], HookReader] | None = None
    broadcasts: bool = False
