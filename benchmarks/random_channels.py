"""Small random channels as texts, with questions about several of their wires: for readings to agree on.

Everything is finite and total: no value leaves its type, no fold is empty, no index misses. What is drawn from: `bool`,
ranges, labels, records and families of them; tables, `if` and `match` as kernels; calls with one or many results, kept
apart or as a record; loops side by side, carrying one wire or two, from either end; branches anywhere within each other;
elements at known, looped-over and drawn places; folds of families.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

#: A type of wires: a name of `HEAD`, or a family ("fam", its index types, the type of its elements).
Kind = str | tuple[str, tuple[str, ...], str]

HEAD = """type N = 0..2
type S = 1..3
type T = 1..2
type C = Red | Green | Blue
type R = (p: bool, q: C)
"""
VALUES = {"bool": ("false", "true"), "N": ("0", "1", "2"), "S": ("1", "2", "3"), "T": ("1", "2"), "C": ("Red", "Green", "Blue")}
SCALARS = ("bool", "bool", "bool", "N", "S", "C", "R")
INDEX = ("T", "T", "S", "C")


@dataclass(frozen=True)
class Declared:
    """A channel made before: what it takes and gives."""

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[tuple[str, str], ...]


class Writer:
    """One program in the making; `text` has it once `program` has run."""

    def __init__(self, seed: int, draws: int = 9) -> None:
        self.rng = Random(seed)
        self.channels: list[Declared] = []
        self.left = draws
        self.draws = draws
        self.count = 0

    # ------------------------------------------------------------------ expressions

    def pick(self, scope: dict[str, Kind], kind: str) -> str | None:
        """Something in scope of this type: a wire, an element, or a field."""
        r = self.rng
        found = [n for n, k in scope.items() if k == kind]
        found += [self.element(scope, n, k) for n, k in scope.items() if isinstance(k, tuple) and k[2] == kind]
        if kind in ("bool", "C"):
            field = "p" if kind == "bool" else "q"
            found += [f"{n}.{field}" for n, k in scope.items() if k == "R"]
            found += [f"{self.element(scope, n, k)}.{field}" for n, k in scope.items() if isinstance(k, tuple) and k[2] == "R"]
        return r.choice(found) if found else None

    def element(self, scope: dict[str, Kind], name: str, kind: tuple[str, tuple[str, ...], str]) -> str:
        return f"{name}[{', '.join(self.index(scope, i) for i in kind[1])}]"

    def index(self, scope: dict[str, Kind], kind: str) -> str:
        r = self.rng
        wires = [n for n, k in scope.items() if k == kind]
        if wires and r.random() < 0.6:
            wire = r.choice(wires)
            if kind == "S" and r.random() < 0.3:
                return r.choice((f"max({wire} - 1, 1)", f"min({wire} + 1, 3)", f"4 - {wire}"))
            return wire
        return r.choice(VALUES[kind])

    def expr(self, scope: dict[str, Kind], kind: str, deep: int = 2) -> str:
        r = self.rng
        if deep <= 0 or r.random() < 0.3:
            found = self.pick(scope, kind) if r.random() < 0.85 else None
            if found is not None:
                return found
            return self.literal(kind)
        families = [(n, k) for n, k in scope.items() if isinstance(k, tuple)]
        if families and r.random() < 0.35 and kind in ("bool", "N"):
            made = self.fold(scope, kind, *r.choice(families), deep)
            if made is not None:
                return made
        match r.randrange(4):
            case 0:
                return f"(if {self.expr(scope, 'bool', deep - 1)} then {self.expr(scope, kind, deep - 1)} else {self.expr(scope, kind, deep - 1)})"
            case 1:
                on = r.choice(("C", "bool", "N"))
                subject = self.pick(scope, on)
                if subject is not None:
                    labels = VALUES[on] if on != "N" else ("0", "1", "_")
                    arms = ", ".join(f"{v} => {self.expr(scope, kind, deep - 1)}" for v in labels)
                    return f"(match {subject} {{ {arms} }})"
        if kind == "bool":
            match r.randrange(5):
                case 0:
                    op = r.choice(("and", "or", "implies"))
                    return f"({self.expr(scope, 'bool', deep - 1)} {op} {self.expr(scope, 'bool', deep - 1)})"
                case 1:
                    return f"(not {self.expr(scope, 'bool', deep - 1)})"
                case 2:
                    of = r.choice(("N", "S"))
                    return f"({self.expr(scope, of, deep - 1)} {r.choice(('<', '<=', '==', '!='))} {self.expr(scope, of, deep - 1)})"
                case 3:
                    return f"({self.expr(scope, 'C', deep - 1)} {r.choice(('==', '!='))} {r.choice(VALUES['C'])})"
                case _:
                    of = r.choice(("bool", "C", "R"))
                    a, b = self.pick(scope, of), self.pick(scope, of)
                    return f"({a} == {b})" if a and b else self.literal("bool")
        if kind in ("N", "S"):
            return f"{r.choice(('min', 'max'))}({self.expr(scope, kind, deep - 1)}, {self.expr(scope, kind, deep - 1)})"
        if kind == "R":
            return f"(p: {self.expr(scope, 'bool', deep - 1)}, q: {self.expr(scope, 'C', deep - 1)})"
        return self.pick(scope, kind) or self.literal(kind)

    def fold(self, scope: dict[str, Kind], kind: str, name: str, of: tuple[str, tuple[str, ...], str], deep: int) -> str | None:
        r = self.rng
        vars_ = [f"v{self.fresh()}" for _ in of[1]]
        iters = ", ".join(f"{v} in {i}" for v, i in zip(vars_, of[1], strict=True))
        inner = scope | dict(zip(vars_, of[1], strict=True))
        element = f"{name}[{', '.join(vars_)}]"
        tested = self.about(inner, element, of[2], deep)
        where = f" where {self.expr(inner, 'bool', 0)}" if r.random() < 0.3 else ""
        if kind == "bool":
            return f"({r.choice(('forall', 'exists'))} {iters}{where}: {tested})"
        if of[2] == "N" and r.random() < 0.5:
            return f"{r.choice(('min', 'max'))}({element} for {iters})"
        return f"min(sum(ind({tested}) for {iters}{where.replace('where', 'if')}), 2)"

    def about(self, scope: dict[str, Kind], element: str, kind: str, deep: int) -> str:
        r = self.rng
        if kind == "bool":
            first = element
        elif kind == "R":
            first = r.choice((f"{element}.p", f"({element}.q == {r.choice(VALUES['C'])})"))
        else:
            other = self.pick(scope, kind) or self.literal(kind)
            first = f"({element} {r.choice(('==', '!='))} {other})"
        if deep > 1 and r.random() < 0.4:
            return f"({first} {r.choice(('and', 'or', '=='))} {self.expr(scope, 'bool', deep - 2)})"
        return first

    def literal(self, kind: str) -> str:
        if kind == "R":
            return f"(p: {self.literal('bool')}, q: {self.literal('C')})"
        return self.rng.choice(VALUES[kind])

    def kernel(self, scope: dict[str, Kind], kind: str, deep: int = 1) -> str:
        r = self.rng
        if deep > 0 and r.random() < 0.5:
            if r.random() < 0.5:
                return f"if {self.expr(scope, 'bool', 1)} then {self.kernel(scope, kind, deep - 1)} else {self.kernel(scope, kind, deep - 1)}"
            arms = ", ".join(f"{v} => {self.kernel(scope, kind, deep - 1)}" for v in VALUES["C"])
            return f"match {self.pick(scope, 'C') or 'Red'} {{ {arms} }}"
        match r.randrange(3):
            case 0 if kind != "R":
                return f"uniform({kind})"
            case 1 if kind == "bool":
                return f"bernoulli({self.expr(scope, 'N', 1)} / {r.choice((2, 3, 5))})"
        n = r.choice((1, 2, 3, 4))
        wire = self.pick(scope, kind)
        if wire is not None and r.random() < 0.5:
            values = [wire, self.literal(kind)]
        elif kind == "R":
            values = [f"(p: {v}, q: {self.literal('C')})" for v in VALUES["bool"]]
        else:
            values = r.sample(VALUES[kind], 2)
        return f"{{{values[0]}: {n}/7, {values[1]}: {7 - n}/7}}"

    # ------------------------------------------------------------------- statements

    def fresh(self) -> int:
        self.count += 1
        return self.count

    def block(self, scope: dict[str, Kind], pad: str, size: int, deep: int, weight: int = 1) -> tuple[list[str], dict[str, Kind]]:
        """Lines, and the wires they bind (in order). weight: how often the block happens."""
        lines: list[str] = []
        bound: dict[str, Kind] = {}
        for _ in range(size):
            new, names = self.statement(scope | bound, pad, deep, weight)
            lines += new
            bound |= names
        return lines, bound

    def statement(self, scope: dict[str, Kind], pad: str, deep: int, weight: int) -> tuple[list[str], dict[str, Kind]]:
        r = self.rng
        kind = r.choice(SCALARS)
        chance = r.random()
        if deep > 0 and chance < 0.25:
            return self.loop(scope, pad, deep, weight)
        if deep > 0 and chance < 0.5:
            return self.branch(scope, pad, deep, weight)
        if self.channels and chance < 0.65 and self.left >= weight:
            return self.call(scope, pad, weight)
        if chance < 0.72:
            index = r.choice(INDEX)
            name, var = f"w{self.fresh()}", f"v{self.fresh()}"
            of = r.choice(("bool", "N", "C"))
            return [f"{pad}{name}: {of}[{index}] = [{self.expr({**scope, var: index}, of, 1)} for {var} in {index}]"], {name: ("fam", (index,), of)}
        name = f"w{self.fresh()}"
        if self.left >= weight and chance < 0.9:
            self.left -= weight
            return [f"{pad}{name}: {kind} ~ {self.kernel(scope, kind)}"], {name: kind}
        return [f"{pad}{name}: {kind} = {self.expr(scope, kind)}"], {name: kind}

    def call(self, scope: dict[str, Kind], pad: str, weight: int) -> tuple[list[str], dict[str, Kind]]:
        r = self.rng
        of = r.choice(self.channels)
        self.left -= 2 * weight
        args = ", ".join(self.expr(scope, k, 1) for k in of.inputs)
        if len(of.outputs) == 1:
            name = f"w{self.fresh()}"
            return [f"{pad}{name} ~ {of.name}({args})"], {name: of.outputs[0][1]}
        if r.random() < 0.5:
            names = [f"w{self.fresh()}" for _ in of.outputs]
            return [f"{pad}{', '.join(names)} ~ {of.name}({args})"], dict(zip(names, (k for _, k in of.outputs), strict=True))
        whole = f"w{self.fresh()}"
        lines = [f"{pad}{whole} ~ {of.name}({args})"]
        bound: dict[str, Kind] = {}
        for out, k in of.outputs:
            name = f"w{self.fresh()}"
            lines.append(f"{pad}{name}: {k} = {whole}.{out}")
            bound[name] = k
        return lines, bound

    def loop(self, scope: dict[str, Kind], pad: str, deep: int, weight: int) -> tuple[list[str], dict[str, Kind]]:
        r = self.rng
        index = r.choice(INDEX)
        var = f"i{self.fresh()}"
        times = weight * len(VALUES[index])
        inner: dict[str, Kind] = {**scope, var: index}
        carried: dict[str, str] = {f"c{self.fresh()}": r.choice(SCALARS) for _ in range(r.choice((0, 1, 1, 2)))}
        head = f"for {var} in {index}"
        starts = {f"w{self.fresh()}": k for k in carried.values()}
        first = [f"{pad}{n}: {k} = {self.expr(scope, k, 1)}" for n, k in starts.items()]
        if carried:
            if r.random() < 0.3:
                head += " reversed"
            head += " carrying " + ", ".join(f"{n} = {w}" for n, w in zip(carried, starts, strict=True))
        lines, bound = self.block({**inner, **carried}, pad + "    ", r.choice((1, 2, 2)), deep - 1, times)
        for n, k in carried.items():
            here = {**inner, **carried, **bound}
            if self.left >= times and r.random() < 0.3:
                self.left -= times
                lines.append(f"{pad}    next {n} ~ {self.kernel(here, k)}")
            else:
                own = [m for m, j in bound.items() if j == k]
                value = r.choice(own) if own and r.random() < 0.6 else self.expr(here, k)
                lines.append(f"{pad}    next {n} = {value}")
        made: dict[str, Kind] = {}
        every: dict[str, Kind] = {**carried, **bound}
        for n, here_kind in every.items():
            if isinstance(here_kind, tuple):
                made[n] = ("fam", (index, *here_kind[1]), here_kind[2])
            else:
                made[n] = ("fam", (index,), here_kind)
        return [*first, f"{pad}{head} {{", *lines, f"{pad}}}"], {**starts, **made}

    def branch(self, scope: dict[str, Kind], pad: str, deep: int, weight: int) -> tuple[list[str], dict[str, Kind]]:
        r = self.rng
        outs = {f"w{self.fresh()}": r.choice(SCALARS) for _ in range(r.choice((1, 1, 2)))}
        on = r.choice(("bool", "C", "bool"))
        least = spent = self.left
        bodies = []
        labels = list(VALUES[on]) if on == "bool" or r.random() < 0.7 else [r.choice(VALUES[on]), "_"]
        subject = self.expr(scope, on, 1)
        for _ in labels:
            self.left = spent
            lines, bound = self.block(scope, pad + "    ", r.choice((0, 1, 2)), deep - 1, weight)
            here = scope | bound
            for n, k in outs.items():
                own = [m for m, j in bound.items() if j == k]
                if self.left >= weight and r.random() < 0.4:
                    self.left -= weight
                    lines.append(f"{pad}    {n}: {k} ~ {self.kernel(here, k)}")
                else:
                    lines.append(f"{pad}    {n}: {k} = {r.choice(own) if own and r.random() < 0.7 else self.expr(here, k, 1)}")
            bodies.append(lines)
            least = min(least, self.left)
        self.left = least
        if on == "bool":
            no, yes = bodies
            return [f"{pad}if {subject} {{", *yes, f"{pad}}} else {{", *no, f"{pad}}}"], dict(outs)
        arms = [line for v, b in zip(labels, bodies, strict=True) for line in (f"{pad}{v} => {{", *b, f"{pad}}}")]
        return [f"{pad}match {subject} {{", *arms, f"{pad}}}"], dict(outs)

    # -------------------------------------------------------------------- a program

    def channel(self, name: str, inputs: dict[str, Kind], size: int, deep: int) -> tuple[list[str], dict[str, Kind]]:
        lines, bound = self.block(dict(inputs), "    ", size, deep)
        plain = {n: k for n, k in bound.items() if isinstance(k, str)}
        outs = dict(self.rng.sample(sorted(plain.items()), min(len(plain), self.rng.choice((1, 2, 3)))))
        if not outs:
            lines.append("    o: bool = " + self.expr({**inputs, **bound}, "bool"))
            bound["o"] = outs["o"] = "bool"
        head = ", ".join(f"{n}: {k}" for n, k in inputs.items())
        gives = ", ".join(f"{n}: {k}" for n, k in outs.items())
        self.channels.append(Declared(name, tuple(str(k) for k in inputs.values()), tuple((n, str(k)) for n, k in outs.items())))
        return [f"channel {name}({head}) -> ({gives}) {{", *lines, "}"], bound

    def program(self, questions: int = 4) -> str:
        """A text: up to two channels, the channel `main` without inputs, and questions about it."""
        r = self.rng
        lines: list[str] = []
        for i in range(r.choice((0, 1, 2))):
            self.left = 3
            inputs: dict[str, Kind] = {f"a{self.fresh()}": r.choice(SCALARS) for _ in range(r.choice((0, 1, 2)))}
            made, _ = self.channel(f"sub{i}", inputs, r.choice((1, 2, 3)), 1)
            lines += made
        self.left = self.draws
        made, scope = self.channel("main", {}, r.choice((3, 4, 5)), 2)
        lines += made
        for i in range(questions):
            lines.append(f"query q{i} = {self.question(scope)} of main")
        return HEAD + "\n".join(lines) + "\n"

    def question(self, scope: dict[str, Kind]) -> str:
        r = self.rng
        given = f" | {self.expr(scope, 'bool')}" if r.random() < 0.4 else ""
        match r.randrange(4):
            case 0:
                return f"P({self.expr(scope, 'bool', 3)}{given})"
            case 1:
                return f"P({self.expr(scope, 'bool', 1)} and {self.expr(scope, 'bool', 1)}{given})"
            case 2:
                return f"E({self.expr(scope, 'N', 3)} + 2 * {self.expr(scope, 'S', 2)} * {self.expr(scope, 'N', 1)}{given})"
            case _:
                kind = r.choice(("bool", "N", "C", "R"))
                return f"distribution({self.expr(scope, kind, 2)}{given})"


def written(seed: int, draws: int = 9, questions: int = 4) -> str:
    """The text of a seed."""
    return Writer(seed, draws).program(questions)


__all__ = ["written"]
