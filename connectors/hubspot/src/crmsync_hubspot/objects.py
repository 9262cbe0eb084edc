"""What crmsync reads and writes in HubSpot, as a table: one row per remote object. No code of any request lives here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from crmsync.connect.contract import Capabilities, Stream
from crmsync.model.changes import Cause

Kind = Literal["crm", "reference", "submissions", "events", "reports"]


@dataclass(frozen=True, slots=True)
class ObjectFacts:
    """One object. `type_id` is HubSpot's own; `modified` is the property that moves with every edit: contacts alone use
    `lastmodifieddate`, and asking any object by the other's name answers nothing, silently. `related` are the objects whose
    associations are read with it; `merges` says that HubSpot can merge two of them."""

    name: str
    kind: Kind
    type_id: str = ""
    modified: str = "hs_lastmodifieddate"
    related: tuple[str, ...] = ()
    merges: bool = False
    writable: bool = False
    after: tuple[str, ...] = ()

    @property
    def is_crm(self) -> bool:
        """Whether the object has the generic object API: list, search, batch, archive."""
        return self.kind == "crm"


OBJECTS: Mapping[str, ObjectFacts] = {
    facts.name: facts
    for facts in (
        ObjectFacts("owners", "reference"),
        ObjectFacts("pipelines", "reference"),
        ObjectFacts("forms", "reference"),
        ObjectFacts("lists", "reference"),
        ObjectFacts("companies", "crm", "0-2", merges=True, writable=True),
        ObjectFacts("contacts", "crm", "0-1", "lastmodifieddate", ("companies",), merges=True, writable=True),
        ObjectFacts("deals", "crm", "0-3", related=("contacts", "companies"), merges=True, writable=True),
        ObjectFacts("calls", "crm", "0-48", related=("contacts",)),
        ObjectFacts("meetings", "crm", "0-47", related=("contacts",)),
        ObjectFacts("emails", "crm", "0-49", related=("contacts",)),
        ObjectFacts("tasks", "crm", "0-27", related=("contacts",), writable=True),
        ObjectFacts("notes", "crm", "0-46", related=("contacts",)),
        ObjectFacts("form_submissions", "submissions", after=("forms",)),
        ObjectFacts("page_views", "events", after=("contacts",)),
        ObjectFacts("campaigns", "reports"),
        ObjectFacts("visits", "reports"),
    )
}

EVENT_OBJECTS = ("form_submissions", "page_views")

# What the codes of refused rows mean, HubSpot's (developers.hubspot.com, error handling; property validation) and ours.
CAUSES: Mapping[str, Cause] = {
    "MISSING_REQUIRED_PROPERTY": "required_field",
    "MISSING_CONDITIONAL_REQUIRED_PROPERTY": "required_field",
    "REQUIRED_FIELD": "required_field",
    "INVALID_OPTION": "not_an_option",
    "INVALID_INTEGER": "bad_value",
    "INVALID_LONG": "bad_value",
    "INVALID_DECIMAL": "bad_value",
    "INVALID_NUMBER": "bad_value",
    "INVALID_DATE": "bad_value",
    "INVALID_EMAIL": "bad_value",
    "INVALID_BOOLEAN": "bad_value",
    "INVALID_OWNER": "inactive_owner",
    "VALUE_TOO_LONG": "too_long",
    "PROPERTY_DOESNT_EXIST": "no_such_field",
    "KEY_FIELD_MISSING": "no_such_field",
    "READ_ONLY_VALUE": "no_field_access",
    "MISSING_SCOPES": "no_record_access",
    "OBJECT_NOT_READABLE": "no_record_access",
    "OBJECT_NOT_WRITABLE": "no_record_access",
    "OBJECT_NOT_FOUND": "record_gone",
    "404": "record_gone",
    "LIST_NOT_FOUND": "list_gone",
    "LIST_NOT_STATIC": "list_not_static",
    "CONFLICT": "duplicate",
    "OBJECT_ALREADY_EXISTS": "duplicate",
    "ASSOCIATION_FAILED": "record_gone",
    "ASSOCIATION_UNKNOWN": "our_key",
    "KEY_MISSING": "our_key",
    "RECORD_ID_MISSING": "our_key",
    "unchanged_after_write": "overruled",
    "VALIDATION_ERROR": "validation_rule",
}

CAPABILITIES = Capabilities(
    streams=tuple(Stream(facts.name, is_event=facts.name in EVENT_OBJECTS, after=facts.after) for facts in OBJECTS.values()),
    writable=tuple(facts.name for facts in OBJECTS.values() if facts.writable),
    user_objects=("owners",),
    person_objects=("contacts",),
    task_object="tasks",
    causes=CAUSES,
    list_object="lists",
)

# Type ids of HubSpot's own unlabelled associations (developers.hubspot.com, associations guide, "Association type IDs").
ASSOCIATION_TYPES: Mapping[tuple[str, str], int] = {
    ("contacts", "companies"): 279,
    ("companies", "contacts"): 280,
    ("contacts", "deals"): 4,
    ("deals", "contacts"): 3,
    ("companies", "deals"): 342,
    ("deals", "companies"): 341,
    ("tasks", "contacts"): 204,
    ("tasks", "companies"): 192,
    ("tasks", "deals"): 216,
    ("calls", "contacts"): 194,
    ("emails", "contacts"): 198,
    ("meetings", "contacts"): 200,
    ("notes", "contacts"): 202,
}

# The label that marks the one company of a contact or deal that comes first (same guide).
PRIMARY_TYPES = frozenset({1, 5})
