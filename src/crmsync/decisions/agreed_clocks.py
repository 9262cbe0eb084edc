"""The chapters of the agreement about time: what is promised by when, who comes back when, targets, and which hours count."""

from __future__ import annotations

from dataclasses import fields

from crmsync.decisions.agreed_words import Chapter, Line, Words
from crmsync.decisions.calendar import BusinessCalendar, Closure
from crmsync.decisions.definitions import Definitions
from crmsync.decisions.nurture import Frequency
from crmsync.decisions.recycle import Delay
from crmsync.decisions.sla import DEPARTMENTS, ClockRule, Due, Escalation, HoldRule
from crmsync.decisions.team import Team
from crmsync.decisions.valve import MonthTarget

TARGETS = tuple(field.name for field in fields(MonthTarget))


def promises(definitions: Definitions, words: Words) -> Chapter:
    """Every clock: whose, how long, what meets it, and what happens on the way."""
    rows = tuple(_promise(rule, words) for rule in definitions.sla.clocks)
    head = words.head("clock", "department", "due", "met_by", "escalation", "then")
    holds = [Line(words("hold", reason=words.hold(rule.reason), when=_hold(rule, words))) for rule in definitions.sla.holds]
    return Chapter(words("chapter.sla", version=definitions.sla.version), (Line(words("sla")), Line(head=head, rows=rows), *holds))


def _hold(rule: HoldRule, words: Words) -> str:
    """When a clock stands still, and which do."""
    parts = [rule.condition.text] if rule.condition is not None else []
    parts += [words("hold_until", column=rule.until)] if rule.until else []
    parts += [words("hold_away")] if rule.away else []
    which = words.all([words.clock(kind) for kind in rule.kinds]) if rule.kinds else words("hold_all")
    return words("hold_when", what=words.all(parts), clocks=which)


def _promise(rule: ClockRule, words: Words) -> tuple[str, ...]:
    met_by = [words.named("act", act) for act in rule.met_by]
    by = words.all(met_by) if rule.by is None else words("only_by", acts=words.all(met_by), department=words.department(rule.by))
    then = words("lapses") if rule.lapse is not None else words.clock(rule.next)
    due = words("else").join(_due(due, words) for due in rule.due)
    if rule.before_contract_end is not None:
        due = words("before_contract_end", days=rule.before_contract_end, nearer=due, instead=words.clock(rule.instead_of))
    return (words.clock(rule.kind), words.department(DEPARTMENTS[rule.phase]), due, by, _escalation(rule.escalation, words), then)


def _due(due: Due, words: Words) -> str:
    length = words(f"unit.{due.unit}", amount=words.number(due.amount))
    narrowed = [words.temperature(due.temperature)] if due.temperature else []
    narrowed += [words.department(due.department)] if due.department else []
    return words("due_for", whom=words.all(narrowed), length=length) if narrowed else length


def _escalation(steps: Escalation, words: Words) -> str:
    told = [(steps.remind, "remind"), (steps.notice, "notice"), (100, "breach"), (steps.reassign, "reassign")]
    listed = words.all([words(f"step.{name}", percent=percent) for percent, name in told if percent is not None])
    return words("in_business_time" if steps.in_business_time else "in_clock_time", steps=listed)


def recycling(definitions: Definitions, words: Words) -> Chapter:
    """Where each reason leads, and the guards around coming back."""
    rules = definitions.recycle
    rows = tuple(
        (
            words.named("reason", reason),
            words.named("goes", policy.goes),
            _wait(policy.delay, words) if policy.goes == "recycled" else "—",
            policy.nurture or "—",
        )
        for reason, policy in sorted(rules.policies.items())
    )
    month, day = rules.fiscal_year_starts
    guards = words(
        "guards", cool_down=rules.cool_down_days, most=rules.most_per_year, attempts=rules.attempts, silent=rules.sql_silent_days
    )
    overrides = words("overrides", touches=words.all([words.touch(kind) for kind in rules.overrides]))
    lists = [f"{words.temperature(name)} → {nurture}" for name, nurture in sorted(rules.lists.items())]
    mailed = words("lists", lists=words.all(lists), upsell=rules.upsell_list or "—")
    stalled = [Line(words("stalled", days=rules.stalled_days, nurture=rules.stalled_list))] if rules.stalled_days else []
    fiscal = words("fiscal_year", month=month, day=day, zone=rules.time_zone)
    table = Line(head=words.head("reason", "goes", "wait", "list"), rows=rows)
    cap = _frequency(definitions.nurture.frequency, words)
    return Chapter(words("chapter.recycle"), (table, Line(guards), Line(overrides), Line(mailed), *stalled, *cap, Line(fiscal)))


