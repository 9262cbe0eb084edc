"""Page walks that cannot turn for ever, and plug-ins found by name."""

from __future__ import annotations

import pytest

from crmsync.connect.contract import ConnectorPlugin
from crmsync.connect.paging import LoopGuard, walk
from crmsync.connect.registry import load_plugin, plugin_names
from crmsync.errors import StopConnector
from crmsync.messages import catalogue


def test_a_walk_ends_where_the_vendor_says_so() -> None:
    pages = {"a": "b", "b": "c", "c": None}
    assert list(walk(lambda token: token, "a", lambda answer: pages[answer], LoopGuard("x", "Lead"))) == ["a", "b", "c"]


def test_a_token_seen_twice_stops_the_walk() -> None:
    pages = {"a": "b", "b": "a"}
    with pytest.raises(StopConnector, match="paging_loop"):
        list(walk(lambda token: token, "a", lambda answer: pages[answer], LoopGuard("x", "Lead")))


def test_an_unknown_connector_names_its_nearest() -> None:
    with pytest.raises(StopConnector) as caught:
        load_plugin("salesfroce")
    assert caught.value.params["nearest"] == "salesforce"


def test_installed_connectors_are_listed_without_importing_them() -> None:
    assert {"hubspot", "salesforce"} <= set(plugin_names())


def test_a_package_that_is_no_plugin_is_called_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib.metadata import EntryPoint, EntryPoints

    broken = EntryPoints(
        [EntryPoint("bad", "json:dumps", "crmsync.connectors"), EntryPoint("gone", "no.such", "crmsync.connectors")]
    )
    monkeypatch.setattr("crmsync.connect.registry.entry_points", lambda group: broken)
    for name in ("bad", "gone"):
        with pytest.raises(StopConnector, match="plugin_broken"):
            load_plugin(name)


def test_plugins_are_values() -> None:
    assert ConnectorPlugin.__dataclass_params__.frozen  # type: ignore[attr-defined]  # set by dataclasses, absent from the stubs


def test_every_error_of_the_kit_has_its_sentence_in_both_languages() -> None:
    import re
    from pathlib import Path

    import crmsync.connect

    sources = "".join(path.read_text() for path in Path(crmsync.connect.__file__).parent.glob("*.py"))
    codes = set(re.findall(r'"(connect\.[a-z_]+)"', sources)) | {f"connect.{kind}" for kind in ("auth", "quota", "stop")}
    assert codes - set(catalogue()) - {"crmsync.connect"} == set()
    assert all({"en", "ja"} == set(texts) for code, texts in catalogue().items() if code.startswith("connect."))
