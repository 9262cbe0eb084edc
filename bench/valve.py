"""A simulated year of varying supply and capacity: the valve against the best fixed definition chosen in hindsight.

Leads arrive by season, campaign and trade show; reps fall ill, leave and are hired. Interest decays and new touches raise it, by
the shipped rules. The same year is played with the valve and with the definition held fixed at each of 21 positions, from its loose
end to as far again beyond its strict one: handed over as it qualifies (what a fixed definition means) and, as a control, at the
pace of free capacity like ours. Reps always call whoever came last first, and give back what lay for two weeks.

What a lead is worth is expected, not drawn: the chance of a win falls with the days since the last touch and with each business
day that the hand-over waits (speed to lead, damped). Every rate stands in `World`, as an assumption to argue with.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from statistics import mean

from common import Board, asked, leave, say
from crmsync.config.rules import load_definitions
from crmsync.decisions.definitions import Definitions
from crmsync.decisions.frames import ValvePosition
from crmsync.decisions.valve import Load, move

RULES = Path(__file__).parents[1] / "mappings" / "rules"
KINDS = frozenset(
    {"pricing_page", "case_page", "page_view", "document_request", "quote_request", "seminar", "card_exchange", "email_open"}
    | {"email_click", "reply", "inbound_call"}
)
LADDER = {"manager": 4, "executive": 8}
FIRST = date(2026, 4, 1)
DAYS = 365
FIXED = [n / 10 for n in range(21)]
LAPSES_AFTER = 10
"""Business days after which an MQL nobody approached goes back (the verdict clock of `sla.yaml`)."""


@dataclass(frozen=True, slots=True)
class World:
    """Assumptions. Intent: (share of leads, chance of a win when met at once, touches per week, points per touch)."""

    leads_per_day: float = 16
    intents: tuple[tuple[float, float, float, float], ...] = (
        (0.12, 0.20, 1.6, 11.0),  # wants to buy
        (0.33, 0.05, 0.7, 7.0),  # gathers information
        (0.55, 0.004, 0.12, 4.0),  # a card and no need
    )
    explicit_share: float = 0.25  # of the touches of who wants to buy: a quote, a call
    forgets_half_in_days: float = 15  # since the last touch
    waits_cost: tuple[float, ...] = (1.0, 0.6, 0.45, 0.35, 0.3)  # of the chance, by business days until the first approach
    follow_ups: float = 1.4  # further approaches a lead takes, spread over the next days
    opportunity_per_win: float = 4.0
    reps: int = 8
    approaches_per_rep: int = 6
    active_days: int = 45  # somebody who wants to buy decides within so long
    rest_days: int = 30  # after an approach in vain


@dataclass(slots=True)
class Lead:
    """What somebody feels, whatever anybody decides."""

    win: float
    fit: float
    interest: float = 0.0
    last_touch: int = 0
    explicit: int = -999
    temperature: str = "cold"


@dataclass(frozen=True, slots=True)
class Seen:
    """Somebody worth a look on a day."""

    number: int
    score: float
    temperature: str
    last_touch: int


@dataclass(slots=True)
class Year:
    """What happens whatever anybody decides: who is worth a look each day (best first), and how many approaches a day holds."""

    wins: list[float]
    seen: list[list[Seen]]
    capacity: list[int]


@dataclass(slots=True)
class Outcome:
    handed: int = 0
    kept: int = 0
    wins: float = 0.0
    idle: float = 0.0
    positions: list[float] = field(default_factory=list)

    @property
    def sla(self) -> float:
        return self.kept / self.handed if self.handed else 1.0


Touches = list[list[tuple[int, float, bool]]]
"""Per day: (lead, points, whether it asks for a talk outright)."""


def a_year(world: World, rules: Definitions, seed: int) -> Year:
    """Draw the year by seed."""
    chance = random.Random(seed)
    leads: list[Lead] = []
    touches: Touches = [[] for _ in range(DAYS)]
    shows = {chance.randrange(30, DAYS - 30): chance.randrange(300, 800) for _ in range(4)}
    for day in range(DAYS):
        season = 1.0 + 0.35 * (1 if day % 91 > 70 else -0.3) + (0.8 if 150 <= day < 180 else 0.0)
        weekday = (FIRST + timedelta(days=day)).weekday() < 5
        fresh = _poisson(chance, world.leads_per_day * season * (1.0 if weekday else 0.35))
        for n in range(fresh + shows.get(day, 0)):
            _arrive(world, chance, leads, touches, day, from_show=n >= fresh)
    active: set[int] = set()
    wins = [lead.win for lead in leads]
    seen = [_live(rules, leads, active, touches[day], day) for day in range(DAYS)]
    return Year(wins, seen, [_capacity(world, chance, day) for day in range(DAYS)])


def _arrive(world: World, chance: random.Random, leads: list[Lead], touches: Touches, day: int, *, from_show: bool) -> None:
    shares = [0.05, 0.25, 0.70] if from_show else [intent[0] for intent in world.intents]
    place = chance.choices(range(3), shares)[0]
    _, win, per_week, points = world.intents[place]
    number = len(leads)
    leads.append(Lead(win, chance.choice((0.0, 2.0, 5.0, 7.0, 10.0))))
    touches[day].append((number, 3.0 if from_show else points, False))
    for later in range(day + 1, min(DAYS, day + 1 + (world.active_days if place == 0 else 120))):
        for _ in range(_poisson(chance, per_week / 7)):
            explicit = place == 0 and chance.random() < world.explicit_share
            touches[later].append((number, 22.0 if explicit else points * chance.uniform(0.5, 1.5), explicit))


def _poisson(chance: random.Random, rate: float) -> int:
    count, left = 0, chance.expovariate(1.0)
    while left < rate:
        count, left = count + 1, left + chance.expovariate(1.0)
    return count


def _capacity(world: World, chance: random.Random, day: int) -> int:
    reps = world.reps - (3 if 120 <= day < 200 else 0) + (2 if day >= 290 else 0)  # three left in summer, two were hired
    present = sum(chance.random() > 0.08 for _ in range(reps))
    return present * world.approaches_per_rep


def _live(rules: Definitions, leads: list[Lead], active: set[int], touches: list[tuple[int, float, bool]], day: int) -> list[Seen]:
    """A day of decay and of new touches; temperatures follow with their two thresholds. Who might qualify, best first."""
    decay = 0.5 ** (1 / 18)
    for number in list(active):
        leads[number].interest *= decay
        if leads[number].interest < 1:
            active.discard(number)
    for number, points, explicit in touches:
        lead = leads[number]
        lead.interest, lead.last_touch = lead.interest + points, day
        lead.explicit = day if explicit else lead.explicit
        active.add(number)
    loose = rules.qualification.loose
    for number in active:
        leads[number].temperature = _felt(rules, leads[number], day)
    found = (Seen(n, leads[n].fit + leads[n].interest, leads[n].temperature, leads[n].last_touch) for n in active)
    able = [seen for seen in found if seen.score >= loose.minimum_score and seen.temperature in loose.temperatures]
    return sorted(able, key=lambda seen: (-seen.score, -seen.last_touch, seen.number))


def _felt(rules: Definitions, lead: Lead, day: int) -> str:
    heat = rules.temperature
    hot = heat.hot.leave if lead.temperature == "hot" else heat.hot.enter
    warm = heat.warm.enter if lead.temperature == "cold" else heat.warm.leave
    if day - lead.explicit < heat.explicit_days or lead.interest >= hot:
        return "hot"
    return "warm" if lead.interest >= warm else "cold"


@dataclass(slots=True)
class Desk:
    """Inside sales: leads handed over and not approached (lead, last touch, since business day), follow-ups by business day, who is
    with sales or rests until when, and what is left of each lead's chance."""

    wins: list[float]
    first: list[tuple[int, int, int]] = field(default_factory=list)
    due: float = 0.0
    later: list[float] = field(default_factory=lambda: [0.0] * (DAYS + 30))
    out_until: dict[int, int] = field(default_factory=dict)


