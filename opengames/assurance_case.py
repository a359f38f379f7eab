"""Assurance cases: the claims of a model as a tree, each with what was claimed of what, and how it was validated.

For each claim there are M, the model; phi, what is claimed of it; and psi, the validation: the verdict, how it
was found, and what that covers. The root says that the model's claims hold, and is never stronger than its
weakest leaf. Evidence that the model describes the system is kept apart from the verdicts, which cannot supply
it.

Source: the definitions M, phi, psi; Clopper and Pearson, The use of confidence or fiducial limits (1934).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opengames import arguments
from opengames.assurance_evidence import Source, sources, summary
from opengames.cases import parts
from opengames.diagnostics import Diagnostic, Refusal, refuse
from opengames.params_used import params_of
from opengames.program import ParamDecl, Question
from opengames.results import Claim
from opengames.show import show
from opengames.spaces import Family, Space, index_size
from opengames.terms import Ref

if TYPE_CHECKING:
    from opengames.session import Model

#: How strong the verdicts are, the weakest first.
STRENGTH = {"refuted": 0, "not supported": 0, "unknown": 1, "supported": 2, "proved": 3}
CONFIDENCE = 0.95
FORMATS = (".html", ".md", ".json")
#: Elements of a param, and characters, up to which its value is told with each claim.
_FEW, _SHORT = 6, 40


@dataclass(frozen=True)
class Chances:
    """In how many runs a claim failed, and the chance of failing that they leave: one-sided bounds, each at 95 %."""

    failed: int
    runs: int
    lower: float
    upper: float

    def __str__(self) -> str:
        said = f"fails in {self.failed:,} of {self.runs:,} runs; "
        if self.failed == 0:
            return f"{said}it may still fail with a chance of up to {_percent(self.upper)} (Clopper-Pearson, 95 %)"
        return (
            f"{said}the chance of failing is at least {_percent(self.lower)} and at most {_percent(self.upper)} "
            "(Clopper-Pearson, each bound at 95 %)"
        )


def chances(failed: int, runs: int) -> Chances:
    """The Clopper-Pearson bounds of the chance of failing.

    >>> round(100 * chances(0, 100).upper, 2)
    2.95
    """
    from scipy.special import betaincinv

    lower = 0.0 if failed == 0 else float(betaincinv(failed, runs - failed + 1, 1 - CONFIDENCE))
    upper = 1.0 if failed == runs else float(betaincinv(failed + 1, runs - failed, CONFIDENCE))
    return Chances(failed, runs, lower, upper)


def _percent(chance: float) -> str:
    return f"{100 * chance:.3g} %"


@dataclass(frozen=True)
class Leaf:
    """One claim. model: M in words. doc, text: phi. covers: what the verdict extends to. given: params it depends on."""

    claim: Claim
    model: str
    doc: str
    covers: str
    rests_on: tuple[str, ...]
    given: tuple[str, ...]
    chances: Chances | None = None

    @property
    def name(self) -> str:
        return self.claim.name

    @property
    def verdict(self) -> str:
        return self.claim.verdict

    @property
    def counterexample(self) -> str | None:
        """Where the claim fails; `None` where it is not refuted, or nothing is told beyond the reasons."""
        told = self.claim.counterexample if self.verdict in ("refuted", "not supported") else None
        lines = [line.removeprefix("# ") for line in (told or "").splitlines()]
        return told if any(line not in self.claim.because for line in lines) else None

    def to_dict(self) -> dict[str, Any]:
        found = self.chances
        return {
            **self.claim.to_dict(), "model": self.model, "doc": self.doc, "covers": self.covers,
            "rests_on": list(self.rests_on), "params": list(self.given),
            "failing": None if found is None else {
                "failed": found.failed, "runs": found.runs, "lower": found.lower, "upper": found.upper,
                "confidence": CONFIDENCE,
            },
        }  # fmt: skip


@dataclass(frozen=True)
class Group:
    """The claims about one game or channel; `of` is `None` for those about formulas and strategies alone."""

    of: str | None
    title: str
    doc: str
    leaves: tuple[Leaf, ...]

    @property
    def verdict(self) -> str:
        return weakest(leaf.verdict for leaf in self.leaves)

    def to_dict(self) -> dict[str, Any]:
        leaves = [leaf.to_dict() for leaf in self.leaves]
        return {"of": self.of, "title": self.title, "doc": self.doc, "verdict": self.verdict, "claims": leaves}


@dataclass(frozen=True)
class Assurance:
    """The tree. name: of the text; digest: its SHA-256. evidence: about the model and the system, apart from the
    verdicts."""

    name: str
    doc: str
    digest: str
    groups: tuple[Group, ...]
    sources: tuple[Source, ...]

    @property
    def leaves(self) -> tuple[Leaf, ...]:
        return tuple(leaf for group in self.groups for leaf in group.leaves)

    @property
    def verdict(self) -> str:
        """That of the weakest leaf."""
        return weakest(leaf.verdict for leaf in self.leaves)

    @property
    def weakest(self) -> tuple[str, ...]:
        """The names of the weakest claims."""
        return tuple(leaf.name for leaf in self.leaves if STRENGTH[leaf.verdict] == STRENGTH[self.verdict])

    @property
    def weakest_words(self) -> str:
        """The weakest claims, in words, names in backticks."""
        if len(self.leaves) > 1 and len(self.weakest) == len(self.leaves):
            return f"all {len(self.leaves)} are equally strong"
        return ", ".join(f"`{name}`" for name in self.weakest)

    @property
    def evidence(self) -> tuple[str, ...]:
        return summary(self.sources)

    def to_dict(self) -> dict[str, Any]:
        return {
            "kind": "assurance", "schema": 1, "claim": "this model's claims hold", "verdict": self.verdict,
            "weakest": list(self.weakest), "model": {"name": self.name, "doc": self.doc, "sha256": self.digest},
            "groups": [group.to_dict() for group in self.groups],
            "evidence": {"summary": list(self.evidence), "params": [s.to_dict() for s in self.sources]},
        }  # fmt: skip

    def markdown(self) -> str:
        from opengames.assurance_page import markdown

        return markdown(self)

    def html(self) -> str:
        """A page that needs nothing but itself."""
        from opengames.assurance_page import page

        return page(self)

    def report(self, path: str | Path) -> Path:
        """Write it to a file, as its ending says: `.html`, `.md` or `.json`. Raises `Refusal` (`bad-argument`)."""
        place = Path(path)
        form = form_of(place)
        texts = {".html": self.html, ".md": self.markdown, ".json": self._json}
        place.write_text(texts[form](), encoding="utf-8")
        return place

    def _json(self) -> str:
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False) + "\n"

    def __repr__(self) -> str:
        lines = [f"{self.verdict}  the claims of {self.name} (the weakest: {', '.join(self.weakest)})"]
        for group in self.groups:
            lines.append(f"  {group.verdict}  {group.title}")
            lines += [f"    {leaf.claim.shown}  {leaf.name}" for leaf in group.leaves]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        from opengames.assurance_page import body

        return body(self)


def form_of(path: str | Path) -> str:
    """The ending that says how a report is written. Raises `Refusal` for any other."""
    form = Path(path).suffix.lower()
    form = ".html" if form == ".htm" else form
    if form not in FORMATS:
        raise refuse(
            "bad-argument", f"a report is written to a file that ends in `.html`, `.md` or `.json`, not to `{path}`"
        )
    return form


def weakest(verdicts: Iterable[str]) -> str:
    """The weakest verdict, `unknown` if there is none: nothing claimed is nothing shown."""
    return min(verdicts, key=lambda v: (STRENGTH[v], v != "refuted"), default="unknown")


def assurance(model: Model, names: str | Iterable[str] | None = None) -> Assurance:
    """The assurance case of a model, its claims decided here. names: of the claims meant; all of them if left out.

    A claim that is refused (a param has no value, say) is a leaf that is unknown, with the reason.
    """
    from opengames.session import Model

    if not isinstance(model, Model):
        raise arguments.misused("model", model, "a `Model`", "`og.load(...)` gives one")
    found: list[tuple[Question, Claim | Refusal]] = []
    for question in model.questions("verify", names):
        try:
            found.append((question, model.claim(question)))
        except Refusal as refused:
            found.append((question, refused))
    return case(model, found)


def case(model: Model, found: Iterable[tuple[Question, Claim | Refusal]]) -> Assurance:
    """The assurance case made of verdicts already found. Raises `Refusal` (`unknown-question`) if there are none."""
    groups: dict[str | None, list[Leaf]] = {}
    for question, each in found:
        claim = each if isinstance(each, Claim) else _refused(question, each.diagnostics)
        groups.setdefault(_about(model, question), []).append(_leaf(model, question, claim))
    if not groups:
        raise refuse("unknown-question", f"{model.name} makes no claims, and a report is about claims",
                     help="a claim reads `verify NAME: ...`")  # fmt: skip
    docs = model.program.docs
    made = tuple(
        Group(of, _title(model, of), docs.get(of, "") if of is not None else "", tuple(leaves))
        for of, leaves in groups.items()
    )
    digest = sha256(model.text.encode()).hexdigest()
    return Assurance(Path(model.name).name, model.program.doc, digest, made, sources(model.program, model.given))


def _refused(question: Question, diagnostics: tuple[Diagnostic, ...]) -> Claim:
    said = tuple(line for d in diagnostics for line in (d.headline, *d.notes))
    return Claim(question.name, "unknown", "", question.text, said)


def _about(model: Model, question: Question) -> str | None:
    """The game or channel that a claim is about, also where it names only a strategy."""
    if question.of is not None:
        return question.of
    for term in parts(question.term):
        if isinstance(term, Ref) and term.name in model.program.strategies:
            return model.program.strategies[term.name].game
        if isinstance(term, Ref) and term.name in model.program.diagrams:
            return term.name
    return None


def _strategy(model: Model, question: Question) -> str | None:
    """The strategy that a claim such as `equilibrium(s)` is about."""
    refs = (t for t in parts(question.term) if isinstance(t, Ref))
    return next((t.name for t in refs if t.name in model.program.strategies), None)


def _title(model: Model, of: str | None) -> str:
    if of is None:
        return "Formulas: types, funs and params"
    return f"{model.program.kinds.get(of, 'game').capitalize()} {of}"


def _leaf(model: Model, question: Question, claim: Claim) -> Leaf:
    used = tuple(n for n in model.program.params if n in params_of(model.program, question))
    of = _about(model, question)
    words = f"{model.program.kinds.get(of, 'game')} `{of}`" if of else "the formulas of the text"
    under = question.under or _strategy(model, question)
    if under:
        words += f", everybody playing `{under}`"
    if used:
        words += ", with " + ", ".join(_with_value(model.program.params[n]) for n in used)
    doc = model.program.docs.get(question.name, "")
    counted = claim.failed is not None and claim.runs is not None
    found = chances(claim.failed, claim.runs) if counted else None  # type: ignore[arg-type]
    return Leaf(claim, words, doc, covers(claim), rests_on(claim), used, found)


def _with_value(decl: ParamDecl) -> str:
    """`cap` = 40 MWh; of what is long, the name."""
    said = "" if decl.value is None or index_size(_index(decl)) > _FEW else show(decl.value, decl.space)
    return f"`{decl.name}` = {said}" if said and len(said) <= _SHORT else f"`{decl.name}`"


def _index(decl: ParamDecl) -> tuple[Space, ...]:
    return decl.space.index if isinstance(decl.space, Family) else ()


#: What the words in a method say about what a verdict extends to, the first that is there.
_COVERS: Mapping[str, str] = {
    "any number of rounds": "every play, with any number of rounds: any draw that can happen, any moves that the rules allow",
    "every play, all strategies": "every play: any draw that can happen, and any moves that the rules allow",
    "every play": "every play: any draw that can happen",
    "z3": "all values of its variables",
    "slicing": "every change of plan of every player, decision by decision",
    "backward induction": "every change of plan of every player",
    "cases": "every case, one by one",
    "inputs": "every input, one by one",
    "exact": "everything there is: a computation in rationals that leaves nothing out",
}


def covers(claim: Claim) -> str:
    """What a verdict extends to, in words."""
    if claim.verdict == "unknown":
        return "nothing: it stays open"
    if claim.verdict == "refuted":
        return "one counterexample, checked exactly" if claim.counterexample else "the claim as a whole"
    if claim.runs is not None:
        return f"{claim.runs:,} drawn plays; evidence, not a proof"
    if claim.verdict in ("supported", "not supported"):
        return "the whole computation, in floating point: rounding is not bounded"
    return next((said for word, said in _COVERS.items() if word in claim.method), "as the method says")


def rests_on(claim: Claim) -> tuple[str, ...]:
    """What a verdict takes for granted: the solver, and the contracts in place of functions that leave the rationals."""
    if claim.verdict not in ("proved", "refuted"):
        return ()
    return (*(("the soundness of z3",) if "z3" in claim.method else ()), *claim.contracts)


__all__ = [
    "CONFIDENCE", "FORMATS", "STRENGTH", "Assurance", "Chances", "Group", "Leaf", "assurance", "case", "chances", "covers",
    "form_of", "rests_on", "weakest",
]  # fmt: skip
