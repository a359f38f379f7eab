"""Networks from files and folders, by the end of the name or by what a folder holds."""

from __future__ import annotations

from pathlib import Path

from opengames.diagnostics import refuse
from opengames.models.grid.network import Network

#: What can be read, for messages.
FORMATS = (
    "MATPOWER cases: .m, .mat",
    "folders laid out as RTS-GMLC: bus.csv, branch.csv, gen.csv",
    "pandapower: .json",
    "PyPSA: .nc, .h5, folders with buses.csv and network.csv",
)

_BY_END = {".m": "matpower", ".mat": "matpower", ".json": "pandapower", ".nc": "pypsa", ".h5": "pypsa"}


def format_of(path: str | Path) -> str | None:
    """`matpower`, `rts_gmlc`, `pandapower` or `pypsa`; `None` for another."""
    path = Path(path)
    if path.is_dir():
        if (path / "buses.csv").exists():
            return "pypsa"
        return "rts_gmlc" if (path / "bus.csv").exists() or (path / "SourceData" / "bus.csv").exists() else None
    return _BY_END.get(path.suffix.lower())


def read_network(path: str | Path) -> Network:
    """The network of a file or folder. Raises `Refusal`: `no-such-file`, `bad-case`, and what the format's reader refuses."""
    form = format_of(path)
    if form is None:
        if not Path(path).exists():
            raise refuse("no-such-file", f"cannot read `{path}`: no such file or directory")
        raise refuse("bad-case", f"`{path}` is in no format of power networks that can be read", notes=FORMATS)
    if form == "matpower":
        from opengames.models.grid.matpower import read_matpower

        return read_matpower(path)
    if form == "rts_gmlc":
        from opengames.models.grid.rts_gmlc import read_rts_gmlc

        return read_rts_gmlc(path)
    if form == "pandapower":
        from opengames.models.grid.from_pandapower import read_pandapower

        return read_pandapower(path)
    from opengames.models.grid.from_pypsa import read_pypsa

    return read_pypsa(path)


__all__ = ["FORMATS", "format_of", "read_network"]
