"""Writes small clearings at random, each as a text in some dress and as rows of numbers.

A clearing decides families, records and single numbers in a box. Its rules and its earning are affine: sums with conditions,
branches on data, funs, computed wires in and outside loops, calls, tables; rules are comparisons either way round, chains, intervals,
`abs`, `forall`, `and`, conditions on data, with an index or without. What a text says is worked out here once more while it is
written, in fractions, by functions of nothing but dictionaries. Of two scenarios one is drawn, where a text has data.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

Value = tuple[Fraction, ...]
Form = dict[str, Value]
Env = dict[str, str]
#: A text and what it means at a point of its index variables.
Said = tuple[str, Callable[[Env], Form]]

TYPES = {"I": ("A", "B", "C"), "J": ("1", "2")}


@dataclass(frozen=True)
class Row:
    """left <= right (sense -1), == (0), >= (1); rule and place to which its dual belongs, "" where there is none."""

    left: Form
    sense: int
    right: Form
    rule: str
    place: str


@dataclass
class Clearing:
    """text: of a game `Market`, with a query for the earning and each dual. rows, box, earned: the same as numbers.

    duals: query, rule, place of each. scenarios: how many there are, equally likely.
    """

    scenarios: int
    text: str = ""
    rows: list[Row] = field(default_factory=list)
    box: dict[str, tuple[Fraction, Fraction]] = field(default_factory=dict)
    earned: Form = field(default_factory=dict)
    duals: list[tuple[str, str, str]] = field(default_factory=list)


class Writer:
    """Writes one clearing."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.made = Clearing(self.rng.choice((1, 1, 2)))
        self.declared: list[str] = []
        self.before: list[str] = []
        self.after: list[str] = []
        self.inputs: list[tuple[str, str, Value]] = []
        self.chosen: list[tuple[str, str, tuple[str, ...]]] = []
        self.point: dict[str, Value] = {}
        self.count = 0
        self.vars: list[tuple[str, str | None]] = []
        self.wires: list[tuple[str, str | None, Callable[[Env], Form]]] = []
        self.bounds: list[str] = []
        self.pieces: dict[tuple[str, tuple[tuple[str, str], ...]], str] = {}

    def fresh(self, stem: str) -> str:
        self.count += 1
        return f"{stem}{self.count}"

    # -------------------------------------------------------------------------- numbers and data

    def tenth(self, low: int = -40, high: int = 40) -> Fraction:
        return Fraction(self.rng.randint(low, high), 10)

    def every(self, value: Fraction) -> Value:
        return (value,) * self.made.scenarios

    def literal(self, value: Fraction) -> str:
        text = f"{abs(value.numerator)}" if value.denominator == 1 else f"({abs(value.numerator)}/{value.denominator})"
        if value.denominator in (2, 5, 10) and self.rng.random() < 0.7:
            text = str(float(abs(value)))
        return text if value >= 0 else f"(-{text})"

    def known(self, scope: Sequence[str], deep: int = 2) -> tuple[str, Callable[[Env], Value]]:
        """A number that params or data decide."""
        r = self.rng
        way = r.choice(("number", "number", "param", "table", "input", "input", "if", "fun", "max", "family"))
        if deep == 0 or way == "number" or (way == "input" and not self.data_wires()):
            v = self.tenth()
            return self.literal(v), lambda env: self.every(v)
        if way == "param":
            v = self.tenth()
            name = self.fresh("c")
            self.declared.append(f"param {name}: real = {self.literal(v)}")
            return name, lambda env: self.every(v)
        if way in ("table", "family"):
            over = r.choice(("I", "J"))
            cells = {k: self.tenth() for k in TYPES[over]}
            name = self.fresh("t")
            if way == "table":
                lines = "\n".join(f"    | {k} || {self.literal(v)} |" for k, v in cells.items())
                self.declared.append(f"param {name}: (v: real)[{over}] = table {{\n    | {over} || v |\n{lines}\n}}")
                dot = ".v"
            else:
                self.declared.append(f"param {name}: real[{over}] = [{', '.join(f'{k}: {self.literal(v)}' for k, v in cells.items())}]")
                dot = ""
            key = self.key(over, scope)
            return f"{name}[{key[0]}]{dot}", lambda env: self.every(cells[key[1](env)])
        if way == "input":
            name, _, values = r.choice(self.data_wires())
            return name, lambda env: values
        if way == "if":
            test = self.test(scope)
            a, b = self.known(scope, deep - 1), self.known(scope, deep - 1)
            return f"(if {test[0]} then {a[0]} else {b[0]})", lambda env: _choose(test[1](env), a[1](env), b[1](env))
        if way == "fun":
            k, c = self.tenth(), self.tenth()
            name = self.fresh("f")
            self.declared.append(f"fun {name}(a: real) -> real = {self.literal(k)} * a + {self.literal(c)}")
            a = self.known(scope, deep - 1)
            return f"{name}({a[0]})", lambda env: tuple(k * v + c for v in a[1](env))
        a, b = self.known(scope, deep - 1), self.known(scope, deep - 1)
        word, best = r.choice((("max", max), ("min", min)))
        return f"{word}({a[0]}, {b[0]})", lambda env: tuple(best(p) for p in zip(a[1](env), b[1](env), strict=True))

    def data_wires(self) -> list[tuple[str, str, Value]]:
        return [i for i in self.inputs if i[1] == "real"]

    def key(self, over: str, scope: Sequence[str]) -> tuple[str, Callable[[Env], str]]:
        """An index of `over`: a label, a variable of the scope, or one of the two by a condition."""
        here = [v for v in scope if v.startswith(over.lower())]
        if here and self.rng.random() < 0.7:
            name = self.rng.choice(here)
            if self.rng.random() < 0.15:
                a, b = self.rng.sample(TYPES[over], 2)
                return f"if {name} == {a} then {b} else {name}", lambda env: b if env[name] == a else env[name]
            return name, lambda env: env[name]
        label = self.rng.choice(TYPES[over])
        return label, lambda env: label

    def test(self, scope: Sequence[str], deep: int = 1) -> tuple[str, Callable[[Env], tuple[bool, ...]]]:
        """A condition on indices and data."""
        r = self.rng
        ways = ["index"] * 3 * bool(scope) + ["flag"] * 2 * any(k == "bool" for _, k, _ in self.inputs)
        ways += ["label"] * bool(self.chosen)
        ways += ["level"] * bool(self.data_wires()) + ["and", "or", "not"] * (deep > 0)
        way = r.choice(ways or ["level2"])
        n = self.made.scenarios
        if way == "index":
            name = r.choice(scope)
            label, op = r.choice(TYPES[name[0].upper()]), r.choice(("==", "!="))
            return f"{name} {op} {label}", lambda env: (((env[name] == label) == (op == "==")),) * n
        if way == "flag":
            name, _, values = r.choice([i for i in self.inputs if i[1] == "bool"])
            return name, lambda env: tuple(bool(v) for v in values)
        if way == "label":
            name, over, labels = r.choice(self.chosen)
            like = [v for v in scope if v.startswith(over.lower())]
            if like and r.random() < 0.5:
                other = r.choice(like)
                return f"{name} == {other}", lambda env: tuple(v == env[other] for v in labels)
            label = r.choice(TYPES[over])
            return f"{name} == {label}", lambda env: tuple(v == label for v in labels)
        if way == "level":
            name, _, values = r.choice(self.data_wires())
            level = self.tenth()
            return f"{name} <= {self.literal(level)}", lambda env: tuple(v <= level for v in values)
        if way in ("and", "or"):
            a, b = self.test(scope, deep - 1), self.test(scope, deep - 1)
            join = all if way == "and" else any
            return f"({a[0]} {way} {b[0]})", lambda env: tuple(join(p) for p in zip(a[1](env), b[1](env), strict=True))
        if way == "not":
            a = self.test(scope, deep - 1)
            return f"(not ({a[0]}))", lambda env: tuple(not p for p in a[1](env))
        level = self.tenth()
        name = self.fresh("c")
        self.declared.append(f"param {name}: real = 1")
        return f"{name} <= {self.literal(level)}", lambda env: (level >= 1,) * n

    # --------------------------------------------------------------------- affine expressions

    def affine(self, scope: Sequence[str], deep: int) -> Said:
        r = self.rng
        ways = ["var"] * 4 + ["known"]
        if deep > 0:
            ways += ["chosen", "match"] * bool(self.chosen)
            ways += ["plus", "minus", "times", "times", "sum", "sum", "if", "fun", "neg", "over", "record", "family", "wire", "wire"]
        way = r.choice(ways)
        if way == "var":
            name, over = r.choice(self.vars)
            if over is None:
                return name, lambda env: {name: self.every(Fraction(1))}
            key = self.key(over, scope)
            return f"{name}[{key[0]}]", lambda env: {f"{name}[{key[1](env)}]": self.every(Fraction(1))}
        if way == "known":
            k = self.known(scope)
            return k[0], lambda env: {"": k[1](env)}
        if way in ("plus", "minus"):
            a, b = self.affine(scope, deep - 1), self.affine(scope, deep - 1)
            sign = 1 if way == "plus" else -1
            return f"({a[0]} {'+' if sign > 0 else '-'} {b[0]})", lambda env: _add(a[1](env), b[1](env), sign)
        if way == "times":
            k, a = self.known(scope), self.affine(scope, deep - 1)
            text = f"{k[0]} * {a[0]}" if r.random() < 0.5 else f"{a[0]} * {k[0]}"
            return f"({text})", lambda env: _times(k[1](env), a[1](env))
        if way == "over":
            a, k = self.affine(scope, deep - 1), r.choice((Fraction(2), Fraction(-4), Fraction(5, 2)))
            return f"({a[0]} / {self.literal(k)})", lambda env: _times(self.every(1 / k), a[1](env))
        if way == "neg":
            a = self.affine(scope, deep - 1)
            return f"(-{a[0]})", lambda env: _times(self.every(Fraction(-1)), a[1](env))
        if way == "sum":
            return self.total(scope, deep)
        if way == "chosen":
            label, over, values = r.choice(self.chosen)
            among = [name for name, each in self.vars if each == over]
            if not among:
                return self.affine(scope, 0)
            name = r.choice(among)
            return f"{name}[{label}]", lambda env: _sum(
                {f"{name}[{v}]": tuple(Fraction(k == i) for k in range(len(values)))} for i, v in enumerate(values)
            )
        if way == "match":
            label, over, values = r.choice(self.chosen)
            arms = {each: self.affine(scope, deep - 1) for each in TYPES[over]}
            lines = ", ".join(f"{each} => {said[0]}" for each, said in arms.items())
            return f"(match {label} {{ {lines} }})", lambda env: _sum(
                _times(tuple(Fraction(v == each) for v in values), said[1](env)) for each, said in arms.items()
            )
        if way == "if":
            test = self.test(scope)
            a, b = self.affine(scope, deep - 1), self.affine(scope, deep - 1)
            return f"(if {test[0]} then {a[0]} else {b[0]})", lambda env: _either(test[1](env), a[1](env), b[1](env))
        if way == "fun":
            k, m, c = self.tenth(), self.tenth(), self.tenth()
            name = self.fresh("g")
            self.declared.append(
                f"fun {name}(a: real, b: real) -> real = {self.literal(k)} * a - b * {self.literal(m)} + {self.literal(c)}"
            )
            a, b = self.affine(scope, deep - 1), self.affine(scope, deep - 1)
            return f"{name}({a[0]}, {b[0]})", lambda env: _add(
                _add(_times(self.every(k), a[1](env)), _times(self.every(m), b[1](env)), -1), {"": self.every(c)}
            )
        if way == "record":
            a, b = self.affine(scope, deep - 1), self.affine(scope, deep - 1)
            return f"(u: {a[0]}, v: (w: {b[0]}, z: 1)).v.w", b[1]
        if way == "family":
            over = r.choice(("I", "J"))
            name = self.fresh(over.lower())
            a, key = self.affine([*scope, name], deep - 1), self.key(over, scope)
            return f"[{a[0]} for {name} in {over}][{key[0]}]", lambda env: a[1]({**env, name: key[1](env)})
        if not self.wires:
            return self.affine(scope, 0)
        wire, over_, meaning = r.choice(self.wires)
        if over_ is None:
            return wire, lambda env: meaning({})
        key = self.key(over_, scope)
        return f"{wire}[{key[0]}]", lambda env: meaning({over_.lower(): key[1](env)})

    def total(self, scope: Sequence[str], deep: int) -> Said:
        r = self.rng
        over = r.choice(("I", "J"))
        name = self.fresh(over.lower())
        inside = [*scope, name]
        body = self.affine(inside, deep - 1)
        test = self.test(inside) if r.random() < 0.5 else None
        if test is not None and r.random() < 0.3 and scope:
            like = [v for v in scope if v[0] == name[0]]
            if like:
                other = r.choice(like)
                test = (f"{name} == {other}", lambda env: (env[name] == env[other],) * self.made.scenarios)

        def meaning(env: Env) -> Form:
            form: Form = {}
            for label in TYPES[over]:
                here = {**env, name: label}
                each = body[1](here)
                if test is not None:
                    each = _either(test[1](here), each, {})
                form = _add(form, each)
            return form

        return f"sum({body[0]} for {name} in {over}{f' if {test[0]}' if test else ''})", meaning

    # ----------------------------------------------------------------------------- what bends

    def bent(self, scope: Sequence[str], deep: int, up: bool) -> Said:
        """A convex expression (`max`, `abs`), or for `up` a concave one (`min`); its value is a number of its own."""
        r = self.rng
        word = "min" if up else r.choice(("max", "abs"))
        a = self.affine(scope, deep)
        b = (a[0], lambda env: _times(self.every(Fraction(-1)), a[1](env))) if word == "abs" else self.affine(scope, deep)
        number = self.fresh("piece")

        def meaning(env: Env) -> Form:
            at = (number, tuple(sorted(env.items())))
            if at not in self.pieces:
                name = self.pieces[at] = f"{number} {len(self.pieces)}"
                values = []
                for form in (a[1](env), b[1](env)):
                    self.made.rows.append(Row(_one(name, self), 1 if not up else -1, form, "", ""))
                    values.append(self.value(form))
                best = min if up else max
                self.point[name] = tuple(best(p) for p in zip(*values, strict=True))
            return _one(self.pieces[at], self)

        return (f"abs({a[0]})" if word == "abs" else f"{word}({a[0]}, {b[0]})"), meaning

    def value(self, form: Form) -> Value:
        """What a form is worth at the point."""
        total = [Fraction(0)] * self.made.scenarios
        for name, value in form.items():
            at = self.every(Fraction(1)) if name == "" else self.point[name]
            total = [t + v * p for t, v, p in zip(total, value, at, strict=True)]
        return tuple(total)

    # --------------------------------------------------------------------------------- rules

    def comparison(self, scope: Sequence[str], envs: Sequence[Env], deep: int) -> tuple[str, Callable[[Env], list[tuple[Form, int, Form]]]]:
        """Comparisons that hold at the point, whatever the data, with some room or none. An equation has a slack of its own."""
        r = self.rng
        room = r.choice((Fraction(0), Fraction(1, 2), Fraction(1), Fraction(3)))
        way = r.choice(("le", "le", "ge", "chain", "in", "abs", "bent", "eq", "eq", "twice"))
        left = self.bent(scope, deep - 1, False) if way == "bent" else self.affine(scope, deep)
        if way in ("chain", "in"):
            values = [v for env in envs for v in self.value(left[1](env))]
            low, high = _floor(min(values)) - room, -_floor(-max(values)) + room
            lo, hi = {"": self.every(low)}, {"": self.every(high)}
            if way == "in":
                text = f"{left[0]} in [{self.literal(low)}, {self.literal(high)}]"
                return text, lambda env: [(left[1](env), 1, lo), (left[1](env), -1, hi)]
            if r.random() < 0.5:
                return f"{self.literal(low)} <= {left[0]} <= {self.literal(high)}", lambda env: [(lo, -1, left[1](env)), (left[1](env), -1, hi)]
            return f"{self.literal(high)} >= {left[0]} >= {self.literal(low)}", lambda env: [(hi, 1, left[1](env)), (left[1](env), 1, lo)]
        if way == "abs":
            values = [abs(v) for env in envs for v in self.value(left[1](env))]
            high = -_floor(-max(values)) + room
            hi, lo = {"": self.every(high)}, {"": self.every(-high)}
            both = lambda env: [(left[1](env), -1, hi), (_times(self.every(Fraction(-1)), left[1](env)), -1, hi)]  # noqa: E731
            if r.random() < 0.5:
                return f"abs({left[0]}) <= {self.literal(high)}", both
            # what a larger absolute value costs: the price has the other sign
            return f"{self.literal(high)} >= abs({left[0]})", lambda env: [(f, 2, h) for f, _, h in both(env)]
        right = self.affine(scope, max(0, deep - 1))
        if way == "eq":
            up, down = self.fresh("s"), self.fresh("s")
            for each in (up, down):
                self.vars.append((each, None))
                self.made.box[each] = (Fraction(0), Fraction(60))
                self.point[each] = self.every(Fraction(0))
            text = f"{left[0]} + {up} == {right[0]} + {down}"
            if r.random() < 0.3:
                text = f"{right[0]} + {down} == {left[0]} + {up}"
                return text, lambda env: [(_add(right[1](env), _one(down, self)), 0, _add(left[1](env), _one(up, self)))]
            return text, lambda env: [(_add(left[1](env), _one(up, self)), 0, _add(right[1](env), _one(down, self)))]
        gaps = [v for env in envs for v in self.value(_add(left[1](env), right[1](env), -1))]
        if way in ("le", "bent", "twice"):
            more = -_floor(-max(gaps)) + room
            far: Said = (f"{right[0]} + {self.literal(more)}", lambda env: _add(right[1](env), {"": self.every(more)}))
            if way == "twice":
                other = self.affine(scope, 0)
                gap = [v for env in envs for v in self.value(_add(other[1](env), right[1](env), -1))]
                much = -_floor(-max(gap)) + room
                text = f"{left[0]} <= {far[0]} and {other[0]} <= {right[0]} + {self.literal(much)}"
                return text, lambda env: [(left[1](env), -1, far[1](env)),
                                          (other[1](env), -1, _add(right[1](env), {"": self.every(much)}))]  # fmt: skip
            if r.random() < 0.4:
                return f"{far[0]} >= {left[0]}", lambda env: [(far[1](env), 1, left[1](env))]
            return f"{left[0]} <= {far[0]}", lambda env: [(left[1](env), -1, far[1](env))]
        less = _floor(min(gaps)) - room
        return f"{left[0]} >= {right[0]} + {self.literal(less)}", lambda env: [
            (left[1](env), 1, _add(right[1](env), {"": self.every(less)}))
        ]

    def rule(self) -> str:
        r = self.rng
        name = self.fresh("rule")
        iters = r.choice(((), (), ("I",), ("J",), ("I", "J")))
        scope = [self.fresh(t.lower()) for t in iters]
        dress = r.choice(("plain",) * 4 + ("forall", "where", "implies", "if", "or"))
        inner = list(scope)
        if dress in ("forall", "where"):
            over = r.choice(("I", "J"))
            extra = self.fresh(over.lower())
            inner.append(extra)
        said, rows = self.comparison(inner, _points(inner), r.choice((1, 2, 3)))
        test = self.test(inner) if dress in ("where", "implies", "if", "or") else None
        other = self.comparison(inner, _points(inner), 1) if dress == "if" else None
        text = {
            "plain": said,
            "forall": f"forall {inner[-1]} in {inner[-1][0].upper()}: {said}" if dress == "forall" else "",
            "where": f"forall {inner[-1]} in {inner[-1][0].upper()} where {test[0]}: {said}" if dress == "where" and test else "",
            "implies": f"{test[0] if test else ''} implies ({said})",
            "if": f"if {test[0] if test else ''} then ({said}) else ({other[0] if other else ''})",
            "or": f"not ({test[0] if test else ''}) or ({said})",
        }[dress]
        for env in _points(inner):
            place = ",".join(env[v] for v in scope)
            for left, sense, right in rows(env):
                self.made.rows.append(self.guarded(left, sense, right, test[1](env) if test else None, name, place))
            for left, sense, right in other[1](env) if other and test else ():
                self.made.rows.append(self.guarded(left, sense, right, tuple(not t for t in test[1](env)), name, place))  # type: ignore[index]
        if dress in ("plain", "implies") and " and " not in said and not said.endswith("]") and r.random() < 0.8:
            self.priced(name, scope)
        index = f"[{', '.join(f'{v} in {v[0].upper()}' for v in scope)}]" if scope else ""
        return f"            {name}{index}: {text}"

    def guarded(self, left: Form, sense: int, right: Form, on: tuple[bool, ...] | None, rule: str, place: str) -> Row:
        """The row, where it holds for all scenarios or only for some: elsewhere it says nothing, `0 <= 0`."""
        if on is not None:
            left, right = _either(on, left, {}), _either(on, right, {})
            self.made.rows.append(Row({}, 0, {}, "", ""))
        return Row(left, sense, right, rule + ("" if on is None else "|" + "".join("01"[o] for o in on)), place)

    def priced(self, name: str, scope: Sequence[str]) -> None:
        wire = self.fresh("price")
        if not scope:
            self.after.append(f"    {wire} = dual({name})")
            places = [""]
        else:
            loops = ", ".join(f"{v} in {v[0].upper()}" for v in scope)
            self.after.append(f"    for {loops} {{ {wire} = dual({name}[{', '.join(scope)}]) }}")
            places = [",".join(e[v] for v in scope) for e in _points(scope)]
        for place in places:
            self.made.duals.append((f"{wire}[{place}]" if place else wire, name, place))

    # --------------------------------------------------------------------------------- texts

    def write(self) -> Clearing:
        r, made = self.rng, self.made
        if made.scenarios == 2:
            for _ in range(r.choice((1, 2))):
                self.inputs.append((self.fresh("y"), "real", (self.tenth(), self.tenth())))
            if r.random() < 0.5:
                over = r.choice(("I", "J"))
                self.chosen.append((self.fresh("k"), over, (r.choice(TYPES[over]), r.choice(TYPES[over]))))
            if r.random() < 0.6:
                self.inputs.append((self.fresh("on"), "bool", (Fraction(r.randint(0, 1)), Fraction(r.randint(0, 1)))))
        outs = []
        for _ in range(r.choice((1, 2, 2, 3))):
            over = r.choice(("I", "J", None, "record"))
            name, low = self.fresh("x"), Fraction(r.choice((0, 0, -5, -10)))
            high = low + r.choice((4, 10, 25))
            typed = r.random() < 0.5
            space = f"[{self.literal(low)}, {self.literal(high)}]" if typed else "real"
            places = [f"{name}[{k}]" for k in TYPES[over]] if over in TYPES else [name]
            if over == "record":
                places = [f"{name}.a", f"{name}.b[1]", f"{name}.b[2]"]
                outs.append(f"{name}: (a: {space}, b: {space}[J])")
                self.vars += [(f"{name}.a", None), (f"{name}.b", "J")]
            else:
                outs.append(f"{name}: {space}{f'[{over}]' if over else ''}")
                self.vars.append((name, over))
            for place in places:
                made.box[place] = (low, high)
                self.point[place] = self.every(low + Fraction(r.randint(0, 10), 10) * (high - low))
                if not typed:
                    self.bounds.append(f"            {self.fresh('box')}: {self.literal(low)} <= {place} <= {self.literal(high)}")
        for _ in range(r.choice((0, 1, 2, 3))):
            self.computed()
        rules = list(self.bounds)
        first = len(self.vars)
        for _ in range(r.randint(1, 5)):
            rules.append(self.rule())
        slack = [name for name, _ in self.vars[first:]]
        outs += [f"{name}: [0, 60]" for name in slack]
        r.shuffle(rules)
        earning = [self.affine((), 3) for _ in range(r.choice((1, 2, 3)))]
        for name in slack:
            earning.append((f"(-{(k := r.choice(('20', '3', '0.5')))}) * {name}", lambda env, n=name, k=k: {n: self.every(-Fraction(k))}))
        texts, form = [], {}
        for text, meaning in earning:
            texts.append(text)
            form = _add(form, meaning({}))
        for _ in range(r.choice((0, 0, 1, 2))):
            up = r.random() < 0.5
            bent, k = self.bent((), 1, up), Fraction(r.randint(1, 30), 10)
            texts.append(f"({self.literal(k if up else -k)}) * {bent[0]}")
            form = _add(form, _times(self.every(k if up else -k), bent[1]({})))
        made.earned = form
        r.shuffle(texts)
        given = [(n, k, [self.shown(k, v) for v in values]) for n, k, values in self.inputs]
        given += [(n, k, list(values)) for n, k, values in self.chosen]
        seeing = f"        seeing {', '.join(n for n, _, _ in given)}\n" if given else ""
        inputs = f"({', '.join(f'{n}: {k}' for n, k, _ in given)})" if given else ""
        asked = [f"query worth = E({'m.' if inputs else ''}earned) of {'Play' if inputs else 'Market'}"]
        ports = {name.split("[")[0]: name for name, _, _ in made.duals}
        types = {}
        for name, _, place in made.duals:
            over = [next(t for t, labels in TYPES.items() if p in labels) for p in place.split(",")] if place else []
            types[name.split("[")[0]] = "real" + (f"[{', '.join(over)}]" if over else "")
        for k, (name, _, _) in enumerate(made.duals):
            asked.append(f"query dual{k} = E({'m.' if inputs else ''}{name}) of {'Play' if inputs else 'Market'}")
        gives = f" -> (earned: real, gain: real{''.join(f', {p}: {types[p]}' for p in ports)})" if inputs else ""
        play = ""
        if inputs:
            draw = "    chance ~ {true: 50%, false: 50%}\n"
            lines = "".join(f"    {n} = if chance then {v[0]} else {v[1]}\n" for n, _, v in given)
            play = f"game Play {{\n{draw}{lines}    m ~ Market({', '.join(n for n, _, _ in given)})\n}}\n"
        statements = [*self.before, *self.after, f"    earned = {' + '.join(texts)}", "    gain = 2 * earned"]
        decide = (
            f"    decide {', '.join(outs)}\n        by op\n{seeing}        earning earned\n        subject to {{\n"
            + "\n".join(rules) + "\n        }"
        )
        statements.insert(r.randint(0, len(statements)), decide)
        body = "\n".join(statements)
        made.text = "\n".join(
            ["type I = A | B | C", "type J = 1..2", "player op", *self.declared, f"game Market{inputs}{gives} {{", body, "}", play, *asked, ""]
        )
        return made

    def shown(self, kind: str, value: Fraction) -> str:
        return ("true" if value else "false") if kind == "bool" else self.literal(value)

    def computed(self) -> None:
        """A computed wire, alone, in a loop, or out of a call."""
        r = self.rng
        name = self.fresh("w")
        way = r.choice(("alone", "loop", "call", "carry"))
        if way == "loop":
            over = r.choice(("I", "J"))
            said = self.affine([over.lower()], 2)
            self.before.append(f"    for {over.lower()} in {over} {{ {name} = {said[0]} }}")
            self.wires.append((name, over, said[1]))
        elif way == "carry":
            start, said, k = self.affine((), 1), self.affine(["j"], 1), self.tenth(-10, 10)
            last = self.fresh("now")
            self.before.append(
                f"    for j in J carrying {last} = {start[0]} {{ {name} = {last}\n        next {last} = {self.literal(k)} * {last} + {said[0]} }}"
            )

            def meaning(env: Env) -> Form:
                form = start[1]({})
                return form if env["j"] == "1" else _add(_times(self.every(k), form), said[1]({"j": "1"}))

            self.wires.append((name, "J", meaning))
        elif way == "call":
            game, k = self.fresh("Sub"), self.tenth()
            self.declared.append(f"game {game}(a: real) -> (b: real) {{ b = {self.literal(k)} * a + 1 }}")
            a = self.affine((), 2)
            self.before.append(f"    {name} ~ {game}({a[0]})")
            self.wires.append((name, None, lambda env: _add(_times(self.every(k), a[1]({})), {"": self.every(Fraction(1))})))
        else:
            said = self.affine((), 2)
            self.before.append(f"    {name} = {said[0]}")
            self.wires.append((name, None, said[1]))


