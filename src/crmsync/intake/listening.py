"""All ears of a workspace, opened and closed together. One that cannot be opened is a notice: polling does without."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import datetime

import structlog
from sqlalchemy.exc import SQLAlchemyError

from crmsync.config.settings import IntakeConfig
from crmsync.connect.hints import Delivery, Heard, HookReader, Refused
from crmsync.errors import CrmsyncError
from crmsync.intake.app import Door, application
from crmsync.intake.following import Follower
from crmsync.intake.server import served
from crmsync.intake.tally import Refusals
from crmsync.store import Store
from crmsync.sync.workspace import Workspace

_log = structlog.get_logger("crmsync.intake")

Wake = Callable[[str], None]


@contextmanager
def listening(workspace: Workspace, clock: Callable[[], datetime], wake: Wake = lambda _connection: None) -> Iterator[str | None]:
    """Listen until the context ends. `wake` is called with a connection's name after marks of its records were stored, from any
    thread. Gives the address where webhooks come in, None where none are configured. Raises StopConnector where the port is
    taken."""
    with ExitStack() as stack:
        for connection in workspace.connections:
            if connection.ears.events is not None:
                follower = Follower(connection.name, connection.ears.events, workspace.store, clock, wake)
                follower.start()
                stack.callback(follower.stop)
        readers = {c.name: _reader(c.name, c.ears.hooks) for c in workspace.connections if c.ears.hooks is not None}
        yield stack.enter_context(_door(readers, workspace.intake, workspace.store, clock, wake)) if readers else None


@contextmanager
def _door(
    readers: Mapping[str, HookReader], place: IntakeConfig, store: Store, clock: Callable[[], datetime], wake: Wake
) -> Iterator[str]:
    def keep(connection: str, heard: Heard, at: datetime) -> None:
        records = [(hint.object, hint.id) for hint in heard.hints]
        erased = [(hint.object, hint.id) for hint in heard.erased]
        if store.hints.take(connection, records, at, heard.passed_over, None, erased):
            wake(connection)

    def tell(connection: str, reasons: Mapping[str, int], at: datetime) -> None:
        try:
            store.hints.take(connection, (), at, reasons)
        except SQLAlchemyError as error:
            _log.warning("refusals_not_counted", connection=connection, error=type(error).__name__)

    refusals = Refusals(tell)
    app = application(Door(readers, keep, clock, refusals, place.most_bytes))
    try:
        with served(app, place.host, place.port, lambda: refusals.flush(clock())) as address:
            _log.info("intake_serving", address=address, connections=sorted(readers))
            yield address
    finally:
        refusals.flush()


def _reader(connection: str, open_: Callable[[], HookReader]) -> HookReader:
    """The reader of a connection; one that says "later" where it cannot be had, so that the vendor keeps what it has to say."""
    try:
        return open_()
    except CrmsyncError as error:
        _log.warning("hooks_not_ready", connection=connection, code=error.code)
        return _not_ready


def _not_ready(_delivery: Delivery) -> Refused:
    return Refused(503, "not_ready")
