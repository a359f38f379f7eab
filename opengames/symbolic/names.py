"""Names and text as LaTeX: words in italics, indices below, everything escaped."""

from __future__ import annotations

import re

_GREEK = frozenset({
    "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu", "nu", "xi", "pi", "rho",
    "sigma", "tau", "upsilon", "phi", "chi", "psi", "omega",
})  # fmt: skip
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


__all__ = ["escaped", "label", "name"]
