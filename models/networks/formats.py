"""Networks in files: BIF and XMLBIF in (by pgmpy's readers) and out, DOT out.

The text is written here: what it says must come back the same, and pgmpy's writers change names of states.

Sources: Cozman, The Interchange Format for Bayesian Networks (1998); XMLBIF 0.3.
"""

from __future__ import annotations

import gzip
import logging
import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from itertools import product
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from opengames.diagnostics import Refusal, refuse
from opengames.models.networks.bayes import BayesNet, Variable, bayes_net

#: Format by the end of a file's name.
ENDINGS = {".bif": "bif", ".xmlbif": "xmlbif", ".xml": "xmlbif", ".dot": "dot", ".gv": "dot"}

_DUPLICATE = re.compile(r"\bvariable\s+(\S+)")


def format_of(path: str | Path) -> str | None:
    """`bif`, `xmlbif` or `dot`, by the end of the file's name (`.gz` left out); `None` for another."""
    name = str(path).removesuffix(".gz").lower()
    return next((form for end, form in ENDINGS.items() if name.endswith(end)), None)


def read(path: str | Path) -> BayesNet:
    """The network in a file, `.bif` or `.xmlbif`, perhaps compressed (`.gz`). Raises `Refusal` (`bad-network`, `no-file`)."""
    form = format_of(path)
    if form not in ("bif", "xmlbif"):
        raise refuse(
            "bad-network", f"`{path}` is in no format of networks that can be read",
            notes=("known by the end of the name: .bif, .xmlbif, .xml, each perhaps with .gz",),
        )  # fmt: skip
    try:
        packed = Path(path).read_bytes()
        text = (gzip.decompress(packed) if str(path).endswith(".gz") else packed).decode()
    except gzip.BadGzipFile as fault:
        raise refuse("bad-network", f"`{path}` is not compressed as its name says") from fault
    except OSError as fault:
        why = (fault.strerror or type(fault).__name__).lower()
        raise refuse("no-such-file", f"cannot read `{path}`: {why}") from fault
    except (EOFError, UnicodeDecodeError) as fault:
        raise refuse("bad-network", f"`{path}` cannot be read: {fault}") from fault
    name = Path(str(path).removesuffix(".gz")).stem
    return (read_bif if form == "bif" else read_xmlbif)(text, name, str(path))


def read_bif(text: str, name: str = "network", where: str = "") -> BayesNet:
    """The network in a BIF text. Raises `Refusal` (`bad-network`)."""
    for each, times in Counter(_DUPLICATE.findall(text)).items():
        if times > 1:
            raise refuse("bad-network", f"the variable `{each}` is there twice", notes=(f"in {where}",) if where else ())
    return _read(lambda: _reader("BIFReader")(string=text), name, where)


def read_xmlbif(text: str, name: str = "network", where: str = "") -> BayesNet:
    """The network in an XMLBIF text. Raises `Refusal` (`bad-network`)."""
    plain = text.split("?>", 1)[-1] if text.lstrip().startswith("<?xml") else text
    return _read(lambda: _reader("XMLBIFReader")(string=plain.strip()), name, where)


def _reader(which: str) -> Any:
    with _quiet():
        from pgmpy import readwrite

        return getattr(readwrite, which)


def _read(reader: Callable[[], Any], name: str, where: str) -> BayesNet:
    notes = (f"in {where}",) if where else ()
    try:
        with _quiet():
            model = reader().get_model()
    except Refusal:
        raise
    except Exception as fault:  # pgmpy and its parsers raise of many kinds; each says that the text is not what it should be
        said = str(fault).splitlines()[0] if str(fault) else type(fault).__name__
        raise refuse("bad-network", f"this is no network that can be read: {said}", notes=notes) from fault
    return from_pgmpy(model, name, where)


@contextmanager
def _quiet() -> Iterator[None]:
    """pgmpy speaks while it works; what it has to say of a file is said by our checks."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def from_pgmpy(model: Any, name: str = "network", where: str = "") -> BayesNet:
    """A `pgmpy.models.DiscreteBayesianNetwork`, its chances read as the decimals that they print as."""
    if not model.nodes():
        raise refuse("bad-network", "no variables were found", notes=(f"in {where}",) if where else ())
    found = []
    for node in model.nodes():
        cpd = model.get_cpds(node)
        if cpd is None:
            raise refuse("bad-network", f"the variable `{node}` has no table", notes=(f"in {where}",) if where else ())
        columns = cpd.get_values()
        rows = tuple(tuple(_decimal(c) for c in columns[:, i]) for i in range(columns.shape[1]))
        states = tuple(str(s) for s in cpd.state_names[node])
        found.append(Variable(str(node), states, tuple(map(str, cpd.variables[1:])), rows))
    found = [_aligned(each, found, model) for each in found]
    return bayes_net(name, found, where)


def _decimal(number: Any) -> Fraction:
    return Fraction(repr(float(number)))


def _aligned(variable: Variable, everyone: list[Variable], model: Any) -> Variable:
    """The rows in the order of the parents' own states: a table may list them in another."""
    cpd = model.get_cpds(variable.name)
    orders = [[str(s) for s in cpd.state_names[p]] for p in variable.parents]
    own = {v.name: v.states for v in everyone}
    if all(tuple(order) == own[p] for order, p in zip(orders, variable.parents, strict=True)):
        return variable
    place = {key: i for i, key in enumerate(product(*orders))}
    rows = tuple(variable.rows[place[key]] for key in product(*(own[p] for p in variable.parents)))
    return Variable(variable.name, variable.states, variable.parents, rows)


