"""Random programs that follow the grammar, as texts with random layout, for property tests."""

from __future__ import annotations

from hypothesis import strategies as st

NAMES = st.sampled_from(["a", "b", "soc", "price_t", "step", "line", "of_x", "K", "World", "reply"])
UNITS = st.sampled_from(["$", "MW", "$/MWh", "%", "MW^2", "(MW*h)", "$/(MW*h)", "h"])
BLANKS = st.sampled_from([" ", " ", " ", "  ", "\n", "\n\n\n", "\t", " # why\n", "\n## a doc\n", "\n  # alone\n"])


def _digits(draw: st.DrawFn) -> str:
    return draw(st.sampled_from(["0", "1", "12", "1_000", "0.5", "2.50", "1e3", "3E-2"]))


@st.composite
def literals(draw: st.DrawFn) -> list[str]:
    number = _digits(draw)
    return [number if draw(st.booleans()) else number + draw(st.sampled_from(["", " "])) + draw(UNITS)]


def _join(parts: list[list[str]], mark: str) -> list[str]:
    out: list[str] = []
    for i, part in enumerate(parts):
        out += ([mark] if i else []) + part
    return out


@st.composite
def types(draw: st.DrawFn, deep: int = 2) -> list[str]:
    kinds = ["name", "real", "range", "interval", "set"] + (["record", "family"] if deep else [])
    match draw(st.sampled_from(kinds)):
        case "real":
            return ["real"] + ([draw(UNITS)] if draw(st.booleans()) else [])
        case "range":
            step = ["step", *draw(literals())] if draw(st.booleans()) else []
            return ["1", "..", draw(st.sampled_from(["9", "K", "9 $"])), *step]
        case "interval":
            return ["[", *draw(expressions(0)), ",", *draw(expressions(0)), "]"]
        case "set":
            return ["{", *_join(draw(st.lists(literals(), min_size=1, max_size=3)), ","), "}"]
        case "record":
            return ["(", *_join(draw(st.lists(fields(deep - 1), min_size=1, max_size=3)), ","), ")"]
        case "family":
            return [*draw(types(deep - 1)), "[", *_join(draw(st.lists(types(0), min_size=1, max_size=2)), ","), "]"]
        case _:
            return [draw(NAMES)]


@st.composite
def fields(draw: st.DrawFn, deep: int = 1) -> list[str]:
    return [draw(NAMES), ":", *draw(types(deep))]


@st.composite
def iters(draw: st.DrawFn) -> list[str]:
    one = st.tuples(NAMES, types(1)).map(lambda p: [p[0], "in", *p[1]])
    return _join(draw(st.lists(one, min_size=1, max_size=2)), ",")


@st.composite
def expressions(draw: st.DrawFn, deep: int = 3) -> list[str]:
    if deep <= 0:
        return draw(literals()) if draw(st.booleans()) else [draw(NAMES)]
    e = expressions(deep - 1)
    kind = draw(st.integers(0, 15))
    several = st.lists(e, min_size=1, max_size=3)
    match kind:
        case 0 | 1 | 2:
            op = draw(st.sampled_from(["+", "-", "*", "/", "^", "and", "or", "implies", ">>", "@", "==", "<=", ">"]))
            return ["(", *draw(e), ")", op, "(", *draw(e), ")"] if draw(st.booleans()) else [
                *draw(expressions(0)), op, *draw(expressions(0))]
        case 3:
            return ["(", "if", *draw(e), "then", *draw(e), "else", *draw(e), ")"]
        case 4:
            return ["(", draw(st.sampled_from(["forall", "exists"])), *draw(iters()), ":", *draw(e), ")"]
        case 5 | 6:
            return [draw(NAMES), "(", *_join(draw(several), ","), ")"]
        case 7:
            test = ["if", *draw(e)] if draw(st.booleans()) else []
            return [draw(NAMES), "(", *draw(e), "for", *draw(iters()), *test, ")"]
        case 8:
            return [draw(NAMES), "(", *draw(e), "|", *draw(e), ")"]
        case 9:
            return [draw(NAMES), "[", *_join(draw(several), ","), "]", ".", draw(NAMES)]
        case 10:
            return ["{", *_join([[*k, ":", *v] for k, v in draw(st.lists(st.tuples(e, e), min_size=1, max_size=2))], ","), "}"]
        case 11:
            return ["[", *draw(e), "for", *draw(iters()), "]"]
        case 12:
            return ["match", *draw(e), "{", draw(NAMES), "=>", *draw(e), ",", "_", "=>", *draw(e), "}"]
        case 13:
            return ["(", draw(st.sampled_from(["-", "not"])), *draw(e), ")"]
        case 14:
            return ["(", draw(NAMES), ":", *draw(e), ",", draw(NAMES), ":", *draw(e), ")"]
        case _:
            return ["(", "(", *draw(e), ")", "in", "[", *draw(expressions(0)), ",", *draw(expressions(0)), "]", ")"]


