"""What an assurance case says about where its model's numbers come from.

A proof is about the model. That the model describes a system is another matter: the least that can be said for
it is which numbers are data, from which file, and which are only what the author wrote down.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from opengames.params import FromFile
from opengames.program import ParamDecl, Program
from opengames.show import show, show_space
from opengames.spaces import Family, index_size

#: Characters of a param's value that a page shows.
SHOWN = 80
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Source:
    """Where one param's value comes from.

    kind: `data` (a file), `supplied` (by whoever asked), `default` (written in the text) or `missing`. value:
    as the text would write it, cut. where: a sentence without its full stop. file, column, values, digest: of
    data: how many numbers or labels it gave, and the SHA-256 of the file.
    """

    name: str
    kind: str
    value: str
    where: str
    doc: str = ""
    file: str | None = None
    column: str | None = None
    values: int | None = None
    digest: str | None = None

    def to_dict(self) -> dict[str, Any]:
        return {
            "param": self.name, "kind": self.kind, "value": self.value, "where": self.where, "doc": self.doc,
            "file": self.file, "column": self.column, "values": self.values, "sha256": self.digest,
        }  # fmt: skip


def sources(program: Program, given: Mapping[str, Any]) -> tuple[Source, ...]:
    """Where each param comes from, in the order of the text. given: what was supplied, as to `Model`."""
    return tuple(_source(decl, given, program.docs.get(name, "")) for name, decl in program.params.items())


def _source(decl: ParamDecl, given: Mapping[str, Any], doc: str) -> Source:
    if decl.value is None:
        return Source(decl.name, "missing", "", f"has no value; it takes {show_space(decl.space)}", doc)
    value = show(decl.value, decl.space)
    value = value if len(value) <= SHOWN else f"{value[: SHOWN - 1]}…"
    origin = given.get(decl.name)
    if isinstance(origin, FromFile):
        return _of_file(decl, origin, value, doc)
    if decl.name not in given:
        return Source(decl.name, "default", value, "written in the text, with no source", doc)
    how = f"supplied as `{origin}`" if isinstance(origin, str) and len(origin) <= SHOWN else "supplied by the caller"
    return Source(decl.name, "supplied", value, f"{how}, with no source", doc)


def _of_file(decl: ParamDecl, origin: FromFile, value: str, doc: str) -> Source:
    path = Path(origin.file)
    count = index_size(decl.space.index) if isinstance(decl.space, Family) else 1
    column = f"column `{origin.column}` of " if origin.column else ""
    values = f"{count:,} value{'' if count == 1 else 's'}"
    digest = _digest(path)
    where = f"{values} from {column}`{path.name}`" + (f", SHA-256 {digest[:12]}…" if digest else ", which is gone since")
    return Source(decl.name, "data", value, where, doc, str(path), origin.column, count, digest)


def _digest(path: Path) -> str | None:
    """The SHA-256 of a file, `None` if it cannot be read any more."""
    found = sha256()
    try:
        with path.open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                found.update(chunk)
    except OSError:
        return None
    return found.hexdigest()


def summary(found: tuple[Source, ...]) -> tuple[str, ...]:
    """What the sources amount to as evidence that the model describes a system, said plainly."""
    data = [s for s in found if s.kind == "data"]
    lines = []
    if not data:
        lines.append(
            "There is no evidence here that the model describes any system: no number of it comes from a data file. The "
            "verdicts are about the model as written."
        )
    else:
        named = ", ".join(f"`{s.name}`" for s in data)
        lines.append(
            f"Data were supplied for {named}. That the rest of the model (who knows what, how things follow from each other) "
            "describes the system is not shown by them."
        )
        lines.append("No comparison of what the model predicts with what was observed is part of this report.")
    bare = [s for s in found if s.kind in ("default", "supplied")]
    if bare:
        lines.append(f"{len(bare)} of {len(found)} params {'has' if len(bare) == 1 else 'have'} no source.")
    return tuple(lines)


__all__ = ["Source", "sources", "summary"]
