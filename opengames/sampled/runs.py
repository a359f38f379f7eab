"""Results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from opengames.sampled.encode import Column


@dataclass(frozen=True)
class Runs:
    columns: Mapping[str, Column]
    runs: int
    seed: int
    first: int = 0

    def __getitem__(self, wire: str) -> np.ndarray:
        return self.columns[wire].data
