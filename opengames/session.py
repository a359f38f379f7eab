"""The Python interface: a text as a `Model` that can be asked, run, drawn and given params.

>>> import opengames as og
>>> m = og.loads("param n: nat = 3   query twice = 2 * n")
>>> print(m.query("twice"))
6
>>> print(m.with_params(n=5).query("twice"))
10

What is wrong with a text, its data or a request is raised as `Refusal`, whose text is the report.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opengames import arguments
from opengames.diagnostics import Diagnostic, Refusal, errors, refuse
from opengames.params import FromFile, needed, require, supply, unknown_param
from opengames.program import Question

if TYPE_CHECKING:
    from opengames.desk import Desk
    from opengames.dsl.units import Unit
    from opengames.game_handle import Drawing, Handle
    from opengames.program import ParamDecl, Program
    from opengames.recognised import Recognised
    from opengames.results import Answer, Results
    from opengames.run_results import RunResult
    from opengames.sensitivities import Sensitivity


_LISTED = 12
"""Names that a report lists."""


class Report(Refusal):
    """A `Refusal` together with the texts it points into: as text, it is the whole report."""

    def __init__(self, diagnostics: Iterable[Diagnostic], sources: Mapping[str, str]) -> None:
        super().__init__(*diagnostics)
        self.sources = dict(sources)

    def __str__(self) -> str:
        from opengames.dsl.render import render

        return render(self.diagnostics, self.sources).rstrip("\n")

    def _render_traceback_(self) -> list[str]:
        """What a notebook prints instead of a traceback."""
        return str(self).split("\n")


def load(path: str | PathLike[str], **params: Any) -> Model:
    """The model in a file. params: see `Model.with_params`. Raises `Refusal` if it is wrong, `OSError` if it is not there."""
    from opengames.dsl.source import read_text

    with explained({}):
        return Model(read_text(Path(path)), str(path), params)


def loads(text: str, name: str = "<text>", **params: Any) -> Model:
    """The model that a text describes. Raises `Refusal` if it is wrong."""
    return Model(text, name, params)


@contextmanager
def explained(sources: Mapping[str, str]) -> Iterator[None]:
    """Refusals inside are raised with the texts that they point into."""
    try:
        yield
    except Report:
        raise
    except Refusal as refused:
        raise Report(refused.diagnostics, sources) from None


class Model:
    """A text with its params, checked. Models are values: `with_params` gives another one.

    text, name: as given; name is what places in reports are called. program: what the text elaborates to. units: that the
    text knows, by symbol.
    """

    def __init__(self, text: str, name: str = "<text>", params: Mapping[str, Any] | None = None) -> None:
        if not isinstance(text, str):
            raise arguments.misused("text", text, "the text of a model", "`load` reads a file")
        self.text, self.name = text, name
        self._given: dict[str, Any] = dict(params or {})
        with self._explained():
            checked = supply(text, name, self._given)
            self.diagnostics: tuple[Diagnostic, ...] = checked.diagnostics
            if checked.program is None:
                raise Refusal(*errors(checked.diagnostics))
        self.program: Program = checked.program
        self.units: Mapping[str, Unit] = checked.units

    def _explained(self) -> Any:
        return explained({self.name: self.text})

    # ----------------------------------------------------------------------------- params

    @property
    def given(self) -> Mapping[str, Any]:
        """The params that were supplied, as they were."""
        return dict(self._given)

    @property
    def params(self) -> Params:
        """The params by name, each with its value as the text writes it."""
        return Params(self.program)

    def with_params(self, **values: Any) -> Model:
        """The model with these params, checked anew.

        A value is text of the language ("24 $", "[B: 0.3, else: 0]"), a number in the declared unit, a label, a bool, or
        for families a sequence, a mapping by key or of columns, an array, a series or a frame.
        """
        return Model(self.text, self.name, {**self._given, **values}) if values else self

    def with_data(self, **files: str | tuple[str, str | None]) -> Model:
        """The model with params from files: `price=("prices.csv", "lmp")`, or `price="prices.csv:lmp"`."""
        return self.with_params(**{name: from_place(place) for name, place in files.items()})

    # -------------------------------------------------------------------------- questions

    def verify(self, names: str | Iterable[str] | None = None) -> Results:
        """The verdicts on the claims of the text, all or those named, in the order of the text."""
        from opengames.results import Results

        with self._explained():
            return Results((self.claim(q) for q in self.questions("verify", names)), self)

    def claim(self, question: Question) -> Any:
        """The verdict on one claim."""
        from opengames import answers

        if not isinstance(question, Question):
            raise arguments.misused("question", question, "one of `questions('verify')`", "`verify` takes names")
        with self._explained():
            self._need_params(question)
            return answers.claim(self._desk, question)

    def query(self, name: str) -> Answer:
        """The answer to the query called `name`."""
        from opengames import answers

        with self._explained():
            (question,) = self.questions("query", arguments.name(name, "name"))
            self._need_params(question)
            return answers.answer(self._desk, question)

    def queries(self, names: str | Iterable[str] | None = None) -> Results:
        """The answers to the queries of the text, all or those named, in the order of the text."""
        from opengames.results import Results

        with self._explained():
            return Results(self.query(q.name) for q in self.questions("query", names))

    def questions(self, kind: str, names: str | Iterable[str] | None = None) -> list[Question]:
        """The claims (kind `verify`) or queries (kind `query`), unanswered, all or those named, in the order of the text."""
        if kind not in ("verify", "query"):
            raise arguments.misused("kind", kind, "`verify` or `query`")
        known = {q.name: q for q in self.program.questions if q.kind == kind}
        if names is None:
            return list(known.values())
        wanted = arguments.names(names, "names")
        for name in wanted:
            if name not in known:
                with self._explained():
                    raise _unknown_question(kind, name, self.program)
        return [q for name, q in known.items() if name in wanted]

    @cached_property
    def _desk(self) -> Desk:
        from opengames.desk import Desk

        return Desk(self.program)

    def _need_params(self, question: Question) -> None:
        """Refuse a question whose params have no value yet; a symbolic answer leaves them free."""
        if question.by is not None and question.by.name == "sympy":
            return
        missing = {p.name for p in needed(self.program)}
        if missing:
            from opengames.params_used import params_of

            require(self.program, missing & params_of(self.program, question))

    # ---------------------------------------------------------------------------- formulas

    def formula(
        self,
        name: str,
        *,
        free: str | Iterable[str] = (),
        wrt: str | None = None,
        order: int = 1,
        given: Mapping[str, Any] | None = None,
    ) -> Any:
        """The closed form of a fun or query, or when a strategy is an equilibrium: see `opengames.formulas`.

        free: params left free although they have a value. wrt: differentiate a fun by this input, `order` times.
        given: values of some of a fun's inputs.
        """
        from opengames import formulas

        with self._explained():
            names = arguments.names(free, "free")
            return formulas.formula(self, name, names, wrt, order, arguments.mapping(given or {}, "given", "values"))

    def to_latex(self, *, document: bool = False) -> str:
        """The whole model for a paper, as LaTeX (amsmath): a fragment, or a document of its own."""
        from opengames import formulas

        with self._explained():
            return formulas.to_latex(self, document)

    # ------------------------------------------------------------------------------- games

    def __getitem__(self, name: str) -> Handle:
        """The game or channel called `name`."""
        from opengames.game_handle import Handle

        if arguments.name(name, "the game") not in self.program.diagrams:
            with self._explained():
                raise unknown("unknown-game", "game or channel", name, self.program.diagrams)
        return Handle(self, name)

    @property
    def games(self) -> tuple[str, ...]:
        """The games and channels of the text, by name."""
        return tuple(self.program.diagrams)

    def run(
        self,
        game: str | None = None,
        under: str | None = None,
        *,
        runs: int = 1000,
        seed: int = 0,
        keep: Iterable[str] | None = None,
        given: Mapping[str, Any] | None = None,
        inputs: Mapping[str, Any] | None = None,
        data: Mapping[str, Any] | None = None,
        memory: float | None = None,
        progress: Any = None,
    ) -> RunResult:
        """Simulate a game or channel. See `Handle.run`.

        game: by default the only closed one, or the one that `under` plans. data: params, as for `with_params`.
        """
        supplied = arguments.mapping(data or {}, "data", "values")
        model = self.with_params(**{n: from_place(v) if isinstance(v, tuple) else v for n, v in supplied.items()})
        with model._explained():
            name = model._game(game, under)
            return model[name].run(
                under, runs=runs, seed=seed, keep=keep, given=given, inputs=inputs, memory=memory, progress=progress
            )

    def sensitivity(self, query: str, /, by: str) -> Sensitivity:
        """How the answer to a query changes with a param, `by="load"`, or with one of its numbers, `by="load[North]"`.

        Derivatives go through clearings by implicit differentiation. Raises `Refusal` at a kink, where there is none (`kink`), for params that
        are no numbers, and for answers that are none.
        """
        from opengames.sensitivities import sensitivity

        with self._explained():
            (question,) = self.questions("query", arguments.name(query, "query"))
            self._need_params(question)
            return sensitivity(self, question, arguments.name(by, "by"))

    def recognise(self, recognition: str, /, *, seed: int = 0, **values: Any) -> Recognised:
        """What a recognition believes, given a value for each of its inputs (as for `with_params`): means, intervals, members.

        Raises `Refusal` for values that do not fit, evidence that cannot happen, and a channel that the method cannot run backward.
        """
        from opengames.recognised import recognise

        with self._explained():
            return recognise(self, recognition, values, arguments.whole(seed, "seed"))

    def _game(self, game: str | None, under: str | None) -> str:
        """The game that is meant."""
        if game is not None:
            return self[game].name
        if under is not None:
            if arguments.name(under, "under") not in self.program.strategies:
                raise unknown("unknown-strategy", "strategy", under, self.program.strategies)
            return self.program.strategies[under].game
        closed = [n for n, d in self.program.diagrams.items() if not d.inputs and not d.expects]
        if len(closed) == 1:
            return closed[0]
        planned = [n for n in closed if n in {s.game for s in self.program.strategies.values()}]
        if len(planned) == 1:
            return planned[0]
        found = planned or closed
        listed = ", ".join(f"`{n}`" for n in found)
        raise refuse(
            "which-game", "say which game or channel is meant" if found else "there is nothing to run in this text",
            notes=(f"there are {listed}",) if found else (), help=f"name one, such as `{found[0]}`" if found else "",
        )  # fmt: skip

    def draw(self, game: str | None = None, *, tree: bool = False, under: str | None = None) -> Drawing:
        """A picture of a game: see `Handle.draw`."""
        with self._explained():
            return self[self._game(game, under)].draw(tree=tree, under=under)

    # ---------------------------------------------------------------------------- printing

    def __repr__(self) -> str:
        claims, asked = len(self.questions("verify")), len(self.questions("query"))
        lines = [f"Model {self.name}: {_count(claims, 'claim')}, {_count(asked, 'query', 'queries')}"]
        if self.program.diagrams:
            lines.append(f"  games and channels: {', '.join(self.games)}")
        if self.program.strategies:
            lines.append(f"  strategies: {', '.join(self.program.strategies)}")
        if self.program.params:
            lines.append("  params: " + ", ".join(self.params.words()))
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        from html import escape

        return f"<pre>{escape(repr(self))}</pre>"


class Params(Mapping[str, Any]):
    """A model's params: values by name (`None` while missing), printed in their units."""

    def __init__(self, program: Program) -> None:
        self._decls: dict[str, ParamDecl] = dict(program.params)

    def __getitem__(self, name: str) -> Any:
        if name not in self._decls:
            raise unknown_param(name, list(self._decls))
        return self._decls[name].value

    def __iter__(self) -> Iterator[str]:
        return iter(self._decls)

    def __len__(self) -> int:
        return len(self._decls)

    @property
    def missing(self) -> tuple[str, ...]:
        """The params that still need a value."""
        return tuple(n for n, d in self._decls.items() if d.value is None)

    def shown(self, name: str) -> str:
        """One param's value as the text writes it; what it takes, if it has none."""
        from opengames.show import show, show_space

        decl = self._decls[name]
        return f"needs a value: {show_space(decl.space)}" if decl.value is None else show(decl.value, decl.space)

    def words(self) -> list[str]:
        return [f"{n} (missing)" if self._decls[n].value is None else n for n in self]

    def to_dict(self) -> dict[str, Any]:
        from opengames.results import plain

        return {n: {"value": plain(d.value, d.space), "shown": self.shown(n)} for n, d in self._decls.items()}

    def __repr__(self) -> str:
        width = max(map(len, self), default=0)
        return "\n".join(f"{n:{width}} = {self.shown(n)}" for n in self)


