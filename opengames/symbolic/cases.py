"""Case distinctions made on demand.

A computation over symbols runs until it meets something that must be known: a label, an index, the truth of a condition. It
then raises `Split`, and is run again once for every answer. What comes out is a tree: leaves are results, forks are
questions. The conditions on the way to a leaf say where its result holds; those of all leaves cover everything, once.

Law: a computation that never splits gives one leaf, its own result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from opengames.diagnostics import Refusal, refuse

T = TypeVar("T")

LEAVES = 2_000
"""Cases that are told apart at most."""


class Split(Exception):
    """Something must be known. question: a sympy symbol or condition; answers: the values that it may have."""

    def __init__(self, question: Any, answers: tuple[Any, ...]) -> None:
        super().__init__(str(question))
        self.question, self.answers = question, answers


@dataclass(frozen=True)
class Known:
    """What is known on the way to a case: answers by question, in the order in which they were asked."""

    answers: dict[Any, Any] = field(default_factory=dict)

    def __contains__(self, question: Any) -> bool:
        return question in self.answers

    def get(self, question: Any, unknown: Any) -> Any:
        return self.answers.get(question, unknown)

    def and_(self, question: Any, answer: Any) -> Known:
        return Known({**self.answers, question: answer})


@dataclass(frozen=True)
class Leaf(Generic[T]):
    """A result."""

    value: T


@dataclass(frozen=True)
class Fork(Generic[T]):
    """A question, and the cases of each answer. Answers with equal cases stand together."""

    question: Any
    arms: tuple[tuple[tuple[Any, ...], Cases[T]], ...]


Cases = Leaf[T] | Fork[T]


def explore(
    compute: Callable[[Known], T], most: int = LEAVES, absurd: Callable[[Known], bool] = lambda known: False
) -> Cases[T]:
    """The results of `compute` in all cases that it asks to be told apart.

    absurd: whether no values fit a case; it is asked where a case cannot be computed, and the case is then left out.
    Raises `Refusal` (`over-budget`) for more than `most` cases.
    """
    left = [most]

    def go(known: Known) -> Cases[T] | None:
        left[0] -= 1
        if left[0] < 0:
            raise refuse(
                "over-budget", f"the closed form has more than {most:,} cases",
                help="give some of the inputs a value, or choose smaller types",
            )  # fmt: skip
        try:
            return Leaf(compute(known))
        except Split as split:
            question, answers = split.question, split.answers
        except Refusal:
            if absurd(known):
                return None
            raise
        every = [((answer,), go(known.and_(question, answer))) for answer in answers]
        arms = [(answers, tree) for answers, tree in every if tree is not None]
        return joined(question, arms) if arms else None

    found = go(Known())
    if found is None:
        raise refuse("not-yet", "no values of the inputs fit this question")
    return found


def joined(question: Any, arms: list[tuple[tuple[Any, ...], Cases[T]]]) -> Cases[T]:
    """A fork whose equal arms are one; no fork at all where every answer leads to the same."""
    merged: list[tuple[tuple[Any, ...], Cases[T]]] = []
    for answers, tree in arms:
        for i, (before, same) in enumerate(merged):
            if same == tree:
                merged[i] = (before + answers, same)
                break
        else:
            merged.append((answers, tree))
    return merged[0][1] if len(merged) == 1 else Fork(question, tuple(merged))


def leaves(tree: Cases[T], way: tuple[tuple[Any, tuple[Any, ...]], ...] = ()) -> Iterator[tuple[Any, T]]:
    """The results, each with the way to it: (question, answers) pairs."""
    if isinstance(tree, Leaf):
        yield way, tree.value
        return
    for answers, inner in tree.arms:
        yield from leaves(inner, (*way, (tree.question, answers)))


def mapped(tree: Cases[T], change: Callable[[T], Any]) -> Cases[Any]:
    """The tree with every result changed; what becomes equal is joined."""
    if isinstance(tree, Leaf):
        return Leaf(change(tree.value))
    return joined(tree.question, [(answers, mapped(inner, change)) for answers, inner in tree.arms])


__all__ = ["LEAVES", "Cases", "Fork", "Known", "Leaf", "Split", "explore", "joined", "leaves", "mapped"]
