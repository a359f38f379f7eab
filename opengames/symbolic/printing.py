"""LaTeX of sympy expressions and of names: words upright or in italics as a paper sets them, everything escaped."""

from __future__ import annotations

import re
from typing import Any

from sympy.printing.latex import LatexPrinter

from opengames.symbolic.values import Label

_GREEK = frozenset(
    ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu", "nu", "xi", "pi", "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi", "omega"]
)
_SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%", "_": r"\_",
    "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "<": r"\textless{}", ">": r"\textgreater{}", "€": r"\texteuro{}",
}  # fmt: skip
_NAME = re.compile(r"([A-Za-z_][A-Za-z_0-9]*)((?:\.[A-Za-z_][A-Za-z_0-9]*)*)(?:\[(.*)\])?((?:\.[A-Za-z_][A-Za-z_0-9]*)*)('*)$")


def escaped(text: str) -> str:
    """Text as LaTeX prints it in a paragraph."""
    return "".join(_SPECIAL.get(c, c) for c in text)


def name(word: str) -> str:
    """A name in mathematics: `x`, `\\alpha`, `\\mathit{loss}`, `\\mathit{asp}_{1}`."""
    found = _NAME.match(word)
    if found is None:
        return rf"\mathrm{{{escaped(word)}}}"
    stem, path, keys, tail, primes = found.groups()
    below = [rf"\mathrm{{{escaped(p)}}}" for p in path.split(".") if p]
    if keys is not None:
        below.append(", ".join(_key(k) for k in keys.split(", ")))
    below += [rf"\mathrm{{{escaped(p)}}}" for p in tail.split(".") if p]
    return _stem(stem) + (f"_{{{', '.join(below)}}}" if below else "") + primes


def label(word: str) -> str:
    """A label of an enumeration in mathematics."""
    return rf"\mathrm{{{escaped(word)}}}"


def _stem(stem: str) -> str:
    if stem in _GREEK:
        return rf"\{stem}"
    return stem if len(stem) == 1 else rf"\mathit{{{escaped(stem)}}}"


def _key(key: str) -> str:
    return label(key) if key[:1].isalpha() else escaped(key)


class _Printer(LatexPrinter):
    """sympy's printer with names as above, and `if`/`otherwise` in cases."""

    def _print_Symbol(self, expr: Any, style: str = "plain") -> str:
        return label(expr.name) if isinstance(expr, Label) else name(expr.name)

    _print_Label = _print_Symbol

    def _print_Piecewise(self, expr: Any) -> str:
        rows = [rf"{self._print(e)} & \text{{if }} {self._print(c)}" for e, c in expr.args[:-1]]
        last, condition = expr.args[-1]
        otherwise = condition in (True, self._true)
        rows.append(rf"{self._print(last)} & " + (r"\text{otherwise}" if otherwise else rf"\text{{if }} {self._print(condition)}"))
        return r"\begin{cases} " + r" \\ ".join(rows) + r" \end{cases}"

    @property
    def _true(self) -> Any:
        from sympy import true

        return true


def latex(found: Any) -> str:
    """An expression, condition, label or tuple of them."""
    if isinstance(found, tuple):
        return rf"\left({', '.join(map(latex, found))}\right)"
    if isinstance(found, bool):
        return r"\mathrm{true}" if found else r"\mathrm{false}"
    if isinstance(found, str):
        return label(found)
    return str(_Printer({"fold_short_frac": False}).doprint(found))


__all__ = ["escaped", "label", "latex", "name"]
