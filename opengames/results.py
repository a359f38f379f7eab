"""Answers as values: what was asked, what came out, how it was found, and how it can be checked.

Five verdicts, never one dressed as another: `proved` (exact), `refuted` (with a witness where there is one),
`supported` and `not supported` (estimates from runs), `unknown` (with the reason).
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal
from fractions import Fraction
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opengames.diagnostics import refuse
from opengames.show import digits, in_full, number, ratio, show
from opengames.spaces import Family, Grid, Reals, Record, Shown, Space, index_points

if TYPE_CHECKING:
    from opengames.session import Model

_LONGEST_RATIO = 24
"""Digits of an exact number beyond which a decimal is printed instead (`to_dict` keeps the number)."""

_LONGEST_SAID = 60
"""Characters of an answer that a message quotes."""

_MOST_BITS = 4 * _LONGEST_RATIO
"""More bits than that many digits can have."""

#: Shares at which a distribution over many numbers is told.
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
_HAIR = 1e-9  # what adding up a thousand chances may be off

#: What is added to an exact method whose numbers are too long to print.
SHORTENED = "shown rounded"

_COLOURS = {"proved": "#1d7a34", "supported": "#2455a4", "refuted": "#b3261e", "not supported": "#b3261e", "unknown": "#8a5a00"}


@dataclass(frozen=True)
class Claim:
    """The verdict on one `verify`.

    verdict: `proved`, `refuted`, `supported`, `not supported` or `unknown`. method: how it was found, such as
    "exact, 25 deviations". text: the claim as written. because: sentences in the model's words. counterexample: the
    failing assignment or the better move as `.game` text. runs: of an estimate. seconds: taken to decide. failed: in how
    many of the runs a claim about each play failed. contracts: what a proof took for granted.
    """

    name: str
    verdict: str
    method: str
    text: str
    because: tuple[str, ...] = ()
    counterexample: str | None = None
    runs: int | None = None
    seconds: float = field(default=0.0, compare=False)
    failed: int | None = None
    contracts: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether the claim is proved, or at least supported."""
        return self.verdict in ("proved", "supported")

    @property
    def shown(self) -> str:
        """The verdict as printed: an estimate says how many runs it rests on."""
        return self.verdict if self.runs is None else f"{self.verdict} ({self.runs:,} runs)"

    def __repr__(self) -> str:
        lines = [f"{self.shown}  {self.name}  ({self.method})" if self.method else f"{self.shown}  {self.name}"]
        return "\n".join(lines + [f"   {line}" for line in self.because])

    def _repr_html_(self) -> str:
        head = f'<b style="color:{_COLOURS[self.verdict]}">{html.escape(self.shown)}</b> '
        head += f"<code>{html.escape(self.name)}</code> <small>{html.escape(self.method)}</small>"
        return f"<div>{head}{_list(self.because)}</div>"

    def to_dict(self) -> dict[str, Any]:
        return {
            "kind": "claim", "name": self.name, "verdict": self.verdict, "holds": self.holds, "method": self.method,
            "text": self.text, "because": list(self.because), "counterexample": self.counterexample, "runs": self.runs,
            "seconds": round(self.seconds, 6),
        }  # fmt: skip

    def to_game(self) -> str:
        """The counterexample as text that can be pasted back; empty if there is none."""
        return self.counterexample or ""


