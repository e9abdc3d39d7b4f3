"""Numbers in an order that seems to be random, each exactly once, however many there are, in no memory."""

from __future__ import annotations

from hashlib import blake2b

__all__ = ["Shuffle"]

ROUNDS = 6  # four are enough for a random function; two more cost little


class Shuffle:
    """A permutation of the numbers below `size`, by a Feistel network on the least even number of bits that holds them.

    What falls outside is put in again until it falls inside, which keeps it a permutation.

    >>> order = Shuffle(10, seed=7)
    >>> sorted(map(order.at, range(10))) == list(range(10)), order.place(order.at(3))
    (True, 3)

    Source: Black and Rogaway 2002, Ciphers with arbitrary finite domains, sections 3 and 4.
    """

    def __init__(self, size: int, seed: int) -> None:
        self.size = size
        self.half = max((size - 1).bit_length() + 1, 2) // 2
        self.mask = (1 << self.half) - 1
        self.width = (self.half + 7) // 8
        self.hashes = [
            blake2b(b"%d %d %d" % (seed, size, number), digest_size=min(self.width, 64)) for number in range(ROUNDS)
        ]

    def at(self, place: int) -> int:
        """The number at a place, both from 0 on."""
        while True:
            place = self._forth(place)
            if place < self.size:
                return place

    def place(self, number: int) -> int:
        """Where a number stands."""
        while True:
            number = self._back(number)
            if number < self.size:
                return number

    def _forth(self, value: int) -> int:
        left, right = value >> self.half, value & self.mask
        for turn in range(ROUNDS):
            left, right = right, left ^ self._mixed(turn, right)
        return left << self.half | right

    def _back(self, value: int) -> int:
        left, right = value >> self.half, value & self.mask
        for turn in reversed(range(ROUNDS)):
            left, right = right ^ self._mixed(turn, left), left
        return left << self.half | right

    def _mixed(self, turn: int, value: int) -> int:
        found = self.hashes[turn].copy()
        found.update(value.to_bytes(self.width, "little"))
        return int.from_bytes(found.digest(), "little") & self.mask
