"""Plain values behave as the standard library's frozen dataclasses with slots do."""

import copy
import dataclasses
import pickle
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opengames import plain
from opengames.diagnostics import Diagnostic
from opengames.dsl import syntax as s
from opengames.spans import Span
from opengames.terms import Const, If, Prim, Var


@dataclasses.dataclass(frozen=True, slots=True)
class Usual:
    first: object
    second: object = 2
    third: tuple = dataclasses.field(default_factory=tuple)
    at: object = dataclasses.field(default=None, compare=False, repr=False)


@plain.dataclass(frozen=True, slots=True)
class Plain:
    first: object
    second: object = 2
    third: tuple = plain.field(default_factory=tuple)
    at: object = plain.field(default=None, compare=False, repr=False)

    def doubled(self):
        return self.first, self.first

    @property
    def both(self):
        return self.first, self.second


@plain.dataclass(slots=True)
class Open:
    names: list = plain.field(default_factory=list)


values = st.one_of(st.integers(0, 3), st.text(max_size=1), st.booleans())
arguments = st.tuples(values, values, st.tuples(values), values)


@given(arguments, arguments)
def test_equality_hash_and_text_are_those_of_the_standard_library(a, b):
    assert (Plain(*a) == Plain(*b)) == (Usual(*a) == Usual(*b))
    assert (hash(Plain(*a)) == hash(Plain(*b))) == (hash(Usual(*a)) == hash(Usual(*b)))
    assert repr(Plain(*a)) == repr(Usual(*a)).replace("Usual", "Plain")
    assert Plain(*a) != Usual(*a)


@given(arguments)
def test_a_copy_and_a_pickled_value_are_equal_to_the_value(a):
    for made in (copy.copy(Plain(*a)), copy.deepcopy(Plain(*a)), pickle.loads(pickle.dumps(Plain(*a)))):
        assert made == Plain(*a)
        assert made.at == a[3]


def test_fields_replace_and_patterns_work_as_usual():
    value = Plain(1, at=5)
    assert [f.name for f in dataclasses.fields(value)] == ["first", "second", "third", "at"]
    assert dataclasses.is_dataclass(Plain) and dataclasses.is_dataclass(value)
    assert dataclasses.replace(value, second=7) == Plain(1, 7)
    assert dataclasses.replace(value, second=7).at == 5
    match value:
        case Plain(first, second=2):
            assert first == 1
        case _:
            pytest.fail("the pattern should match")
    assert value.doubled() == (1, 1) and value.both == (1, 2)


def test_a_frozen_value_cannot_change_and_has_no_other_attributes():
    value = Plain(1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        value.first = 2
    with pytest.raises(dataclasses.FrozenInstanceError):
        del value.first
    with pytest.raises(dataclasses.FrozenInstanceError):
        value.other = 2
    assert not hasattr(value, "__dict__")


def test_each_open_value_has_its_own_default_list_and_no_hash():
    first, second = Open(), Open()
    first.names.append("x")
    first.names = [*first.names, "y"]
    assert second.names == []
    with pytest.raises(TypeError):
        hash(first)


def test_a_missing_or_unknown_argument_is_refused_at_the_first_call_and_later():
    for _ in range(2):
        with pytest.raises(TypeError, match="first"):
            Plain()
        with pytest.raises(TypeError, match="nothing"):
            Plain(1, nothing=2)


def test_places_take_no_part_in_the_equality_of_trees_and_terms():
    here, there = Span("f", 0, 1, 1, 1), Span("f", 5, 6, 2, 1)
    assert s.Ident("x", here) == s.Ident("x", there) != s.Ident("y", here)
    assert hash(Prim("+", (Var("x", at=here),))) == hash(Prim("+", (Var("x", at=there),)))
    assert If(Const(True), Const(1), Const(2)) != If(Const(True), Const(1), Const(3))
    assert Diagnostic("a", "b").severity == "error"


def test_checking_a_text_loads_nothing_slow():
    code = "import sys, opengames.dsl.check; print(*sorted(m for m in sys.modules if '.' not in m))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "opengames" in loaded
    assert not {"numpy", "jax", "scipy", "matplotlib", "rich", "pyarrow", "lark", "inspect"} & set(loaded)
