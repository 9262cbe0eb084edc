"""HubSpot's errors as a table: what each means for the connection, what it makes of the one change that met it, and what an admin
can do. The README's table is made from this one, and the tests send each row once. Pure: no code of any request lives here.

Rows are read from the top, the first that fits holds. `statuses` empty is any status: errors inside a 207 have none of their own.
Sources: developers.hubspot.com, error handling and usage guidelines; 530, and 403 with a page, as seen by others in the field.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from crmsync.connect.calls import Kind
from crmsync.model.changes import Outcome

# An endpoint, or an object, that these credentials or this portal do not have: it rests, all else goes on.
NOT_HERE = frozenset({403, 404, 410})
# What an address answers that is not HubSpot's, or a version that is not served (any more): asked for what every account has.
ELSEWHERE = frozenset({400, 404, 410})

TEN_SECONDLY, SECONDLY, DAILY = "TEN_SECONDLY_ROLLING", "SECONDLY", "DAILY"


@dataclass(frozen=True, slots=True)
class Rule:
    """One row. `codes` are HubSpot's words, any of: category, subCategory (its last part), code of an inner error, policy. `label`
    is what we call the error where HubSpot gives it no name; `wait_seconds` is waited where HubSpot names no time, `least_seconds`
    in any case; `is_untaken` says that the request was surely not acted on; `is_of_field` that every row with the same property
    meets it, so that no second row needs to be tried."""

    statuses: tuple[int, ...]
    codes: tuple[str, ...]
    kind: Kind
    outcome: Outcome
    then: str
    label: str = ""
    is_page: bool = False
    wait_seconds: float | None = None
    least_seconds: float = 0.0
    is_untaken: bool = False
    is_of_field: bool = False

    def fits(self, status: int, names: frozenset[str], *, is_page: bool) -> bool:
        """Whether an error of this status, with these words, or as a page of HTML, is of this row."""
        if self.statuses and status not in self.statuses:
            return False
        return not (self.is_page and not is_page) and (not self.codes or not names.isdisjoint(self.codes))


RULES: tuple[Rule, ...] = (
    Rule(
        (401,), ("EXPIRED_AUTHENTICATION",), "auth", "retry", "OAuth: renewed once, then the connection stops; a token: it is wrong"
    ),
    Rule((401,), (), "auth", "retry", "the connection stops: the credentials are not taken"),
    Rule((530,), (), "auth", "retry", "likewise: HubSpot's front door does not know the token"),
    Rule(
        (403,),
        ("MISSING_SCOPES",),
        "reject",
        "rejected",
        "the object rests, all else goes on; `crmsync doctor` names the scopes; asked again in the next cycle",
    ),
    Rule((403,), (), "retry", "retry", "the front door is busy: again", "BLOCKED", is_page=True, is_untaken=True),
    Rule((403,), (), "reject", "rejected", "the object rests, all else goes on"),
    Rule(
        (404, 410),
        (),
        "reject",
        "rejected",
        "a record: it is looked for by its id, as it may have been merged; an endpoint: its object rests",
    ),
    Rule((408, 420, 425), (), "retry", "retry", "not now: again", is_untaken=True),
    Rule(
        (423,),
        (),
        "retry",
        "retry",
        "a record is locked: again after 2 s at least",
        "LOCKED",
        wait_seconds=2.0,
        least_seconds=2.0,
        is_untaken=True,
    ),
    Rule(
        (429,),
        (DAILY,),
        "quota",
        "retry",
        "nothing is sent before midnight in the account's time zone (a named Retry-After goes first)",
        DAILY,
        is_untaken=True,
    ),
    Rule((429,), (SECONDLY,), "retry", "retry", "again after 1 s", SECONDLY, wait_seconds=1.0, is_untaken=True),
    Rule((429,), (), "retry", "retry", "again after the window of 10 s", TEN_SECONDLY, wait_seconds=10.0, is_untaken=True),
    Rule(
        (477,),
        (),
        "retry",
        "retry",
        "the account moves house: again after Retry-After, in a later cycle if that is long",
        "MIGRATING",
        is_untaken=True,
    ),
    Rule((501,), (), "reject", "retry", "a report over too many days: it is asked for in halves", "TOO_MUCH_WORK"),
    Rule((413,), ("RESULT_POINT_LIMIT_EXCEEDED",), "reject", "rejected", "likewise"),
    Rule((502, 504), (), "retry", "retry", "too much work in one call: again, then in halves"),
    Rule((500, 503, 521, 522, 523, 524, 525, 526), (), "retry", "retry", "again, with growing waits; a create is looked for first"),
    Rule(
        (),
        ("RATE_LIMITS", "RATE_LIMIT", "INTERNAL_ERROR", "SERVICE_UNAVAILABLE", "LOCKED", "RETRY", "TIMEOUT"),
        "reject",
        "retry",
        "a row of a 207: this row is sent again in the next cycle",
    ),
    Rule(
        (),
        ("PROPERTY_DOESNT_EXIST",),
        "reject",
        "rejected",
        "the property was archived or renamed: only its own line of the mapping rests; restore it, or run `crmsync provision`",
        is_of_field=True,
    ),
    Rule(
        (),
        ("READ_ONLY_VALUE",),
        "reject",
        "rejected",
        "HubSpot, or a formula, keeps the property: take it out of `writes:` in the mapping",
        is_of_field=True,
    ),
    Rule(
        (),
        ("INVALID_OPTION",),
        "reject",
        "rejected",
        "the option is none of the property's: add it in HubSpot, or run `crmsync provision`",
    ),
    Rule(
        (),
        ("INVALID_INTEGER", "INVALID_LONG", "INVALID_DECIMAL", "INVALID_DATE", "INVALID_EMAIL"),
        "reject",
        "rejected",
        "the property is of another type than the mapping takes it for",
    ),
    Rule(
        (),
        ("MISSING_REQUIRED_PROPERTY", "MISSING_CONDITIONAL_REQUIRED_PROPERTY"),
        "reject",
        "rejected",
        "a validation rule of the portal wants another property filled first; `api_version: 2026-03` is not bound by such rules",
    ),
    Rule((), ("FORM_TYPE_NOT_ALLOWED",), "reject", "rejected", "a kind of form without submissions: skipped"),
    Rule((), ("OBJECT_NOT_FOUND",), "reject", "rejected", "as 404"),
    Rule(
        (409,),
        (),
        "reject",
        "rejected",
        "another record stands in the way; the receipt names it where HubSpot does; a property: it is there already",
    ),
    Rule((413, 414), (), "reject", "rejected", "too long: does not happen, as long lists travel in bodies of at most 100 rows"),
    Rule((400,), (), "reject", "rejected", "one row is wrong, or two name one record: the batch is narrowed down to it"),
)

# Everything else that has no row above.
OTHER_REFUSAL = Rule((), (), "reject", "rejected", "the call is refused with HubSpot's words")
OTHER_TROUBLE = Rule((), (), "retry", "retry", "again, with growing waits")


def rule_of(status: int, names: Iterable[str], *, is_page: bool = False) -> Rule:
    """The row that holds for an error."""
    words = frozenset(names)
    found = next((rule for rule in RULES if rule.fits(status, words, is_page=is_page)), None)
    return found or (OTHER_TROUBLE if status >= 500 else OTHER_REFUSAL)


def shown_rules() -> Sequence[tuple[str, str, str, str]]:
    """The table for people: answer, connection, change, what happens."""
    return [(_answer(rule), _CONNECTION[rule.kind], rule.outcome, rule.then) for rule in RULES]


_CONNECTION = {
    "auth": "stops",
    "quota": "rests",
    "retry": "tries again",
    "reject": "goes on",
}


def _answer(rule: Rule) -> str:
    statuses = ", ".join(str(status) for status in rule.statuses)
    words = ", ".join(f"`{code}`" for code in rule.codes)
    page = "with a page of HTML" if rule.is_page else ""
    return " ".join(part for part in (statuses, words, page) if part)
