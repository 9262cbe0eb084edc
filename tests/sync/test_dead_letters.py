"""What the CRMs refused: listed by cause, sent again when its cause may be gone or somebody says so, and never otherwise."""

from __future__ import annotations

import pytest
from fake_house import House

from crmsync.errors import StopConnector
from crmsync.model.changes import Change
from crmsync.sync.letters import dead_letters, retry


class _Refusing:
    """The SFA refuses what is written to its people, and counts."""

    def __init__(self, house: House) -> None:
        self.tries = 0
        self.message = "Industry: must be filled in"
        house.sfa.trouble.refuse = self._asked

    def _asked(self, change: Change) -> str:
        if change.object != "contacts":
            return ""
        self.tries += 1
        return self.message


@pytest.fixture
def refusing(house: House) -> _Refusing:
    house.mql("a@acme.example")
    house.mql("b@acme.example")
    refusing = _Refusing(house)
    house.cycle()
    return refusing


def test_letters_are_gathered_by_cause_with_the_crm_s_words_and_ours(house: House, refusing: _Refusing) -> None:
    (group,) = dead_letters(house.workspace)
    assert (group.connection, group.cause, group.code, group.message) == ("sfa", "required_field", "REFUSED", refusing.message)
    assert len(group.letters) == 2
    assert {letter.tries for letter in group.letters} == {1}


def test_nothing_is_sent_again_while_nothing_changes(house: House, refusing: _Refusing) -> None:
    refusing.tries = 0
    house.cycle()
    house.cycle()
    assert refusing.tries == 0


def test_a_retry_sends_again_what_somebody_has_mended(house: House, refusing: _Refusing) -> None:
    refusing.message = ""
    assert retry(house.workspace, "required_field") == 2
    house.cycle()
    assert {row["phase"] for row in house.sfa.live("contacts").values()} == {"mql"}
    assert dead_letters(house.workspace) == ()


def test_a_retry_is_for_the_cause_that_was_named(house: House, refusing: _Refusing) -> None:
    refusing.tries = 0
    assert retry(house.workspace, "too_long") == 0
    house.cycle()
    assert refusing.tries == 0


def test_a_cause_that_is_none_is_said(house: House) -> None:
    with pytest.raises(StopConnector) as stopped:
        retry(house.workspace, "bad_luck")
    assert stopped.value.code == "letters.no_cause"


def test_a_letter_that_is_refused_again_keeps_its_age_and_counts_its_tries(house: House, refusing: _Refusing) -> None:
    (before,) = dead_letters(house.workspace)
    retry(house.workspace, None)
    house.cycle()
    (after,) = dead_letters(house.workspace)
    assert after.first_at == before.first_at
    assert after.last_at > before.last_at
    assert {letter.tries for letter in after.letters} == {2}


def test_a_refusal_is_tried_once_more_under_other_definitions(house: House, refusing: _Refusing) -> None:
    refusing.tries = 0
    house.definitions_digest = "rules-2"
    house.reopen()
    house.cycle()
    assert refusing.tries == 2
    house.cycle()
    assert refusing.tries == 2


def test_a_refusal_is_tried_once_more_when_the_owner_is_active_again(house: House, refusing: _Refusing) -> None:
    owners = {row["owner"] for row in house.sfa.live("contacts").values() if row.get("owner")}
    wanted = {letter.fields for group in dead_letters(house.workspace) for letter in group.letters}
    assert all("owner" in fields for fields in wanted), owners
    refusing.tries = 0
    for user in house.users["sfa"].values():
        house.sfa.edit("users", user, name="renamed by an admin")
    house.cycle()
    assert refusing.tries == 2
    house.cycle()
    assert refusing.tries == 2


def test_a_record_mended_in_a_field_that_we_do_not_read_is_tried_again_though_all_is_at_rest(
    house: House, refusing: _Refusing
) -> None:
    house.cycle()
    house.cycle()
    refusing.message, refusing.tries = "", 0
    for contact in sorted(house.sfa.live("contacts")):
        house.sfa.edit("contacts", contact, note="mended")
    house.cycle()
    assert refusing.tries == 2
    assert dead_letters(house.workspace) == ()
