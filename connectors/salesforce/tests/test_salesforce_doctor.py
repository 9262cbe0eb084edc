"""What the org tells of itself, its limits and our rights in it; and what a refusal to sign in means."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import pytest
from salesforce_place import Place, place, update

from crmsync.connect.contract import Finding, Need, Use
from crmsync.connect.forecast import forecast
from crmsync.errors import StopConnector
from crmsync.sandbox.faults import Fault, FaultKind
from crmsync.sandbox.salesforce.config import OrgConfig
from crmsync_salesforce.api import spans
from crmsync_salesforce.costs import costs
from crmsync_salesforce.diagnosis import REFUSALS, refusal

LEADS = Use("Lead", ("LastName", "Status"), ("Status", "Rating", "crmsync_phase__c"))
TASKS = Use("Task", ("Subject",), ("Subject", "Status", "WhoId"))


def looked(crm: Place, *uses: Use) -> dict[str, Finding]:
    """By code; what is well is left out."""
    return {finding.code: finding for finding in crm.connector.diagnose(uses or (LEADS, TASKS)) if finding.state != "ok"}


def test_a_healthy_org_says_who_we_are_and_has_nothing_to_complain_of() -> None:
    with place() as crm:
        findings = list(crm.connector.diagnose((LEADS, TASKS)))
        assert {finding.state for finding in findings} == {"ok"}
        (who,) = [finding.params for finding in findings if finding.check == "credentials"]
        assert who == {"user": crm.org.config.credentials.username, "org": crm.org.id, "zone": "Asia/Tokyo"}
        assert crm.asked("/sobjects/", "PATCH") == crm.asked("/composite") == crm.asked("/sobjects/", "POST") == []


def test_a_right_that_is_missing_is_named_with_its_object() -> None:
    with place() as crm:
        crm.org.deny("Task", "create", "edit")
        crm.org.deny("Lead", "create")
        (finding,) = [found for found in crm.connector.diagnose((LEADS, TASKS)) if found.state != "ok"]
        assert (finding.check, finding.state, finding.code) == ("permissions", "warning", "doctor.salesforce.object_rights")
        assert finding.params == {"object": "Task", "rights": "Create, Edit"}, "leads are never created"


def test_what_doctor_says_cannot_be_written_is_refused_by_the_org() -> None:
    with place() as crm:
        lead = crm.lead()
        crm.org.deny("Lead", "edit")
        (receipt,) = crm.push(update(lead, Rating="Hot")).values()
        assert (receipt.outcome, receipt.code) == ("rejected", "INSUFFICIENT_ACCESS_OR_READONLY")


def test_a_field_that_may_only_be_read_is_named_and_so_is_one_that_is_hidden() -> None:
    with place() as crm:
        crm.org.lock_field("Lead", "Rating")
        crm.org.hide_field("Lead", "Status")
        found = looked(crm, LEADS)
        assert found["doctor.salesforce.field_rights"].params == {"object": "Lead", "fields": "Rating"}
        assert found["doctor.salesforce.fields_hidden"].params == {"object": "Lead", "fields": "Status"}


def test_an_object_that_is_hidden_pulls_nothing_says_so_and_comes_back() -> None:
    with place() as crm:
        crm.lead()
        crm.org.deny("Lead", "read")
        crm.later(hours=1)
        assert crm.pull() == []
        assert [(notice.code, notice.params["object"]) for notice in crm.notices] == [("connect.unread", "Lead")]
        crm.org.denied.clear()
        crm.notices.clear()
        assert len(crm.pull()) == 1
        assert crm.notices == []


def test_limits_that_may_not_be_read_are_told_by_the_header_all_the_same() -> None:
    with place(OrgConfig(daily_api_requests=5_000)) as crm:
        crm.org.may_read_limits = False
        found = looked(crm)
        assert list(found) == ["doctor.salesforce.limits_hidden"]
        assert crm.client.usage.day is not None
        assert crm.client.usage.day.limit == 5_000


def test_a_version_that_is_about_to_be_retired_is_told_early() -> None:
    with place(api_version="40.0") as crm:
        assert looked(crm)["doctor.salesforce.version_ends"].params == {"version": "40.0", "newest": "67.0"}


def test_a_version_that_is_not_offered_is_an_error_that_names_what_is() -> None:
    with place(api_version="99.0") as crm:
        (finding,) = looked(crm).values()
        assert (finding.check, finding.state, finding.code) == ("version", "error", "connect.version_missing")


def test_a_list_of_versions_with_a_hole_is_told_with_it() -> None:
    assert spans(["66.0", "31.0", "32.0", "9.0", "10.0"]) == "9.0 – 10.0, 31.0 – 32.0, 66.0"


@pytest.mark.parametrize(
    ("secrets", "code"),
    [
        ({"client_id": "wrong", "client_secret": "wrong"}, "doctor.salesforce.client_id"),
        ({"client_id": OrgConfig().credentials.client_id, "client_secret": "wrong"}, "doctor.salesforce.client_secret"),
    ],
)
def test_credentials_that_are_not_taken_are_told_apart(secrets: Mapping[str, str], code: str) -> None:
    with place(secrets=secrets) as crm:
        (finding,) = looked(crm).values()
        assert (finding.check, finding.state, finding.code) == ("credentials", "error", code)


def test_an_org_whose_api_is_not_open_to_us_names_the_permission() -> None:
    with place() as crm:
        body = b'[{"errorCode":"API_DISABLED_FOR_ORG","message":"The REST API is not enabled for this Organization."}]'
        crm.faults.add(Fault(FaultKind.ANSWER, "/services/data/v", status=403, body=body))
        (finding,) = looked(crm).values()
        assert finding.code == "doctor.salesforce.api_enabled"


@pytest.mark.parametrize(("code", "part", "name"), REFUSALS)
def test_every_known_refusal_has_its_own_remedy(code: str, part: str, name: str) -> None:
    error = StopConnector("connect.auth", connection="sf", vendor_code=code, message=f"Sorry: {part.upper()}.")
    assert refusal(error).code == f"doctor.salesforce.{name}"


def test_a_refusal_that_nobody_knows_is_told_in_the_orgs_words() -> None:
    error = StopConnector("connect.auth", connection="sf", vendor_code="odd", message="very odd")
    assert refusal(error) == Finding("credentials", "error", "connect.auth", error.params)


# ------------------------------------------------------------------------------------------------------------------- costs


def test_a_quiet_day_costs_what_the_forecast_says() -> None:
    """Describe of what we write and one query for each object, cycle by cycle: the org counts."""
    uses = (LEADS, Use("User", ("Name",)), Use("Group", ("Name",)))
    with place(lag_seconds=0, overlap_seconds=0) as crm:
        crm.connector.describe([use.object for use in uses])
        for use in uses:
            crm.pull(use.object, use.reads)
        crm.later(minutes=15)
        before = crm.app.service.usage.spent()
        crm.connector.describe(["Lead"])
        for use in uses:
            crm.pull(use.object, use.reads)
        cycle = crm.app.service.usage.spent() - before
        assert forecast(crm.connector.costs(uses), {}, 15).a_quiet_cycle == cycle


def test_objects_whose_formulas_are_read_are_read_whole_every_day() -> None:
    uses = (LEADS, Use("Account", ("Name",)), Use("Group", ("Name",)))
    made = {cost.object: cost.whole_every_days for cost in costs(uses, frozenset({"Lead"}), timedelta(hours=12))}
    assert made == {"Lead": 0.5, "Account": None, "Group": 1}
    assert {cost.whole_every_days for cost in costs(uses[:2], frozenset({"Lead"}), None)} == {None}


def test_the_example_of_the_readme_is_what_the_formula_gives() -> None:
    uses = [Use(name, (), ("x",) if name in ("Lead", "Contact", "Task") else ()) for name in _OBJECTS]
    view = forecast(costs(uses, frozenset(), None), {"Lead": 500_000, "Contact": 500_000, "Task": 500_000}, 15)
    assert (view.a_quiet_cycle, view.a_day, view.first_load) == (16, 1_962, 766)


_OBJECTS = (
    *("User", "Group", "Account", "Lead", "Contact", "Opportunity", "OpportunityContactRole", "Campaign", "CampaignMember"),
    *("Task", "Event", "LeadHistory", "OpportunityHistory"),
)


def test_provision_is_refused_by_name_where_the_object_is_hidden() -> None:
    with place() as crm:
        crm.org.deny("Lead", "read")
        (step,) = crm.connector.provision([Need("Lead", "x__c", "text", "X")], apply=False)
        assert step.state == "refused"
