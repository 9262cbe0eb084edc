"""What sales makes of a hand-over, by the words of the moves that leave `mql`."""

from __future__ import annotations

ACCEPTED = ("accepted", "opportunity", "won")
REJECTED = ("rejected", "rejected_for_good")
"""Given back by somebody."""

LAPSED = ("unreached", "silent")
"""Given back by time: nobody was reached, or nobody did anything."""

GIVEN_BACK = (*REJECTED, *LAPSED)
