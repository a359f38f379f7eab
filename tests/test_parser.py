"""The parser: the shipped examples parse, numbers are exact, spans are where they say."""

from pathlib import Path

import pytest

from opengames.dsl import syntax as s
from opengames.dsl.parser import parse

EXAMPLES = sorted((Path(__file__).parent.parent / "specs" / "examples").glob("*.game"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
def test_every_shipped_example_parses(path: Path) -> None:
    result = parse(path.read_text(encoding="utf-8"), path.name)
    assert result.diagnostics == ()
    assert isinstance(result.file, s.File)
    assert len(result.file.declarations) > 5
