"""What Salesforce is like, as tables: streams, system fields, sizes. Numbers are the vendor's unless said otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from crmsync.connect.contract import BudgetRule, Capabilities, Stream
from crmsync.model.changes import Cause

API_VERSION = "66.0"
# v31 to v40 are unsupported from Summer '27 and retired with Summer '28. (H 005321531)
OLDEST_LASTING_VERSION = 41.0

HISTORY = frozenset({"LeadHistory", "OpportunityHistory", "ContactHistory", "AccountHistory", "OpportunityFieldHistory"})

# What the codes of refused rows mean, Salesforce's (StatusCode in the SOAP API guide) and ours.
CAUSES: Mapping[str, Cause] = {
    "REQUIRED_FIELD_MISSING": "required_field",
    "FIELD_CUSTOM_VALIDATION_EXCEPTION": "validation_rule",
    "FIELD_FILTER_VALIDATION_EXCEPTION": "validation_rule",
    "FIELD_INTEGRITY_EXCEPTION": "bad_value",
    "DUPLICATES_DETECTED": "duplicate",
    "DUPLICATE_VALUE": "duplicate",
    "DUPLICATE_EXTERNAL_ID": "duplicate",
    "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST": "not_an_option",
    "STRING_TOO_LONG": "too_long",
    "INVALID_EMAIL_ADDRESS": "bad_value",
    "INVALID_TYPE_ON_FIELD_IN_RECORD": "bad_value",
    "NUMBER_OUTSIDE_VALID_RANGE": "bad_value",
    "JSON_PARSER_ERROR": "bad_value",
    "MISSING_ARGUMENT": "bad_value",
    "INVALID_OPERATION": "other",
    "INVALID_FIELD": "no_such_field",
    "NO_SUCH_FIELD": "no_such_field",
    "INVALID_FIELD_FOR_INSERT_UPDATE": "no_field_access",
    "INSUFFICIENT_ACCESS": "no_record_access",
    "INSUFFICIENT_ACCESS_OR_READONLY": "no_record_access",
    "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY": "no_record_access",
    "INVALID_TYPE": "no_record_access",
    "INVALID_TYPE_FOR_OPERATION": "no_record_access",
    "CANNOT_UPDATE_CONVERTED_LEAD": "read_only_record",
    "ENTITY_IS_LOCKED": "read_only_record",
    "INACTIVE_OWNER_OR_USER": "inactive_owner",
    "OP_WITH_INVALID_USER_TYPE_EXCEPTION": "inactive_owner",
    "TRANSFER_REQUIRES_READ": "inactive_owner",
    "NOT_FOUND": "record_gone",
    "ENTITY_IS_DELETED": "record_gone",
    "INVALID_CROSS_REFERENCE_KEY": "record_gone",
    "MALFORMED_ID": "record_gone",
    "CANNOT_EXECUTE_FLOW_TRIGGER": "automation",
    "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY": "automation",
    "APEX_ERROR": "automation",
    "STORAGE_LIMIT_EXCEEDED": "limit",
    "LIMIT_EXCEEDED": "limit",
    "REQUEST_LIMIT_EXCEEDED": "limit",
    "API_DISABLED_FOR_ORG": "limit",
    "API_CURRENTLY_DISABLED": "limit",
    "unchanged_after_write": "overruled",
    "NO_KEY": "our_key",
    "NO_LEFT_STATUS": "not_an_option",
}

CAPABILITIES = Capabilities(
    streams=(
        Stream("User"),
        Stream("Group"),
        Stream("Account"),
        Stream("Lead"),
        Stream("Contact"),
        Stream("Opportunity"),
        Stream("OpportunityContactRole"),
        Stream("Campaign"),
        Stream("CampaignMember"),
        Stream("Task"),
        Stream("Event"),
        Stream("LeadHistory", is_event=True),
        Stream("OpportunityHistory", is_event=True),
    ),
    writable=("Lead", "Contact", "Account", "Opportunity", "Task"),
    user_objects=("User", "Group"),
    person_objects=("Lead", "Contact"),
    task_object="Task",
    causes=CAUSES,
    queue_object="Group",
    list_object="Campaign",
)

# Deleted rows stay visible to queryAll for fifteen days, then they leave no trace; a day of margin. (polling for changes)
RECYCLE_BIN = timedelta(days=14)
FORMULA_REFRESH_HOURS = 24
NEVER_DELETED = frozenset({"User"})
# Objects without IsDeleted: their ids are compared with those that are stored once a day.
NEVER_TRACED = frozenset({"Group"})

# A Group is also every role and public group; only queues own records.
FILTERS = {"Group": "Type = 'Queue'"}

# Best evidence of a change first. LastModifiedDate can be set by data loads and skips automated changes; history rows are
# append-only and have no other stamp. (object_reference: system fields)
CURSOR_FIELDS = ("SystemModstamp", "LastModifiedDate", "CreatedDate")
SYSTEM_FIELDS = ("IsDeleted", "MasterRecordId")

# Custom fields of tasks and events are created on their common parent, which cannot be described or queried itself.
ACTIVITY = "Activity"
ACTIVITY_SEEN_ON = "Task"
CUSTOM_FIELD_PARENT = {"Task": ACTIVITY, "Event": ACTIVITY}

# What a parent of several objects (Owner, Who, What) shows beside texts.
NAME_TYPES = {"IsActive": "boolean"}

# URI and headers together must stay under 16,384 bytes; token and headers take up to 2,500 of them. (limits cheat sheet)
QUERY_BYTES = 16_384 - 2_500
LONGEST_QUERY = 100_000
COLLECTION_SIZE = 200
# The permission set that carries our grants of field-level security.
PERMISSION_SET = "crmsync"
# From here on a bulk job costs fewer calls than REST's pages of 2,000 rows: one to create it, some three looks, one for up to
# BULK_RESULTS rows of results. The vendor's own rule of 2,000 counts time, not calls.
BULK_QUERY_FROM = 10_000
# The server's own page size is not documented: we set one, so that no answer runs into a timeout.
BULK_RESULTS = 50_000
# Rows that are handed on together, as many as on a page of REST.
BULK_PART = 2_000
# Rows on a page of REST, where they are not wide.
REST_PAGE = 2_000
BULK_PATIENCE_SECONDS = 1_800
# The fact sheet's advice is Collections for what is written back; jobs are for masses, where an org prefers them.
BULK_WRITE_FROM = 0
# A job takes 100 MB; half of it leaves room for what the org adds. Batches of it are 10,000 rows.
INGEST_BYTES = 50 << 20
INGEST_ROWS = 100_000
# A composite holds five queries; one page of each is 2,000 rows, whose ids take 54,000 of the 100,000 characters.
COMPOSITE_QUERIES = 5
IDS_PER_QUERY = 2_000
# The row that is locked beside the one that is written: rows of one parent go into one batch, where they do not meet.
PARENTS = {"Contact": "AccountId", "Opportunity": "AccountId", "Task": "WhoId"}
# Rows that failed for a passing reason are sent again in smaller batches: fewer rows meet on one parent's lock. Our choice.
RETRY_SIZES = (50, 10)
# After a query that was too much for the org, pages of this many rows at most. Our choice.
SMALL_PAGE = 500

# Salesforce has no limit for many short calls, only for those of 20 seconds and more, which the connection pool bounds. This is a
# guard against a loop of ours running wild. The daily limit differs by org: it is read from /limits and each answer's header.
BUDGET = (BudgetRule("burst", 300, 1.0),)
