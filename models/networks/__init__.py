"""Bayesian networks in other people's formats, and any finite channel as one.

`read` a file of BIF or XMLBIF, `to_game` the text of it, `from_game` the network of a channel of a program; `write` in
BIF, XMLBIF or DOT; `to_pgmpy`, `to_networkx`, `from_pgmpy` for those libraries' own objects.

>>> import opengames as og
>>> text = '''
... type Sky = Dry | Wet
... channel day() -> (sky: Sky, late: bool) {
...     sky  ~ {Dry: 3/4, Wet: 1/4}
...     late ~ if sky == Wet then bernoulli(1/2) else bernoulli(10%)
... }
... '''
>>> net = from_game(og.loads(text).program, "day")
>>> [(v.name, v.parents) for v in net]
[('sky', ()), ('late', ('sky',))]
"""

from opengames.models.networks.bayes import BayesNet, Variable, bayes_net, same
from opengames.models.networks.formats import (
    format_of,
    from_pgmpy,
    read,
    read_bif,
    read_xmlbif,
    to_networkx,
    to_pgmpy,
    write_bif,
    write_dot,
    write_xmlbif,
)
from opengames.models.networks.from_game import from_game
from opengames.models.networks.to_game import to_game

__all__ = [
    "BayesNet", "Variable", "bayes_net", "format_of", "from_game", "from_pgmpy", "read", "read_bif", "read_xmlbif",
    "same", "to_game", "to_networkx", "to_pgmpy", "write_bif", "write_dot", "write_xmlbif",
]  # fmt: skip
