"""`crmsync provision`: what the mappings want is shown, made where asked, and then used; nothing else is touched."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from crmsync.bootstrap import open_workspace, shipped
from crmsync.cli.app import app
from crmsync.cli.commands.provision import show
from crmsync.connect.contract import Need, ProvisionStep
from crmsync.demo.configuration import write_configuration
from crmsync.messages import Language, say
from crmsync.sandbox.world.config import WorldConfig
from crmsync.sandbox.world.control import Sandbox, open_sandbox
from crmsync.sandbox.world.roster import roster
from crmsync.sync.provision import Provisioned, needs
from crmsync.sync.pull import Failure

STOCK = WorldConfig(population=20, provisioned=False)


@pytest.fixture(scope="module")
def stock(tmp_path_factory):
    directory = tmp_path_factory.mktemp("stock")
    with open_sandbox(STOCK) as sandbox:
        write_configuration(directory, shipped("rules"), roster(STOCK), "en", sandbox.urls)
        yield sandbox, directory


def fields_of(directory: Path, *more: str) -> tuple[int, dict[tuple[str, str, str], str]]:
    answer = CliRunner().invoke(app, ["provision", "--config", str(directory), "--json", *more])
    found = json.loads(answer.stdout)["fields"]
    return answer.exit_code, {(f["connection"], f["object"], f["field"]): f["state"] for f in found}


def test_every_field_that_a_mapping_wants_is_listed_once_and_found_missing_on_a_stock_portal(
    stock: tuple[Sandbox, Path],
) -> None:
    _, directory = stock
    code, states = fields_of(directory)
    opened = open_workspace(directory)
    wanted = {(c.name, need.object, need.field) for c in opened.connections for need in needs(c)}
    opened.close()
    assert code == 0
    assert set(states) == wanted
    assert set(states.values()) == {"missing"}


def test_what_was_created_is_there_the_next_time_and_asked_for_again_changes_nothing(stock: tuple[Sandbox, Path]) -> None:
    _, directory = stock
    _, made = fields_of(directory, "--apply")
    _, after = fields_of(directory)
    assert {key[0] for key in made} == {"hubspot", "salesforce"}
    assert set(made.values()) == {"created"}
    assert set(after.values()) == {"present"}
    code, again = fields_of(directory, "--apply")
    assert (code, set(again.values())) == (0, {"present"})


def test_a_field_that_a_crm_will_not_make_is_work_for_an_admin_and_no_success() -> None:
    need = Need("contacts", "crmsync_key", "text", "Key")
    assert not Provisioned((("crm", ProvisionStep(need, "refused", "ask an admin")),), ()).is_complete
    assert Provisioned((("crm", ProvisionStep(need, "created")),), ()).is_complete


@pytest.mark.parametrize("language", ["ja", "en"])
def test_a_crm_that_lets_nobody_in_is_not_said_to_lack_fields(capsys: pytest.CaptureFixture[str], language: Language) -> None:
    """There is no list to hand to an admin: nothing is known of it."""
    refused = Failure("hub", "connect.auth", {"connection": "hub", "vendor_code": "401", "message": ""})
    show(Console(width=200), Provisioned((), (refused,)), language)
    said = capsys.readouterr().out
    assert say("cli.provision_unasked", language) in said
    assert "--apply" not in said
