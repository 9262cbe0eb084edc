"""Where everything happens: the clock and its queue, both CRMs' desks, the people and the reps, and how people come in."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from crmsync.sandbox.clock import VirtualClock
from crmsync.sandbox.world.config import WorldConfig
from crmsync.sandbox.world.desk import Desk
from crmsync.sandbox.world.dice import Dice
from crmsync.sandbox.world.hubspot_desk import HubSpotDesk
from crmsync.sandbox.world.people import Human, draw_human, other_spelling
from crmsync.sandbox.world.person import Case, Person
from crmsync.sandbox.world.roster import Rep, roster
from crmsync.sandbox.world.salesforce_desk import SalesforceDesk
from crmsync.sandbox.world.timeline import Timeline
from crmsync.sandbox.world.truth import TruePerson, Truth
from crmsync.sandbox.world.worktime import JAPAN

_FORM_OF = {"white_paper": "document_request", "seminar": "seminar"}


class Scene:
    """Shared by population and actors. One of the desks may be absent: a world with one CRM."""

    def __init__(
        self, config: WorldConfig, clock: VirtualClock, truth: Truth, salesforce: SalesforceDesk | None, hubspot: HubSpotDesk | None
    ) -> None:
        self.config = config
        self.clock = clock
        self.truth = truth
        self.salesforce = salesforce
        self.hubspot = hubspot
        self.timeline = Timeline(clock)
        self.reps = roster(config)
        self.people: dict[str, Person] = {}
        self.gone: set[str] = set()
        self._campaigns: dict[str, str] = {}

    # ------------------------------------------------------------------------------------------------------------ who

    @property
    def now(self) -> datetime:
        return self.clock.now()

    @property
    def desks(self) -> tuple[Desk, ...]:
        return tuple(desk for desk in (self.salesforce, self.hubspot) if desk)

    def dice(self, *key: object) -> Dice:
        return Dice(self.config.seed, *key)

    def desk_of(self, person: Person) -> Desk:
        """Where our people work on this person: Salesforce when they have a record there."""
        if person.in_salesforce and self.salesforce:
            return self.salesforce
        assert self.hubspot is not None, "whoever is not in Salesforce is in HubSpot"  # noqa: S101
        return self.hubspot

    def staff(self, department: str) -> tuple[Rep, ...]:
        """The department's active reps; its manager first."""
        return tuple(rep for rep in self.reps if rep.department == department and rep.is_active and rep.rep_id not in self.gone)

    def rep(self, rep_id: str) -> Rep:
        return next(rep for rep in self.reps if rep.rep_id == rep_id)

    def is_here(self, rep: Rep) -> bool:
        return rep.rep_id not in self.gone

    def leave(self, rep: Rep) -> None:
        """The rep is deactivated in both CRMs; whatever they own stays theirs."""
        self.gone.add(rep.rep_id)
        for desk in self.desks:
            desk.deactivate(rep)

    # ---------------------------------------------------------------------------------------------------- people come in

    def meet(self, index: int, story: str, *, shown: bool | None = None) -> Person:
        """Human number `index` comes to be known by now; no CRM holds them yet."""
        human = self._placed(draw_human(self.config, index, shown=shown))
        person = Person(human, human.interest, human.email)
        self.people[person.key] = person
        self.truth.add_person(_true_person(human, story, self.now))
        return person

    def enter(self, person: Person, *, owner: Rep | None = None) -> None:
        """The person's first record, and with it the touch that made it."""
        if person.human.placement == "salesforce":
            self._enter_salesforce(person, owner)
            return
        self.enter_web(person)
        if person.human.placement == "both":
            self._copy(person, owner)

    def _placed(self, human: Human) -> Human:
        if self.hubspot is None:
            return replace(
                human, placement="salesforce", twin="", missing=(), written_company=human.written_company or "株式会社未詳"
            )
        if self.salesforce is None:
            return replace(human, placement="hubspot", twin="" if human.twin == "salesforce" else human.twin)
        return human

    def _enter_salesforce(self, person: Person, owner: Rep | None) -> None:
        assert self.salesforce is not None, "placed by `_placed`"  # noqa: S101
        self.salesforce.add_lead(person, owner, email=person.email)
        if person.human.twin == "salesforce":
            self.salesforce.add_lead(person, None, email=person.email)
        if person.human.source_method == "trade_show":
            self.salesforce.respond(person, self.trade_show(), "card_exchange")
        elif person.human.source_method == "seminar":
            self.salesforce.respond(person, self.seminar(), "seminar")

    def enter_web(self, person: Person) -> None:
        """The person's HubSpot contact: by a form, or typed in."""
        assert self.hubspot is not None, "placed by `_placed`"  # noqa: S101
        form = _FORM_OF.get(person.human.source_method)
        if form and person.email:
            self.hubspot.submit(person, form)
        else:
            self.hubspot.add_contact(person, email=person.email, phone=person.human.phone)
        if person.human.twin == "hubspot":
            self.hubspot.add_contact(person, email=None, phone=None)

    def _copy(self, person: Person, owner: Rep | None) -> None:
        """The second record of a person in both CRMs, made by the native sync, by a form add-on, or by hand some days later."""
        dice = self.dice("copy", person.key)
        at_once = person.human.link in ("salesforceleadid", "hubspot_id")
        at = self.now + (dice.minutes(2, 15) if at_once else dice.days(1, 5))
        if self.now < self.config.day_zero:
            at = min(at, self.config.day_zero)
        self.timeline.later(at, lambda: self.copy_now(person, owner))

    def copy_now(self, person: Person, owner: Rep | None) -> None:
        """Make the Salesforce Lead of a HubSpot contact, linked as the person's `link` says."""
        if self.salesforce is None or self.hubspot is None or person.in_salesforce:
            return
        link = person.human.link
        owner = owner if owner and self.is_here(owner) else None
        email = person.email if link in ("salesforceleadid", "hubspot_id") else other_spelling(person.human)
        lead = self.salesforce.add_lead(person, owner, email=email, hubspot_id=person.hubspot[0] if link == "hubspot_id" else None)
        if link == "salesforceleadid":
            self.hubspot.link(person, salesforceleadid=lead)
        if person.human.twin == "salesforce":
            self.salesforce.add_lead(person, None, email=email)

    def open_case(self, person: Person, rep: Rep, amount: int) -> Case:
        """An opportunity where our people work on the person; a contact that comes of it is linked by the native sync."""
        was_contact = person.contact
        case = self.desk_of(person).open_case(person, rep, amount)
        linked = self.hubspot and person.hubspot and person.human.link == "salesforceleadid"
        if person.contact and not was_contact and linked and (self.config.actors.native_sync or self.now < self.config.day_zero):
            at = self.now + self.dice("follow", person.key).minutes(2, 15)
            self.timeline.later(at, lambda: self._link_contact(person))
        return case

    def _link_contact(self, person: Person) -> None:
        if self.hubspot and person.contact:
            self.hubspot.link(person, salesforcecontactid=person.contact)

    # --------------------------------------------------------------------------------------------------------- campaigns

    def seminar(self) -> str:
        """This month's seminar; each month has its own."""
        month = self.now.astimezone(JAPAN)
        return self._campaign(f"営業DXセミナー {month:%Y-%m}", "Conference", 400_000)

    def trade_show(self) -> str:
        """This half-year's trade show."""
        now = self.now.astimezone(JAPAN)
        half = "春" if now.month in range(3, 9) else "秋"
        return self._campaign(f"マーケティングEXPO {now.year}{half}", "Trade Show", 5_000_000)

    def _campaign(self, name: str, kind: str, cost: int) -> str:
        assert self.salesforce is not None, "campaigns are kept in Salesforce"  # noqa: S101
        if name not in self._campaigns:
            self._campaigns[name] = self.salesforce.open_campaign(name, kind, cost, self.staff("marketing")[0])
        return self._campaigns[name]


def _true_person(human: Human, story: str, at: datetime) -> TruePerson:
    company = human.company
    return TruePerson(
        key=human.key,
        kind=human.kind,
        language=human.language,
        family_name=human.name.family.written,
        given_name=human.name.given.written,
        company=company.name if company else human.written_company,
        title=human.title,
        title_rank=human.title_rank,
        industry=company.industry if company else None,
        employees=company.employees if company else None,
        territory=company.prefecture if company else None,
        emails=(human.email,) if human.email else (),
        phone=human.phone,
        missing=human.missing,
        source_kind=human.source_kind,
        source_method=human.source_method,
        story=story,
        appeared_at=at,
    )
