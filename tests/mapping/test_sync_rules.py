"""The words for a policy, and what HubSpot's rules for Salesforce mean on either side."""

from __future__ import annotations

from typing import get_args

import pytest

from crmsync.mapping.sync_rules import WORDS, WritePolicy, is_one_sided, write_policy
from crmsync.model.changes import Policy


@pytest.mark.parametrize(
    ("rule", "in_salesforce", "in_hubspot"),
    [
        ("Prefer Salesforce unless blank", ("fill_if_blank", "leave"), ("crmsync_owns", "leave")),
        ("Always use Salesforce", ("source_wins", "leave"), ("crmsync_owns", "clear")),
        ("Two-way", ("newest_wins", "leave"), ("newest_wins", "leave")),
        ("Don't sync", ("source_wins", "leave"), ("source_wins", "leave")),
    ],
)
def test_a_rule_of_the_connector_means_a_policy_for_each_side(
    rule: str, in_salesforce: tuple[str, str], in_hubspot: tuple[str, str]
) -> None:
    assert write_policy(rule, "salesforce") == WritePolicy(*in_salesforce)  # type: ignore[arg-type]  # words of the two literals
    assert write_policy(rule, "hubspot") == WritePolicy(*in_hubspot)  # type: ignore[arg-type]  # as above


@pytest.mark.parametrize("spelt", ["don’t sync", "DON'T SYNC", "dont_sync", "don't-sync", " Dont  Sync "])
def test_capitals_hyphens_and_apostrophes_do_not_matter(spelt: str) -> None:
    assert write_policy(spelt, "hubspot") == WritePolicy("source_wins", "leave")


@pytest.mark.parametrize("policy", get_args(Policy))
@pytest.mark.parametrize("crm", ["salesforce", "hubspot", "another"])
def test_our_own_words_mean_the_same_in_every_crm(policy: Policy, crm: str) -> None:
    assert write_policy(policy, crm) == WritePolicy(policy, "clear" if policy == "crmsync_owns" else "leave")


def test_every_word_is_known_and_no_other_is() -> None:
    assert all(write_policy(word, crm) for word in WORDS for crm in ("salesforce", "hubspot"))
    assert write_policy("Prefer Salesforce", "salesforce") is None
    assert write_policy("", "hubspot") is None


def test_two_rules_let_one_side_alone_count() -> None:
    assert [word for word in WORDS if is_one_sided(word)] == ["Prefer Salesforce unless blank", "Always use Salesforce"]
