"""An order of the layers in which less memory is alive at the peak.

What is alive after some layers have run does not depend on the order in which they ran, also where they write over
their inputs: what is written over has the size of what is written. So the search goes over sets of layers, and the
least peak on the way to a set is all that has to be known of it (Liberis & Lane 2019, arXiv:1910.05110, search so
without writing in place). Three things keep it short. A layer that every other one comes before or after splits the
order in two parts, each of which is searched alone. A layer that leaves no more alive than before, and whose own turn
needs no more than was needed already, can as well run at once. And the sets with the least peak come first, so that
the first way to the end is the best.
"""

from collections.abc import Iterable, Iterator
from heapq import heappop, heappush, nsmallest
from typing import NamedTuple

from cnnarch.analysis.liveness import Plan, Tick, run

__all__ = ["Found", "best_order"]

MOST_LAYERS = 1000  # between two layers that split the order; more are not searched
MOST_SETS = 30_000  # that are looked at between two such layers, before a way to the end is only guessed
KEPT_SETS = 100  # of each number of layers, in a guess
MOST_OF_ALL = 200_000  # sets in all parts of a network, in guesses too


class Found(NamedTuple):
    """An order, what every order needs at the peak, and whether this one needs no more."""

    order: tuple[int, ...]
    least: int
    exact: bool


class _Set(NamedTuple):
    """Layers that have run, as bits of a number; the least peak on the way, what is alive, and what can run next."""

    peak: int
    more: int  # how many have not run
    done: int
    alive: int
    ready: int
    before: "_Set | None" = None
    last: int = -1  # the layer that made this of it


class _Part(NamedTuple):
    """The layers between two that split the order, in the given order.

    `alive` is before the first of them, `peak` the one in the given order, `least` what every order needs. In `ends`
    are the tensors that are freed here; what is taken later too, or is an output, is not, whatever the order.
    """

    order: tuple[int, ...]
    alive: int
    peak: int
    least: int
    ends: frozenset[int]


class _Moves:
    """What running each layer of a part does, with layers as the bits of a number."""

    def __init__(self, plan: Plan, part: _Part) -> None:
        place = {node: number for number, node in enumerate(part.order)}
        takers: dict[int, int] = {}  # of every tensor, the layers that take it
        for number, node in enumerate(part.order):
            for one in plan.reads[node]:
                takers[one] = takers.get(one, 0) | 1 << number
        self.part = part
        self.needs = [_as_bits(place[one] for one in plan.sources[node] if one in place) for node in part.order]
        self.users = [0] * len(part.order)
        for number, needs in enumerate(self.needs):
            for one in _bits(needs):
                self.users[one] |= 1 << number
        self.made = [plan.made(node) for node in part.order]
        self.kept = [plan.made(node) if plan.uses[node] or plan.stays[node] else 0 for node in part.order]
        self.working = [plan.working[node] for node in part.order]
        self.over = [[takers[one] for one in plan.targets[node] if one in part.ends] for node in part.order]
        self.frees = [
            [(takers[one], plan.size[one]) for one in part.ends.intersection(plan.reads[node])] for node in part.order
        ]

    def start(self) -> _Set:
        ready = _as_bits(number for number, needs in enumerate(self.needs) if not needs)
        return _Set(0, len(self.needs), 0, self.part.alive, ready)

    def step(self, at: _Set, layer: int) -> _Set:
        """Run one more layer."""
        done = at.done | 1 << layer
        lacking = ~done
        during = at.alive + self.working[layer]
        if all(users & lacking for users in self.over[layer]):
            during += self.made[layer]
        alive = at.alive + self.kept[layer]
        for users, size in self.frees[layer]:
            if not users & lacking:
                alive -= size
        ready = at.ready ^ 1 << layer
        for one in _bits(self.users[layer]):
            if not self.needs[one] & lacking:
                ready |= 1 << one
        return _Set(max(at.peak, during), at.more - 1, done, alive, ready, at, layer)

    def steps(self, at: _Set, floor: int) -> list[_Set]:
        """The sets that can come next: one alone if it can do no harm.

        `floor` is a peak that the network reaches anyway, here or in another part.
        """
        found = []
        for layer in _bits(at.ready):
            after = self.step(at, layer)
            if after.alive <= at.alive and after.peak <= max(at.peak, floor):
                return [after]
            found.append(after)
        return found

    def written(self, at: _Set | None) -> tuple[int, ...]:
        """The layers in the order in which a set was reached."""
        order = []
        while at is not None and at.before is not None:
            order.append(self.part.order[at.last])
            at = at.before
        return tuple(reversed(order))


