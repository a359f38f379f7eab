"""Plain values, made quickly: `dataclass` as in the standard library, with `slots=True` by default, at a tenth of its price.

The standard decorator writes and compiles six methods for every class before the first line of a program runs; a
language with a hundred kinds of node pays for that each time a text is checked. Here comparison, hashing and
printing are shared, and a constructor is compiled when its class is first called. `dataclasses.fields`, `replace`
and `is_dataclass`, pattern matching, copying and pickling work as usual; those three exist here as well, for plain
values only, because the standard module takes as long to load as a short text takes to check.

Laws: `a == b` if and only if the classes are the same and all fields agree that were not declared `compare=False`;
equal frozen values have equal hashes; a frozen value cannot be changed.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import dataclass, field, fields, is_dataclass, replace
else:

    def dataclass(*, frozen=False, slots=True):
        """As in the standard library, for a class without bases."""
        return lambda cls: _made(cls, frozen, slots)

    def field(**given):
        return Field(**given)

    def fields(value):
        """The fields of a plain value or class."""
        return tuple(value.__plain__.values())

    def is_dataclass(value):
        """Whether this is a plain value or class."""
        return hasattr(value, "__plain__")

    def replace(value, /, **changes):
        """A plain value with some fields changed."""
        cls = value.__class__
        for name in cls.__plain__:
            if name not in changes:
                changes[name] = getattr(value, name)
        return cls(**changes)


_NOT_GIVEN = object()


class Field:
    """What is known of a field. name: given when its class is made."""

    __slots__ = ("compare", "default", "default_factory", "name", "repr", "type")

    def __init__(
        self, default: Any = _NOT_GIVEN, default_factory: Any = _NOT_GIVEN, compare: bool = True, repr: bool = True
    ) -> None:
        self.name, self.type = "", ""
        self.default, self.default_factory, self.compare, self.repr = default, default_factory, compare, repr

    def copy(self) -> Field:
        """One definition may serve several fields."""
        return Field(self.default, self.default_factory, self.compare, self.repr)


Fields = dict[str, Field]


class _Usual:
    """`__dataclass_fields__`, as the standard library has it, made when somebody asks: that module is slow to load."""

    def __get__(self, value: object, cls: Any) -> dict[str, Any]:
        import dataclasses

        made = {}
        for name, each in cls.__plain__.items():
            default = {"default": each.default} if each.default is not _NOT_GIVEN else {}
            if each.default_factory is not _NOT_GIVEN:
                default = {"default_factory": each.default_factory}
            usual: Any = dataclasses.field(compare=each.compare, repr=each.repr, **default)
            usual.name, usual.type = name, each.type
            usual._field_type = dataclasses._FIELD  # type: ignore[attr-defined]  # `dataclasses.fields` looks at it
            made[name] = usual
        cls.__dataclass_fields__ = made
        return made


def _made(cls: type, frozen: bool, slots: bool) -> type:
    space = dict(cls.__dict__)
    found: Fields = {}
    for name, kind in getattr(cls, "__annotations__", {}).items():
        default = space.pop(name, _NOT_GIVEN)
        each = found[name] = default.copy() if isinstance(default, Field) else Field(default)
        each.name, each.type = name, kind
    compared = _getter([name for name, each in found.items() if each.compare])
    space |= {
        "__match_args__": tuple(found),
        "__plain__": found,
        "__dataclass_fields__": _Usual(),
        "__eq__": _equal(compared),
        "__hash__": (lambda self: hash(compared(self))) if frozen else None,
        "__repr__": _repr,
        "__getstate__": _get_state,
        "__setstate__": _set_state,
    }
    if slots:
        space["__slots__"] = tuple(found)
    else:
        space |= {name: each.default for name, each in found.items() if each.default is not _NOT_GIVEN}
    if frozen:
        space |= {"__setattr__": _refuse, "__delattr__": _refuse}
    space.pop("__dict__", None)
    space.pop("__weakref__", None)
    made: Any = type(cls)(cls.__name__, cls.__bases__, space)
    made.__qualname__ = cls.__qualname__
    made.__init__ = _first_call(made, found, frozen)
    return made


def _first_call(cls: Any, found: Fields, frozen: bool) -> Callable[..., None]:
    """A constructor that compiles the real one when it is first called, and gives way to it."""

    def __init__(self: Any, *args: Any, **named: Any) -> None:
        if cls.__init__ is __init__:
            cls.__init__ = _constructor(cls, found, frozen)
        cls.__init__(self, *args, **named)

    return __init__


def _constructor(cls: Any, found: Fields, frozen: bool) -> Callable[..., None]:
    names: dict[str, Any] = {"_set": object.__setattr__, "_none": _NOT_GIVEN}
    head, body = ["self"], []
    for name, each in found.items():
        value = name
        if each.default is not _NOT_GIVEN:
            names[f"_{name}"] = each.default
            head.append(f"{name}=_{name}")
        elif each.default_factory is not _NOT_GIVEN:
            names[f"_{name}"] = each.default_factory
            head.append(f"{name}=_none")
            value = f"_{name}() if {name} is _none else {name}"
        else:
            head.append(name)
        body.append(f"_set(self, {name!r}, {value})" if frozen else f"self.{name} = {value}")
    exec(f"def __init__({', '.join(head)}):\n " + "\n ".join(body or ["pass"]), names)
    made = names["__init__"]
    made.__qualname__ = f"{cls.__qualname__}.__init__"
    return made


def _getter(names: list[str]) -> Callable[[Any], Any]:
    if not names:
        return lambda value: ()
    one = attrgetter(*names)
    return one if len(names) > 1 else lambda value: (one(value),)


def _equal(compared: Callable[[Any], Any]) -> Callable[[Any, object], Any]:
    def __eq__(self: Any, other: object) -> Any:
        if other.__class__ is not self.__class__:
            return NotImplemented
        return compared(self) == compared(other)

    return __eq__


def _repr(self: Any) -> str:
    shown = (f"{name}={getattr(self, name)!r}" for name, each in self.__plain__.items() if each.repr)
    return f"{type(self).__qualname__}({', '.join(shown)})"


def _get_state(self: Any) -> list[Any]:
    return [getattr(self, name) for name in self.__plain__]


def _set_state(self: Any, state: list[Any]) -> None:
    for name, value in zip(self.__plain__, state, strict=True):
        object.__setattr__(self, name, value)


def _refuse(self: Any, name: str, *value: object) -> None:
    from dataclasses import FrozenInstanceError

    raise FrozenInstanceError(f"cannot change field {name!r}")


__all__ = ["dataclass", "field", "fields", "is_dataclass", "replace"]
