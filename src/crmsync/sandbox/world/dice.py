"""Chance by key: every draw is a hash of the seed, whom it is about and how often we asked, never of what else happened."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import timedelta
from hashlib import blake2b
from typing import TypeVar

T = TypeVar("T")
_SPAN = 2.0**64


class Dice:
    """A stream of draws for one key, e.g. `Dice(7, "person", 17, "call", 3)`. Two dice of one key throw alike."""

    __slots__ = ("_drawn", "_key")

    def __init__(self, seed: int, *key: object) -> None:
        self._key = "\x1f".join(str(part) for part in (seed, *key)).encode()
        self._drawn = 0

    def share(self) -> float:
        """A number in [0, 1)."""
        self._drawn += 1
        digest = blake2b(self._key + b"\x1e%d" % self._drawn, digest_size=8).digest()
        return int.from_bytes(digest, "big") / _SPAN

    def chance(self, probability: float) -> bool:
        return self.share() < probability

    def between(self, low: float, high: float) -> float:
        return low + (high - low) * self.share()

    def whole(self, low: int, high: int) -> int:
        """A whole number from `low` to `high`, both included."""
        return low + int(self.share() * (high - low + 1))

    def pick(self, choices: Sequence[T]) -> T:
        return choices[int(self.share() * len(choices))]

    def weighted(self, weights: Mapping[T, float]) -> T:
        """One of the keys, by its weight; the weights need not sum to 1."""
        left = self.share() * sum(weights.values())
        for choice, weight in weights.items():
            left -= weight
            if left < 0:
                return choice
        return next(reversed(list(weights)))

    def days(self, low: float, high: float) -> timedelta:
        return timedelta(seconds=round(self.between(low, high) * 86_400))

    def minutes(self, low: float, high: float) -> timedelta:
        return timedelta(seconds=round(self.between(low, high) * 60))

    def wait(self, mean_days: float) -> timedelta:
        """Time to the next of some independent events that come every `mean_days` on average (exponential), to the second."""
        return timedelta(seconds=round(-math.log(1.0 - self.share()) * mean_days * 86_400))