def play(world: World, year: Year, rules: Definitions, *, fixed: float | None, paced: bool) -> Outcome:
    """One year, with the valve (`fixed` None) or with the definition held at a position; `paced`: handed over as far as free
    capacity goes, else whoever qualifies."""
    outcome, desk = Outcome(), Desk(list(year.wins))
    position: ValvePosition | None = None
    business, month, made, target = 0, -1, 0.0, 0.0
    calendar = rules.calendars.named(None)
    for day in range(DAYS):
        today = FIRST + timedelta(days=day)
        if today.month != month:
            month, made, target = today.month, 0.0, 0.0
        if not calendar.is_business_day(today):
            continue
        desk.due += desk.later[business]
        load = Load(len(desk.first), round(desk.due), 0, year.capacity[day])
        if fixed is None:
            progress = made / target if target else None
            position = move(position, rules.valve, load.ratio, progress, today, rules.qualification)
        stand = position.position if position is not None else fixed or 0.0
        outcome.positions.append(stand)
        able = _able(world, year.seen[day], desk, rules, stand, day)
        _hand_over(able[: load.free] if paced else able, desk, business, outcome)
        made += _work(world, desk, year.capacity[day], day, business, outcome)
        target += (rules.targets.default.opportunities or 36) / 21
        business += 1
    return outcome


def _able(world: World, seen: list[Seen], desk: Desk, rules: Definitions, stand: float, day: int) -> list[Seen]:
    """Who qualifies and may come: not with sales, rested, and with a touch since the last approach."""
    least, let_in = rules.qualification.minimum_score(stand), rules.qualification.temperatures(stand)
    return [
        lead
        for lead in seen
        if lead.score >= least
        and lead.temperature in let_in
        and desk.out_until.get(lead.number, -1) < day
        and lead.last_touch > desk.out_until.get(lead.number, -99) - world.rest_days
    ]