def _frequency(cap: Frequency | None, words: Words) -> list[Line]:
    if cap is None:
        return []
    return [Line(words("frequency", most=cap.most, days=cap.days, apart=cap.apart_days))]


def _wait(delay: Delay, words: Words) -> str:
    return words(f"wait.{delay.counted_from}", days=delay.days, otherwise=delay.otherwise_days)


def targets(definitions: Definitions, words: Words) -> Chapter:
    """What a month is to bring."""
    agreed = definitions.targets
    months = [(words("every_month"), agreed.default), *sorted(agreed.months.items())]
    rows = tuple((name, *_target(target, words)) for name, target in months)
    head = words.head("month", *TARGETS)
    return Chapter(
        words("chapter.targets"),
        (
            Line(head=head, rows=rows),
            Line(words("zone", zone=agreed.time_zone, kinds=words.all([words.named("kind", kind) for kind in agreed.kinds]))),
        ),
    )


def _target(target: MonthTarget, words: Words) -> tuple[str, ...]:
    return tuple(words.number(getattr(target, name)) for name in TARGETS)


def capacity(team: Team, words: Words) -> Chapter:
    """What the departments can take, when nobody is away."""
    departments = dict.fromkeys(rep.department for rep in team.reps)
    rows = tuple(
        (words.department(name), words.number(len(mine)), words.number(sum(rep.capacity_per_day for rep in mine)))
        for name in departments
        if (mine := [rep for rep in team.reps if rep.department == name])
    )
    return Chapter(words("chapter.capacity"), (Line(head=words.head("department", "reps", "capacity"), rows=rows),))


def calendars(definitions: Definitions, words: Words) -> Chapter:
    """Which hours of which days count."""
    agreed = definitions.calendars
    rows = tuple(
        (
            words("default", name=name) if name == agreed.default else name,
            calendar.time_zone,
            _hours(calendar, words),
            calendar.country or "—",
            words.all([_closure(closure) for closure in calendar.closures]),
        )
        for name, calendar in sorted(agreed.by_name.items())
    )
    head = words.head("calendar", "time_zone", "hours", "holidays", "closures")
    return Chapter(words("chapter.calendars"), (Line(head=head, rows=rows),))


def _hours(calendar: BusinessCalendar, words: Words) -> str:
    """Days with the same hours stand together: Mon–Fri 09:00–12:00, 13:00–18:00."""
    spans: list[tuple[int, int]] = []
    for day, windows in enumerate(calendar.windows):
        if spans and spans[-1][1] == day - 1 and calendar.windows[spans[-1][0]] == windows:
            spans[-1] = (spans[-1][0], day)
        else:
            spans.append((day, day))
    open_days = [(first, last) for first, last in spans if calendar.windows[first]]
    told = [f"{_days(first, last, words)} {_windows(calendar, first)}" for first, last in open_days]
    return "; ".join(told)


def _days(first: int, last: int, words: Words) -> str:
    names = words("weekdays").split()
    return names[first] if first == last else f"{names[first]}–{names[last]}"


def _windows(calendar: BusinessCalendar, day: int) -> str:
    return ", ".join(f"{opens:%H:%M}–{closes:%H:%M}" for opens, closes in calendar.windows[day])


def _closure(closure: Closure) -> str:
    return f"{closure.name} {_day(closure.first)}–{_day(closure.last)}"


def _day(day: tuple[int | None, int, int]) -> str:
    year, month, number = day
    return f"{month:02}-{number:02}" if year is None else f"{year}-{month:02}-{number:02}"
