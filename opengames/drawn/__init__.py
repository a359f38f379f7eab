"""The drawn reading: string diagrams, game trees and networks as SVG, by the standard library alone."""

from opengames.drawn.diagrams import draw_diagram
from opengames.drawn.network import draw_network
from opengames.drawn.svg import page, save
from opengames.drawn.trees import draw_tree

__all__ = ["draw_diagram", "draw_network", "draw_tree", "page", "save"]
