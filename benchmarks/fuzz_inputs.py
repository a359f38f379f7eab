"""Broken texts for the fuzzer: the shipped specs with a few mutations, all decided by one seed."""

from __future__ import annotations

import random
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

_TOKEN = re.compile(r"\s+|\w+|[^\w\s]")
_ODD = [
    *"{}()[]|=~:;,.!&?%$#\"'\\^@<>+-*/_0", "||", "=>", "->", ">>", "..", "==", "\x00", "\r\n", "\t", "\ufeff", "\u00e9", "\u2264",
    "0", "1", "-1", "1/0", "1e9", "1e999", "99999999999", "10 ^ 10 ^ 10", "1..1000000000", "nat", "bool", "prob", "real",
    "real $", "true", "false", "if", "then", "else", "for", "in", "carrying", "next", "decide", "by", "seeing", "earning",
    "subject to", "table", "match", "game", "channel", "fun", "type", "param", "player", "strategy", "of", "under", "verify",
    "query", "use", "recognition", "return", "reversed", "uniform", "bernoulli", "sum", "product", "max", "min", "exp", "log",
    "clamp", "ind", "E(", "P(", "forall", "exists", "simulate[runs = 10]", "equilibrium(", "\ntype A = 1..3\n", "(a, b)",
    "[x for x in A]", "a: bool[bool[bool]]", "{0: 1, 1: 0}", "((((((((", "))))))))", "- - - - ", "not not ",
]  # fmt: skip


def specs() -> list[str]:
    """The shipped texts."""
    return [p.read_text(encoding="utf-8") for p in sorted((ROOT / "specs").rglob("*.game"))]


def mutate(rng: random.Random, text: str, others: list[str], most: int = 1 << 15) -> str:
    """`text` after one to six changes: of tokens, lines, numbers, or with a piece of another text put in."""
    for _ in range(1 + min(5, int(rng.expovariate(0.7)))):
        text = _change(rng, text, others)
    return text[:most]


def _change(rng: random.Random, text: str, others: list[str]) -> str:
    tokens, lines = _TOKEN.findall(text), text.split("\n")
    if not tokens:
        return rng.choice(others)
    i, j = rng.randrange(len(tokens)), rng.randrange(len(tokens))
    a, b = rng.randrange(len(lines)), rng.randrange(len(lines))
    match rng.randrange(11):
        case 0:
            del tokens[i : i + rng.randint(1, 4)]
        case 1:
            tokens[i] = tokens[j]
        case 2:
            tokens[i], tokens[j] = tokens[j], tokens[i]
        case 3 | 4:
            tokens.insert(i, f" {rng.choice(_ODD)} ")
        case 5:
            tokens[i] = rng.choice(_ODD)
        case 6:
            lines[a], lines[b] = lines[b], lines[a]
            return "\n".join(lines)
        case 7:
            lines[a:a] = lines[b : b + rng.randint(1, 6)]
            return "\n".join(lines)
        case 8:
            del lines[a : a + rng.randint(1, 3)]
            return "\n".join(lines)
        case 9:
            donor = rng.choice(others).split("\n")
            c = rng.randrange(len(donor))
            lines[a:a] = donor[c : c + rng.randint(1, 25)]
            return "\n".join(lines)
        case _:
            # one token many times over: deep nesting and long chains
            tokens[i : i + 1] = [tokens[i]] * rng.choice((2, 10, 200, 3000))
    return "".join(tokens)


__all__ = ["mutate", "specs"]
