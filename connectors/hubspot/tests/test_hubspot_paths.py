"""Where calls go, by API version."""

from __future__ import annotations

import pytest

from crmsync_hubspot.paths import DEFAULT_VERSION, FAMILIES, VERSIONS, Paths

VENDOR_PATHS = [
    ("/crm/v3/owners/", "/crm/owners/2026-03"),
    ("/crm/v3/pipelines/deals", "/crm/pipelines/2026-03/deals"),
    ("/crm/v3/properties/contacts", "/crm/properties/2026-03/contacts"),
    ("/crm/v3/properties/contacts/groups", "/crm/properties/2026-03/contacts/groups"),
    ("/crm/v3/properties/tasks/crmsync_key", "/crm/properties/2026-03/tasks/crmsync_key"),
    ("/marketing/v3/forms/", "/marketing/v3/forms/"),
]


def test_the_default_version_is_the_one_with_a_published_contract_and_without_new_write_rules() -> None:
    assert DEFAULT_VERSION == "2026-03"


def test_deals_go_by_type_id_under_dated_versions_and_by_name_under_v3() -> None:
    assert Paths("2026-03").records("deals", "/search") == "/crm/objects/2026-03/0-3/search"
    assert Paths("v3").records("deals", "/search") == "/crm/v3/objects/deals/search"


def test_associations_are_numbered_v4_where_objects_are_v3() -> None:
    assert Paths("v3").associations("tasks", "contacts", "/create") == "/crm/v4/associations/0-27/0-1/batch/create"
    assert Paths("2026-09").associations("tasks", "contacts", "/create") == "/crm/associations/2026-09/0-27/0-1/batch/create"


@pytest.mark.parametrize("version", VERSIONS)
def test_forms_and_submissions_have_no_dated_path_in_any_version(version: str) -> None:
    assert Paths(version).of("forms") == "/marketing/v3/forms/"
    assert Paths(version).of("submissions", "guid") == "/form-integrations/v1/submissions/forms/guid"


@pytest.mark.parametrize(("theirs", "ours"), VENDOR_PATHS)
def test_the_vendor_clients_v3_paths_become_dated_ones_without_their_trailing_slash(theirs: str, ours: str) -> None:
    assert Paths("2026-03").of_vendor_client(theirs) == ours


@pytest.mark.parametrize(("theirs", "_ours"), VENDOR_PATHS)
def test_under_v3_the_vendor_clients_paths_stay_as_they_are(theirs: str, _ours: str) -> None:
    assert Paths("v3").of_vendor_client(theirs) == theirs


@pytest.mark.parametrize("family", FAMILIES)
def test_each_family_of_endpoints_can_have_its_own_version(family: str) -> None:
    mixed = Paths("2026-03", {family: "v3"})
    for other in FAMILIES:
        version = "v3" if other == family else "2026-03"
        assert mixed.of(other, "contacts", "companies") == Paths(version).of(other, "contacts", "companies")
    assert mixed.of("usage") == Paths("v3" if family == "account" else "2026-03").of("usage")


def test_the_vendor_clients_paths_follow_their_own_family() -> None:
    mixed = Paths("2026-03", {"owners": "v3", "properties": "2026-09"})
    assert mixed.of_vendor_client("/crm/v3/owners/") == "/crm/v3/owners/"
    assert mixed.of_vendor_client("/crm/v3/properties/contacts") == "/crm/properties/2026-09/contacts"
    assert mixed.of_vendor_client("/crm/v3/pipelines/deals") == "/crm/pipelines/2026-03/deals"


def test_a_family_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="leads"):
        Paths("2026-03", {"leads": "v3"})


def test_a_version_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="2025-09"):
        Paths("2025-09")
