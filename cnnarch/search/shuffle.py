"""Numbers in an order that seems to be random, each exactly once, however many there are, in no memory."""

from __future__ import annotations

from hashlib import blake2b
from math import isqrt

__all__ = ["Shuffle"]

ROUNDS = 6  # four are enough for a random function; two more cost little
SPARE = 8  # bytes of a hash beyond those of the largest number, so that remainders are even


class Shuffle:
    """A permutation of the numbers below `size`, by a Feistel network on pairs of numbers of which there are as many.

    There are hardly more pairs than numbers. What falls outside is put in again until it falls inside, which keeps it a
    permutation.

    >>> order = Shuffle(10, seed=7)
    >>> sorted(map(order.at, range(10))) == list(range(10)), order.place(order.at(3))
    (True, 3)

    Source: Black and Rogaway 2002, Ciphers with arbitrary finite domains, section 5.
    """

    def __init__(self, size: int, seed: int) -> None:
        self.size = size
        first = isqrt(max(size - 1, 0)) + 1
        second = -(-size // first)
        self.width = (first.bit_length() + 7) // 8
        length = min(self.width + SPARE, 64)
        self.first = first
        # Of every round the hash, begun, and what the remainder is of.
        self.rounds = [
            (blake2b(b"%d %d %d" % (seed, size, number), digest_size=length), second if number % 2 else first)
            for number in range(ROUNDS)
        ]

    def at(self, place: int) -> int:
        """The number at a place, both from 0 on."""
        while True:
            right, left = divmod(place, self.first)
            for begun, many in self.rounds:
                left, right = right, (left + self._hashed(begun, right)) % many
            place = right * self.first + left
            if place < self.size:
                return place

    def place(self, number: int) -> int:
        """Where a number stands."""
        while True:
            right, left = divmod(number, self.first)
            for begun, many in reversed(self.rounds):
                left, right = (right - self._hashed(begun, left)) % many, left
            number = right * self.first + left
            if number < self.size:
                return number

    def _hashed(self, begun: blake2b, value: int) -> int:
        found = begun.copy()
        found.update(value.to_bytes(self.width, "little"))
        return int.from_bytes(found.digest(), "little")
