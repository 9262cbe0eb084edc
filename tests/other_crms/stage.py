"""A configuration as `crmsync init` writes it, pointed at other CRMs, and the cycles that it runs."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from hubspot_fake import Portal
from ruamel.yaml import YAML
from salesforce_fake import Org
from wire import Served

from crmsync.bootstrap import open_workspace
from crmsync.cli.app import app
from crmsync.sync.pipeline import Cycle, run_cycle
from crmsync.sync.workspace import Moment, Workspace

TEAM = {
    "mori@ours.example": "marketing",
    "sato@ours.example": "inside_sales",
    "kato@ours.example": "inside_sales",
    "ueda@ours.example": "field_sales",
    "cho@ours.example": "customer_success",
}


def wrote(directory: Path) -> None:
    """`crmsync init`, in this process."""
    with contextlib.suppress(SystemExit):
        app(["init", str(directory)], standalone_mode=False)


class Stage:
    """One configuration and its CRMs. `now` is everyone's clock; a cycle is a process of its own: opened, run, closed."""

    def __init__(self, directory: Path, now: datetime, org: Org | None, portal: Portal | None) -> None:
        self.directory, self.org, self.portal = directory, org, portal
        self._now = now
        self._workspace: Workspace | None = None
        self.servers: list[Served] = []
        self.users: dict[str, str] = {}
        self.owners: dict[str, str] = {}
        wrote(directory)
        self.settings: dict[str, Any] = YAML(typ="safe").load(directory / "crmsync.yaml")
        self.team = [{"email": email, "name": email.partition("@")[0], "department": group} for email, group in TEAM.items()]
        kept = []
        for connection in self.settings["connections"]:
            if connection["name"] == "salesforce" and org:
                self._salesforce(connection, org, alone=portal is None)
                kept.append(connection)
            if connection["name"] == "hubspot" and portal:
                self._hubspot(connection, portal, alone=org is None)
                kept.append(connection)
        self.settings["connections"] = kept
        self.save()

    def _salesforce(self, connection: dict[str, Any], org: Org, *, alone: bool) -> None:
        """Login and data live on hosts of their own; nothing in the configuration names the second one."""
        login, data = Served(org), Served(org)
        self.servers += [login, data]
        org.instance_url = data.url
        connection["base_urls"] = {"login": login.url}
        connection.pop("options", None)  # as in a real organisation: late commits are waited for
        connection["role"] = "both" if alone else "sfa"
        (self.directory / "secrets/salesforce_client_id").write_text("key-of-the-app\n")
        (self.directory / "secrets/salesforce_client_secret").write_text("secret-of-the-app\n")
        self.users = {email: org.add_user(email.partition("@")[0], email.upper()) for email in TEAM}

    def _hubspot(self, connection: dict[str, Any], portal: Portal, *, alone: bool) -> None:
        server = Served(portal)
        self.servers.append(server)
        connection["base_urls"] = {"api": server.url + "/"}
        connection["role"] = "both" if alone else "ma"
        (self.directory / "secrets/hubspot_token").write_text(portal.token + "\n")
        self.owners = {email: portal.add_owner(email, email.partition("@")[0]) for email in TEAM}

    def save(self) -> None:
        YAML(typ="safe").dump(self.settings, self.directory / "crmsync.yaml")
        YAML(typ="safe").dump({"reps": self.team}, self.directory / "team.yaml")

    @property
    def now(self) -> datetime:
        return self._now

    def later(self, **span: float) -> None:
        self._now += timedelta(**span)
        for crm in (self.org, self.portal):
            if crm:
                crm.now = self._now

    def cycle(self, **span: float) -> Cycle:
        """One cycle, some time on (ten minutes, so that what was done before is out of every lag), in one long-lived process."""
        self.later(**(span or {"minutes": 10}))
        if self._workspace is None:
            self._workspace = open_workspace(self.directory)
        return run_cycle(self._workspace, Moment(self._now, is_rehearsal=True))

    def restart(self) -> None:
        """The process ends; the next cycle reads the configuration anew."""
        if self._workspace is not None:
            self._workspace.close()
            self._workspace = None

    def says(self, *command: str) -> str:
        """What a command says on standard error, in English."""
        self.restart()
        asked = [*command, "--config", str(self.directory), "--now", self._now.isoformat(), "--language", "en"]
        with (
            contextlib.redirect_stderr(io.StringIO()) as told,
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.suppress(SystemExit),
        ):
            app(asked, standalone_mode=False)
        return told.getvalue()

    def writes(self) -> list[tuple[str, str, dict[str, Any]]]:
        """What was written since this was last asked."""
        told: list[tuple[str, str, dict[str, Any]]] = []
        for crm in (self.org, self.portal):
            if crm:
                told += crm.writes
                crm.writes.clear()
        return told

    def close(self) -> None:
        self.restart()
        for server in self.servers:
            server.close()


@contextlib.contextmanager
def staged(directory: Path, org: Org | None, portal: Portal | None) -> Iterator[Stage]:
    """A stage that is struck at the end."""
    stage = Stage(directory, (org or portal).now, org, portal)  # type: ignore[union-attr] # one of them is there
    try:
        yield stage
    finally:
        stage.close()


def fine(stage: Stage, **span: float) -> Any:
    """A cycle in which nothing failed."""
    cycle = stage.cycle(**span)
    assert (cycle.pulled.failures, cycle.applied.failures) == ((), ()), cycle.applied
    return cycle


def settles(stage: Stage, within: int = 2) -> None:
    """After what has been said, crmsync falls silent."""
    for _ in range(within):
        stage.writes()
        fine(stage)
    assert stage.writes() == []
