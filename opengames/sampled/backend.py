"""JAX, set up once: the only module that imports it first.

* `NPROC=1` before the import, unless it is set: with two cores, two batched solves in one program can otherwise hang
  for ever; and threads within one program of many small steps cost more than they bring (5 times the processor
  time on the reservation exchange).
* 64-bit numbers: prices and state prices need them.
* A persistent cache of compiled programs, so that a second run of the same text does not compile again. It lies
  in `$OPENGAMES_CACHE`, else `$XDG_CACHE_HOME/opengames/jax`, else `~/.cache/opengames/jax`; `OPENGAMES_CACHE=off` does without.
"""

from __future__ import annotations

import os
from pathlib import Path

os.environ.setdefault("NPROC", "1")

import jax
import jax.numpy as jnp
from jax import lax


def cache_directory() -> Path | None:
    """Where compiled programs are kept between processes; `None` if they are not."""
    chosen = os.environ.get("OPENGAMES_CACHE")
    if chosen == "off":
        return None
    if chosen:
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "opengames" / "jax"


def _configure() -> None:
    jax.config.update("jax_enable_x64", True)
    where = cache_directory()
    if where is None:
        return
    try:
        where.mkdir(parents=True, exist_ok=True)
    except OSError:
        return  # a read-only home: compile anew each time
    jax.config.update("jax_compilation_cache_dir", str(where))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


_configure()

Array = jax.Array

__all__ = ["Array", "cache_directory", "jax", "jnp", "lax"]
