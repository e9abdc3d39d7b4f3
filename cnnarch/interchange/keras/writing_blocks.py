"""A network as a Keras model with the structure of its page: blocks as functions, repeats as loops."""

from __future__ import annotations

import re
from typing import Any

from cnnarch.graph import Graph
from cnnarch.interchange.keras.writing_expressions import translated
from cnnarch.interchange.keras.writing_flat import RESERVED, case_of
from cnnarch.interchange.keras.writing_layers import Steps, Use, Varies, steps
from cnnarch.interchange.keras.writing_watch import Watch, watch
from cnnarch.interchange.program_text import identifier
from cnnarch.spec.expressions import Expression
from cnnarch.spec.items import parts
from cnnarch.spec.model import Block, BlockItem, Branches, Group, Item, LayerItem, Residual, Spec

__all__ = ["Program", "structured"]


def structured(spec: Spec, graph: Graph, name: str) -> list[str]:
    """The lines of the whole program but its imports; raises Varies where its page cannot be told as code."""
    return Program(spec, graph, watch(spec, graph)).written(name)


# Layers without a name are called after their class; what follows is these names without `_` and digits.
OWN = (
    "conv", "dense", "add", "multiply", "concatenate", "maximum", "average", "flatten", "dropout", "relu", "relu",
    "activation", "softmax", "reshape", "embedding", "lstm", "gru", "resizing", "bidirectional", "permute", "elu",
    "prelu", "input", "depthwiseconv", "batchnormalization", "layernormalization", "groupnormalization", "leakyrelu",
)  # fmt: skip


