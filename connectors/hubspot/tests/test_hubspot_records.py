"""HubSpot's rows as records."""

from __future__ import annotations

from datetime import UTC, datetime

from crmsync_hubspot.records import archived_record, associated_ids, losers_of, next_after, record_of, with_losers

ROW = {
    "id": "101",
    "properties": {"email": "a@example.com", "firstname": "", "lastmodifieddate": "2026-01-02T03:04:05.678Z"},
    "createdAt": "2026-01-01T00:00:00.000Z",
    "updatedAt": "2026-01-02T03:04:05.678Z",
    "archived": False,
    "a_key_of_tomorrow": {"x": 1},
}
STAMP = datetime(2026, 1, 2, 3, 4, 5, 678_000, UTC)


def test_a_row_keeps_the_vendors_text_and_loses_only_the_empty() -> None:
    record = record_of("contacts", ROW, {"companies": {"101": ["501", "502"]}})
    assert (record.id, record.modified_at, record.is_deleted) == ("101", STAMP, False)
    assert record.fields == {
        "email": "a@example.com",
        "firstname": None,
        "lastmodifieddate": "2026-01-02T03:04:05.678Z",
        "associations.companies": ["501", "502"],
    }


def test_a_record_without_associations_says_so() -> None:
    assert record_of("contacts", ROW, {"companies": {}}).fields["associations.companies"] == []


def test_a_row_with_hardly_anything_is_still_a_record() -> None:
    record = record_of("deals", {"id": 7})
    assert (record.id, record.fields, record.modified_at) == ("7", {}, None)


def test_without_updated_at_the_objects_own_property_says_when() -> None:
    assert record_of("contacts", {k: v for k, v in ROW.items() if k != "updatedAt"}).modified_at == STAMP


def test_an_archived_row_is_deleted_when_it_went() -> None:
    record = archived_record("contacts", {**ROW, "archived": True, "archivedAt": "2026-02-01T00:00:00Z"})
    assert record.is_deleted
    assert record.replaced_by is None
    assert record.modified_at == datetime(2026, 2, 1, tzinfo=UTC)


def test_each_record_that_a_merge_took_is_replaced_by_the_winner() -> None:
    winner = record_of("contacts", {**ROW, "properties": {"hs_merged_object_ids": "55;66; 55;101"}})
    assert [(loser.id, loser.is_deleted, loser.replaced_by) for loser in losers_of(winner)] == [
        ("55", True, "101"),
        ("66", True, "101"),
    ]
    assert [one.id for one in with_losers([winner])] == ["101", "55", "66"]


def test_a_record_that_was_never_merged_replaces_nobody() -> None:
    assert losers_of(record_of("contacts", ROW)) == ()


def test_associated_ids_come_once_each_as_text_with_the_primary_first() -> None:
    row = {
        "from": {"id": "101"},
        "to": [
            {"toObjectId": 501, "associationTypes": [{"category": "HUBSPOT_DEFINED", "typeId": 279, "label": None}]},
            {"toObjectId": "502", "associationTypes": [{"category": "HUBSPOT_DEFINED", "typeId": 1, "label": "Primary"}]},
            {"toObjectId": 501, "associationTypes": [{"category": "USER_DEFINED", "typeId": 1, "label": "Billing"}]},
        ],
    }
    assert associated_ids(row) == ["502", "501"]


def test_the_last_page_has_no_next() -> None:
    assert next_after({"paging": {"next": {"after": "101", "link": "…"}}}) == "101"
    assert next_after({"results": []}) is None
    assert next_after({"paging": {}}) is None
