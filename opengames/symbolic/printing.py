"""LaTeX of sympy expressions, with names as in the language and cases as a paper sets them."""

from __future__ import annotations

from typing import Any

import sympy
from sympy.printing.latex import LatexPrinter

from opengames.symbolic.names import label, name
from opengames.symbolic.values import Label


class _Printer(LatexPrinter):
    """sympy's printer with names as above, and `if`/`otherwise` in cases."""

    def _print_Symbol(self, expr: Any, style: str = "plain") -> str:
        return label(expr.name) if isinstance(expr, Label) else name(expr.name)

    _print_Label = _print_Symbol

    def _print_Piecewise(self, expr: Any) -> str:
        rows = [rf"{self._print(e)} & \text{{if }} {self._print(c)}" for e, c in expr.args[:-1]]
        last, condition = expr.args[-1]
        otherwise = condition is True or condition is sympy.true
        rows.append(rf"{self._print(last)} & " + (r"\text{otherwise}" if otherwise else rf"\text{{if }} {self._print(condition)}"))
        return r"\begin{cases} " + r" \\ ".join(rows) + r" \end{cases}"

def latex(found: Any) -> str:
    """An expression, condition, label or tuple of them."""
    if isinstance(found, tuple):
        return rf"\left({', '.join(map(latex, found))}\right)"
    if isinstance(found, bool):
        return r"\mathrm{true}" if found else r"\mathrm{false}"
    if isinstance(found, str):
        return label(found)
    return str(_Printer({"fold_short_frac": False}).doprint(sympy.sympify(found)))


__all__ = ["latex"]