class Program:
    def __init__(self, spec: Spec, graph: Graph, found: Watch) -> None:
        self.spec = spec
        self.graph = graph
        self.watch = found
        self.functions: dict[int, list[str]] = {}  # of a block, its lines
        self.called: dict[int, str] = {}
        self.idle: dict[int, set[str]] = {}  # settings of a block that its function does not need
        taken = set(RESERVED)
        for key, block in found.blocks.items():
            self.called[key] = identifier(block.name, taken)
            taken.add(self.called[key])
        self.taken = taken
        self.of_blocks: set[str] = set()  # settings of the spec that blocks see
        self.settings = {one: self.constant(one) for one in spec.settings}

    def constant(self, setting: str) -> str:
        return identifier(setting.upper(), self.taken)

    def written(self, name: str) -> list[str]:
        function = identifier(name if name not in self.taken else f"{name}_model", self.taken)
        body = Body(self, self.settings, {*self.taken, function})
        lines = self.inputs(body)
        body.wanted = self.kept_outputs()
        flow = body.sequence(self.spec.layers, [body.inputs[one] for one in self.spec.inputs], "x")
        chain = self.chain(body, lines[0], name)
        outputs = [body.outputs[number] if number in body.outputs else flow[0] for number in self.output_numbers()]
        inputs = [body.inputs[one] for one in self.spec.inputs]
        end = f'return keras.Model({_one(inputs)}, {_one(outputs)}, name="{name}")'
        constants = [f"{self.settings[one]} = {self.value(one)}" for one in self.spec.settings]
        main = [f"def {function}():", *(f"    {line}" for line in chain or [*lines, *body.lines, end])]
        return self.joined(constants, main)

    def chain(self, body: Body, start: str, name: str) -> list[str]:
        """A Sequential, where every line only takes the one before; else nothing."""
        made = [template for found in body.steps for template in found]
        plain = len(made) == len(body.lines) and all(
            one.startswith("layers.") and one.endswith("({0})") for one in made
        )
        if not plain or len(self.graph.inputs) > 1 or self.functions or len(self.graph.outputs) > 1:
            return []
        if any(len(node.sources) > 1 for node in self.graph.layers) or any("{0}" in one[:-5] for one in made):
            return []
        inside = ", ".join([start.partition(" = ")[2], *(one[:-5] for one in made)])
        return [f'return keras.Sequential([{inside}], name="{name}")']

    def joined(self, constants: list[str], main: list[str]) -> list[str]:
        found = [*constants, *(["", ""] if constants else [])]
        for lines in self.functions.values():
            found += [*lines, "", ""]
        return [*found, *main]

    def value(self, setting: str) -> str:
        value = self.spec.settings[setting]
        return translated(value, self.settings, "x", [])

    def inputs(self, body: Body) -> list[str]:
        lines = []
        for node in self.graph.inputs:
            lone = len(self.graph.inputs) == 1
            body.inputs[node.name] = "inputs" if lone else body.named(node.name)
            given = "" if node.name == "input" else f', name="{node.name}"'
            lines.append(f"{body.inputs[node.name]} = keras.Input({tuple(node.output)!r}{given})")
        return lines

    def output_numbers(self) -> list[int]:
        ends = {id(node) for node in self.graph.outputs if not node.train_only}
        return [number for number, node in enumerate(self.graph.nodes) if id(node) in ends]

    def kept_outputs(self) -> dict[int, int]:
        """Of entries that give an output of the network that does not come last, the number of its node."""
        numbers, found = self.output_numbers(), {}
        last = max(number for number, node in enumerate(self.graph.nodes) if not node.train_only)
        for number in numbers:
            if len(numbers) == 1 and number == last:
                continue
            item, place = self.maker(number)
            if place or len(self.watch.seen[id(item)]) != 1:
                raise Varies
            found[id(item)] = number
        return found

    def maker(self, number: int) -> tuple[Item, str]:
        """The entry that a variable can be kept at: the layer's own, or that of the block which it is the end of."""
        item, place = self.watch.made[self.graph.nodes[number].name]
        if place:
            raise Varies
        return item, place

    def parameter(self, setting: str) -> str:
        """A setting of a block as a parameter, which no function may be called like."""
        return identifier(setting, {*RESERVED, *self.called.values()})

    def function(self, block: Block) -> str:
        """The name of a block's function, which is written where it is first called."""
        name = self.called[id(block)]
        if id(block) in self.functions:
            return name
        self.functions[id(block)] = []
        names = {one: self.parameter(one) for one in block.settings}
        body = Body(self, {**self.settings, **names}, {*self.taken, *names.values()}, block)
        first = "inputs" if _reads_input(block.layers) else "x"
        body.inputs["input"] = first
        defaults = body.defaults(block, names, first)
        flow = body.sequence(block.layers, [first], "x")
        if len(flow) != 1:
            raise Varies
        ordered = sorted(block.settings, key=lambda one: block.settings[one] is not None)
        text = "\n".join(body.lines)
        self.idle[id(block)] = {one for one in ordered if not re.search(rf"\b{names[one]}\b(?!=[^=])", text)}
        parameters = [first, *(f"{names[one]}{defaults[one]}" for one in ordered if one not in self.idle[id(block)])]
        lines = [
            f"def {name}({', '.join(parameters)}):",
            *(f"    {line}" for line in body.lines),
            f"    return {flow[0]}",
        ]
        self.functions.pop(id(block))  # behind the functions that it calls
        self.functions[id(block)] = lines
        return name


