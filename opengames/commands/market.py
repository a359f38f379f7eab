"""Keep a market on events in a ledger: open it on a channel of a text, trade, resolve, look at prices and books.

  opengames market open BOOK TEXT [--channel NAME] (--depth B | --budget D)   B, D in dollars
  opengames market join BOOK TRADER CASH           also deposit, withdraw
  opengames market price BOOK [EVENT ...]          all variables if no event is given
  opengames market preview BOOK TRADER EVENT (--shares N | --to P)
  opengames market buy BOOK TRADER EVENT SHARES    also sell
  opengames market move BOOK TRADER EVENT P        of a variable: 'Low: 70%, High: 30%'
  opengames market limits BOOK TRADER EVENT        how far the trader may move the price
  opengames market balance BOOK TRADER EVENT       leave the position on an event
  opengames market worth BOOK [TRADER] [--given EVENT]
  opengames market resolve BOOK VARIABLE VALUE
  opengames market add BOOK VARIABLE [--values V,V] [--parents X,X] [--table 'P P; P P']
  opengames market undo BOOK                       take the last act back
  opengames market books BOOK                      do they balance, and what can the maker lose?
  opengames market log BOOK                        every entry of the ledger
  opengames market check BOOK [--head HASH]        the chain of hashes, and every act done again

An event is an expression over the wires of the channel; `EVENT | CONDITION` is called off where the condition fails. A
share pays 1 $ where its event happens. BOOK is the ledger, one file: an act counts once it is on disk.

Exit status: 0 if it was done, 1 if a preview says that the trade would be refused or a budget is in the way, 2 if it
was refused or the command line is wrong; what is refused changes nothing.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opengames.commands.common import FAILS, FINE, param_options, print_json, shared_options

if TYPE_CHECKING:
    from opengames.diagnostics import Refusal
    from opengames.solvers.market import Market


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("word", metavar="WORD", help=", ".join(WORDS))
    parser.add_argument("book", metavar="BOOK", help="the file of the ledger")
    parser.add_argument("words", nargs="*", default=[], metavar="ARGUMENT", help="as shown above")
    for name, metavar, summary in _OPTIONS:
        parser.add_argument(f"--{name}", metavar=metavar, help=summary)
    param_options(parser)
    shared_options(parser)


def run(args: argparse.Namespace) -> int:
    """Do one thing with a market; the exit status."""
    from opengames.diagnostics import refuse

    word = WORDS.get(args.word)
    if word is None:
        raise unknown_word(args.word)
    usage = f"opengames market {args.word} {word.usage}"
    if not word.least <= len(args.words) <= word.most:
        given = f"{len(args.words) or 'none'} given after the ledger"
        raise refuse("bad-option", f"`market {args.word}` takes other arguments", notes=(given,), help=f"write `{usage}`")
    for name, _, _ in _OPTIONS:
        if getattr(args, name) is not None and name not in word.options:
            raise refuse("bad-option", f"`--{name}` means nothing to `market {args.word}`", help=f"write `{usage}`")
    if (args.set or args.data) and args.word != "open":
        raise refuse("bad-option", "params are chosen when a market is opened", help="leave `--set` and `--data` out")
    return word.act(args)


# ------------------------------------------------------------------------------------------ opening


def _open(args: argparse.Namespace) -> int:
    from opengames.commands.common import files_of, read, settings
    from opengames.commands.market_values import amount
    from opengames.diagnostics import refuse
    from opengames.session import Model, explained
    from opengames.solvers.market import Ledger, Market, open_market

    depth, budget = (None if x is None else amount(x, what) for x, what in ((args.depth, "depth"), (args.budget, "budget")))
    if (depth is None) == (budget is None):
        raise refuse(
            "bad-option", "say either how deep the market is or what its maker may lose",
            help="`--depth 100` (of $, larger moves prices less) or `--budget 500` (the most that the maker may lose, in $)",
        )  # fmt: skip
    place = Path(args.book)
    if not place.parent.is_dir():
        raise refuse("no-such-file", f"there is no folder `{place.parent}` for the ledger")
    if place.exists() and place.stat().st_size:
        raise refuse("file-exists", f"`{args.book}` is there already", help="trade on it, or choose another name")
    name, text = read(args.words[0])
    model = Model(text, name, {**settings(args.set), **files_of(args.data)})
    with explained({name: text}):
        # only what can be opened gets a file
        ready = open_market(model, args.channel, depth=depth, budget=budget)
    market = Market(ready.opening, ready.words, Ledger(place))
    return _shown(args, market, repr(market).splitlines(), market.to_dict())


# ------------------------------------------------------------------------------------------- asking


def _price(args: argparse.Namespace) -> int:
    from opengames.solvers.market.events import value_words

    market = _market(args)
    rows: list[tuple[str, float]] = []
    for text in args.words or market.open:
        variable, _, given = (part.strip() for part in text.partition("|"))
        values = market.state.frame.values.get(variable) if variable in market.open else None
        if values is not None and not all(isinstance(v, bool) for v in values):
            found = market.prices(variable, given or None)
            rows += [(f"{_case(variable, v)}{f' | {given}' if given else ''}", p) for v, p in found.items()]
        else:
            rows.append((" ".join(text.split()), market.price(text)))
    wide = max((len(name) for name, _ in rows), default=0)
    lines = [f"{name:{wide}}  {price:.4f}" for name, price in rows]
    if not args.words:
        lines += [f"{name} is {value_words(value)}" for name, value in market.resolved.items()]
    data = {"prices": dict(rows), "resolved": {n: value_words(v) for n, v in market.resolved.items()}}
    return _shown(args, market, lines, data)


def _case(variable: str, value: Any) -> str:
    from opengames.solvers.market.events import value_words

    return (variable if value else f"not {variable}") if isinstance(value, bool) else f"{variable} == {value_words(value)}"


def _preview(args: argparse.Namespace) -> int:
    from opengames.commands.market_values import amount, target
    from opengames.diagnostics import refuse

    if (args.shares is None) == (args.to is None):
        raise refuse("bad-option", "say how many shares, or which price to move to", help="`--shares 10` or `--to 30%`")
    trader, event = args.words
    shares = None if args.shares is None else amount(args.shares, "number of shares")
    market = _market(args)
    watch = [] if args.watch is None else [args.watch]
    to = None
    if args.to is not None:
        event, given, to = target(market, event, args.to)
        found = market.preview(trader, event, to=to, given=given, watch=watch)
    else:
        found = market.preview(trader, event, shares=shares, watch=watch)
    _shown(args, market, repr(found).splitlines(), found.to_dict())
    return FINE if found.ok else FAILS


def _limits(args: argparse.Namespace) -> int:
    market = _market(args)
    found = market.limits(*args.words)
    lines = [
        f"{' '.join(args.words[1].split())} is at {found.price:.4f}",
        f"{args.words[0]} may move it between {found.low:.4f} and {found.high:.4f}",
        f"sell up to {found.sell:,.4f} shares, or buy up to {found.buy:,.4f}",
    ]
    return _shown(args, market, lines, found.to_dict())


def _worth(args: argparse.Namespace) -> int:
    market = _market(args)
    found = market.traders(args.given)
    if args.words:
        found = {args.words[0]: market.worth(args.words[0], args.given)}
    wide = max((len(name) for name in found), default=0)
    lines = [
        f"{n:{wide}}  least {w.least:,.4f} $, expected {w.expected:,.4f} $, most {w.most:,.4f} $" for n, w in found.items()
    ]
    data = {"traders": {n: {**w.to_dict(), "cash": market.cash(n)} for n, w in found.items()}}
    return _shown(args, market, lines or ["nobody has joined"], data)


def _books(args: argparse.Namespace) -> int:
    market = _market(args)
    found = market.books()
    return _shown(args, market, repr(found).splitlines(), found.to_dict())


def _log(args: argparse.Namespace) -> int:
    from opengames.commands.market_log import history

    found = history(args.book)
    wide = len(str(len(found)))
    return _shown(args, None, [f"{e['number']:>{wide}}  {e['said']}" for e in found], {"entries": found})


def _check(args: argparse.Namespace) -> int:
    from opengames.commands.progress import progress
    from opengames.solvers.market.ledger import Ledger, replay, verify

    book = Ledger(args.book, new=False)
    count = verify(book, args.head)
    with progress(f"performing {count:,} entries again"):
        found = replay(book)
    _, head = book.last()
    book.close()
    lines = [f"{count:,} entries, the chain is whole and every act comes out as it was recorded", f"head {head}"]
    return _shown(args, None, lines, {"entries": count, "head": head, "digest": f"{found.state.digest:064x}"})


# ------------------------------------------------------------------------------------------- acting


def _join(args: argparse.Namespace) -> int:
    from opengames.commands.market_values import amount

    trader, cash = args.words[0], amount(args.words[1], "amount")
    market = _market(args)
    {"join": market.join, "deposit": market.deposit, "withdraw": market.withdraw}[args.word](trader, cash)
    said = {"join": "joined with", "deposit": "put in", "withdraw": "took out"}[args.word]
    return _shown(args, market, [f"{trader} {said} {cash:,.4f} $"], {"trader": trader, "cash": market.cash(trader)})


def _trade(args: argparse.Namespace) -> int:
    from opengames.commands.market_values import amount, target

    trader, event, *more = args.words
    number = amount(more[0], "number of shares") if args.word in ("buy", "sell") else 0.0
    to: Any = None
    market = _market(args)
    if args.word in ("buy", "sell"):
        done = (market.buy if args.word == "buy" else market.sell)(trader, event, number)
    elif args.word == "move":
        event, given, to = target(market, event, more[0])
        done = market.move(trader, event, to, given=given)
    else:
        done = market.balance(trader, event)
    lines = repr(done).splitlines()
    if args.word == "move" and isinstance(to, dict):
        moved = ", ".join(f"{c} {p:.4f} -> {q:.4f}" for c, p, q in zip(done.cases, done.before, done.after, strict=True))
        lines = [f"moved {moved}"]
    return _shown(args, market, lines, {"trader": trader, **done.to_dict()})


def _resolve(args: argparse.Namespace) -> int:
    from opengames.commands.market_values import value_of
    from opengames.solvers.market.events import value_words

    variable, text = args.words
    market = _market(args)
    value = value_of(market, variable, text)
    paid = market.resolve(variable, value)
    lines = [f"{variable} is {value_words(value)}", *(f"{n} is paid {p:,.4f} $" for n, p in paid.items())]
    return _shown(args, market, lines, {"variable": variable, "value": value_words(value), "paid": paid})


def _add(args: argparse.Namespace) -> int:
    from opengames.commands.market_values import table_of, values_of

    values = values_of(args.values)
    parents = [n.strip() for n in (args.parents or "").split(",") if n.strip()]
    market = _market(args)
    table = table_of(market, args.table, parents, len(values))
    name = args.words[0]
    market.add_event(name, values, given=parents, table=table)
    shown = ", ".join(f"{_case(name, v)} {p:.4f}" for v, p in market.prices(name).items())
    return _shown(args, market, [f"added {shown}"], {"variable": name, "width": market.state.tree.width})


def _undo(args: argparse.Namespace) -> int:
    from opengames.commands.market_log import said_of

    market = _market(args)
    last = said_of(market.acts[-1]) if market.acts else ""
    market.undo()
    return _shown(args, market, [f"took back: {last}"], {"undone": last})


# ------------------------------------------------------------------------------------------ helpers


def _market(args: argparse.Namespace) -> Market:
    """The market as its ledger tells it. Raises `Refusal`."""
    from opengames.commands.progress import progress
    from opengames.solvers.market import resume

    with progress(f"reading {args.book}"):
        return resume(args.book)


def _shown(args: argparse.Namespace, market: Market | None, lines: list[str], data: dict[str, Any]) -> int:
    if market is not None and market.ledger is not None:
        market.ledger.close()
    if args.json:
        print_json("market", ok=data.get("ok", True), word=args.word, book=args.book, **{k: v for k, v in data.items() if k != "ok"})
    else:
        print("\n".join(lines))
    return FINE


def unknown_word(word: str) -> Refusal:
    from difflib import get_close_matches

    from opengames.diagnostics import refuse

    near = get_close_matches(word, WORDS, 1, 0.5)
    return refuse(
        "bad-option", f"`{word}` is nothing that can be done with a market", notes=("there are " + ", ".join(WORDS),),
        help=f"did you mean `{near[0]}`?" if near else "",
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Word:
    """One thing to do. usage: its arguments. least, most: how many follow the ledger. options: those it takes."""

    act: Callable[[argparse.Namespace], int]
    usage: str
    least: int
    most: int
    options: tuple[str, ...] = ()


_OPTIONS = (
    ("channel", "NAME", "open: the channel that the market is on"),
    ("depth", "B", "open: how deep the market is, in $"),
    ("budget", "D", "open: the most that the maker may lose, in $"),
    ("shares", "N", "preview: shares to buy, negative to sell"),
    ("to", "P", "preview: the price to move to"),
    ("watch", "EVENT", "preview: a further event whose price is wanted"),
    ("given", "EVENT", "worth: where this is known to happen"),
    ("values", "V,V", "add: the values of the variable, true and false unless told"),
    ("parents", "X,X", "add: the variables that its chances depend on"),
    ("table", "ROWS", "add: its chances, a row of numbers for each combination of the parents, rows parted by `;`"),
    ("head", "HASH", "check: the hash that the last entry must have"),
)

WORDS: dict[str, Word] = {
    "open": Word(_open, "BOOK TEXT (--depth B | --budget D)", 1, 1, ("channel", "depth", "budget")),
    "join": Word(_join, "BOOK TRADER CASH", 2, 2),
    "deposit": Word(_join, "BOOK TRADER AMOUNT", 2, 2),
    "withdraw": Word(_join, "BOOK TRADER AMOUNT", 2, 2),
    "price": Word(_price, "BOOK [EVENT ...]", 0, 1_000),
    "preview": Word(_preview, "BOOK TRADER EVENT (--shares N | --to P)", 2, 2, ("shares", "to", "watch")),
    "buy": Word(_trade, "BOOK TRADER EVENT SHARES", 3, 3),
    "sell": Word(_trade, "BOOK TRADER EVENT SHARES", 3, 3),
    "move": Word(_trade, "BOOK TRADER EVENT PRICE", 3, 3),
    "balance": Word(_trade, "BOOK TRADER EVENT", 2, 2),
    "limits": Word(_limits, "BOOK TRADER EVENT", 2, 2),
    "worth": Word(_worth, "BOOK [TRADER]", 0, 1, ("given",)),
    "resolve": Word(_resolve, "BOOK VARIABLE VALUE", 2, 2),
    "add": Word(_add, "BOOK VARIABLE", 1, 1, ("values", "parents", "table")),
    "undo": Word(_undo, "BOOK", 0, 0),
    "books": Word(_books, "BOOK", 0, 0),
    "log": Word(_log, "BOOK", 0, 0),
    "check": Word(_check, "BOOK", 0, 0, ("head",)),
}
