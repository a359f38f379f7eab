"""One game or channel of a model: to run, to solve and to draw."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opengames.params import require
from opengames.params_used import params_in

if TYPE_CHECKING:
    from opengames.diagram import Diagram
    from opengames.run_results import RunResult
    from opengames.session import Model


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
        progress: Callable[[int, int], None] | None = None,
    ) -> RunResult:
        """Simulate it `runs` times, with the strategy `under` plugged in.

        keep: wires to keep, by name or path. given: for draws by path, `og.Uniforms(array)` or `og.Outcomes(array)`.
        inputs: values of its inputs, in their declared units. progress: called with (runs done, runs).
        """
        from opengames.run_results import RunResult
        from opengames.sampled.simulate import simulate

        program = self.model.program
        with self.model._explained():
            self._known(under)
            require(program, params_in(program, (), [self.name], [under] if under else []))
            diagram = self.model._desk.diagram(self.name, under)
            found = simulate(
                program, diagram, runs=runs, seed=seed, keep=keep, given=given, inputs=self._inputs(inputs or {}),
                progress=progress,
            )  # fmt: skip
        return RunResult(self.name, under, found)

    def _inputs(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        from opengames.models.data_values import Origin, fit
        from opengames.program import ParamDecl

        spaces = {p.name: p for p in self.diagram.inputs}
        return {
            name: fit(ParamDecl(name, spaces[name].space), value, Origin(f"the value given for `{name}`"))
            if name in spaces
            else value
            for name, value in inputs.items()
        }

    def equilibria(self) -> Any:
        """All pure equilibria; for two players the mixed ones too."""
        return self._solve("equilibria")

    def value(self, under: str) -> Any:
        """What each player expects under a strategy."""
        return self._solve("value", under)

    def equilibrium(self, under: str) -> Any:
        """Whether a strategy is an equilibrium."""
        return self._solve("equilibrium", under)

    def subgame_perfect(self, under: str) -> Any:
        """Whether a strategy is an equilibrium of every subgame."""
        return self._solve("subgame_perfect", under)

    def exploitability(self, under: str) -> Any:
        """What there is to gain from deviating, in sum and for each player."""
        return self._solve("exploitability", under)

    def best_response(self, player: str, under: str | None = None) -> Any:
        """The best that a player can do against what the others do."""
        return self._solve("best_response", player, under)

    def _solve(self, word: str, *arguments: Any) -> Any:
        from opengames import solvers

        program = self.model.program
        with self.model._explained():
            strategies = [a for a in arguments if a in program.strategies]
            if word in ("value", "equilibrium", "subgame_perfect", "exploitability"):
                self._known(arguments[0])
            require(program, params_in(program, (), [self.name], strategies))
            return getattr(solvers, word)(program, self.name, *arguments)

    def _known(self, strategy: str | None) -> None:
        from opengames.session import _unknown

        if strategy is not None and strategy not in self.model.program.strategies:
            raise _unknown("unknown-strategy", "strategy", strategy, self.model.program.strategies)

    def draw(self, *, tree: bool = False, under: str | None = None) -> Drawing:
        """A picture: the string diagram, or for a small game its tree. under: plugs a strategy in."""
        from opengames import drawn

        program = self.model.program
        with self.model._explained():
            self._known(under)
            if tree:
                from opengames.solvers.play import game_tree

                require(program, params_in(program, (), [self.name], [under] if under else []))
                return Drawing(drawn.draw_tree(game_tree(program, self.name, under), title=self.name), f"the tree of {self.name}")
            diagram = self.model._desk.diagram(self.name, under)
            return Drawing(drawn.draw_diagram(diagram, title=self.name, funs=program.funs, params=program.params), self.name)

    def __repr__(self) -> str:
        kind = self.model.program.kinds.get(self.name, "game")
        ports = ", ".join(f"{p.name}" for p in self.diagram.inputs)
        outs = ", ".join(p.name for p in self.diagram.outputs)
        return f"{kind} {self.name}({ports})" + (f" -> ({outs})" if outs else "")

    def _repr_svg_(self) -> str:
        return self.draw().svg
