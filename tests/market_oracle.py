"""The slow, obvious market: one number for every world. What the factored one says is compared with it."""

from __future__ import annotations

from itertools import product
from math import exp, inf, log

from opengames.solvers.market.events import AtLeast, Compares, Is, Not, Truth, holds


class Worlds:
    """chance: of each world; gains: of each trader in each world, and of the maker, in $; cash put in apart."""

    def __init__(self, values, factors, depth):
        self.values, self.depth = dict(values), depth
        self.names = list(values)
        self.worlds = [dict(zip(values, w, strict=True)) for w in product(*values.values())]
        weights = [1.0] * len(self.worlds)
        for names, table in factors:
            for i, w in enumerate(self.worlds):
                cell = table
                for n in names:
                    cell = cell[values[n].index(w[n])]
                weights[i] *= cell
        total = sum(weights)
        self.chance = [x / total for x in weights]
        self.opening = list(self.chance)
        self.cash, self.gains = {}, {}

    def possible(self):
        return [i for i, p in enumerate(self.chance) if p > 0]

    def where(self, event):
        return [i for i, w in enumerate(self.worlds) if event is None or holds(event, w)]

    def mass(self, event, given=None):
        inside = set(self.where(given))
        return sum(self.chance[i] for i in self.where(event) if i in inside)

    def price(self, event, given=None):
        return self.mass(event, given) / self.mass(None, given)

    def join(self, name, cash):
        self.cash[name] = cash
        self.gains[name] = [0.0] * len(self.worlds)

    def shares_to(self, event, given, to):
        p = self.price(event, given)
        return self.depth * (log(to / (1 - to)) - log(p / (1 - p)))

    def buy(self, name, event, given, shares):
        p, b = self.price(event, given), self.depth
        cost = b * log(p * exp(shares / b) + 1 - p)
        for i in self.where(given):
            gain = (shares if holds(event, self.worlds[i]) else 0.0) - cost
            self.gains[name][i] += gain
            self.chance[i] *= exp(gain / b)
        return cost

    def assets(self, name):
        return [self.cash[name] + g for g in self.gains[name]]

    def worth(self, name, given=None):
        inside = [i for i in self.where(given) if self.chance[i] > 0]
        assets = self.assets(name)
        mean = sum(self.chance[i] * assets[i] for i in inside) / sum(self.chance[i] for i in inside)
        return min(assets[i] for i in inside), mean, max(assets[i] for i in inside)

    def worst(self, name, event, given):
        assets = self.assets(name)
        worst = {True: inf, False: inf}
        for i in self.where(given):
            if self.chance[i] > 0:
                happens = holds(event, self.worlds[i])
                worst[happens] = min(worst[happens], assets[i])
        return worst

    def limits(self, name, event, given):
        p, b, worst = self.price(event, given), self.depth, self.worst(name, event, given)
        return p * exp(-worst[True] / b), 1 - (1 - p) * exp(-worst[False] / b)

    def add(self, name, values, given, table):
        old = list(zip(self.worlds, self.chance, self.opening, *self.gains.values(), strict=True))
        self.values[name] = tuple(values)
        self.worlds, self.chance, self.opening = [], [], []
        traders = list(self.gains)
        self.gains = {n: [] for n in traders}
        for world, chance, opening, *gains in old:
            cell = table
            for n in given:
                cell = cell[self.values[n].index(world[n])]
            for v, c in zip(values, cell, strict=True):
                self.worlds.append({**world, name: v})
                self.chance.append(chance * c)
                self.opening.append(opening * c)
                for n, g in zip(traders, gains, strict=True):
                    self.gains[n].append(g)

    def resolve(self, name, value):
        """What cannot happen any more has chance zero; nothing is left out, so that assets stay comparable."""
        self.chance = [p if w[name] == value else 0.0 for p, w in zip(self.chance, self.worlds, strict=True)]
        total = sum(self.chance)
        self.chance = [p / total for p in self.chance]

    def least_chance(self):
        return min(self.opening[i] for i in self.possible())


def random_market(rng, most=5):
    """Variables with values, and factors of a random network on them; some chances are zero."""
    count = rng.randint(2, most)
    values = {}
    for k in range(count):
        kind = rng.choice(["bool", "bool", "label", "number"])
        values[f"v{k}"] = {"bool": (False, True), "label": ("Lo", "Mid", "Hi"), "number": (0, 1, 2)}[kind]
    names = list(values)
    factors = []
    for k, name in enumerate(names):
        parents = rng.sample(names[:k], min(k, rng.choice([0, 1, 1, 2])))
        factors.append(((*parents, name), table(rng, [len(values[p]) for p in parents], len(values[name]))))
    return values, factors


def table(rng, shape, width):
    if shape:
        return [table(rng, shape[1:], width) for _ in range(shape[0])]
    weights = [rng.choice([0, 1, 1, 2, 5, 9]) + 0.0 for _ in range(width)]
    if not any(weights):
        weights[0] = 1.0
    return [w / sum(weights) for w in weights]


def random_event(rng, values, deep=2):
    """A formula; atoms over one variable at the leaves."""
    kind = rng.choice(["atom", "not", "any", "all", "count", "truth"]) if deep else "atom"
    if kind == "atom":
        name = rng.choice(list(values))
        if values[name] == (0, 1, 2) and rng.random() < 0.5:
            return Compares(name, rng.choice(["<", "<=", ">", ">="]), rng.choice([0, 1, 2]))
        return Is(name, tuple(rng.sample(values[name], rng.randint(1, len(values[name]) - 1))))
    if kind == "not":
        return Not(random_event(rng, values, deep - 1))
    if kind == "truth":
        names = rng.sample(list(values), min(2, len(values)))
        rows = list(product(*(values[n] for n in names)))
        return Truth(tuple(names), tuple(rng.sample(rows, rng.randint(1, len(rows) - 1))))
    parts = tuple(random_event(rng, values, deep - 1) for _ in range(rng.randint(2, 4)))
    count = {"any": 1, "all": len(parts), "count": rng.randint(1, len(parts))}[kind]
    return AtLeast(count, parts)