def from_place(place: str | tuple[str, str | None]) -> FromFile:
    """`prices.csv:lmp` as a file and a column."""
    if isinstance(place, str):
        file, colon, column = place.rpartition(":")
        return FromFile(place) if not colon or len(file) < 2 else FromFile(file, column)
    if not isinstance(place, tuple) or len(place) != 2:
        raise arguments.misused("a file", place, "text such as `prices.csv:lmp`, or a file and a column")
    return FromFile(*place)


def _unknown_question(kind: str, name: str, program: Program) -> Refusal:
    other = next((q for q in program.questions if q.name == name), None)
    what = "claim" if kind == "verify" else "query"
    if other is not None:
        return refuse(
            "unknown-question", f"`{name}` is a {'claim' if other.kind == 'verify' else 'query'}, not a {what}",
            span=other.at, label="declared here", help=f"ask it with `{other.kind}`",
        )  # fmt: skip
    return unknown("unknown-question", what, name, [q.name for q in program.questions if q.kind == kind])


def unknown(code: str, what: str, name: str, known: Iterable[str], where: str = "") -> Refusal:
    """The refusal of a name that is not there, with those that are, the nearest first. where: said after the name."""
    from difflib import get_close_matches

    names = list(known)
    near = get_close_matches(name, names, 3, 0.5)
    if len(names) > _LISTED:
        names = [*near, *(n for n in names if n not in near)]
    listed = ", ".join(f"`{n}`" for n in names[:_LISTED]) + (", ..." if len(names) > _LISTED else "")
    return refuse(
        code, f"there is no {what} `{name}`{where}", notes=(f"there are {listed}",) if names else (),
        help=f"did you mean `{near[0]}`?" if near else "",
    )  # fmt: skip


def _count(n: int, word: str, many: str = "") -> str:
    return f"{n} {word}" if n == 1 else f"{n} {many or word + 's'}"


__all__ = ["Model", "Params", "Report", "explained", "load", "loads", "unknown"]
