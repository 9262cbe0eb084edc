"""Who lives in the world: each human drawn from the seed and a number alone, before anything happens to them. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from crmsync.sandbox.world.companies import Company, draw_company
from crmsync.sandbox.world.config import Shares, WorldConfig
from crmsync.sandbox.world.dice import Dice
from crmsync.sandbox.world.names import PersonName, draw_name, draw_title, full_width

FREE_MAIL_DOMAINS = ("freemail.example", "webmail.example")
COMPETITOR_DOMAIN = "rival-software.example"
SCHOOL_DOMAIN = "campus.example"

# (kind, method) with the share of people it brings: the guide's pull and push methods.
_SOURCES = {
    ("inbound", "seo"): 0.22, ("inbound", "web_ad"): 0.20, ("inbound", "white_paper"): 0.12, ("inbound", "seminar"): 0.12,
    ("inbound", "sns"): 0.06, ("outbound", "trade_show"): 0.20, ("outbound", "cold_call"): 0.05, ("outbound", "direct_mail"): 0.03,
}  # fmt: skip
_SHOW = ("outbound", "trade_show")
_AREA_CODES = {"東京都": "03-5", "大阪府": "06-6", "神奈川県": "045-2", "愛知県": "052-2", "福岡県": "092-4"}


@dataclass(frozen=True, slots=True)
class Human:
    """One human being as drawn. `written_company` is the company's name as this person types it. `link` says how the records
    of a human in both CRMs point to each other; `twin` names the CRM that holds a second record of them, or ""."""

    key: str
    index: int
    kind: str  # ordinary | student | competitor | personal
    name: PersonName
    company: Company | None
    written_company: str | None
    title: str | None
    title_rank: int
    email: str | None
    phone: str | None
    placement: str  # both | hubspot | salesforce
    link: str  # salesforceleadid | hubspot_id | email | email_case | email_width
    twin: str  # "" | salesforce | hubspot
    interest: str  # hot | warm | cold
    source_kind: str
    source_method: str
    missing: tuple[str, ...]

    @property
    def language(self) -> str:
        return self.name.language

    @property
    def full_name(self) -> str:
        if self.language == "ja":
            return f"{self.name.family.written} {self.name.given.written}"
        return f"{self.name.given.written} {self.name.family.written}"


def draw_human(config: WorldConfig, index: int, *, shown: bool | None = None) -> Human:
    """Human number `index`; `shown` says whether they were met at a trade show, None that they may have been."""
    dice, shares = Dice(config.seed, "human", index), config.shares
    kind = _kind(dice, shares)
    name = draw_name(dice, shares.japanese)
    company = _company(config, dice) if kind == "ordinary" else None
    missing = _missing(dice, shares)
    title, rank = draw_title(dice, name.language) if company and dice.chance(0.93) else (None, 0)
    source = _source(dice, shown)
    placement = "salesforce" if source[1] in ("trade_show", "cold_call") else dice.weighted(shares.placement)
    if "company_name" in missing or "name" in missing:
        placement = "hubspot"  # Salesforce takes no Lead without a last name and a company
    elif "contact" in missing:
        placement = "salesforce"  # HubSpot's forms ask for an address, Salesforce does not
    return Human(
        key=f"p{index:06d}",
        index=index,
        kind=kind,
        name=name,
        company=company,
        written_company=None if "company_name" in missing else _written(dice, kind, company),
        title=title,
        title_rank=rank,
        email=None if "contact" in missing else _address(dice, kind, name, company, index),
        phone=None if "contact" in missing else _phone(dice, company),
        placement=placement,
        link=dice.weighted(shares.link),
        twin=_twin(dice, shares, placement, missing),
        interest="cold" if missing else dice.weighted(shares.interest),
        source_kind=source[0],
        source_method=source[1],
        missing=missing,
    )


def other_spelling(human: Human) -> str | None:
    """The address as the second CRM has it, for humans whose records are linked by nothing but a differently typed address."""
    if human.email is None or human.link not in ("email_case", "email_width"):
        return human.email
    if human.link == "email_case":
        return human.email.title()
    local, _, domain = human.email.partition("@")
    return f"{full_width(local)}@{domain}"


@lru_cache(maxsize=200_000)
def company_of(seed: int, index: int, japanese: float) -> Company:
    return draw_company(seed, index, japanese)


def _source(dice: Dice, shown: bool | None) -> tuple[str, str]:
    if shown:
        return _SHOW
    return dice.weighted({source: weight for source, weight in _SOURCES.items() if shown is None or source != _SHOW})


def _kind(dice: Dice, shares: Shares) -> str:
    weights = {"student": shares.student, "competitor": shares.competitor, "personal": shares.free_mail / 3}
    return dice.weighted(weights | {"ordinary": 1.0 - sum(weights.values())})


def _missing(dice: Dice, shares: Shares) -> tuple[str, ...]:
    weights = {"company_name": shares.no_company, "name": shares.no_name, "contact": shares.no_contact}
    chosen = dice.weighted(weights | {"": 1.0 - sum(weights.values())})
    return (chosen,) if chosen else ()


def _company(config: WorldConfig, dice: Dice) -> Company:
    """Some companies know many people of: the draw leans towards low numbers."""
    count = max(3, int(config.population * 0.45))
    return company_of(config.seed, int(count * dice.share() ** 1.4), config.shares.japanese)


def _written(dice: Dice, kind: str, company: Company | None) -> str | None:
    if company:
        return company.name if dice.chance(0.6) else dice.pick(company.variants)
    return {"student": "中央文化大学", "competitor": "ライバルソフト株式会社", "personal": "個人"}[kind]


def _address(dice: Dice, kind: str, name: PersonName, company: Company | None, index: int) -> str:
    local = f"{name.given.latin}.{name.family.latin}{index}"
    if company and dice.chance(0.96):
        return f"{local}@{company.domain}"
    domain = {"student": SCHOOL_DOMAIN, "competitor": COMPETITOR_DOMAIN}.get(kind)
    return f"{local}@{domain or dice.pick(FREE_MAIL_DOMAINS)}"


def _phone(dice: Dice, company: Company | None) -> str | None:
    if dice.chance(0.15):
        return None
    area = _AREA_CODES.get(company.prefecture if company else "", "090-1")
    number = f"{area}{dice.whole(100, 999)}-{dice.whole(0, 9999):04d}"
    style = dice.weighted({"plain": 0.8, "abroad": 0.12, "wide": 0.08})
    if style == "abroad":
        return f"+81 {number[1:]}"
    return full_width(number) if style == "wide" else number


def _twin(dice: Dice, shares: Shares, placement: str, missing: tuple[str, ...]) -> str:
    weights = {"salesforce": shares.salesforce_twin, "hubspot": shares.hubspot_twin}
    chosen = dice.weighted(weights | {"": 1.0 - sum(weights.values())})
    fits = not missing and placement in (chosen, "both")
    return chosen if fits else ""