def best_order(plan: Plan) -> Found:
    """The order with the least peak, where the network is small enough to tell; the given one if none is better.

    >>> from cnnarch.analysis.liveness import plan, run
    >>> from cnnarch.spec import build, catalog
    >>> rcnn = plan(build.build(catalog.read("fasterrcnn_resnet50_fpn")))
    >>> found = best_order(rcnn)
    >>> max(turn.alive for turn in run(rcnn, found.order)), found.exact  # 26,943,410 in the spec's order
    (26294000, True)
    """
    parts = _parts(plan)
    floor = least = max([part.least for part in parts], default=0)
    orders = {part.order[0]: part.order for part in parts}
    budget = MOST_OF_ALL
    for part in sorted(parts, key=lambda part: -part.peak):
        if part.peak <= floor:
            break  # neither this part nor a later one matters
        if len(part.order) > MOST_LAYERS:
            floor = part.peak
            continue
        moves = _Moves(plan, part)
        found, bound, used = _search(moves, floor, min(budget, MOST_SETS))
        budget -= used
        least = max(least, bound)
        if found is None and bound < part.peak:
            found, used = _guess(moves, floor, budget)
            budget -= used
        if found is not None:
            orders[part.order[0]] = moves.written(found)
        floor = max(floor, part.peak if found is None else found.peak)
    return Found(tuple([node for part in parts for node in orders[part.order[0]]]), least, exact=floor == least)


def _parts(plan: Plan) -> list[_Part]:
    """The order, split after every layer that all others come before or after."""
    parts = []
    left = list(plan.uses)
    ticks = run(plan, plan.order)
    alive = plan.given()
    start = 0
    for end in _splits(plan):
        parts.append(_part(plan, ticks[start : end + 1], left, alive))
        alive = ticks[end].after
        start = end + 1
    return parts


def _part(plan: Plan, ticks: list[Tick], left: list[int], alive: int) -> _Part:
    """One part, before which so much is alive; `left` says how often each tensor is still taken, and is brought on."""
    order = tuple([tick.node for tick in ticks])
    taken = {one for node in order for one in plan.reads[node]}
    for node in order:
        for one in plan.reads[node]:
            left[one] -= 1
    ends = frozenset([one for one in taken if not left[one] and not plan.stays[one]])
    # Every order needs all that lasts, and what the largest layer takes and makes.
    lasting = alive - sum(plan.size[one] for one in ends.difference(order))
    largest = 0
    for node in order:
        made = 0 if ends.intersection(plan.targets[node]) else plan.made(node)
        ending = sum([plan.size[one] for one in ends.intersection(plan.reads[node])])
        largest = max(largest, ending + made + plan.working[node])
    return _Part(order, alive, max(tick.alive for tick in ticks), lasting + largest, ends)


def _splits(plan: Plan) -> Iterator[int]:
    """The places in the order of layers that all others come before or after, and of the last."""
    place = {node: number for number, node in enumerate(plan.order)}
    last = len(plan.order) - 1
    first_user = [last + 1] * len(plan.order)
    latest_source = [-1] * len(plan.order)
    for number, node in enumerate(plan.order):
        for source in plan.sources[node]:
            if source in place:
                latest_source[number] = max(latest_source[number], place[source])
                first_user[place[source]] = min(first_user[place[source]], number)
    # All that come later take from here or from later on: then they come after this layer in every order.
    later = [last + 1] * (len(plan.order) + 1)
    for number in range(last, -1, -1):
        later[number] = min(later[number + 1], latest_source[number])
    used = 0  # likewise all that came before are used by here
    for number in range(last + 1):
        if number == last or (used <= number and later[number + 1] >= number):
            yield number
        used = max(used, first_user[number])


def _search(moves: _Moves, floor: int, budget: int) -> tuple[_Set | None, int, int]:
    """The best way to the end if it is better than the given order, what all need, and how many sets were seen."""
    part, start = moves.part, moves.start()
    seen = {start.done: 0}
    heap = [(0, start.more, start.done, start)]
    while heap:
        peak, _, _, at = heappop(heap)
        if not at.more:
            return at, max(at.peak, part.least), len(seen)
        if len(seen) > budget:
            return None, max(peak, part.least), len(seen)
        for one in moves.steps(at, floor):
            if one.peak < part.peak and one.peak < seen.get(one.done, part.peak):
                seen[one.done] = one.peak
                heappush(heap, (max(one.peak, floor), one.more, one.done, one))
    return None, part.peak, len(seen)


def _guess(moves: _Moves, floor: int, budget: int) -> tuple[_Set | None, int]:
    """A way to the end that is better than the given order, and how many sets were seen.

    Of the sets with as many layers, only the most promising are followed.
    """
    level = [moves.start()]
    seen = 0
    while level and level[0].more:
        found: dict[int, _Set] = {}
        for at in level:
            for one in moves.steps(at, floor):
                if one.peak < moves.part.peak and (one.done not in found or one.peak < found[one.done].peak):
                    found[one.done] = one
        seen += len(found)
        if seen > budget:
            return None, seen
        level = nsmallest(KEPT_SETS, found.values(), key=lambda one: (max(one.peak, floor), one.alive, one.done))
    return (level[0] if level else None), seen


def _as_bits(places: Iterable[int]) -> int:
    """A number with these bits set."""
    return sum({1 << place for place in places})


def _bits(number: int) -> Iterator[int]:
    """The places of the bits that are set.

    >>> list(_bits(0b1010))
    [1, 3]
    """
    while number:
        lowest = number & -number
        yield lowest.bit_length() - 1
        number ^= lowest