def _points(scope: Sequence[str]) -> list[Env]:
    envs: list[Env] = [{}]
    for name in scope:
        envs = [{**e, name: label} for e in envs for label in TYPES[name[0].upper()]]
    return envs


def _floor(value: Fraction) -> Fraction:
    return Fraction(value * 10 // 1, 10)


def _one(name: str, writer: Writer) -> Form:
    return {name: writer.every(Fraction(1))}


def _add(a: Form, b: Form, sign: int = 1) -> Form:
    made = dict(a)
    for name, value in b.items():
        before = made.get(name, (Fraction(0),) * len(value))
        made[name] = tuple(x + sign * y for x, y in zip(before, value, strict=True))
    return made


def _sum(forms: Iterable[Form]) -> Form:
    total: Form = {}
    for each in forms:
        total = _add(total, each)
    return total


def _times(k: Value, a: Form) -> Form:
    return {name: tuple(x * y for x, y in zip(k, value, strict=True)) for name, value in a.items()}


def _choose(test: tuple[bool, ...], a: Value, b: Value) -> Value:
    return tuple(x if t else y for t, x, y in zip(test, a, b, strict=True))


def _either(test: tuple[bool, ...], a: Form, b: Form) -> Form:
    zero = (Fraction(0),) * len(test)
    return {name: _choose(test, a.get(name, zero), b.get(name, zero)) for name in a.keys() | b.keys()}


def written(seed: int) -> Clearing:
    """The clearing of a seed."""
    return Writer(seed).write()
