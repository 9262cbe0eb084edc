"""Who works here: the same people in both CRMs, by the same address. Drawn from the staff numbers alone, so that a
configuration can name them before the world exists."""

from __future__ import annotations

from dataclasses import dataclass

from crmsync.sandbox.world.config import WorldConfig
from crmsync.sandbox.world.dice import Dice
from crmsync.sandbox.world.names import PersonName, draw_name

HOME_DOMAIN = "ourcompany.example"
QUEUE_NAME = "Inside Sales Queue"


@dataclass(frozen=True, slots=True)
class Rep:
    """A colleague. `rep_id` is the address in lower case; `manager` is one too, of the own department."""

    rep_id: str
    name: PersonName
    department: str  # marketing | inside_sales | field_sales | customer_success
    is_active: bool
    is_manager: bool
    is_lazy: bool

    @property
    def full_name(self) -> str:
        return f"{self.name.family.written} {self.name.given.written}"


def roster(config: WorldConfig) -> tuple[Rep, ...]:
    """All reps: per department the first is the manager, and the last of inside sales has left but still owns leads."""
    staff = config.staff
    heads = {
        "marketing": staff.marketing,
        "inside_sales": staff.inside_sales,
        "field_sales": staff.field_sales,
        "customer_success": staff.customer_success,
    }
    return tuple(_rep(config, department, place, count) for department, count in heads.items() for place in range(count))


def _rep(config: WorldConfig, department: str, place: int, count: int) -> Rep:
    dice = Dice(config.seed, "rep", department, place)
    name = draw_name(dice, japanese=1.0)
    initials = "".join(word[0] for word in department.split("_"))
    return Rep(
        rep_id=f"{name.family.latin}.{initials}{place + 1}@{HOME_DOMAIN}",
        name=name,
        department=department,
        is_active=not (department == "inside_sales" and place == count - 1 and count > 1),
        is_manager=place == 0,
        is_lazy=place > 0 and dice.chance(config.tempers.lazy_share),
    )
