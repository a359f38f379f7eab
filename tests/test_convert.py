"""`opengames convert`, as it is typed."""

import json

import pytest

from opengames import up_to
from opengames.cli import main
from opengames.diagnostics import Refusal
from opengames.dsl.source import LONGEST_TEXT
from opengames.session import loads

SKY = """network sky {
}
variable cloud {
  type discrete [ 2 ] { few, many };
}
variable rain {
  type discrete [ 2 ] { yes, no };
}
probability ( cloud ) {
  table 0.75, 0.25;
}
probability ( rain | cloud ) {
  (few) 0.1, 0.9;
  (many) 0.5, 0.5;
}
"""


@pytest.fixture
def sky(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sky.bif").write_text(SKY)
    return tmp_path


def test_a_network_becomes_a_text_and_the_text_a_network_again(sky, capsys):
    assert main(["convert", "sky.bif", "sky.game"]) == 0
    assert "2 variables, 6 chances" in capsys.readouterr().out
    assert main(["check", "sky.game"]) == 0
    assert main(["convert", "sky.game", "again.bif"]) == 0
    assert (sky / "again.bif").read_text() == SKY


def test_the_new_file_is_never_written_over_one_that_is_there(sky, capsys):
    (sky / "sky.game").write_text("mine")
    assert main(["convert", "sky.bif", "sky.game"]) == 2
    assert "error[file-exists]" in capsys.readouterr().err
    assert (sky / "sky.game").read_text() == "mine"


def test_the_standard_output_needs_a_format(sky, capsys):
    assert main(["convert", "sky.bif", "-"]) == 2
    assert "does not say a format" in capsys.readouterr().err
    assert main(["convert", "sky.bif", "-", "--to", "dot"]) == 0
    assert '"cloud" -> "rain";' in capsys.readouterr().out


def test_json_says_how_large_the_network_is(sky, capsys):
    assert main(["convert", "sky.bif", "sky.xml", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["format"], said["variables"], said["chances"]) == ("xmlbif", 2, 6)


def test_a_channel_that_is_not_there_is_told_with_its_nearest(sky, capsys):
    main(["convert", "sky.bif", "sky.game"])
    assert main(["convert", "sky.game", "other.bif", "--channel", "skye"]) == 2
    assert "did you mean `sky`?" in capsys.readouterr().err


def test_a_missing_file_and_a_broken_one_are_told_apart(sky, capsys):
    assert main(["convert", "nowhere.bif", "x.game"]) == 2
    assert "error[no-such-file]: cannot read `nowhere.bif`" in capsys.readouterr().err
    (sky / "half.bif").write_text(SKY[:150])
    assert main(["convert", "half.bif", "x.game"]) == 2
    assert "error[bad-network]" in capsys.readouterr().err


def test_longer_texts_are_read_where_that_is_allowed(sky, capsys):
    text = "# " + "-" * LONGEST_TEXT + "\nquery two = 1 + 1\n"
    with pytest.raises(Refusal, match="text-too-large"):
        loads(text)
    with up_to(2 * LONGEST_TEXT):
        assert loads(text).query("two").value == 2
    (sky / "long.game").write_text(text)
    assert main(["check", "long.game"]) == 2
    assert main(["check", "long.game", "--longest-text", str(2 * LONGEST_TEXT)]) == 0
