"""The chapters of the agreement about who is handed over: definition, ends and valve, scoring, temperature, BANT."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from crmsync.decisions.agreed_words import Chapter, Line, Words
from crmsync.decisions.definitions import Definitions
from crmsync.decisions.frames import ValvePosition, Veto
from crmsync.decisions.scoring import InterestRule


def definition(definitions: Definitions, words: Words) -> Chapter:
    """What must be so, and what must not."""
    agreed = definitions.qualification
    lines = [Line(words("identified"))]
    if agreed.required:
        lines += [
            Line(words("required")),
            Line(conditions=tuple(c.text for condition in agreed.required for c in condition.conjuncts)),
        ]
    if agreed.excluded:
        lines += [Line(words("excluded")), Line(conditions=tuple(condition.text for condition in agreed.excluded))]
    watch = agreed.watch
    lines.append(Line(words("stale", weeks=watch.weeks, tolerance=words.percent(watch.tolerance), verdicts=watch.verdicts)))
    return Chapter(words("chapter.definition"), tuple(lines))


@dataclass(frozen=True, slots=True)
class Stands:
    """How the valve stands: its position (None: it is not running yet), and the newest veto, if there was one."""

    position: ValvePosition | None = None
    veto: Veto | None = None


NOT_RUNNING = Stands()


def ends(definitions: Definitions, stands: Stands, as_of: date, words: Words) -> Chapter:
    """The two ends, what moves the valve between them, who may veto that, and where it stands."""
    agreed, valve = definitions.qualification, definitions.valve
    rows = (
        (words("loose"), words.number(agreed.loose.minimum_score), _temperatures(agreed.loose.temperatures, words)),
        (words("strict"), words.number(agreed.strict.minimum_score), _temperatures(agreed.strict.temperatures, words)),
    )
    lines = [
        Line(head=words.head("end", "minimum_score", "temperatures"), rows=rows),
        Line(words("strict_from", position=words.number(agreed.strict_from))),
        Line(
            words(
                "bounds",
                loosest=words.number(valve.loosest),
                strictest=words.number(valve.strictest),
                start=words.number(valve.start),
                step=words.number(valve.largest_step),
            )
        ),
        Line(words("busy", enter=words.number(valve.busy.enter), leave=words.number(valve.busy.leave))),
        Line(words("idle", enter=words.number(valve.idle.enter), leave=words.number(valve.idle.leave))),
        Line(words("behind", enter=words.percent(valve.behind.enter), leave=words.percent(valve.behind.leave))),
        Line(words("ahead", above=words.percent(valve.ahead_above))),
        Line(words("veto", days=valve.longest_veto_days)),
    ]
    if valve.override is not None:
        by = valve.override
        position, until = words.number(by.position), words.day(by.until)
        lines.append(Line(words("override", position=position, until=until, by=by.by, reason=by.reason)))
    version = f"{agreed.name}@{agreed.version}.0"
    if stands.veto is not None and stands.veto.binds(version, as_of):
        lines.append(Line(_veto(stands.veto, words)))
    now = stands.position
    if now is not None:
        least = words.number(agreed.minimum_score(now.position))
        let_in = _temperatures(agreed.temperatures(now.position), words)
        position = words.number(now.position)
        lines.append(Line(words("stands", version=now.version, position=position, least=least, temperatures=let_in)))
    return Chapter(words("chapter.valve"), tuple(lines))


def _veto(veto: Veto, words: Words) -> str:
    told = {"position": words.number(veto.position), "until": words.day(veto.until), "version": veto.version}
    return words("vetoed", department=words.department(veto.department), by=veto.by, because=veto.because, **told)


def _temperatures(names: tuple[str, ...], words: Words) -> str:
    return words.all([words.temperature(name) for name in names])


def scoring(definitions: Definitions, words: Words) -> Chapter:
    """Every rule with its points."""
    rules = definitions.scoring
    fit = tuple((getattr(r.title, words.language), r.when.text, f"{r.points:+g}") for r in rules.fit)
    interest = tuple(_interest(rule, words) for rule in rules.interest)
    titles = {rule.name: getattr(rule.title, words.language) for rule in rules.interest}
    groups = [words("group", rules=words.all([titles[n] for n in g.rules]), cap=words.number(g.cap)) for g in rules.groups]
    return Chapter(
        words("chapter.scoring", version=rules.version),
        (
            Line(words("fit")),
            Line(head=words.head("rule", "condition", "points"), rows=fit),
            Line(words("interest")),
            Line(head=words.head("rule", "touch", "points", "half_life", "window", "cap", "count", "explicit"), rows=interest),
            *(Line(text) for text in groups),
        ),
    )


def _interest(rule: InterestRule, words: Words) -> tuple[str, ...]:
    half_life = "—" if rule.half_life_days is None else words("days", days=words.number(rule.half_life_days))
    window = "—" if rule.window_days is None else words("days", days=words.number(rule.window_days))
    count = words.named("count", rule.count)
    title = getattr(rule.title, words.language)
    touch, points, cap = words.touch(rule.touch), f"{rule.points:+g}", words.number(rule.cap)
    return (title, touch, points, half_life, window, cap, count, words.yes(rule.is_explicit))


def temperature(definitions: Definitions, words: Words) -> Chapter:
    """From which interest somebody is hot or warm, and down to which they stay so."""
    rules = definitions.temperature
    rows = tuple(
        (words.temperature(name), words.number(rung.enter), words.number(rung.leave))
        for name, rung in (("hot", rules.hot), ("warm", rules.warm))
    )
    lines = [Line(head=words.head("temperature", "enter", "leave"), rows=rows)]
    if rules.explicit_days:
        lines.append(Line(words("explicit", days=rules.explicit_days)))
    return Chapter(words("chapter.temperature", version=rules.version), tuple(lines))


def bant(definitions: Definitions, words: Words) -> Chapter:
    """What must be known before field sales takes over."""
    gate = definitions.bant
    required = tuple((words.named("bant", item), words.named("level", level)) for item, level in sorted(gate.required.items()))
    others = words("others", count=gate.others, level=words.named("level", gate.others_at_least))
    return Chapter(
        words("chapter.bant"), (Line(words("takes_over")), Line(head=words.head("item", "at_least"), rows=required), Line(others))
    )