def _hand_over(able: list[Seen], desk: Desk, business: int, outcome: Outcome) -> None:
    for lead in able:
        desk.out_until[lead.number] = DAYS * 2
        desk.first.append((lead.number, lead.last_touch, business))
    outcome.handed += len(able)


def _work(world: World, desk: Desk, capacity: int, day: int, business: int, outcome: Outcome) -> float:
    """What the reps do today: promised follow-ups first, then first approaches, the last come first. Returns opportunities made."""
    done = min(desk.due, capacity)
    desk.due -= done
    left, made = capacity - int(done), 0.0
    for number, _, since in desk.first:
        if business - since > LAPSES_AFTER:
            desk.out_until[number] = day + world.rest_days
    desk.first = [lead for lead in desk.first if business - lead[2] <= LAPSES_AFTER]
    while desk.first and left > 0:
        number, touched, since = desk.first.pop()
        delay = business - since
        outcome.kept += delay <= 1
        stale = 0.5 ** ((day - touched) / world.forgets_half_in_days)
        chance = desk.wins[number] * stale * world.waits_cost[min(delay, len(world.waits_cost) - 1)]
        outcome.wins += chance
        made += chance * world.opportunity_per_win
        desk.wins[number] -= chance
        desk.out_until[number] = day + world.rest_days
        for ahead, share in ((2, 0.5), (4, 0.3), (7, 0.2)):
            desk.later[business + ahead] += world.follow_ups * share
        left -= 1
    outcome.idle += left / capacity if capacity else 0.0
    return made


def wavering(positions: list[float]) -> tuple[float, float]:
    """(moves, turns back within five business days) per week."""
    steps = [(n, b - a) for n, (a, b) in enumerate(pairwise(positions)) if a != b]
    back = sum(1 for (n, x), (m, y) in pairwise(steps) if x * y < 0 and m - n <= 5)
    weeks = len(positions) / 5
    return len(steps) / weeks, back / weeks


def compared(world: World, rules: Definitions, seed: int) -> dict[str, float]:
    """One year: the valve, the valve without pacing, and the best of the fixed, told in a line and as figures."""
    year = a_year(world, rules, seed)
    ours = play(world, year, rules, fixed=None, paced=True)
    alone = play(world, year, rules, fixed=None, paced=False)
    held = [play(world, year, rules, fixed=at, paced=False) for at in FIXED]
    control = [play(world, year, rules, fixed=at, paced=True) for at in FIXED]
    best, best_paced = max(held, key=lambda o: o.wins), max(control, key=lambda o: o.wins)
    in_time = max(held, key=lambda o: (round(o.sla, 2), o.wins))
    say(
        f"     year {seed}: {len(year.wins):,} leads; valve {_told(ours)}; without pacing {_told(alone)};"
        f" fixed at {FIXED[held.index(best)]:g} {_told(best)};"
        f" fixed at {FIXED[control.index(best_paced)]:g} at our pace {_told(best_paced)}"
    )
    moves, back = wavering(ours.positions)
    moves_alone, back_alone = wavering(alone.positions)
    return {
        "sla": ours.sla,
        "sla beyond": ours.sla - best.sla,
        "wins": ours.wins / best.wins,
        "wins in time": ours.wins / in_time.wins,
        "in time": in_time.sla,
        "wins paced": ours.wins / best_paced.wins,
        "sla alone": alone.sla - best.sla,
        "wins alone": alone.wins / best.wins,
        "moves": max(moves, moves_alone),
        "back": max(back, back_alone),
    }


def _told(outcome: Outcome) -> str:
    return f"{outcome.handed:,} handed, {outcome.sla:.0%} in time, {outcome.wins:.0f} wins"


def main() -> None:
    seeds = range(2) if asked(__doc__ or "").quick else range(10)
    world, rules = World(), load_definitions([RULES], LADDER, KINDS)
    board = Board("valve")
    years = [compared(world, rules, seed) for seed in seeds]
    average = {name: mean(year[name] for year in years) for name in years[0]}
    board.put("approached in time with the valve", 100 * average["sla"], at_least=95, unit=" %")
    board.put("points of that beyond the fixed definition with the most wins", 100 * average["sla beyond"], at_least=1)
    board.put("wins, in parts of that fixed definition's", 100 * average["wins"], at_least=100, unit=" %")
    detail = f"which keeps {100 * average['in time']:.0f} % in time"
    wins = 100 * average["wins in time"]
    board.put("wins, in parts of the fixed definition's that is best in time", wins, at_least=100, detail=detail, unit=" %")
    board.put("wins, in parts of the best fixed definition's at our pace", 100 * average["wins paced"], unit=" %")
    board.put("without pacing: points in time beyond the best fixed", 100 * average["sla alone"], at_least=1)
    board.put("without pacing: wins, in parts of the best fixed", 100 * average["wins alone"], at_least=100, unit=" %")
    board.put("moves per week, the livelier of both", average["moves"], at_most=2.5)
    board.put("turns back within a week, per week", average["back"], at_most=0.5)
    leave(board)


if __name__ == "__main__":
    main()
