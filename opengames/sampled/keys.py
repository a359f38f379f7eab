r"""Randomness by name: every draw is a function of (seed, path of the draw, loop indices, run).

The generator is Threefry-2x32 with 20 rounds, a block cipher $T(k, x)$ from a 64-bit key and a 64-bit
counter to 64 bits, each a pair of 32-bit words. For the draw at `path` (`paid.switched`), in run $r$, inside loops
with 0-based positions $i_1, \dots, i_d$ (outermost first):

1. $h$ = the first 8 bytes of BLAKE2b of the path in UTF-8, as two little-endian words;
2. $k_0 = T(\text{seed}, h)$, the seed as (low word, high word);
3. $k_1 = T(k_0, (r, 0))$, the run;
4. for each of the outer positions $i_1, \dots, i_{d-2}$: $k \leftarrow T(k, (i, 1))$;
5. the block is $(a, b) = T(k, (i_{d-1}, i_d))$, with 0 for positions there are not;
6. the uniform is $u = a\,2^{-32} + \lfloor b / 2^{12} \rfloor\,2^{-52}$: in $[0, 1)$, exact in a float64.

A path that occurs again in a diagram is followed by `#2`, `#3`. So no draw depends on another draw, on how runs are batched, or on how many there are; and a draw in the
body of a loop costs one block, since steps 2 to 4 happen outside the two innermost loops.

Source: Salmon, Moraes, Dror, Shaw, Parallel random numbers: as easy as 1, 2, 3 (2011), section 3.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from typing import Any

import numpy as np

from opengames.sampled.backend import jax, jnp

#: A 64-bit key as two `uint32` arrays.
Key = tuple[Any, Any]

_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY = np.uint32(0x1BD11BDA)


def path_words(path: str) -> tuple[int, int]:
    """The two 32-bit words that stand for a path."""
    digest = blake2b(path.encode(), digest_size=8).digest()
    return int.from_bytes(digest[:4], "little"), int.from_bytes(digest[4:], "little")


def seed_words(seed: int) -> tuple[int, int]:
    """A seed modulo $2^{64}$ as (low word, high word)."""
    return seed & 0xFFFFFFFF, (seed >> 32) & 0xFFFFFFFF


def _block(key: Key, first: Any, second: Any) -> Key:
    """One block: 64 bits from a key and a counter, elementwise over `uint32` arrays that broadcast.

    Written out, and not called from the library, so that the compiler fuses it with what uses it.
    """
    k0, k1 = key
    schedule = (k0, k1, k0 ^ k1 ^ _PARITY)
    x0, x1 = first + k0, second + k1
    for group in range(5):
        for r in _ROTATIONS[group % 2]:
            x0 = x0 + x1
            x1 = ((x1 << np.uint32(r)) | (x1 >> np.uint32(32 - r))) ^ x0
        x0 = x0 + schedule[(group + 1) % 3]
        x1 = x1 + (schedule[(group + 2) % 3] + np.uint32(group + 1))
    return x0, x1


threefry = jax.jit(_block, inline=True)


@lru_cache(maxsize=256)
def path_table(paths: tuple[str, ...]) -> Any:
    """Step 1, before the program runs: `uint32` of shape `[draws, 2]`."""
    return np.array([path_words(p) for p in paths], np.uint32).reshape(-1, 2)


def run_keys(seed: Any, table: Any, runs: Any) -> Any:
    """Steps 2 and 3, inside the program: the keys of all draws in many runs, `[draws, 2, runs]`.

    seed: `[2]`, see `seed_words`; table: from `path_table`; runs: their numbers; all `uint32`. A small loop over draws,
    so that the cipher is compiled once for all of them.
    """
    nothing = jnp.zeros_like(runs)

    def one(words: Any) -> Any:
        of_path = threefry((seed[0], seed[1]), words[0], words[1])
        return jnp.stack(threefry(of_path, runs, nothing))

    return jax.lax.map(one, table)


def fold(key: Key, position: Any) -> Key:
    """Step 4: the key inside one iteration of an outer loop."""
    return threefry(key, word(position), jnp.uint32(1))


def uniform(key: Key, positions: tuple[Any, ...]) -> Any:
    """Steps 5 and 6: the uniform at the (at most two) innermost positions."""
    padded = (0, 0, *positions)[-2:]
    a, b = threefry(key, word(padded[0]), word(padded[1]))
    return a.astype(jnp.float64) * 2.0**-32 + (b >> np.uint32(12)).astype(jnp.float64) * 2.0**-52


def word(position: Any) -> Any:
    return jnp.uint32(position) if isinstance(position, int) else position.astype(jnp.uint32)
