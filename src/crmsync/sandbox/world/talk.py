"""What reps write down: BANT, summaries of talks, promises. In the language of the house, as in the field."""

from __future__ import annotations

from crmsync.sandbox.world.dice import Dice
from crmsync.sandbox.world.person import Person

_PROMISES = (
    "導入支援を3か月無償で行う。既存データの移行は当社が担当。",
    "2年目以降の単価据え置き。月次の定例会を実施。",
    "初期設定と管理者研修2回を含む。",
    "Onboarding within 30 days; a named contact for support.",
)


def bant_of(dice: Dice, *, complete: bool = True) -> dict[str, str]:
    """A hearing: need is yes and two more are at least partial; incomplete, only the need is known."""
    bant = {"budget": "unknown", "authority": "unknown", "need": "yes" if complete else "partial", "timeframe": "unknown"}
    if not complete:
        return bant
    letters = ["budget", "authority", "timeframe"]
    if dice.chance(0.5):
        letters.remove(dice.pick(letters))
    for letter in letters:
        bant[letter] = "yes" if dice.chance(0.5) else "partial"
    return bant


def summary(person: Person) -> str:
    if person.human.language == "ja":
        return "現状は表計算で管理しており、部門間の引き継ぎ漏れが課題。半年以内の導入を検討中。"
    return "Uses spreadsheets today; hand-overs between teams get lost. Looks at a decision within six months."


def promised(dice: Dice) -> str:
    return dice.pick(_PROMISES)
