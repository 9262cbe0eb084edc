"""Who stays as they are, however much time goes by, until something is learnt of them: they need not be decided again.

Whoever is cold, has no clock, no owner and no case, and waits for nothing, can be moved by a touch alone. Without one their points
only fade: what a rule gives for touches that are known never grows, nor does what a group of rules gives. So what the rules that
give points come to now is the most that interest can be on any later day. Where that makes nobody warm, and nobody cold (or with
so few points) is ever let through, at whichever position of the valve, no later decision says anything new of them. They bear on
nobody else (they are no work, no lead of a rep, and not in the queue) but by what was done for them: a rep's day holds so many
approaches, whomever they reach.
"""

from __future__ import annotations

import polars as pl

from crmsync.decisions.decide import Step, Weighed
from crmsync.decisions.definitions import Definitions
from crmsync.decisions.frames import Facts, instant
from crmsync.decisions.scoring import RULE, Scoring

_PHASES = ("unidentified", "inquiry", "disqualified")
"""Those that time alone leads nowhere from."""


def still(facts: Facts, weighed: Weighed, made: Step, definitions: Definitions) -> pl.Series:
    """The ids of those about whom every later step under these definitions leaves what `made` has left, while nothing is learnt of
    them. `facts` are all that are known, of what lies ahead as well."""
    if _may_grow(definitions.scoring):
        return made.before.state["person_id"].clear()
    known = weighed.scores.select("person_id", _most_interest(definitions.scoring).alias("most"))
    cold = made.before.state.filter(
        pl.col("phase").is_in(_PHASES)
        & (pl.col("temperature") == "cold")
        & pl.all_horizontal(pl.col(name).is_null() for name in ("owner", "not_before", "qualified_since"))
    )
    quiet = known.filter(_stays_cold(definitions) & _is_never_let_through(definitions)).join(
        cold.select("person_id"), on="person_id", how="semi", maintain_order="left"
    )
    return quiet.join(_stirred(facts, weighed, made), on="person_id", how="anti", maintain_order="left")["person_id"]


def _may_grow(scoring: Scoring) -> bool:
    """Whether a group of rules may give more as time goes by: where one of them takes points, and takes fewer."""
    taking = {rule.name for rule in scoring.interest if rule.points < 0}
    return any(taking.intersection(group.rules) for group in scoring.groups)


def _most_interest(scoring: Scoring) -> pl.Expr:
    """The most that interest can be from now on, without another touch."""
    giving = [pl.col(RULE + rule.name) for rule in scoring.interest if rule.points > 0]
    return pl.sum_horizontal(giving).round(2) if giving else pl.lit(0.0)


def _stays_cold(definitions: Definitions) -> pl.Expr:
    return pl.col("most") < min(definitions.temperature.warm.enter, definitions.temperature.hot.enter)


def _is_never_let_through(definitions: Definitions) -> pl.Expr:
    """Of who stays cold: whether no position of the valve lets the cold through, or with so few points."""
    ends = (definitions.qualification.loose, definitions.qualification.strict)
    fit = sum(max(rule.points, 0.0) for rule in definitions.scoring.fit)
    no_cold = all("cold" not in end.temperatures for end in ends)
    return pl.lit(no_cold) | (pl.col("most") + fit < min(end.minimum_score for end in ends))


def _stirred(facts: Facts, weighed: Weighed, made: Step) -> pl.DataFrame:
    """person_id of those who have more about them than acts that have happened: some of them more than once."""
    ahead = facts.touches.filter(pl.col("at") > instant(weighed.now))
    gone = facts.persons.filter(pl.col("is_deleted").fill_null(value=False))
    others = (facts.opportunities, made.before.clocks, made.moves, ahead, gone)
    return pl.concat([frame.select("person_id") for frame in others])
