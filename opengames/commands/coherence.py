"""Say whether posted prices can be bet against: a distribution that explains them, or stakes that win in every world.

Quotes come from a table with columns event, given, and probability, odds, or bid and ask (CSV, Parquet, JSON), or are typed:

  opengames coherence posted.csv --game events.game --channel grid
  opengames coherence --quote 'rain: 30%' --quote 'wind | rain: 40%..45%'
  opengames coherence --quote 'rain: 30%' --quote 'wind: 50%' --bounds 'rain and wind'

A price is a probability `30%`, odds against `3:1`, a bid and an ask `28%..32%`, or one of them: `bid 28%`, `ask 32%`. What is
possible is what the channel can do; without a text every variable of the quotes is true or false, or what
`--variable wind=Calm,Windy` says, less what `--constraint` rules out. `--bounds` asks for the prices of further events that
agree with the quotes.

Exit status: 0 if the quotes are coherent, 1 if they are not or a budget is in the way, 2 if the quotes, the text or the
command line are wrong.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from opengames.commands.common import FAILS, FINE, full_option, param_options, print_json, say, shared_options

if TYPE_CHECKING:
    from opengames.solvers.coherence import Quote, Worlds


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", nargs="?", metavar="QUOTES", help="a table of quotes: .csv, .parquet or .json")
    parser.add_argument("--quote", action="append", default=[], metavar="'EVENT: PRICE'", help="a quote; may be repeated")
    parser.add_argument("--game", metavar="FILE", help="a .game text that says what is possible")
    parser.add_argument("--channel", metavar="NAME", help="the channel of the text that is meant")
    parser.add_argument(
        "--variable", action="append", default=[], metavar="NAME=VALUE,VALUE",
        help="the values of a variable, where there is no text; true and false unless told",
    )  # fmt: skip
    parser.add_argument("--constraint", action="append", default=[], metavar="EVENT", help="what holds in every world")
    parser.add_argument("--bounds", action="append", default=[], metavar="EVENT", help="the coherent prices of an event")
    full_option(parser)
    param_options(parser)
    shared_options(parser)


def run(args: argparse.Namespace) -> int:
    """Judge the quotes; the exit status."""
    from opengames.commands.common import few
    from opengames.commands.progress import progress
    from opengames.diagnostics import refuse
    from opengames.session import explained
    from opengames.solvers.coherence import bounds, check_quotes

    quotes = _quotes(args)
    if not quotes:
        raise refuse("bad-option", "there are no quotes", help="name a table, or say `--quote 'EVENT: PRICE'`")
    if not args.game and (args.channel or args.set or args.data):
        raise refuse("bad-option", "a channel and params belong to a text", help="name it: `--game FILE`")
    worlds, sources = _worlds(args, quotes)
    with explained(sources), progress(f"judging {len(quotes)} quotes"):
        found = check_quotes(worlds, quotes)
        asked = [bounds(worlds, quotes, *_parted(text)) for text in args.bounds] if found.coherent else []
    if args.json:
        print_json("coherence", ok=found.coherent, coherence=found.to_dict(), bounds=[b.to_dict() for b in asked])
        return FINE if found.coherent else FAILS
    head, *rest = found.lines()
    word, space, more = head.partition(" ")
    print(say(word, "1;32" if found.coherent else "1;31", args) + space + more)
    if not (asked and found.coherent):
        print("\n".join(few(rest, args.full)))
    for each in asked:
        print("\n".join(few(each.lines(), args.full)))
    if args.bounds and not asked:
        print("   incoherent quotes bound nothing: `--bounds` was not answered")
    return FINE if found.coherent else FAILS


def _parted(text: str) -> tuple[str, str | None]:
    """An event and its condition."""
    event, bar, given = text.partition("|")
    return event.strip(), given.strip() if bar else None


def _quotes(args: argparse.Namespace) -> list[Quote]:
    found: list[Quote] = []
    if args.file is not None:
        from opengames.models.quotes_file import read_quotes

        found += read_quotes(args.file)
    return [*found, *(typed(text) for text in args.quote)]


def typed(text: str) -> Quote:
    """A quote from `EVENT: PRICE`. Raises `Refusal` (`bad-option`), and what is wrong with the price.

    >>> typed("wind | rain: 40%..45%").shown
    '40% to 45%'
    """
    from opengames.diagnostics import refuse
    from opengames.solvers.coherence import quote

    event, colon, price = _price_apart(text)
    if not colon or not event.strip() or not price.strip():
        raise refuse(
            "bad-option", f"`{text}` is not an event and its price", help="for example `--quote 'binds | outage: 40%..45%'`"
        )
    name, given = _parted(event)
    said = price.strip()
    if ".." in said:
        bid, _, ask = said.partition("..")
        return quote(name, given=given, bid=bid.strip(), ask=ask.strip())
    for side in ("bid", "ask"):
        if said.startswith(side):
            return quote(name, given=given, **{side: said.removeprefix(side).strip()})
    return quote(name, given=given, odds=said) if ":" in said else quote(name, said, given=given)


def _price_apart(text: str) -> tuple[str, str, str]:
    """The event, a colon and the price; the colon of odds such as `3:1` parts nothing, nor does that of `exists x in T: ...`."""
    event, colon, price = text.rpartition(":")
    before, between, against = event.rpartition(":")
    if between and price.strip().isdigit() and against.strip().isdigit():
        return before, between, f"{against}:{price}"
    return event, colon, price


def _worlds(args: argparse.Namespace, quotes: list[Quote]) -> tuple[Worlds, dict[str, str]]:
    """The worlds that the quotes are about, and the texts that reports may point into."""
    from opengames.diagnostics import refuse
    from opengames.solvers.coherence import Worlds

    if args.game is None:
        events = [text for q in quotes for text in (q.event, q.given) if isinstance(text, str)]
        parts = [text for each in args.bounds for text in _parted(each) if text]
        told = [*events, *args.constraint, *parts]
        given = dict(map(_variable, args.variable))
        labels = {str(v) for values in given.values() if values is not bool for v in values}
        _compared(told, given.keys() | labels)
        kinds: dict[str, Any] = {n: bool for n in _named(told) if n not in labels}
        return Worlds.over(args.constraint, **{**kinds, **given}), {}
    if args.variable:
        raise refuse("bad-option", "the text says what the variables are", help="leave `--variable` out, or `--game`")
    from opengames.commands.common import files_of, read, settings
    from opengames.session import Model, explained

    name, text = read(args.game)
    with explained({name: text}):
        program = Model(text, name, {**settings(args.set), **files_of(args.data)}).program
        channel = args.channel or _only([n for n, d in program.diagrams.items() if not d.inputs and not d.expects], name)
        return Worlds.of(text, channel, args.constraint, program.param_values()), {name: text}


def _only(closed: list[str], file: str) -> str:
    from opengames.diagnostics import refuse

    if len(closed) == 1:
        return closed[0]
    listed = ", ".join(f"`{n}`" for n in closed)
    raise refuse(
        "which-game", f"{file} has {len(closed)} channels without inputs, and one of them says what is possible",
        notes=(f"there are {listed}",) if closed else (), help="name it: `--channel NAME`",
    )  # fmt: skip


def _named(events: list[str]) -> list[str]:
    """The names that events mention, each once: what stands alone and is no word of the language."""
    import re

    from opengames.dsl.prelude import DISTRIBUTIONS, FUNCTIONS
    from opengames.dsl.tokens import KEYWORDS

    skip = {*KEYWORDS, *FUNCTIONS, *DISTRIBUTIONS, "true", "false"}
    found: dict[str, None] = {}
    for text in events:
        for name in re.findall(r"(?<![\w.])[A-Za-z_]\w*", text):
            if name not in skip:
                found[name] = None
    return list(found)


def _compared(events: list[str], known: set[str]) -> None:
    """Refuse names that are compared and whose values nobody has told: they are not just true or false."""
    import re

    from opengames.diagnostics import refuse

    for text in events:
        for match in re.finditer(r"([A-Za-z_]\w*)\s*(?:==|!=|<=|>=|<|>)|(?:==|!=|<=|>=|<|>)\s*([A-Za-z_]\w*)", text):
            name = match[1] or match[2]
            if name not in known and name not in ("true", "false"):
                raise refuse(
                    "bad-option", f"`{name}` is compared in `{text}`, and nobody has told its values",
                    help=f"say them: `--variable {name}=Low,High`, or name a text: `--game FILE`",
                )  # fmt: skip


def _variable(text: str) -> tuple[str, Any]:
    from opengames.commands.common import split
    from opengames.commands.market_values import values_of

    name, listed = split(text, "--variable", "wind=Calm,Windy")
    values = values_of(listed)
    return name, bool if set(values) == {True, False} and all(isinstance(v, bool) for v in values) else values


__all__ = ["configure", "run", "typed"]
