"""What a market believes: logarithms of chances on its tree, with messages that are kept as long as they hold.

The messages are those of `junction.passes`: after a change in one clique, asking about another costs the path between
the two. A message is computed from the tables behind it and from nothing else, so that asking in between never changes a
later number, not even in its last bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from opengames.solvers.junction.passes import Beliefs as Product
from opengames.solvers.junction.semirings import LOG
from opengames.solvers.market.layout import Layout, Numbers, Scope


@dataclass(frozen=True, eq=False, slots=True)
class Beliefs:
    """$\\log P$ up to a constant, as a product of tables on the cliques of a layout."""

    layout: Layout
    product: Product

    def at(self, clique: int) -> Numbers:
        """The logarithms of the chances of a clique's entries, up to a constant."""
        return self.product.belief(clique)

    def with_table(self, clique: int, table: Numbers) -> Beliefs:
        """The beliefs where one clique's table is another."""
        return Beliefs(self.layout, self.product.replaced(clique, table))

    @property
    def tables(self) -> list[Numbers]:
        return self.product.tables


def believed(layout: Layout, factors: Mapping[Scope, Numbers]) -> Beliefs:
    """The beliefs whose density is the product of factors, given as logarithms."""
    tables = [np.zeros(shape) for shape in layout.tree.shapes]
    for scope, factor in factors.items():
        if scope:
            home = layout.tree.home(scope)
            assert home is not None
            tables[home] = tables[home] + layout.expanded(scope, factor, home)
    return Beliefs(layout, Product(layout.tree, LOG, tables))


__all__ = ["Beliefs", "believed"]
