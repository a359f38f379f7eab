"""Params supplied from outside a text: by the command line, by Python, from files.

A value given as text is an expression of the language (`24 $`, `D`, `[B: 0.3, else: 0]`): it is put where the
declaration has its default, and the checker reads it there. Any other value is fitted to the declared space.
Sizes that depend on params are settled first, so that families are fitted to the sizes they will have.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from fractions import Fraction
from typing import Any

from opengames.diagnostics import Diagnostic, Refusal, errors, refuse
from opengames.dsl import syntax
from opengames.dsl.check import Checked, check
from opengames.dsl.parser import parse
from opengames.dsl.units import BUILTIN, Unit
from opengames.program import ParamDecl, Program
from opengames.spans import Span

_ROUNDS = 4
"""Times that the text is checked at most while sizes settle."""


@dataclass(frozen=True, slots=True)
class FromFile:
    """A param's value in a file. column: `None` if the file has but one that can be meant."""

    file: str
    column: str | None = None


def supply(text: str, name: str, given: Mapping[str, Any]) -> Checked:
    """The text checked with the params `given`. Raises `Refusal` for a value that does not fit its param.

    given: by the param's name: text (an expression), a number in the declared unit, a label, a bool, a sequence or
    mapping for a family, an array, series or frame, or a `FromFile`.
    """
    if not given:
        return check(text, name)
    params = declared(text, name)
    for each in given:
        if each not in params:
            checked = check(text, name)
            if checked.program is None:  # a declaration that does not parse declares nothing
                return checked
            raise unknown_param(each, list(params))
    texts = {n: v for n, v in given.items() if isinstance(v, str)}
    others = {n: v for n, v in given.items() if not isinstance(v, str)}
    values = expressions(text, name, params, texts, {n: v for n, v in others.items() if is_scalar(v)})
    for _ in range(_ROUNDS):
        checked = check(text, name, values)
        if checked.program is None:
            return _fit_without_guesses(text, name, values, others) or checked
        fitted = values | {n: fit_to(checked.program.params[n], v, checked.units) for n, v in others.items()}
        if fitted == values:
            return checked
        values = fitted
    return checked


def _fit_without_guesses(
    text: str, name: str, values: Mapping[str, Any], others: Mapping[str, Any]
) -> Checked | None:
    """A second try where a number did not fit as it came: it may be in another unit than the base one.

    `None` if the text cannot be checked without the numbers; raises `Refusal` for one that fits in no way.
    """
    settled = check(text, name, {n: v for n, v in values.items() if n not in others})
    if settled.program is None:
        return None
    fitted = {n: fit_to(settled.program.params[n], v, settled.units) for n, v in others.items()}
    return check(text, name, {**values, **fitted})


def expressions(
    text: str,
    name: str,
    params: Mapping[str, syntax.ParamDecl],
    texts: Mapping[str, str],
    scalars: Mapping[str, Any],
) -> dict[str, Any]:
    """The values that the expressions have in this text. Raises `Refusal` (`bad-param-value`) for one that is wrong."""
    guesses = {n: Fraction(repr(float(v))) if isinstance(v, float) else v for n, v in scalars.items()}
    guesses = {n: Fraction(v) if isinstance(v, int) and not isinstance(v, bool) else v for n, v in guesses.items()}
    if not texts:
        return guesses
    for each, words in texts.items():
        one_expression(each, words)
    patched, places = _patched(text, params, texts)
    checked = check(patched, name, guesses)
    wrong = [d for d in errors(checked.diagnostics) if place_in(d, places) is not None]
    if wrong:
        raise no_value(wrong, places, texts)
    if checked.program is None:
        # what is wrong without the expressions is told where it stands in the author's text
        alone = check(text, name, guesses)
        raise Refusal(*(checked if alone.program is not None else alone).diagnostics)
    return guesses | {n: checked.program.params[n].value for n in texts}


def _patched(
    text: str, params: Mapping[str, syntax.ParamDecl], texts: Mapping[str, str]
) -> tuple[str, dict[str, Span]]:
    """The text with the expressions as the params' defaults, and where each of them now stands."""
    places: dict[str, Span] = {}
    pieces: list[str] = []
    done = length = 0
    for each in sorted(texts, key=lambda n: params[n].at.start):
        decl = params[each]
        start, end = (decl.value.at.start, decl.value.at.end) if decl.value is not None else (decl.at.end, decl.at.end)
        before = text[done:start] + ("" if decl.value is not None else " = ")
        pieces += [before, texts[each]]
        length += len(before)
        places[each] = Span(decl.at.file, length, length + len(texts[each]), 1, 1)
        length += len(texts[each])
        done = end
    return "".join([*pieces, text[done:]]), places