@dataclass(frozen=True)
class Answer:
    """The answer to one `query`.

    value: a number, label, tuple (see `spaces`), a tuple of (value, chance) pairs, or what a solver found; `space`
    where it is a value of one. method: how it was found. interval: of an estimate, 95 %. certificate: by what a
    solver's answer can be checked. because: sentences. game: strategies as text that can be pasted back.
    over: the space of the values that a distribution distributes.
    """

    name: str
    value: Any
    space: Space | None
    method: str
    text: str
    because: tuple[str, ...] = ()
    interval: tuple[float, float] | None = None
    runs: int | None = None
    certificate: Any = None
    game: str | None = None
    seconds: float = field(default=0.0, compare=False)
    over: Space | None = None

    @property
    def unit(self) -> str:
        """The unit that the value (of a distribution: each value) is printed in; empty for what is no number."""
        space = self.space or self.over
        shown = space.shown if isinstance(space, Grid | Reals) else None
        return shown.unit if shown else ""

    @property
    def shown(self) -> str:
        """The value as the author would write it."""
        if self.game is not None or self.value is None:
            return ""
        if self.interval is not None:
            return estimated(self.value, self.interval, self.space)
        return exact(self.value, self.space)

    def __str__(self) -> str:
        return self.shown or "\n".join(self.because)

    def __float__(self) -> float:
        """The number in the unit it is printed in. Raises `Refusal` (`bad-argument`) if it is none."""
        if isinstance(self.value, bool) or not isinstance(self.value, int | float | Fraction):
            kind = "a distribution" if self.over is not None else "no number"
            told = self.shown if self.over is None and len(self.shown) < _LONGEST_SAID else ""
            said = f" but {told}" if told else ""
            raise refuse(
                "bad-argument", f"the answer to `{self.name}` is {kind}{said}", help="`.value` holds what was found"
            )
        how = self.space.shown if isinstance(self.space, Grid | Reals) else None
        return float(self.value / (how.scale if how else 1))

    def __repr__(self) -> str:
        head = f"{self.name} = {self.shown}" if self.shown else self.name
        return "\n".join([f"{head}  ({self.method})", *(f"   {line}" for line in self.because)])

    def _repr_html_(self) -> str:
        head = f"<code>{html.escape(self.name)}</code>"
        if self.shown:
            head += f" = <b>{html.escape(self.shown)}</b>"
        return f"<div>{head} <small>{html.escape(self.method)}</small>{_list(self.because)}</div>"

    def to_dict(self) -> dict[str, Any]:
        return {
            "kind": "answer", "name": self.name, "value": self._plain(), "shown": self.shown,
            "unit": self.unit, "method": self.method, "text": self.text, "because": list(self.because),
            "interval": None if self.interval is None else list(self.interval), "runs": self.runs,
            "certificate": plain(self.certificate), "game": self.game, "seconds": round(self.seconds, 6),
        }  # fmt: skip

    def _plain(self) -> Any:
        if self.over is None:
            return plain(self.value, self.space)
        return [[plain(value, self.over), plain(chance)] for value, chance in self.value]

    def to_game(self) -> str:
        """The strategies found, as text that can be pasted back; empty for an answer that is a value."""
        return self.game or ""


class Results(tuple[Any, ...]):
    """Several answers or claims, in the order of the text; also by name. model: whose they are."""

    model: Model | None

    def __new__(cls, found: Iterable[Claim | Answer], model: Model | None = None) -> Results:
        made = super().__new__(cls, tuple(found))
        made.model = model
        return made

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str):
            for each in self:
                if each.name == key:
                    return each
            raise KeyError(key)
        return super().__getitem__(key)

    @property
    def ok(self) -> bool:
        """Whether no claim among them fails or stays open."""
        return all(each.holds for each in self if isinstance(each, Claim))

    def report(self, path: str | PathLike[str]) -> Path:
        """Write an assurance case of these claims to a file that ends in `.html`, `.md` or `.json`.

        Raises `Refusal` (`bad-argument`) for answers to queries, and for another ending.
        """
        from opengames.assurance_case import case

        model = self.model
        if model is None or not all(isinstance(each, Claim) for each in self):
            raise refuse("bad-argument", "a report is made of claims", help="`m.verify().report(...)`")
        asked = {q.name: q for q in model.questions("verify")}
        return case(model, ((asked[each.name], each) for each in self)).report(Path(path))

    def __repr__(self) -> str:
        return "\n".join(map(repr, self))

    def _repr_html_(self) -> str:
        return "".join(each._repr_html_() for each in self)

    def to_dict(self) -> list[dict[str, Any]]:
        return [each.to_dict() for each in self]


def exact(value: Any, space: Space | None) -> str:
    """A value printed exactly: `7/5 $`. A float or a number too long to read is a decimal, after `about`."""
    how = space.shown if isinstance(space, Grid | Reals) else None
    if isinstance(value, Fraction) and not is_long(value, space):
        return ratio(value, how)
    if isinstance(value, Fraction | float):
        return f"about {_rounded(value, how)}"
    return show(value, space)