@st.composite
def blocks(draw: st.DrawFn, deep: int = 2) -> list[str]:
    inside = draw(st.lists(statements(deep), max_size=3))
    return ["{", *[t for s in inside for t in s], "}"]


@st.composite
def statements(draw: st.DrawFn, deep: int = 2) -> list[str]:
    kind = draw(st.integers(0, 5 if deep <= 0 else 9))
    e = expressions(2)
    names = st.lists(NAMES, min_size=1, max_size=2).map(lambda n: _join([[x] for x in n], ","))
    match kind:
        case 0 | 1:
            return [*draw(names), "=", *draw(e), "\n"]
        case 2:
            paying = ["paying", *draw(e)] if draw(st.booleans()) else []
            return [*draw(names), "~", *draw(e), *paying, "\n"]
        case 3:
            return ["next", draw(NAMES), "=", *draw(e), "\n"]
        case 4:
            return [draw(NAMES), "(", *draw(e), ")", "\n"]
        case 5:
            seeing = ["seeing", *draw(names)] if draw(st.booleans()) else []
            rules = ["subject", "to", "{", draw(NAMES), ":", *draw(e), "\n", draw(NAMES), ":", *draw(e), "\n", "}"]
            return ["decide", *draw(fields()), "by", draw(NAMES), *seeing, "earning", *draw(e),
                    *(rules if draw(st.booleans()) else []), "\n"]
        case 6:
            carrying = ["carrying", draw(NAMES), "=", *draw(e), ",", draw(NAMES), "=", *draw(e)]
            return ["for", *draw(iters()), *(carrying if draw(st.booleans()) else []), *draw(blocks(deep - 1))]
        case 7:
            other = ["else", *draw(blocks(deep - 1))] if draw(st.booleans()) else []
            return ["if", *draw(e), *draw(blocks(deep - 1)), *other]
        case 8:
            return ["if", *draw(e), *draw(blocks(deep - 1)), "else", "if", *draw(e), *draw(blocks(deep - 1))]
        case _:
            return ["match", *draw(e), "{", draw(NAMES), "=>", *draw(blocks(deep - 1)), ",", "_", "=>",
                    *draw(blocks(deep - 1)), "}"]


@st.composite
def declarations(draw: st.DrawFn) -> list[str]:
    e = expressions(3)
    wires = ["(", *_join(draw(st.lists(fields(), max_size=2)), ","), ")"]
    scope = ["of", draw(NAMES), "under", draw(NAMES), "by", draw(NAMES)] if draw(st.booleans()) else []
    match draw(st.integers(0, 9)):
        case 0:
            return ["type", draw(NAMES), "=", *draw(types())]
        case 1:
            return ["type", draw(NAMES), "=", "A", "|", "B", "|", "C"]
        case 2:
            return ["param", draw(NAMES), ":", *draw(types()), *(["=", *draw(e)] if draw(st.booleans()) else [])]
        case 3:
            return ["fun", draw(NAMES), *wires, "->", *draw(types()), "=", *draw(e)]
        case 4:
            row = ["|", *draw(expressions(1)), "||", *draw(expressions(1)), "|", *draw(literals()), "|", "\n"]
            return ["fun", draw(NAMES), *wires, "->", "real", "=", "table", "{", "|", "a", "||", "b", "|", "c", "|",
                    *row, *row, "}"]
        case 5:
            return ["channel", draw(NAMES), *wires, "->", *draw(types()), *draw(blocks())]
        case 6 | 7:
            return ["game", draw(NAMES), *wires, "->", "(", "x", ":", "real", ")", "expects", *wires, *draw(blocks())]
        case 8:
            return ["strategy", draw(NAMES), "of", draw(NAMES), "{", draw(NAMES), ".", draw(NAMES), "=", *draw(e), "\n",
                    draw(NAMES), "[", "i", "]", ".", draw(NAMES), "~", *draw(e), "}"]
        case _:
            return [draw(st.sampled_from(["verify"])), draw(NAMES), ":", *draw(e), *scope]


@st.composite
def programs(draw: st.DrawFn) -> str:
    """A text that parses, in a layout nobody would choose."""
    tokens = [t for d in draw(st.lists(declarations(), min_size=1, max_size=3)) for t in [*d, "\n"]]
    out = []
    for token in tokens:
        out.append(token)
        out.append(draw(BLANKS) if draw(st.integers(0, 5)) == 0 else " ")
    return "".join(out)
