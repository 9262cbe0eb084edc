"""What facts are gathered from: the rows of everyone, or those that bear on some persons. Either way the same is said of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, fields

import polars as pl

from crmsync.model.entities import Approach, CompanySeen, FieldChange, OpportunityPerson, OpportunitySeen, PersonSeen, Touch
from crmsync.store import Store

# Of the columns of people's records those that say nothing of the person that a decision asks for: long texts among them.
_UNASKED = ("learnt_at", "postal_code", "consent_basis", "summary", "links")
_LINK = ("record", "person_id")
_PERSON = [field.name for field in fields(PersonSeen) if field.name not in _UNASKED]
_COMPANY = [field.name for field in fields(CompanySeen) if field.name not in ("learnt_at", "created_at", "phone", "links")]
_TOUCH = [field.name for field in fields(Touch) if field.name != "learnt_at"]


@dataclass(frozen=True, slots=True)
class Sight:
    """The stored rows that bear on the persons `whom`; None: all of them. What comes with them of others is harmless: facts go by
    the links, and those are of `whom` alone."""

    store: Store
    whom: frozenset[str] | None = None

    @classmethod
    def of(cls, store: Store, whom: Collection[str] | None) -> Sight:
        return cls(store, None if whom is None else frozenset(whom))

    def links(self) -> pl.DataFrame:
        """ref, person_id of the live links."""
        identity = self.store.identity
        if self.whom is None:
            live = identity.links().filter(pl.col("revoked_at").is_null())
        else:
            live = identity.links_of("person_id", self.whom, _LINK)
        return live.select(pl.col("record").alias("ref"), "person_id")

    def records(self, links: pl.DataFrame) -> pl.DataFrame:
        """PersonSeen rows, with the columns that decisions ask for, in any order."""
        return self._rows(PersonSeen, "ref", links["ref"], _PERSON)

    def companies(self) -> pl.DataFrame:
        """CompanySeen rows: which records are one company is seen by all of them."""
        return self.store.entities.frame(CompanySeen, _COMPANY, is_sorted=False)

    def changes(self, records: pl.DataFrame) -> pl.DataFrame:
        """FieldChange rows of these records of people."""
        return self._rows(FieldChange, "record", records["ref"])

    def touches(self, links: pl.DataFrame, emails: pl.DataFrame) -> pl.DataFrame:
        """Touch rows by record, and by address, in any order."""
        if self.whom is None:
            return self._rows(Touch, "person", (), _TOUCH)
        by_record = self._rows(Touch, "person", links["ref"], _TOUCH)
        by_email = self._rows(Touch, "email", emails["email"], _TOUCH)
        return pl.concat([by_record, by_email.join(by_record, on=["ref", "kind"], how="anti")])

    def addresses(self, links: pl.DataFrame) -> pl.DataFrame:
        """email, person_id of every record with an address that a record of `whom` has, whoever else has it."""
        records = self._rows(PersonSeen, "ref", links["ref"], ["ref", "email"]).drop_nulls("email")
        if self.whom is not None:
            records = self._rows(PersonSeen, "email", records["email"], ["ref", "email"])
            live = self.store.identity.links_of("record", set(records["ref"]).difference(links["ref"]), _LINK)
            links = pl.concat([links, live.select(pl.col("record").alias("ref"), "person_id")])
        return records.join(links, on="ref", how="inner").select("email", "person_id").unique()

    def naming(self, links: pl.DataFrame) -> list[str]:
        """Refs of the approaches and opportunities that name one of `whom`; of everyone nobody has to be looked for."""
        return [] if self.whom is None else self.store.entities.naming(links["ref"])

    def approaches(self, naming: list[str], opportunities: pl.DataFrame) -> pl.DataFrame:
        """Approach rows that name these people, or one of their `opportunities`."""
        if self.whom is None:
            return self.store.entities.frame(Approach)
        named = self._rows(Approach, "ref", naming)
        on_case = self._rows(Approach, "opportunity", opportunities["opportunity"])
        return pl.concat([named, on_case.join(named, on="ref", how="anti")])

    def roles(self, links: pl.DataFrame) -> pl.DataFrame:
        """OpportunityPerson rows."""
        return self._rows(OpportunityPerson, "person", links["ref"])

    def opportunities(self, naming: list[str], roles: pl.DataFrame) -> pl.DataFrame:
        """OpportunitySeen rows that name these people or that their `roles` name."""
        if self.whom is None:
            return self.store.entities.frame(OpportunitySeen)
        return self._rows(OpportunitySeen, "ref", (*naming, *roles["opportunity"]))

    def _rows(self, kind: type, column: str, values: Iterable[str], columns: list[str] | None = None) -> pl.DataFrame:
        entities = self.store.entities
        if self.whom is None:
            return entities.frame(kind, columns, is_sorted=False)
        return entities.frame_of(kind, column, values, columns)