def is_long(value: Any, space: Space | None = None) -> bool:
    """Whether it is an exact number with more digits than are printed (in the unit of the space)."""
    if not isinstance(value, Fraction):
        return False
    scaled = abs(value) / _scale(space)
    digits_of = (scaled.numerator,) if scaled.denominator == 1 else (scaled.numerator, scaled.denominator)
    return sum(n.bit_length() for n in digits_of) > _MOST_BITS or sum(len(str(n)) for n in digits_of) > _LONGEST_RATIO


def _rounded(value: Fraction | float, how: Shown | None) -> str:
    """Six significant digits, of rationals beyond the floats too: `1.2e-9543`."""
    if isinstance(value, float):
        return number(value, how)
    scaled = value / how.scale if how else value
    wide = Context(prec=6, Emax=MAX_EMAX, Emin=MIN_EMIN)
    found = wide.divide(Decimal(scaled.numerator), Decimal(scaled.denominator))
    text = f"{float(found):.6g}" if -300 < found.adjusted() < 300 else f"{found.normalize(wide):e}"
    return f"{text} {how.unit}" if how and how.unit else text


def estimated(value: float, interval: tuple[float, float], space: Space | None) -> str:
    """An estimate with half the width of its interval: `1.4021 $ ± 0.0310 $`."""
    how = space.shown if isinstance(space, Grid | Reals) else None
    half = max(interval[1] - value, value - interval[0])
    return f"{number(float(value), how)} ± {number(float(f'{half:.3g}'), how)}"


def distribution_lines(pairs: Iterable[tuple[Any, Any]], space: Space | None, most: int = 40) -> tuple[str, ...]:
    """A distribution, one line per value: `High   2/5`. Where runs gave more numbers than `most`, its quantiles."""
    pairs = tuple(pairs)
    if len(pairs) > most and all(isinstance(v, float) and isinstance(c, float) for v, c in pairs):
        return _quantile_lines(pairs, space)
    rows = [(show(v, space), exact(c, None) if isinstance(c, Fraction) else digits(float(c))) for v, c in pairs]
    width = max((len(v) for v, _ in rows), default=0)
    lines = [f"{v:{width}}  {c}" for v, c in rows[:most]]
    return tuple(lines if len(rows) <= most else [*lines, f"... {len(rows):,} values in all"])


def _quantile_lines(pairs: tuple[tuple[float, float], ...], space: Space | None) -> tuple[str, ...]:
    """A distribution over many numbers, in order, by the least values at which some shares are reached."""
    found, below = [], 0.0
    wanted = list(_QUANTILES)
    for value, chance in pairs:
        below += chance
        while wanted and below >= wanted[0] - _HAIR:
            found.append((f"{100 * wanted.pop(0):g} % are at most", show(value, space)))
    width = max(len(said) for _, said in found)
    return (f"{len(pairs):,} different values", *(f"{words:>16}  {said:>{width}}" for words, said in found))


def plain(value: Any, space: Space | None = None) -> Any:
    """A value as JSON can hold it. An exact number becomes text (`7/5`), in the unit it is printed in."""
    match space, value:
        case (Record(fields=fields), tuple()):
            return {name: plain(v, s) for (name, s), v in zip(fields, value, strict=True)}
        case (Family(index=index, item=item), tuple()):
            keys = [", ".join(show(k, s) for k, s in zip(key, index, strict=True)) for key in index_points(index)]
            return {key: plain(v, item) for key, v in zip(keys, value, strict=True)}
    if isinstance(value, Fraction):
        return in_full(value / _scale(space))
    if isinstance(value, bool | str | int) or value is None:
        return value
    if isinstance(value, float):
        return value / float(_scale(space))
    if isinstance(value, tuple | list):
        return [plain(v) for v in value]
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if hasattr(value, "lines"):
        return value.lines()
    return show(value)


def _scale(space: Space | None) -> Fraction:
    shown: Shown | None = space.shown if isinstance(space, Grid | Reals) else None
    return shown.scale if shown else Fraction(1)


def _list(lines: tuple[str, ...]) -> str:
    if not lines:
        return ""
    return "<ul>" + "".join(f"<li>{html.escape(line)}</li>" for line in lines) + "</ul>"
