"""A text of any length: one block of declarations of every kind, over and over under new names."""

from __future__ import annotations

BLOCK = """
## Part {i} of a long text.
type Load{i} = Low{i} | High{i}
type Hour{i} = 1..24
param depth{i}: real $ = {i} $
param share{i}: prob = 25%
player maker{i}, taker{i}

fun pays{i}(load: Load{i}, bid: real $) -> real $ =
    if load == High{i} then 2 * bid + depth{i} else bid / 4

fun reward{i}(a: Load{i}, b: Load{i}) -> real = table {{
    | a \\ b  || Low{i} | High{i} |
    | Low{i}  || 3 | 0 |
    | High{i} || 5 | 1 |
}}

channel drift{i}(load: Load{i}, windy: bool) -> (after: Load{i}) = table {{
    | load    | windy || Low{i} | High{i} |
    | Low{i}  | false || 90% | 10% |
    | Low{i}  | true  || 60% | 40% |
    | High{i} | false || 20% | 80% |
    | High{i} | true  || 50% | 50% |
}}

channel day{i}() -> (load: Load{i}, wet: bool) {{
    windy ~ bernoulli(share{i})
    first ~ {{Low{i}: 60%, High{i}: 40%}}
    load  ~ drift{i}(first, windy)
    wet   ~ bernoulli(if load == High{i} then 9/10 else 1/5)
}}

game Meeting{i} {{
    for t in Hour{i} carrying last = Low{i} {{
        decide a: Load{i} by maker{i} seeing last earning reward{i}(a, b)
        decide b: Load{i} by taker{i} seeing last earning reward{i}(b, a)
        won = reward{i}(a, b) * ind(a != b)
        next last = a
    }}
    total = sum(won[t] for t in Hour{i})
}}

strategy calm{i} of Meeting{i} {{
    maker{i}.a = last
    taker{i}.b = if last == High{i} then Low{i} else High{i}
}}

verify likely{i}: P(wet) > 1/10 of day{i}
query rained{i} = P(load == High{i} | wet) of day{i}
query gained{i} = E(total) of Meeting{i} under calm{i}
""".lstrip()


def text_of(lines: int) -> str:
    """A sound text of exactly so many lines (whole blocks, then comments)."""
    whole, rest = divmod(lines, BLOCK.count("\n"))
    return "".join(BLOCK.format(i=i) for i in range(1, whole + 1)) + "# the end\n" * rest


__all__ = ["text_of"]
