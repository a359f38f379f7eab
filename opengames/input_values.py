"""Values of a game's inputs as text: expressions of the language, checked where a call of the game would have them.

    opengames run market.game Sced --input load='900 MW' --input soc='200 MWh'

The text is checked once more with a game after it that calls the one meant, so that types and units are those of any call.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from opengames.diagnostics import Refusal, errors, refuse
from opengames.diagram import Call, Compute, Diagram
from opengames.dsl.check import check
from opengames.evaluate import evaluate
from opengames.params import no_value, one_expression, place_in
from opengames.show import show_space
from opengames.spans import Span

if TYPE_CHECKING:
    from opengames.session import Model

_CALLER = "given_inputs"


def inputs_of(model: Model, game: str, texts: Mapping[str, str]) -> dict[str, Any]:
    """The values of the inputs of `game`, as its diagram takes them. Raises `Refusal` (`bad-param-value`, `needs-inputs`)."""
    diagram = model.program.diagrams[game]
    _complete(diagram, game, texts)
    for name, words in texts.items():
        one_expression(name, words)
    text, places = _called(model.text, model.name, diagram, game, texts)
    checked = check(text, model.name, {name: model.program.params[name].value for name in model.given})
    wrong = [d for d in errors(checked.diagnostics) if place_in(d, places) is not None]
    if wrong:
        raise no_value(wrong, places, texts)
    if checked.program is None:
        raise Refusal(*errors(checked.diagnostics))
    caller = checked.program.diagrams[_CALLER]
    params = checked.program.param_values()
    env: dict[str, Any] = {}
    for box in caller.boxes:
        match box:
            case Compute(out=out, term=term):
                env[out.name] = evaluate(term, env, checked.program.funs, params)
            case Call(args=args):
                return {port.name: env[arg] for port, arg in zip(diagram.inputs, args, strict=True)}
    raise AssertionError("the game calls nothing")


def _complete(diagram: Diagram, game: str, texts: Mapping[str, str]) -> None:
    """Refuse inputs that the game has not, or that are missing."""
    spaces = {port.name: port.space for port in diagram.inputs}
    listed = ", ".join(f"`{name}`" for name in spaces) or "none"
    for name in texts:
        if name not in spaces:
            raise refuse("unknown-wire", f"`{game}` has no input `{name}`", notes=(f"its inputs are {listed}",))
    missing = [name for name in spaces if name not in texts]
    if missing:
        takes = tuple(f"`{name}` takes {show_space(spaces[name])}" for name in missing)
        raise refuse(
            "needs-inputs", f"`{game}` needs a value for its input `{missing[0]}`", span=diagram.at, notes=takes,
            help=f"give it: `--input {missing[0]}=...`",
        )  # fmt: skip


def _called(
    text: str, name: str, diagram: Diagram, game: str, texts: Mapping[str, str]
) -> tuple[str, dict[str, Span]]:
    """The text with a game after it that calls the one meant, and where each value stands in it."""
    outs = ", ".join(port.name for port in diagram.outputs)
    whole = f"{text}\n\ngame {_CALLER} {{\n    {outs + ' ~ ' if outs else ''}{game}("
    places = {}
    for i, port in enumerate(diagram.inputs):
        whole += ", " if i else ""
        places[port.name] = Span(name, len(whole), len(whole) + len(texts[port.name]), 1, 1)
        whole += texts[port.name]
    return f"{whole})\n}}\n", places


__all__ = ["inputs_of"]
