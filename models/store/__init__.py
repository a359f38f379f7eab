"""Market data in one embedded DuckDB file: the operator's public feeds by their columns, checked, placed in time, and asked.

    with open_store("grid.duckdb") as store:
        store.load("rpt.zip")
        store.rows("lmp", market="DAM", point="HB_NORTH")
"""

from opengames.models.store.database import Loaded, Store, open_store

__all__ = ["Loaded", "Store", "open_store"]