def to_pgmpy(net: BayesNet) -> Any:
    """The network as a `pgmpy.models.DiscreteBayesianNetwork` (float64)."""
    with _quiet():
        from pgmpy.factors.discrete import TabularCPD
        from pgmpy.models import DiscreteBayesianNetwork

        model = DiscreteBayesianNetwork()
        model.add_nodes_from([v.name for v in net])
        model.add_edges_from([(p, v.name) for v in net for p in v.parents])
        states = net.states
        for v in net:
            columns = [[float(row[i]) for row in v.rows] for i in range(len(v.states))]
            model.add_cpds(
                TabularCPD(
                    v.name, len(v.states), columns, list(v.parents), [len(states[p]) for p in v.parents],
                    state_names={n: list(states[n]) for n in (v.name, *v.parents)},
                )
            )  # fmt: skip
    return model


def to_networkx(net: BayesNet) -> Any:
    """The network as a `networkx.DiGraph`; every node has its `states`, `parents` and `rows` (of `Fraction`s)."""
    import networkx

    graph = networkx.DiGraph(name=net.name)
    for v in net:
        graph.add_node(v.name, states=v.states, parents=v.parents, rows=v.rows)
    graph.add_edges_from((p, v.name) for v in net for p in v.parents)
    return graph


def write_bif(net: BayesNet) -> str:
    """The network as BIF text. Chances that no decimal can say are rounded to 17 digits."""
    parts = [f"network {net.name} {{\n}}"]
    for v in net:
        parts.append(f"variable {v.name} {{\n  type discrete [ {len(v.states)} ] {{ {', '.join(v.states)} }};\n}}")
    for v in net:
        if not v.parents:
            parts.append(f"probability ( {v.name} ) {{\n  table {_row(v.rows[0], ', ')};\n}}")
            continue
        rows = "\n".join(f"  ({', '.join(key)}) {_row(row, ', ')};" for key, row in zip(net.keys(v), v.rows, strict=True))
        parts.append(f"probability ( {v.name} | {', '.join(v.parents)} ) {{\n{rows}\n}}")
    return "\n".join(parts) + "\n"


def write_xmlbif(net: BayesNet) -> str:
    """The network as XMLBIF 0.3 text; names are kept as they are."""
    lines = ['<?xml version="1.0"?>', '<BIF VERSION="0.3">', "<NETWORK>", f"<NAME>{escape(net.name)}</NAME>"]
    for v in net:
        outcomes = "".join(f"<OUTCOME>{escape(s)}</OUTCOME>" for s in v.states)
        lines.append(f'<VARIABLE TYPE="nature"><NAME>{escape(v.name)}</NAME>{outcomes}</VARIABLE>')
    for v in net:
        given = "".join(f"<GIVEN>{escape(p)}</GIVEN>" for p in v.parents)
        table = "\n".join(_row(row, " ") for row in v.rows)
        lines.append(f"<DEFINITION><FOR>{escape(v.name)}</FOR>{given}<TABLE>\n{table}\n</TABLE></DEFINITION>")
    return "\n".join([*lines, "</NETWORK>", "</BIF>"]) + "\n"


def write_dot(net: BayesNet) -> str:
    """The graph alone, as DOT text for Graphviz."""
    lines = [f"digraph {_quoted(net.name)} {{"]
    lines += [f"  {_quoted(v.name)} [tooltip={_quoted(', '.join(v.states))}];" for v in net]
    lines += [f"  {_quoted(p)} -> {_quoted(v.name)};" for v in net for p in v.parents]
    return "\n".join([*lines, "}"]) + "\n"


WRITERS: dict[str, Callable[[BayesNet], str]] = {"bif": write_bif, "xmlbif": write_xmlbif, "dot": write_dot}


def _row(row: tuple[Fraction, ...], between: str) -> str:
    return between.join(repr(float(c)) for c in row)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


__all__ = [
    "ENDINGS", "WRITERS", "format_of", "from_pgmpy", "read", "read_bif", "read_xmlbif", "to_networkx", "to_pgmpy",
    "write_bif", "write_dot", "write_xmlbif",
]  # fmt: skip
