"""Progress bars: counts, calls spent, and what the CRMs say is left."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from crmsync.messages import Language, name_of, say
from crmsync.sync.workspace import Progress as Watcher
from crmsync.sync.workspace import Silent, Workspace


class Bars:
    """One line per object at work; it goes when the object is done."""

    def __init__(self, workspace: Workspace, bars: Progress, words: Language) -> None:
        self._words = words
        self._clients = {connection.name: connection.client for connection in workspace.connections}
        self._bars = bars
        self._tasks: dict[tuple[str, str, str], TaskID] = {}

    def started(self, step: str, connection: str, object_: str, expected: int | None) -> None:
        self._tasks[(step, connection, object_)] = self._bars.add_task(
            f"{name_of('progress', step, self._words)} {connection} {object_}", total=expected, spent=self._spent(connection)
        )

    def advanced(self, step: str, connection: str, object_: str, count: int) -> None:
        self._bars.update(self._tasks[(step, connection, object_)], advance=count, spent=self._spent(connection))

    def finished(self, step: str, connection: str, object_: str) -> None:
        self._bars.remove_task(self._tasks.pop((step, connection, object_)))

    def _spent(self, connection: str) -> str:
        usage = self._clients[connection].usage
        left = ", ".join(f"{lane} {count:,}" for lane, count in sorted(usage.left.items())) or "—"
        return say("cli.usage", self._words, calls=usage.calls, retries=usage.retries, left=left)


@contextmanager
def watching(workspace: Workspace, words: Language, *, quiet: bool) -> Iterator[Watcher]:
    """Bars on standard error where a person watches; silence otherwise."""
    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield Silent()
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TextColumn("{task.fields[spent]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bars:
        yield Bars(workspace, bars, words)
