"""One game or channel of a model: to run, to solve and to draw."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opengames import arguments
from opengames.clearings import clearings
from opengames.diagnostics import refuse
from opengames.params import require
from opengames.params_used import params_in

if TYPE_CHECKING:
    from opengames.diagram import Diagram
    from opengames.run_results import RunResult
    from opengames.session import Model
    from opengames.solvers.answers import Claim as SolverClaim
    from opengames.solvers.answers import Policy, Values
    from opengames.solvers.claims import Exploitability
    from opengames.solvers.equilibria import Equilibria


@dataclass(frozen=True)
class Drawing:
    """A picture as SVG text; a notebook shows it."""

    svg: str
    name: str

    def save(self, path: str | Path) -> Path:
        """Write the picture to a file; its path."""
        target = Path(path)
        target.write_text(self.svg, encoding="utf-8")
        return target

    def _repr_svg_(self) -> str:
        return self.svg

    def __repr__(self) -> str:
        return f"Drawing of {self.name} ({len(self.svg):,} characters of SVG)"


@dataclass(frozen=True)
class Handle:
    """The game or channel `name` of `model`."""

    model: Model
    name: str

    @property
    def diagram(self) -> Diagram:
        return self.model.program.diagrams[self.name]

    def run(
        self,
        under: str | None = None,
        *,
        runs: int = 1000,
        seed: int = 0,
        keep: Iterable[str] | None = None,
        given: Mapping[str, Any] | None = None,
        inputs: Mapping[str, Any] | None = None,
        memory: float | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> RunResult:
        """Simulate it `runs` times, with the strategy `under` plugged in.

        keep: wires to keep, by name or path. given: for draws by path, `og.Uniforms(array)` or `og.Outcomes(array)`.
        inputs: values of its inputs, in their declared units, or expressions of the language (`"900 MW"`). memory: how many GiB a batch of runs may take, by a
        cautious estimate made beforehand (4 if nothing is said). progress: called with (runs done, runs).
        """
        from opengames.run_results import RunResult
        from opengames.sampled import simulate
        from opengames.sampled.draws import Outcomes, Uniforms
        from opengames.sampled.simulation import BUDGET

        program = self.model.program
        runs, seed = arguments.whole(runs, "runs", 1), arguments.whole(seed, "seed")
        budget = BUDGET if memory is None else int(arguments.positive(memory, "memory") * 2**30)
        supplied = arguments.mapping(inputs or {}, "inputs", "values")
        for path, each in arguments.mapping(given or {}, "given", "draws").items():
            if not isinstance(each, Uniforms | Outcomes):
                raise arguments.misused(f"given[{path!r}]", each, "`og.Uniforms(array)` or `og.Outcomes(array)`")
        if progress is not None and not callable(progress):
            raise arguments.misused("progress", progress, "a function of (runs done, runs)")
        with self._asking(under):
            diagram = self.model._desk.played(self.name, under)
            before = {ready: ready.tally() for ready in clearings(diagram)}
            for ready in before:
                ready.start()
            found = simulate(
                program, diagram, runs=runs, seed=seed, keep=None if keep is None else self._wires(diagram, keep),
                given=given, inputs=self._inputs(supplied), progress=progress, budget=budget,
            )  # fmt: skip
        said = (line for ready, tally in before.items() for line in ready.certificate(tally))
        return RunResult(self.name, under, found, tuple(said))

    def _wires(self, diagram: Diagram, keep: Iterable[str]) -> tuple[str, ...]:
        """The wires to keep; those that the text does not name are refused with the ones it does, the nearest first."""
        from opengames.sampled.simulation import wires_of

        found = wires_of(diagram)
        wanted = arguments.names(keep, "keep")
        for each in wanted:
            if each not in found:
                from opengames.session import unknown

                raise unknown("unknown-wire", "wire", each, filter(is_written, found), f" in `{self.name}`")
        return wanted

    def _inputs(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        from opengames.models.data_values import Origin, fit
        from opengames.program import ParamDecl

        spaces = {p.name: p.space for p in self.diagram.inputs}
        texts = {name: value for name, value in inputs.items() if isinstance(value, str)}
        found = {
            name: fit(ParamDecl(name, spaces[name]), value, Origin(f"the value given for `{name}`"))
            if name in spaces
            else value
            for name, value in inputs.items()
            if name not in texts
        }
        if texts:
            from opengames.input_values import inputs_of
            from opengames.show import show

            said = {name: show(value, spaces[name]) for name, value in found.items() if name in spaces}
            found |= {n: v for n, v in inputs_of(self.model, self.name, {**said, **texts}).items() if n in texts}
        return found

    def equilibria(self) -> Equilibria:
        """All pure equilibria; for two players the mixed ones too."""
        from opengames.solvers import equilibria

        with self._asking():
            return equilibria.equilibria(self.model.program, self.name)

    def value(self, under: str) -> Values:
        """What each player expects under a strategy."""
        from opengames.solvers import claims

        with self._asking(under):
            return claims.value(self.model.program, self.name, under)

    def equilibrium(self, under: str) -> SolverClaim:
        """Whether a strategy is an equilibrium: no seat gains by changing all of its decisions at once."""
        from opengames.solvers import claims

        with self._asking(under):
            return claims.equilibrium(self.model.program, self.name, under)

    def subgame_perfect(self, under: str) -> SolverClaim:
        """Whether a strategy is an equilibrium of every subgame."""
        from opengames.solvers import subgames

        with self._asking(under):
            return subgames.subgame_perfect(self.model.program, self.name, under)

    def exploitability(self, under: str) -> Exploitability:
        """What there is to gain from deviating, in sum and for each player."""
        from opengames.solvers import claims

        with self._asking(under):
            return claims.exploitability(self.model.program, self.name, under)

    def best_response(self, player: str, under: str | None = None) -> Policy:
        """The best that a player can do against what the others do."""
        from opengames.solvers import claims

        with self._asking(under):
            return claims.best_response(self.model.program, self.name, arguments.name(player, "player"), under)

    @contextmanager
    def _asking(self, under: str | None = None) -> Iterator[None]:
        """Refusals inside are told with the text; the strategy must be known, and the params needed must have values."""
        program = self.model.program
        with self.model._explained():
            self._known(under)
            require(program, params_in(program, (), [self.name], [under] if under else []))
            for ready in clearings(self.model._desk.played(self.name, None)):
                ready.start()
            yield

    def _known(self, strategy: str | None) -> None:
        """Refuse a strategy that is not declared, or is one of another game."""
        from opengames.session import unknown

        if strategy is None:
            return
        strategies = self.model.program.strategies
        if arguments.name(strategy, "under") not in strategies:
            raise unknown("unknown-strategy", "strategy", strategy, strategies)
        if strategies[strategy].game != self.name:
            raise refuse(
                "other-game", f"`{strategy}` is a strategy of `{strategies[strategy].game}`, not of `{self.name}`",
                span=strategies[strategy].at, label="declared here",
            )  # fmt: skip

    def draw(self, *, tree: bool = False, under: str | None = None) -> Drawing:
        """A picture: the string diagram, or for a small game its tree. under: plugs a strategy in."""
        from opengames import drawn

        program = self.model.program
        if tree:
            from opengames.solvers.play import game_tree

            with self._asking(under):
                svg = drawn.draw_tree(game_tree(program, self.name, under), title=self.name)
            return Drawing(svg, f"the tree of {self.name}")
        with self.model._explained():
            self._known(under)
            diagram = self.model._desk.diagram(self.name, under)
            sources = {self.model.name: self.model.text}
            svg = drawn.draw_diagram(
                diagram, title=self.name, funs=program.funs, params=program.params, sources=sources
            )
            return Drawing(svg, self.name)

    def __repr__(self) -> str:
        kind = self.model.program.kinds.get(self.name, "game")
        ports = ", ".join(f"{p.name}" for p in self.diagram.inputs)
        outs = ", ".join(p.name for p in self.diagram.outputs)
        return f"{kind} {self.name}({ports})" + (f" -> ({outs})" if outs else "")

    def _repr_svg_(self) -> str:
        return self.draw().svg


def is_written(wire: str) -> bool:
    """Whether a wire's path is one that a text can name, rather than one made on the way, such as `bid gain`."""
    return not any(sign in wire for sign in " '#")
