"""Several mistakes at once: a text that does not parse is cut into declarations, each parsed by itself.

A cut is made where a line begins with a word that begins declarations, followed by a name: at the left
margin always, further in only outside all brackets. Nowhere in a sound text do a keyword of that kind
and a name stand side by side otherwise, so a missing `}` costs its own declaration and no other. A line
outside all brackets that begins with two names, or with a definition, belongs nowhere and is cut off too.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from itertools import pairwise

from opengames.dsl.tokens import CLOSES, DECLARATIONS, KEYWORDS, brackets

_HEAD = re.compile(rf"^([ \t]*)({'|'.join(DECLARATIONS)})[ \t]+([A-Za-z_$€]\w*)", re.MULTILINE)

_STRAY = re.compile(r"^([A-Za-z_]\w*)[ \t]+([A-Za-z_]\w*|[=~])", re.MULTILINE)


def pieces(text: str) -> list[tuple[int, int]]:
    """Where each declaration begins and ends; the first piece holds what comes before all of them, if anything."""
    places: list[int] = []
    depths: list[int] = []
    depth = 0
    for sign, at in brackets(text):
        depth = depth + 1 if sign in CLOSES else max(0, depth - 1)
        places.append(at)
        depths.append(depth)
    cuts = []
    opened_before = 0
    for m in _HEAD.finditer(text):
        if m.group(3) in KEYWORDS and m.group(3) not in DECLARATIONS:
            continue
        i = bisect_right(places, m.start())
        inside = depths[i - 1] if i else 0
        if m.group(1) and inside > opened_before:
            continue
        cuts.append(m.start(2))
        opened_before = inside
    for m in _STRAY.finditer(text):
        i = bisect_right(places, m.start())
        if not (i and depths[i - 1]) and m.group(1) not in KEYWORDS and m.group(2) not in KEYWORDS:
            cuts.append(m.start())
    cuts.sort()
    found = list(pairwise([*cuts, len(text)]))
    first = cuts[0] if cuts else len(text)
    if re.sub(r"#[^\n]*", "", text[:first]).strip("\ufeff \t\r\n"):
        found.insert(0, (0, first))
    return found
