"""What the account tells of itself, its limits and our scopes; and what a refusal to let us in means."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from crmsync.connect.calls import CallRejected
from crmsync.connect.contract import Finding, Need, Use
from crmsync.connect.forecast import forecast
from crmsync.connect.reserve import Allowance
from crmsync.errors import StopConnector
from crmsync.messages import LANGUAGES, say
from crmsync.sandbox.faults import FaultKind
from crmsync.sandbox.hubspot.config import Credentials, Limits, PortalConfig
from crmsync_hubspot.costs import costs
from crmsync_hubspot.diagnosis import REFUSALS, refusal
from crmsync_hubspot.objects import OBJECTS
from crmsync_hubspot.options import Options
from crmsync_hubspot.scopes import SCOPES, scope_findings

Make = Callable[..., Any]
WRITTEN = ("contacts", "tasks")
USES = tuple(Use(name, ("email",), ("crmsync_phase",) if name in WRITTEN else ()) for name in OBJECTS)
OAUTH = {name: getattr(Credentials(), name) for name in ("client_id", "client_secret", "refresh_token")}


def without(*scopes: str, **more: Any) -> PortalConfig:
    kept = tuple(s for s in PortalConfig().credentials.scopes if s not in scopes)
    return PortalConfig(limits=Limits(enforced=False), credentials=replace(Credentials(), scopes=kept), **more)


def looked(rig: Any) -> list[Finding]:
    """What is not well."""
    return [finding for finding in rig.hub.diagnose(USES) if finding.state != "ok"]


def test_a_healthy_account_says_who_it_is_and_has_nothing_to_complain_of(rig: Any) -> None:
    findings = list(rig.hub.diagnose(USES))
    assert {finding.state for finding in findings} == {"ok"}
    assert findings[0].params == {"account": "4400001", "kind": "STANDARD", "zone": "Asia/Tokyo"}
    assert [finding.check for finding in findings] == ["credentials", "version", "scopes"]
    assert {request.method for request in rig.requests if "token-info" not in request.url.path} == {"GET"}


@pytest.mark.parametrize("secrets", [None, OAUTH], ids=["a token", "OAuth"])
@pytest.mark.parametrize("version", ["2026-03", "2026-09", "v3"])
def test_scopes_are_asked_of_hubspot_itself(rig_of: Make, secrets: Any, version: str) -> None:
    rig = rig_of(config=without("crm.lists.read"), secrets=secrets, options={"api_version": version}, is_dated=version == "2026-03")
    (finding,) = looked(rig)
    assert finding == Finding("scopes", "warning", "doctor.hubspot.scopes_read", {"object": "lists", "scopes": "crm.lists.read"})


@pytest.mark.parametrize(
    ("scope", "states", "objects"),
    [
        ("crm.objects.contacts.write", {"warning"}, {"contacts", "tasks"}),
        ("crm.objects.deals.read", {"warning"}, {"deals", "pipelines"}),
        ("forms", {"warning"}, {"forms", "form_submissions"}),
        ("business-intelligence", {"warning"}, {"page_views", "visits"}),
        ("crm.schemas.contacts.read", {"error"}, {"contacts"}),
        ("crm.objects.companies.write", set(), set()),
        ("sales-email-read", {"warning"}, {"emails"}),
    ],
)
def test_each_scope_is_missed_by_the_features_that_need_it(rig_of: Make, scope: str, states: set[str], objects: set[str]) -> None:
    found = looked(rig_of(config=without(scope)))
    assert {finding.state for finding in found} == states
    assert {finding.params["object"] for finding in found} == objects
    assert {finding.params["scopes"] for finding in found} <= {scope}


def test_mails_that_are_read_without_their_text_are_not_called_unreadable(rig_of: Make) -> None:
    (finding,) = looked(rig_of(config=without("sales-email-read")))
    for language in LANGUAGES:
        told = say(finding.code, language, feature="e-mails", **finding.params)
        assert "cannot be read" not in told
        assert "読み取れません" not in told


def test_every_object_has_its_scopes_and_the_readme_lists_them_all() -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    assert set(SCOPES) == set(OBJECTS)
    assert {
        s for scopes in SCOPES.values() for s in (*scopes.read, *scopes.write, *scopes.texts) if f"`{s}`" not in readme
    } == set()


def test_a_token_of_which_hubspot_does_not_tell_is_no_trouble(rig: Any) -> None:
    rig.fault(FaultKind.ANSWER, "token-info", status=404, body=b"{}")
    assert [finding.code for finding in rig.hub.diagnose(USES) if finding.check == "scopes"] == ["doctor.hubspot.scopes_unasked"]


@pytest.mark.parametrize(
    ("token", "name"),
    [("pat-na1-00000000-c0de-4000-8000-00000000dead", "token_unknown"), ("not a token", "token_malformed")],
)
def test_a_token_that_is_not_taken_is_told_apart(rig_of: Make, token: str, name: str) -> None:
    (finding,) = looked(rig_of(secrets={"token": token}))
    assert (finding.check, finding.state, finding.code) == ("credentials", "error", f"doctor.hubspot.{name}")


@pytest.mark.parametrize(
    ("secret", "name"), [("client_secret", "client"), ("client_id", "client"), ("refresh_token", "refresh_token")]
)
def test_oauth_that_is_refused_names_what_is_wrong(rig_of: Make, secret: str, name: str) -> None:
    (finding,) = looked(rig_of(secrets={**OAUTH, secret: "wrong"}))
    assert finding.code == f"doctor.hubspot.{name}"


@pytest.mark.parametrize(("code", "part", "name"), REFUSALS)
def test_every_known_refusal_has_its_own_remedy(code: str, part: str, name: str) -> None:
    assert refusal(StopConnector("connect.auth", vendor_code=code, message=f"x {part} x")).code == f"doctor.hubspot.{name}"


def test_an_address_where_nothing_is_found_is_named(rig_of: Make) -> None:
    rig = rig_of(is_dated=False)
    rig.client.base_urls["api"] += "/elsewhere"
    (finding,) = looked(rig)
    assert (finding.state, finding.code) == ("error", "connect.base_url_wrong")


NOW = {"Date": "Mon, 02 Nov 2026 00:00:00 GMT"}
NO_SUCH = {
    "a page": httpx.Response(404, headers=NOW, text="<html>404</html>"),
    "a refusal": httpx.Response(
        400, headers=NOW, json={"status": "error", "category": "VALIDATION_ERROR", "message": "no such version"}
    ),
    "gone": httpx.Response(410, headers=NOW, json={"status": "error", "category": "GONE", "message": "no longer supported"}),
}


@pytest.mark.parametrize("said", NO_SUCH)
def test_a_version_that_is_not_served_is_named_wherever_it_is_met(rig: Any, said: str) -> None:
    """By what is pulled, described, provisioned and examined alike: that every property is missing there says nothing."""
    rig.twist(lambda path, _status, body: NO_SUCH[said] if "/2026-03" in path else body)
    need = Need("contacts", "crmsync_phase", "text", "Phase")
    (finding,) = looked(rig)
    assert finding.code == "connect.base_url_wrong"
    for ask in (
        lambda: rig.pull("contacts"),
        lambda: rig.pull("owners"),
        lambda: rig.hub.describe(["contacts"]),
        lambda: rig.hub.provision([need], apply=True),
    ):
        with pytest.raises(StopConnector) as stopped:
            ask()
        assert (stopped.value.code, stopped.value.params["version"]) == ("connect.base_url_wrong", "2026-03")


def test_where_one_family_is_not_found_its_path_is_told(rig: Any) -> None:
    """A permission would be asked for in vain."""
    rig.twist(lambda path, _status, body: NO_SUCH["a page"] if path.startswith("/crm/lists") else body)
    assert rig.hub.describe(["lists"])["lists"].why_not.startswith("/crm/lists/2026-03/search: 404")
    assert rig.pull("lists").pages[0].notices[0].params["why"].startswith("/crm/lists/2026-03/search: 404")


def test_what_the_vendors_client_is_refused_names_its_path(rig: Any) -> None:
    rig.twist(lambda path, _status, body: NO_SUCH["a refusal"] if "/pipelines" in path else body)
    with pytest.raises(CallRejected) as refused:
        rig.pull("pipelines")
    assert (refused.value.params["method"], refused.value.params["path"]) == ("GET", "/crm/pipelines/2026-03/deals")


def test_the_version_of_a_single_family_that_ends_sooner_is_told_too(rig_of: Make) -> None:
    rig = rig_of(options={"api_version": "2026-09", "api_versions": {"owners": "v3"}}, is_dated=False)
    (version,) = [finding for finding in rig.hub.diagnose(USES) if finding.check == "version"]
    assert version.params == {"version": "v3", "ends": "2027-09-01"}


def test_a_version_that_ends_soon_is_told_in_time(rig: Any) -> None:
    rig.advance(days=250)
    (finding,) = looked(rig)
    assert (finding.code, finding.params["ends"]) == ("doctor.hubspot.version_ends", "2027-09-30")


def test_the_day_is_known_although_searches_tell_nothing_of_it(rig_of: Make) -> None:
    rig = rig_of(config=PortalConfig(limits=Limits(daily=1_000)))
    rig.portal.limiter.count(search=False)
    list(rig.hub.diagnose(USES))
    assert rig.client.usage.day == Allowance(1_000 - rig.portal.limiter.today, 1_000)


def test_scopes_of_objects_that_are_not_mapped_are_not_asked_for() -> None:
    assert [finding.state for finding in scope_findings([Use("owners", ())], {"crm.objects.owners.read"}, ("contacts",))] == ["ok"]


# ------------------------------------------------------------------------------------------------------------------- costs


@pytest.mark.parametrize(
    "uses", [USES, USES[:4], [use for use in USES if use.object == "form_submissions"]], ids=["all", "few", "one"]
)
def test_a_quiet_cycle_costs_what_the_forecast_says(rig_of: Make, uses: Any) -> None:
    """Describe of what we write, and the pull of every object: HubSpot counts."""
    rig = rig_of(config=PortalConfig(limits=Limits(enforced=False)))
    forms = [rig.portal.add_form(f"f{n}") for n in range(3)]
    cursors = {use.object: None for use in uses}
    for _ in range(2):
        before = rig.portal.limiter.today
        rig.hub.describe([use.object for use in uses if use.writes])
        for use in uses:
            cursors[use.object] = rig.pull(use.object, cursors[use.object], use.reads).cursor
        cycle = rig.portal.limiter.today - before
        rig.advance(minutes=15)
    view = forecast(rig.hub.costs(uses), {"forms": len(forms)}, 15)
    assert view.a_quiet_cycle == cycle


def test_sweeps_and_bins_are_part_of_the_day_and_can_be_turned_off() -> None:
    (with_both,) = costs([Use("contacts", ())], Options())
    (without_sweep,) = costs([Use("contacts", ())], Options(sweep_every=timedelta(0)))
    assert (with_both.whole_every_days, with_both.each_day, without_sweep.whole_every_days) == (7, 4, None)


def test_the_example_of_the_readme_is_what_the_formula_gives() -> None:
    records = {"contacts": 500_000, "companies": 100_000, "deals": 100_000, "tasks": 500_000, "forms": 20}
    view = forecast(costs(USES, Options()), records, 15)
    assert (view.a_quiet_cycle, view.a_day, view.first_load) == (39, 7_043, 13_219)


def test_lists_that_are_written_to_need_the_scope_for_it(rig_of: Make) -> None:
    rig = rig_of(config=without("crm.lists.write"))
    (finding,) = [one for one in rig.hub.diagnose([Use("lists", ("name",), ("member",))]) if one.state != "ok"]
    assert finding.params == {"object": "lists", "scopes": "crm.lists.write"}
    assert all(one.state == "ok" for one in rig.hub.diagnose([Use("lists", ("name",))]) if one.check == "scopes")
