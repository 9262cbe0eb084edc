"""How a due time came about, as the rep reads it: skipped days, and holds with their reasons."""

from __future__ import annotations

import pytest

from crmsync.messages import Language
from crmsync.sync.brief import arithmetic

PLAIN = "2026-05-01T17:00+09:00 + 1 business day = 2026-05-07T17:00+09:00; skipped 2026-05-02 weekend, 2026-05-06 振替休日"
OVER = "2026-06-01T10:00+09:00 + 1 business day = 2026-06-02T10:00+09:00; on hold 2026-06-01T16:00+09:00"
ENDED = f"{OVER} - 2026-06-04T09:00+09:00 waiting_for_customer = 2026-06-04T12:00+09:00"
OPEN = f"{OVER} - 2026-06-01T17:00+09:00 call_after, 2026-06-03T09:00+09:00 - our_own = 2026-06-02T10:00+09:00"

BASE = "Mon 1 Jun 10:00 + 1 business day = Tue 2 Jun 10:00"
LATER = "Wed 3 Jun 09:00 – until further notice: our_own"


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        (PLAIN, "en", "Fri 1 May 17:00 + 1 business day = Thu 7 May 17:00; skipped Sat 2 May, Wed 6 May 振替休日"),
        (PLAIN, "ja", "5/1(金) 17:00 + 1 営業日 = 5/7(木) 17:00、除外: 5/2(土), 5/6(水) 振替休日"),
        (ENDED, "en", f"{BASE}; on hold Mon 1 Jun 16:00 – Thu 4 Jun 09:00: waiting for the customer = Thu 4 Jun 12:00"),
        (
            ENDED,
            "ja",
            "6/1(月) 10:00 + 1 営業日 = 6/2(火) 10:00、保留: 6/1(月) 16:00 – 6/4(木) 09:00: 先方の回答待ち = 6/4(木) 12:00",
        ),
        (OPEN, "en", f"{BASE}; on hold Mon 1 Jun 16:00 – Mon 1 Jun 17:00: asked to be called later, {LATER} = Tue 2 Jun 10:00"),
    ],
)
def test_the_sum_reads_in_the_reps_language(text: str, language: Language, expected: str) -> None:
    assert arithmetic(text, language) == expected


def test_a_renewals_sum_is_no_hold() -> None:
    told = arithmetic("2027-03-31T00:00+09:00 - 90 clock days = 2026-12-31T00:00+09:00", "en")
    assert told == "Wed 31 Mar 00:00 - 90 clock days = Thu 31 Dec 00:00"
