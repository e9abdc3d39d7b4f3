"""Work in stretches, here or by an executor: large enough to be worth sending, small enough to be soon back."""

import pickle
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from typing import NamedTuple, Protocol

from cnnarch.errors import ReadError
from cnnarch.search.variants import Chunk, Job, Measurer, measured

__all__ = ["Allowed", "Places", "Work", "run"]

SECONDS = 0.25  # that a stretch should take
FIRST, LONGEST = 8, 100_000  # variants of the first stretch, and of any
AHEAD = 3  # stretches for each worker, so that none waits
MOST_FAILURES = 3  # of all workers, one after another, without anything done
MOST_REFUSED = 1_000_000  # variants in a row that a constraint does not allow


class Work(Protocol):
    """What is left to do; `shuffled` if places have to be looked up in the order of the job."""

    shuffled: bool

    def take(self, most: int) -> Sequence[int]: ...


class Places:
    """The places of an order from one to another."""

    shuffled = True

    def __init__(self, start: int, stop: int) -> None:
        self.next = start
        self.stop = stop

    def take(self, most: int) -> range:
        """The next places; none at the end."""
        found = range(self.next, min(self.next + most, self.stop))
        self.next = found.stop
        return found


class Allowed:
    """So many variants that a constraint allows, by their numbers, in the order of a job; of None, all of them."""

    shuffled = False

    def __init__(self, measurer: Measurer, allows: Callable[[int], bool], most: int | None = None) -> None:
        self.measurer = measurer
        self.allows = allows
        self.left = most
        self.next = 0
        self.refused = 0

    def skip(self, place: int) -> None:
        """Go on at a place; what is allowed before it was tried before."""
        while self.next < place and self.take(1):
            pass
        self.refused = 0

    def take(self, most: int) -> list[int]:
        """The numbers of the next variants that are allowed; none at the end."""
        found: list[int] = []
        size, order = self.measurer.space.size, self.measurer.order
        in_a_row = 0
        wanted = most if self.left is None else min(most, self.left)
        while len(found) < wanted and self.next < size:
            number = self.next if order is None else order.at(self.next)
            self.next += 1
            if self.allows(number):
                found.append(number)
                in_a_row = 0
                continue
            self.refused += 1
            in_a_row += 1
            if in_a_row >= MOST_REFUSED:
                raise ReadError(f"the constraint allows none of {in_a_row:,} variants in a row", "is it too strict?")
        if self.left is not None:
            self.left -= len(found)
        return found


class _Stretch(NamedTuple):
    """Work that was given out: its number in the order, and its places."""

    turn: int
    places: Sequence[int]


def run(
    job: Job,
    work: Work,
    measurer: Measurer | None = None,
    executor: Callable[[], Executor] | None = None,
    workers: int = 1,
    ordered: bool = True,
) -> Iterator[Chunk]:
    """Measure the variants of a job, here or by an executor with so many workers; gives what each stretch gave.

    Stretches come in their order, or as they are done. An executor whose workers died is made anew, and what they
    had not given back is done again. Raises ReadError if workers go on dying.
    """
    if executor is None:
        yield from _here(measurer or Measurer(job), work)
    else:
        yield from _Pool(job, work, executor, workers).run(ordered)


def _here(measurer: Measurer, work: Work) -> Iterator[Chunk]:
    size = FIRST
    while places := work.take(size):
        chunk = measurer.chunk(measurer.numbers(places) if work.shuffled else places)
        yield chunk
        size = _next_size(size, chunk)


def _next_size(size: int, chunk: Chunk) -> int:
    """How many variants would take the time that a stretch should take, by the rate of the last."""
    wanted = int(chunk.tried * SECONDS / max(chunk.seconds, 1e-9))
    return max(1, min(wanted, 4 * size, LONGEST))


class _Pool:
    """An executor at work."""

    def __init__(self, job: Job, work: Work, make: Callable[[], Executor], workers: int) -> None:
        self.job = pickle.dumps(job)
        self.work = work
        self.make = make
        self.workers = workers
        self.executor = make()
        self.pending: dict[Future[Chunk], _Stretch] = {}
        self.size = FIRST
        self.given = 0
        self.failures = 0

    def run(self, ordered: bool) -> Iterator[Chunk]:
        waiting: dict[int, Chunk] = {}  # done before their turn
        turn = 0
        try:
            while True:
                self._give_out(len(waiting))
                if not self.pending:
                    return
                for stretch, chunk in self._done():
                    if not ordered:
                        yield chunk
                        continue
                    waiting[stretch.turn] = chunk
                    while turn in waiting:
                        yield waiting.pop(turn)
                        turn += 1
        finally:
            for future in self.pending:
                future.cancel()

    def _give_out(self, waiting: int) -> None:
        while len(self.pending) + waiting < AHEAD * self.workers and (places := self.work.take(self.size)):
            self._submit(_Stretch(self.given, places))
            self.given += 1

    def _submit(self, stretch: _Stretch) -> None:
        try:
            future = self.executor.submit(measured, self.job, stretch.places, self.work.shuffled)
        except BrokenExecutor:
            future = Future()
            future.set_exception(BrokenExecutor("a worker died before"))
        self.pending[future] = stretch

    def _done(self) -> Iterator[tuple[_Stretch, Chunk]]:
        done, _ = wait(self.pending, return_when=FIRST_COMPLETED)
        lost: list[_Stretch] = []
        for future in done:
            stretch = self.pending.pop(future)
            try:
                chunk = future.result()
            except BrokenExecutor:
                lost.append(stretch)
                continue
            self.failures = 0
            self.size = _next_size(self.size, chunk)
            yield stretch, chunk
        if lost:
            self._renew(lost)

    def _renew(self, lost: list[_Stretch]) -> None:
        """Make the executor anew; whatever was given to the old one and not given back is done again."""
        self.failures += 1
        if self.failures > MOST_FAILURES:
            raise ReadError("the workers died again and again", "is there memory enough for so many?")
        for future, stretch in [*self.pending.items()]:
            if not future.done() or future.exception() is not None:
                del self.pending[future]
                lost.append(stretch)
        self.executor = self.make()
        for stretch in sorted(lost):
            self._submit(stretch)
