"""The words identity works with, as read from `mappings/vocabulary/`: every one of them a tenant's to change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from crmsync.identity.folding import fold_company
from crmsync.identity.titles import Ladder, title_rank


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """`shared_domains` are those of free, consumer and provider mail; `legal_forms` are taken off company names for matching."""

    ladder: Ladder
    shared_domains: frozenset[str]
    legal_forms: tuple[str, ...]

    def title_rank(self, title: str | None) -> int:
        """The rank of a job title, 0 where the ladder does not know it."""
        return title_rank(title, self.ladder)

    def company_key(self, name: str) -> str:
        """A company name as it is compared."""
        return fold_company(name, self.legal_forms)

    def ranks(self) -> Mapping[str, int]:
        """What `rank('…')` may name in a condition."""
        return self.ladder.ranks()