def _one(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"[{', '.join(names)}]"


def called(template: str, name: str) -> str:
    """The step with the layer's own name, unless Keras may give that name to another layer itself."""
    cls, _, rest = template.removeprefix("layers.").partition("(")
    plain = re.sub(r"[\W_\d]", "", name.lower())
    if not template.startswith("layers.") or "/" in name or plain in OWN or not rest.endswith(")({0})"):
        return template
    arguments = rest.removesuffix(")({0})")
    return f'layers.{cls}({arguments}{", " if arguments else ""}name="{name}")({{0}})'


def _reads_input(items: list[Item]) -> bool:
    """Whether any entry takes what arrives at the block, by its name."""
    return any(
        any(name.value == "input" for name in item.modifiers.sources) or any(map(_reads_input, parts(item)))
        for item in items
    )


class Body:
    """The lines of a function, and which variable holds what."""

    def __init__(self, program: Program, names: dict[str, str], taken: set[str], block: Block | None = None) -> None:
        self.program = program
        self.watch = program.watch
        self.block_of = block
        self.steps: list[Steps] = []
        self.names = names
        self.taken = taken
        self.lines: list[str] = []
        self.indent = ""
        self.inputs: dict[str, str] = {}
        self.outputs: dict[int, str] = {}
        self.wanted: dict[int, int] = {}
        self.kept: dict[int, str] = {}  # of an entry that others name, its variable
        self.targets = {id(one) for one in program.watch.targets.values() if not isinstance(one, str)}

    def add(self, line: str) -> None:
        self.lines.append(self.indent + line)

    def named(self, wanted: str) -> str:
        name = identifier(wanted, self.taken)
        self.taken.add(name)
        return name

    def defaults(self, block: Block, names: dict[str, str], x: str) -> dict[str, str]:
        """What stands behind each parameter; a default that is computed is so in the function's first lines."""
        found = {}
        for setting, value in block.settings.items():
            if value is None:
                found[setting] = ""
            elif isinstance(value, Expression):
                found[setting] = "=None"
                code = translated(value, self.names, x, self.watch.found.get(id(value), []))
                self.lines += [f"if {names[setting]} is None:", f"    {names[setting]} = {code}"]
            else:
                found[setting] = f"={translated(value, {}, 'x', [])}"
        return found

    def code(self, value: Any, flow: list[str]) -> str:
        x = flow[0] if len(flow) == 1 else ""
        if isinstance(value, Expression) and "x" in value.names and not x:
            raise Varies
        return translated(value, self.names, x, self.watch.found.get(id(value), []))

    def sequence(self, items: list[Item], flow: list[str], into: str) -> list[str]:
        for item in items:
            flow = self.item(item, flow, into)
        return flow

    def item(self, item: Item, flow: list[str], into: str) -> list[str]:
        """An entry with what stands beside it."""
        modifiers = item.modifiers
        if modifiers.train_only or not self.watch.runs[id(item)]:
            return flow
        if modifiers.share is not None:
            raise Varies
        taken = [self.source(item, name.value) for name in modifiers.sources] or flow
        conditional = isinstance(modifiers.when, Expression)
        if not conditional and modifiers.repeat is None:
            return self.once(item, taken, into)
        if conditional:
            flow = self.held(flow, into)
            taken = taken if modifiers.sources else flow
            self.add(f"if {self.code(modifiers.when, taken)}:")
            self.indent += "    "
        taken = self.held(taken, into) if modifiers.repeat is not None else taken
        if modifiers.repeat is not None:
            self.add(f"for _ in range({self.code(modifiers.repeat, taken)}):")
            self.indent += "    "
        made = self.once(item, taken, into)
        if made != [into]:
            self.add(f"{into} = {made[0]}")
        self.indent = self.indent[: -4 * (conditional + (modifiers.repeat is not None))]
        return [into]

    def held(self, flow: list[str], into: str) -> list[str]:
        """The flow in the variable that lines in a loop or a condition write to."""
        if len(flow) != 1:
            raise Varies
        if flow != [into]:
            self.add(f"{into} = {flow[0]}")
        return [into]

    def source(self, item: Item, name: str) -> str:
        target = self.watch.targets[id(item), name]
        if isinstance(target, str):
            return self.inputs[target]
        if id(target) not in self.kept:
            raise Varies
        return self.kept[id(target)]

    def once(self, item: Item, flow: list[str], into: str) -> list[str]:
        keep = id(item) in self.targets or id(item) in self.wanted
        if keep and id(item) not in self.kept:
            self.kept[id(item)] = self.named(
                item.label if item.modifiers.name or not item.numbered else self.label(item)
            )
        target = self.kept[id(item)] if keep else into
        if isinstance(item, LayerItem):
            made = self.layer(item, flow, target)
        elif isinstance(item, BlockItem):
            made = self.block(item, flow, target)
        else:
            made = self.structure(item, flow, into)
        if keep and made != [target]:
            self.add(f"{target} = {made[0]}")
            made = [target]
        if id(item) in self.wanted:
            self.outputs[self.wanted[id(item)]] = target
        return made

    def label(self, item: Item) -> str:
        """The name that a numbered entry has where it first stands."""
        return next(name for name, (one, _) in self.watch.made.items() if one is item).rpartition("/")[2]

    def layer(self, item: LayerItem, flow: list[str], target: str) -> list[str]:
        graph = self.program.graph
        cases = [case_of(graph, graph.nodes[number]) for number in self.watch.seen[id(item)]]
        code = {
            name: self.code(value, flow) for name, value in (item.values or {}).items() if isinstance(value, Expression)
        }
        made: Steps = steps(Use(cases, code))
        inputs = flow
        if item.modifiers.name and self.block_of is None and not item.numbered:
            made = [*made[:-1], called(made[-1], item.modifiers.name)]
        self.steps += [made]
        for template in made:
            self.add(f"{target} = {template.format(*inputs)}")
            inputs = [target, *inputs[1:]]
        return [target]

    def block(self, item: BlockItem, flow: list[str], target: str) -> list[str]:
        if len(flow) != 1:
            raise Varies
        function = self.program.function(item.block)
        idle = self.program.idle.get(id(item.block), ())
        order = sorted(item.block.settings, key=lambda one: item.block.settings[one] is not None)
        first = [one for one in order if one not in idle][:1]
        arguments = [flow[0]]
        for name, value in item.values.items():
            if name in idle:
                continue
            code = self.code(value, flow)
            lone = first == [name] and len(arguments) == 1
            arguments.append(code if lone else f"{self.program.parameter(name)}={code}")
        self.add(f"{target} = {function}({', '.join(arguments)})")
        return [target]

    def structure(self, item: Item, flow: list[str], into: str) -> list[str]:
        if isinstance(item, Group):
            return self.sequence(item.body, flow, into)
        if len(flow) != 1:
            raise Varies
        if isinstance(item, Residual):
            return self.residual(item, flow, into)
        assert isinstance(item, Branches)
        ends: list[str] = []
        for branch in item.branches:
            end = self.sequence(branch, flow, self.named("branch_1" if not ends else f"branch_{len(ends) + 1}"))
            if len(end) != 1:
                raise Varies
            ends += end
        return self.merge(item.merge, ends, into)

    def merge(self, item: LayerItem, flow: list[str], into: str) -> list[str]:
        if not self.watch.seen.get(id(item)):
            return flow[-1:]
        return self.once(item, flow, into)

    def residual(self, item: Residual, flow: list[str], into: str) -> list[str]:
        """The input is kept where the lines of the body write over it."""
        total, merged = self.watch.runs[id(item)], self.watch.merged(item)
        across = sum(self.watch.runs[id(one)] for one in (item.shortcut or [])[:1])
        if not merged:
            return self.sequence(item.body, flow, into)
        before = flow[0]
        if before == into or across:
            before = self.named("shortcut")
            self.add(f"{before} = {flow[0]}")
        end = self.sequence(item.body, flow, into)
        if len(end) != 1:
            raise Varies
        if merged < total or 0 < across < total:
            end = self.held(end, into)
            self.add(f"if {before}.shape {'!=' if across else '=='} {end[0]}.shape:")
            self.indent += "    "
        if across:
            made = self.sequence(item.shortcut or [], [before], before)
            if made != [before]:
                self.add(f"{before} = {made[0]}")
            self.indent = self.indent[: -4 if across < total else None]
            return self.merge(item.merge, [before, *end], into)
        made = self.merge(item.merge, [before, *end], into)
        if merged < total:
            self.indent = self.indent[:-4]
            if made != [into]:
                raise Varies
        return made
