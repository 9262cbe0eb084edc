"""What a world is like: its size, its shares and its tempers. The numbers are those of the field, unless a reason is given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType


def _table(**values: float) -> Mapping[str, float]:
    return MappingProxyType(values)


@dataclass(frozen=True, slots=True)
class Actors:
    """Who moves after day zero. With all off, the world stands still and only time goes by."""

    marketing: bool = True
    visitors: bool = True
    native_sync: bool = True
    inside_sales: bool = True
    field_sales: bool = True
    customer_success: bool = True
    office: bool = True

    @classmethod
    def none(cls) -> Actors:
        return cls(False, False, False, False, False, False, False)


@dataclass(frozen=True, slots=True)
class Staff:
    """Heads per department. The last rep of inside sales is inactive from the start and still owns leads."""

    marketing: int = 2
    inside_sales: int = 5
    field_sales: int = 3
    customer_success: int = 2


_SIZES = {
    "S": (2_000, Staff(marketing=2, inside_sales=4, field_sales=3, customer_success=2)),
    "M": (50_000, Staff(marketing=6, inside_sales=26, field_sales=15, customer_success=10)),
    "L": (500_000, Staff(marketing=20, inside_sales=190, field_sales=111, customer_success=60)),
}


@dataclass(frozen=True, slots=True)
class RepTempers:
    """How reps behave with the tasks they find. Probabilities are per task unless said otherwise."""

    untouched: float = 0.12  # ignored for good: leads untouched at baseline
    lazy_share: float = 0.25  # of reps, who let tasks lie twice as often and as long
    closes_without_call: float = 0.03
    reply_hours: float = 5.0  # mean working time from seeing a task to the first call, exponential
    connect_5_minutes: float = 0.45
    connect_1_hour: float = 0.33
    connect_24_hours: float = 0.18
    connect_72_hours: float = 0.10
    attempts: int = 4
    gives_up_silently: float = 0.4  # of those never reached; the rest is rejected as unreachable
    accept: float = 0.60  # of those reached, when the definition is tight (45 % when loose)
    hot_accept: float = 0.75
    converts: float = 0.55  # of the accepted, at once: SQL to opportunity
    wins: float = 0.25
    wins_enterprise: float = 0.15  # companies above 1,000 people
    field_late: float = 0.10
    acknowledges: float = 0.90
    cs_late: float = 0.20


@dataclass(frozen=True, slots=True)
class Shares:
    """Of the people at day zero; each is independent of the others unless said otherwise."""

    placement: Mapping[str, float] = field(default_factory=lambda: _table(both=0.50, hubspot=0.27, salesforce=0.23))
    link: Mapping[str, float] = field(
        default_factory=lambda: _table(salesforceleadid=0.55, hubspot_id=0.10, email=0.25, email_case=0.06, email_width=0.04)
    )
    interest: Mapping[str, float] = field(default_factory=lambda: _table(hot=0.15, warm=0.35, cold=0.50))
    story: Mapping[str, float] = field(
        default_factory=lambda: _table(
            fresh=0.14, nurtured=0.36, attempted=0.04, rejected=0.13, active=0.05, stale=0.05, lost=0.11, won=0.12
        )
    )
    japanese: float = 0.78
    free_mail: float = 0.06
    student: float = 0.015
    competitor: float = 0.01
    no_company: float = 0.03
    no_name: float = 0.02
    no_contact: float = 0.015
    opted_out: float = 0.04
    bounced: float = 0.02
    salesforce_twin: float = 0.03  # two Leads with one address
    hubspot_twin: float = 0.02  # a second HubSpot contact, without an address
    inactive_owner: float = 0.02
    ending_soon: float = 0.35  # of the lost and the rejected: their delay ends within 60 days after day zero
    uncalled_customer: float = 0.40  # of the won: no activity of ours for more than 90 days
    acknowledged: float = 0.85  # of the won in the past
    native_sync: float = 0.90  # of new HubSpot contacts that the native sync copies into Salesforce


@dataclass(frozen=True, slots=True)
class WorldConfig:
    """One world. `day_zero` is when history ends and the actors take over; the clock must start at `begins_at` or before.

    `new_people_per_day` None means population / 150 (the pace at which a year's history came about, and a little more).
    Recycled people come back with `returns_per_quarter` by reason: a fresh visit and a request some weeks after the door
    closed. Rates of visits are per week, by interest.
    """

    seed: int = 7
    population: int = 400
    day_zero: datetime = datetime(2026, 4, 13, tzinfo=UTC)  # a Monday, 9:00 in Japan; Golden Week falls into the first month
    history: timedelta = timedelta(days=365)
    actors: Actors = field(default_factory=Actors)
    staff: Staff = field(default_factory=Staff)
    shares: Shares = field(default_factory=Shares)
    tempers: RepTempers = field(default_factory=RepTempers)
    new_people_per_day: float | None = None
    trade_show_days: tuple[int, ...] = (17, 45)
    trade_show_people: int | None = None  # None: population / 25
    rep_leaves_on_day: int | None = 24
    visits_per_week: Mapping[str, float] = field(default_factory=lambda: _table(hot=3.0, warm=0.45, cold=0.06))
    hot_lasts_days: float = 21.0
    warms_up_per_quarter: float = 0.12
    returns_per_quarter: Mapping[str, float] = field(
        default_factory=lambda: _table(
            timing=0.15, budget=0.10, no_decision=0.10, unreachable=0.08, competitor=0.04, other=0.08, no_need=0.01
        )
    )
    edits_per_day: float = 0.006  # of each record, by hand: phone, title, owner, note
    changes_job_per_year: float = 0.08
    opts_out_per_day: float = 0.0003
    merges_per_week: float = 1.0  # of duplicate records, by marketing
    mailing_days: int = 14  # days between mailings; 0: none
    vendor_limits: bool = False
    page_view_events: bool = True
    provisioned: bool = True  # whether the fields that crmsync writes exist from the start

    @property
    def begins_at(self) -> datetime:
        return self.day_zero - self.history

    @property
    def intake_per_day(self) -> float:
        return self.population / 150 if self.new_people_per_day is None else self.new_people_per_day

    @property
    def show_people(self) -> int:
        return self.population // 25 if self.trade_show_people is None else self.trade_show_people

    @classmethod
    def sized(cls, size: str, **changes: object) -> WorldConfig:
        """The usual tenants: S 2,000 people and 6 reps of inside and field sales, M 50,000 and 40, L 500,000 and 300.

        Raises KeyError for another size.
        """
        population, staff = _SIZES[size]
        return replace(cls(), population=population, staff=staff, **changes)  # type: ignore[arg-type]  # any field of this class

    @classmethod
    def lively(cls, **changes: object) -> WorldConfig:
        """A world in which sixty days show everything: people come back five times as often as in the field."""
        base = cls()
        often = MappingProxyType({reason: min(1.0, share * 5) for reason, share in base.returns_per_quarter.items()})
        return replace(base, returns_per_quarter=often, **changes)  # type: ignore[arg-type]  # any field of this class
