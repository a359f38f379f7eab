"""One process that checks broken texts for a while: `python -m benchmarks.fuzz_worker SECONDS SEED FOLDER ENGINE`.

Each text is checked under limits: five seconds of processor time, and the address space of the whole process. Whatever
goes wrong is written to FOLDER with the text, once for each place in the code, and the next text follows. FOLDER/text
is the text being checked, so that whoever watches can tell what killed the process.

Engines: `atheris` (coverage tells which texts are worth changing further; needs the package of that name) and `own`.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import random
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from benchmarks.fuzz_inputs import mutate, specs

SECONDS, BYTES = 5.0, 1_500_000_000


class Hang(BaseException):
    """Checking took more than `SECONDS`; not an `Exception`, so that nobody catches it by the way."""


class Watch:
    """Checks texts, counts them, and writes down what goes wrong."""

    def __init__(self, folder: Path, check: Callable[[str], None]) -> None:
        self.folder, self.check = folder, check
        self.texts = 0
        self.slowest, self.deadline = 0.0, float("inf")
        self.known: set[str] = set()
        signal.signal(signal.SIGVTALRM, _alarm)

    def text(self, text: str) -> None:
        (self.folder / "text").write_text(text, encoding="utf-8", errors="surrogatepass")
        began = time.process_time()
        signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
        try:
            self.check(text)
        except (Hang, Exception) as fault:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
            self.note(text, fault)
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        self.texts += 1
        self.slowest = max(self.slowest, time.process_time() - began)
        if self.texts % 25 == 0:
            self.report()

    def note(self, text: str, fault: BaseException) -> None:
        """Keep one text for each kind of fault and place."""
        frames = traceback.extract_tb(fault.__traceback__)
        ours = [f for f in frames if "/benchmarks/" not in f.filename]
        last = ours[-1] if ours else frames[-1]
        place = f"{Path(last.filename).name}:{last.name}"
        if isinstance(fault, (Hang, MemoryError, RecursionError)):  # these strike anywhere below the cause
            place = " < ".join(dict.fromkeys(f"{Path(f.filename).name}:{f.name}" for f in reversed(ours[:12])))
        name = hashlib.sha256(f"{type(fault).__name__} {place}".encode()).hexdigest()[:10]
        if name in self.known:
            return
        self.known.add(name)
        lines = traceback.format_exception(type(fault), fault, fault.__traceback__, limit=-8)
        story = {"kind": type(fault).__name__, "message": str(fault)[:300], "place": place, "trace": "".join(lines)[-4000:]}
        (self.folder / f"{name}.json").write_text(json.dumps(story, indent=2) + "\n")
        (self.folder / f"{name}.game").write_text(text, encoding="utf-8", errors="surrogatepass")

    def report(self, done: bool = False) -> None:
        """Say how far it is; done: that the process is about to end as it should."""
        counts = {"texts": self.texts, "slowest_seconds": round(self.slowest, 2), "done": done}
        (self.folder / "counts").write_text(json.dumps(counts))


def _alarm(number: int, frame: FrameType | None) -> None:
    raise Hang(f"more than {SECONDS:.0f} s of processor time")


def check_whole(text: str) -> None:
    """All that `opengames check` does with a text: check it, and print the reports as text and as data."""
    from opengames.dsl.check import check
    from opengames.dsl.render import render
    from opengames.dsl.render_json import to_data

    found = check(text, "fuzz.game").diagnostics
    sources = {"fuzz.game": text}
    render(found, sources)
    json.dumps(to_data(found, sources))


def own(watch: Watch, seconds: float, seed: int) -> None:
    """Mutations of the specs, one after another."""
    rng, texts = random.Random(seed), specs()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        watch.text(mutate(rng, rng.choice(texts), texts))
    watch.report(done=True)


def guided(watch: Watch, seconds: float, seed: int) -> None:
    """The same mutations, steered by coverage of the language layer. Does not return."""
    import atheris

    texts = specs()
    corpus = watch.folder / "corpus"
    corpus.mkdir(exist_ok=True)
    for i, text in enumerate(texts):
        (corpus / f"spec{i}").write_text(text, encoding="utf-8")
    end = time.monotonic() + seconds

    def one(data: bytes) -> None:
        watch.text(data.decode("utf-8", errors="replace"))
        if time.monotonic() > end:
            watch.report(done=True)
            signal.raise_signal(signal.SIGTERM)

    def change(data: bytes, most: int, number: int) -> bytes:
        rng = random.Random(number)
        if rng.random() < 0.1:
            return bytes(atheris.Mutate(data, most))
        return mutate(rng, data.decode("utf-8", errors="replace"), texts).encode("utf-8", errors="replace")[:most]

    options = ["-max_len=32768", "-timeout=120", "-rss_limit_mb=0", f"-seed={seed + 1}", "-verbosity=0", "-print_final_stats=0"]
    atheris.Setup([sys.argv[0], *options, str(corpus)], one, custom_mutator=change)
    atheris.Fuzz()


def _instrumented() -> contextlib.AbstractContextManager[Any]:
    import atheris

    return atheris.instrument_imports(include=["opengames"], enable_loader_override=False)


def main(arguments: list[str]) -> None:
    seconds, seed, folder, engine = float(arguments[0]), int(arguments[1]), Path(arguments[2]), arguments[3]
    with _instrumented() if engine == "atheris" else contextlib.nullcontext():
        import opengames.dsl.check
        import opengames.dsl.render
        import opengames.dsl.render_json  # noqa: F401
    resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
    (guided if engine == "atheris" else own)(Watch(folder, check_whole), seconds, seed)


if __name__ == "__main__":
    main(sys.argv[1:])
