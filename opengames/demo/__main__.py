"""`python -m opengames.demo [--out FOLDER]`: the four parts of the main job, one after the other, in about two minutes."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from opengames.session import load


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 0 if every part did what it should, 1 if a textbook claim did not hold."""
    parser = argparse.ArgumentParser(prog="opengames.demo", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("demo"), help="where the pictures go (default: %(default)s)")
    parser.add_argument("--prosumers", type=int, default=10_000, help="in the reservation exchange (default: %(default)s)")
    parser.add_argument("--units", type=int, default=500, help="of time in the exchange (default: %(default)s)")
    parser.add_argument("--days", type=int, default=64, help="cleared in the five-bus market (default: %(default)s)")
    parser.add_argument("--point", default="hb_houston", help="settlement point of the battery (default: %(default)s)")
    chosen = parser.parse_args(arguments)
    chosen.out.mkdir(parents=True, exist_ok=True)
    begun = time.monotonic()
    battery(chosen.point, chosen.out)
    exchange(chosen.prosumers, chosen.units, chosen.out)
    clearing(chosen.days, chosen.out)
    failed = textbook(chosen.out)
    say("", f"Done in {time.monotonic() - begun:.0f} s. The pictures are in {chosen.out}/.")
    return 1 if failed else 0


def say(*lines: str) -> None:
    print("\n".join(lines), flush=True)


def heading(text: str) -> None:
    say("", text, "=" * len(text))


def battery(point: str, out: Path) -> None:
    """A battery on real prices."""
    from opengames.demo.battery import table, year
    from opengames.demo.pictures import year_picture
    from opengames.models.day_ahead import day_ahead

    heading("1. A battery on real prices")
    say(
        "A 100 MW / 400 MWh battery trades on ERCOT's day-ahead market, one settlement point, one hour at a time.",
        "The market is written in specs/battery_day.game. Each row is a strategy of that text, played on every",
        "hour of a year; the last row is the most that anybody could have made who knew every price (dynamic",
        "programming on the text's 5 MWh energy grid: 0.1 % below the optimum of a linear program). Risk is that of",
        "a day's profit: VaR and CVaR are the loss on the worst 5 % of days, Sharpe is annualised, drawdown is in $.",
    )
    for number in (2021, 2022):
        found = year(day_ahead(point, number))
        say("", f"{point.upper()}, {number}", *table(found))
        picture = year_picture(found, out / f"battery_{number}.png")
        say(f"picture: {picture}")
    say(
        "",
        "What to see: a plan made on yesterday's prices beats both rules by far, because the shape of a day repeats;",
        "in 2021 almost everything depends on one week (13-19 February, prices up to 8,995 $/MWh), which no rule saw coming.",
    )


def exchange(prosumers: int, units: int, out: Path) -> None:
    """The reservation exchange."""
    heading("2. The reservation exchange")
    say(
        f"{prosumers:,} prosumers trade reservations four units ahead, for {units:,} units, at random forward prices",
        "(specs/reservation.game). Each believes in its own switching chances and reserves where the price is below the",
        "loss times the chance of being at home. The text compiles to one JAX program.",
    )
    path = files("opengames.specs") / "reservation.game"
    small = load(str(path))
    begun = time.monotonic()
    found = load(str(path), N=prosumers, T=units).run("Exchange", under="threshold", runs=1, seed=1, keep=("mean",))
    spent = time.monotonic() - begun
    earned = float(found["mean"][0]) / units
    steps = prosumers * units * 4
    say(
        "",
        f"a prosumer earns {earned:.3f} $ per unit (in the long run, exactly: -5.372 $; the start costs less)",
        f"{steps:,} decisions in {spent:.1f} s, compilation included",
    )
    for claim in small.verify("threshold_is_best"):
        say(f"and the claim that this rule is best for its believer: {claim}")
    small.draw("Household").save(out / "household.svg")
    say(f"picture: {out / 'household.svg'}")


def clearing(days: int, out: Path) -> None:
    """The market that an operator clears."""
    from opengames.demo.clearing import QUOTES, busiest, model, pictures, play, table

    heading("3. A market that an operator clears")
    say(
        "Five buses, five units, a battery and a reserve product (specs/examples/06_ercot.game). The operator is a player",
        "of the text: in every hour it dispatches at the least cost that the rules of the network allow, and the prices of",
        "energy (LMP) and of reserve are the duals of those rules. The load is a made-up summer day with noise of 20 MW;",
        f"the battery's owner, who starts half full, plays two quotes on the same {days:,} days.",
    )
    found = model()
    begun = time.monotonic()
    played = [play(found, strategy, name, days) for strategy, name in QUOTES]
    spent = time.monotonic() - begun
    say("")
    for each in played:
        say(f"{each.name + ':':<40}{each.profit.mean():>8,.0f} $ a day, standard deviation {each.profit.std():,.0f} $")
    peak = busiest(played[-1])
    say("", f"A day of the second quote (prices in $/MWh; its busiest hour is {peak}):", *table(played[-1], (1, 4, 8, 10, 14, peak, 22)))
    say("", f"both in {spent:.1f} s, compilation included; what was solved for the second:")
    for line in played[-1].certificate:
        say(*(f"  {part}" for part in line.split("; ")))
    for picture in pictures(found, played[-1], out):
        say(f"picture: {picture}")
    say(
        "",
        "What to see: where the line from E to D is full, power costs 10 $/MWh at E and 39.94 at D, more than any unit that",
        "runs asks: one more megawatt at D takes some off at E and more at C. The first quote never fills up, and where it",
        "sells only part of what it could, it sets the price at D itself: 35.",
    )


def textbook(out: Path) -> int:
    """Every claim of the textbook; how many did not hold."""
    heading("4. The textbook")
    say("Every program of specs/textbook/ with its claims, each decided exactly, not by sampling.", "")
    failed = 0
    folder = files("opengames.specs") / "textbook"
    for path in sorted(Path(str(folder)).glob("*.game")):
        model = load(path)
        results = model.verify()
        held = sum(r.holds for r in results)
        failed += len(results) - held
        lines = model.program.doc.strip().splitlines()
        first = lines[0].rstrip(".") if lines else ""
        say(f"{path.stem:<22}{held}/{len(results)} claims hold   {first[:70]}")
        for each in results:
            if not each.holds:
                say(f"    {each}")
    entry = load(str(files("opengames.specs") / "examples" / "01_entry.game"))
    entry.draw("MarketEntry").save(out / "entry_diagram.svg")
    entry.draw("MarketEntry", tree=True).save(out / "entry_tree.svg")
    say("", f"pictures: {out / 'entry_diagram.svg'} (a string diagram), {out / 'entry_tree.svg'} (a game tree)")
    return failed


if __name__ == "__main__":
    sys.exit(main())