def one_expression(name: str, words: str) -> None:
    """Refuse what is not one expression, before it is put into a text."""
    prefix = "query value = "
    found = parse(prefix + words, f"value of {name}")
    wrong = errors(found.diagnostics)
    if wrong or found.file is None or len(found.file.declarations) != 1:
        what = wrong[0].headline if wrong else "it is more than one expression"
        raise refuse("bad-param-value", f"`{words}` is no value for `{name}`", notes=(what,),
                     help=_as_file(name, words) or "write an expression of the language, such as `24 $`")  # fmt: skip
    declaration = found.file.declarations[0]
    if isinstance(declaration, syntax.QuestionDecl) and (
        declaration.of or declaration.after or declaration.under or declaration.by
    ):
        raise refuse("bad-param-value", f"`{words}` is no value for `{name}`", notes=("a value asks nothing",))


def place_in(d: Diagnostic, places: Mapping[str, Span]) -> str | None:
    """Which of the values put into a text a finding is about."""
    if d.span is None:
        return None
    for each, place in places.items():
        if d.span.file == place.file and place.start <= d.span.start and d.span.end <= place.end:
            return each
    return None


def no_value(wrong: list[Diagnostic], places: Mapping[str, Span], texts: Mapping[str, str]) -> Refusal:
    """The checker's findings, told about the value alone."""
    found = []
    for d in wrong:
        each = place_in(d, places)
        assert each is not None and d.span is not None
        marked = texts[each][d.span.start - places[each].start : d.span.end - places[each].start]
        label = (f"`{marked}`: {d.label}",) if d.label and marked != texts[each] else ()
        notes = (d.headline, *label, *d.notes)
        found.append(
            Diagnostic("bad-param-value", f"`{texts[each]}` is no value for `{each}`", notes=notes, help=_as_file(each, texts[each]) or d.help)
        )
    return Refusal(*found)


def _as_file(name: str, words: str) -> str:
    """What to do where a value looks like the name of a file."""
    return f"a file is read by `--data {name}={words}`" if words.lower().endswith((".csv", ".tsv", ".parquet", ".json")) else ""


def declared(text: str, name: str) -> dict[str, syntax.ParamDecl]:
    """The params that a text declares, by name."""
    file = parse(text, name).file
    found = file.declarations if file is not None else ()
    return {d.name.text: d for d in found if isinstance(d, syntax.ParamDecl)}


def unknown_param(name: str, known: list[str]) -> Refusal:
    near = get_close_matches(name, known, 1, 0.5)
    listed = ", ".join(f"`{n}`" for n in known) or "none"
    return refuse("unknown-param", f"there is no param `{name}`", notes=(f"the params are {listed}",),
                  help=f"did you mean `{near[0]}`?" if near else "")  # fmt: skip


def is_scalar(value: Any) -> bool:
    return isinstance(value, int | float | Fraction | bool) and math.isfinite(value)


def fit_to(decl: ParamDecl, value: Any, units: Mapping[str, Unit] = BUILTIN, gaps: bool = False) -> Any:
    """A value from outside, as a value of the declared space. units: of the text. gaps: what is missing is `None`."""
    from opengames.models.data_values import Taking, fit

    if isinstance(value, FromFile):
        from opengames.models.data_files import from_file

        return from_file(decl, value.file, value.column, Taking(units, gaps))
    return fit(decl, value, taking=Taking(units, gaps))


def needed(program: Program) -> tuple[ParamDecl, ...]:
    """The params that have no value yet."""
    return tuple(p for p in program.params.values() if p.value is None)


def require(program: Program, names: Mapping[str, Any] | set[str]) -> None:
    """Refuse (`param-needs-value`) if one of the params `names` has no value."""
    from opengames.show import show_space

    missing = [p for p in needed(program) if p.name in names]
    if missing:
        raise Refusal(
            *(
                Diagnostic(
                    "param-needs-value", f"`{p.name}` has no value yet", p.at, f"takes {show_space(p.space)}",
                    help=f"supply it: `--set '{p.name}=...'` or `--data {p.name}=FILE:COLUMN`; in Python, "
                    f"`with_params({p.name}=...)`",
                )
                for p in missing
            )
        )  # fmt: skip


__all__ = [
    "FromFile", "declared", "expressions", "fit_to", "needed", "no_value", "one_expression", "place_in", "require", "supply",
    "unknown_param",
]  # fmt: skip
