"""The drawn reading: pictures are well formed, complete, legible, the same every time, and bounded."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import defaultdict
from fractions import Fraction
from itertools import combinations, pairwise
from pathlib import Path
from xml.etree import ElementTree

import builders_drawn as builders
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import opengames as og
from opengames.diagram import Arm, Branch, Call, Carry, Compute, Decide, Diagram, Draw, Loop, Port, Rule, Seat
from opengames.drawn import draw_diagram, draw_network, draw_tree, ink, page, save
from opengames.drawn.diagrams import picture_diagram
from opengames.drawn.ink import Line, Picture, Rect, Shape
from opengames.drawn.layers import pool
from opengames.drawn.measure import fit, width, wrap
from opengames.drawn.network import picture_network
from opengames.drawn.trees import picture_tree
from opengames.drawn.words import Context, words
from opengames.spaces import REAL, Bool, Enum, Grid
from opengames.spans import Span
from opengames.terms import Apply, At, Const, Fold, Get, If, Prim, Select, Uniform, Var, Weighted
from opengames.tree import Decision, Leaf

SVG = "{http://www.w3.org/2000/svg}"
PICTURES = {name: (lambda make=make: picture_diagram(make())) for name, make in builders.ALL.items()}
PICTURES |= {f"{n} all open": (lambda m=m: picture_diagram(m(), open_boxes=200)) for n, m in builders.ALL.items()}
PICTURES |= {f"{n} folded": (lambda m=m: picture_diagram(m(), open_boxes=0)) for n, m in builders.ALL.items()}
PICTURES |= {name: (lambda make=make: picture_tree(make())) for name, make in builders.TREES.items()}
PICTURES["wide tree"] = lambda: picture_tree(builders.deep_tree(4))
PICTURES["folded tree"] = lambda: picture_tree(builders.deep_tree(9, 8))
PICTURES["event network"] = lambda: picture_network(builders.events())
PICTURES["clearing network"] = lambda: picture_network(builders.sced())
#: Fills of boxes whose own arrows and stubs lie inside them.
HOLLOW = {ink.CALL[0], ink.LOOP[0], ink.BRANCH[0], ink.FOLDED[0]}


def texts(svg: str) -> list[str]:
    return [e.text or "" for e in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def boxes(picture: Picture) -> list[Shape]:
    return [s for s in picture.shapes() if s.path]


def samples(line: Line) -> list[tuple[float, float]]:
    """Points along a stroke, Bezier pieces included."""
    found, here = [line.start], line.start
    for piece in line.pieces:
        a, b, c = (here, here, piece[0]) if len(piece) == 1 else piece
        curve = (here, here, c, c) if len(piece) == 1 else (here, a, b, c)
        for k in range(1, 25):
            t = k / 24
            w = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3)
            found.append((sum(x * p[0] for x, p in zip(w, curve, strict=True)), sum(x * p[1] for x, p in zip(w, curve, strict=True))))
        here = c
    return found


def assert_legible(picture: Picture) -> None:
    """Nothing lies over anything else, and every text stays where it belongs."""
    groups: dict[tuple[str, ...], list[Shape]] = defaultdict(list)
    for shape in boxes(picture):
        groups[shape.path[:-1]].append(shape)
    for siblings in groups.values():
        for a, b in combinations(siblings, 2):
            assert not a.rect.overlaps(b.rect), (a.path, b.path)
    by_path = {s.path: s for s in boxes(picture)}
    for shape in boxes(picture):
        parent = by_path.get(shape.path[:-1])
        assert parent is None or parent.rect.contains(shape.rect, 0.5), shape.path
    sheet = Rect(0, 0, picture.w, picture.h)
    for text in picture.texts():
        assert sheet.contains(text.rect, 0.5), text
        assert text.room is None or text.room.contains(text.rect, 0.5), text
    for a, b in combinations(picture.texts(), 2):
        assert not a.rect.overlaps(b.rect, 0.75), (a.text, b.text)
    full = {s.path[:n] for s in boxes(picture) for n in range(len(s.path))}
    inner = [s for s in boxes(picture) if s.path not in full]
    for text in picture.texts():
        for shape in inner:
            if shape.form != "bare" and not shape.rect.contains(text.rect, 0.5):
                assert shape.form == "diamond" or not shape.rect.overlaps(text.rect, 1.0), (text.text, shape.path)


def assert_wires_avoid_boxes(picture: Picture) -> None:
    full = {s.path[:n] for s in boxes(picture) for n in range(len(s.path))}
    solid = [s for s in boxes(picture) if s.form in ("box", "pill") and s.path not in full]
    for line in picture.marks:
        if not isinstance(line, Line):
            continue
        points = samples(line)
        for shape in solid:
            r = shape.rect
            within = [r.x + 4 < x < r.x + r.w - 4 and r.y + 2 < y < r.y + r.h - 2 for x, y in points]
            ornament = shape.fill in HOLLOW and all(r.contains(Rect(x, y, 0, 0), 0.1) for x, y in points)
            assert not any(within) or ornament, (line, shape)


# ----------------------------------------------------------------- every picture


@pytest.mark.parametrize("name", PICTURES)
def test_nothing_lies_over_anything_else(name):
    assert_legible(PICTURES[name]())


@pytest.mark.parametrize("name", [n for n in PICTURES if "folded" not in n and "tree" not in n])
def test_wires_go_round_boxes(name):
    assert_wires_avoid_boxes(PICTURES[name]())


@pytest.mark.parametrize("name", [n for n in PICTURES if "tree" not in n and "network" not in n])
def test_no_frame_is_painted_over_a_wire(name):
    picture = PICTURES[name]()
    full = {s.path[:n] for s in boxes(picture) for n in range(len(s.path))}
    drawn: list[tuple[float, float]] = []
    for mark in picture.marks:
        if isinstance(mark, Line):
            drawn += samples(mark)
        elif isinstance(mark, Shape) and mark.path in full:
            r = mark.rect
            assert not [p for p in drawn if r.x + 4 < p[0] < r.x + r.w - 4 and r.y + 4 < p[1] < r.y + r.h - 4], mark


@pytest.mark.parametrize("name", builders.ALL)
def test_a_picture_is_well_formed_and_accessible(name):
    root = ElementTree.fromstring(draw_diagram(builders.ALL[name](), title="A <title> & more"))
    assert root.tag == f"{SVG}svg"
    assert root.find(f"{SVG}title").text == "A <title> & more"
    assert "read from left to right" in root.find(f"{SVG}desc").text
    x, y, w, h = (float(part) for part in root.get("viewBox").split())
    assert (x, y) == (0, 0)
    assert w > 100
    assert h > 100


def test_the_reader_of_a_broken_layout_sees_it():
    """The legibility check itself can fail."""
    two = Picture(99, 99, "", "", (Shape(Rect(0, 0, 9, 9), path=("a",)), Shape(Rect(5, 5, 9, 9), path=("b",))))
    with pytest.raises(AssertionError):
        assert_legible(two)


# ------------------------------------------------------------------ what is shown


def test_dilemma_shows_both_players_their_moves_and_payoffs():
    shown = texts(draw_diagram(builders.dilemma()))
    assert {"row", "column", "a: Move", "b: Move", "payoff(a, b)", "payoff(b, a)"} <= set(shown)
    assert shown.count("earns") == 2


def test_backward_wires_are_dashed_and_one_for_each_earning():
    root = ElementTree.fromstring(draw_diagram(builders.dilemma()))
    dashed = [e for e in root.iter(f"{SVG}path") if e.get("stroke-dasharray")]
    turned = [e for e in dashed if "C" in e.get("d")]
    assert len(turned) >= 2


def test_fields_are_called_by_name_where_the_funs_are_known():
    assert "profit(entry, reply).entrant" in texts(draw_diagram(builders.entry(), funs=builders.ENTRY_FUNS))
    assert "profit(entry, reply).1" in texts(draw_diagram(builders.entry()))


def test_wires_of_all_lanes_meet_at_the_wire_that_leaves():
    picture = picture_diagram(builders.three_lanes())
    lanes = [s.rect for s in boxes(picture) if s.path[-1].startswith("arm")]
    curves = [m for m in picture.marks if isinstance(m, Line) and any(len(p) == 3 for p in m.pieces)]
    ends = [m.pieces[-1][-1] for m in curves if any(r.contains(Rect(*m.start, 0, 0)) for r in lanes)]
    assert len(lanes) == 3
    assert max(ends.count(e) for e in ends) == 3


def test_names_are_those_of_the_author():
    index = (("j#1", Grid(tuple(map(Fraction, (1, 2, 3))))),)
    assert words(Fold("sum", index, At(Var("cost"), (Var("j#1"),), (index[0][1],)))) == "sum(cost)"
    assert words(Fold("max", index, Prim("*", (Const(Fraction(2)), Var("j#1"))))) == "max(2 * j for j in 1..3)"
    assert words(Var("bid'")) == "bid"


def test_a_match_says_what_it_goes_by_and_what_it_gives():
    answer = Enum("Answer", ("Drop", "Stay"))
    chosen = Select((Var("answer"),), (answer,), (Const(Fraction(-3)), Apply("show", (Var("a"), Var("b")))))
    assert words(chosen) == "by answer: -3 | show(a, b)"
    assert words(Prim("+", (chosen, Const(Fraction(1))))) == "(by answer: -3 | show(a, b)) + 1"


def test_a_lane_of_a_condition_has_it_in_brackets():
    w = Port("w", REAL)
    body = Diagram("", outputs=(w,), boxes=(Compute(w, Const(Fraction(1))),))
    arm = Arm("t == 1 or t == 3=true", (True,), body)
    other = Arm("t == 1 or t == 3=false", (False,), body)
    branch = Branch("t == 1 or t == 3", "odd", (arm, other), (), (w,), ((), ()))
    shown = texts(draw_diagram(Diagram("G", inputs=(Port("odd", Bool()),), boxes=(branch,)), open_boxes=9))
    assert "(t == 1 or t == 3) = true" in shown


def test_small_calls_are_drawn_open_with_their_ports():
    shown = texts(draw_diagram(builders.auction()))
    assert {"Bidder[ann]", "Bidder[bob]", "ann", "bob", "value", "gain", "bid_ann", "bid_bob", "worth_ann ~"} <= set(shown)


def test_folded_calls_say_what_they_hold():
    shown = texts(draw_diagram(builders.auction(), open_boxes=0))
    assert "1 box inside, 1 decision" in shown
    assert "ann" not in shown


def test_a_loop_shows_its_range_and_its_carried_wire():
    shown = texts(draw_diagram(builders.battery()))
    assert {"for t in 1..288", "now", "first capacity / 2", "wish = wish[t]"} <= set(shown)


def test_a_folded_loop_still_says_what_it_carries():
    shown = texts(draw_diagram(builders.household(), open_boxes=0))
    assert "carries home, asp, held" in shown
    assert "15 boxes inside, 1 decision, 2 draws" in shown


def test_a_branch_has_a_lane_for_each_arm():
    picture = picture_diagram(builders.poker())
    assert {"bet=Raise", "bet=Check", "by the value of bet"} <= {t.text for t in picture.texts()}
    assert sum(s.path[-1].startswith("arm") for s in boxes(picture)) == 2


def test_a_folded_branch_takes_each_wire_once():
    shown = texts(draw_diagram(builders.poker(), open_boxes=0))
    assert shown.count("mine") == shown.count("yours") == 1


def test_rules_stand_beneath_the_decision_and_fold_after_four():
    shown = texts(draw_diagram(builders.sced()))
    assert "thermal[l]: abs(flow[l]) <= limit" in shown
    assert "… and 2 more rules" in shown
    assert "dual balance" in shown


def test_unused_wires_end_in_a_bar():
    lone = Diagram("lone", boxes=(Draw(Port("x", REAL), Uniform(builders.MOVE)),))
    used = Diagram("used", outputs=(Port("x", REAL),), boxes=lone.boxes)
    assert "discarded" in texts(draw_diagram(lone))
    assert "discarded" not in texts(draw_diagram(used))


@pytest.mark.parametrize("name", builders.ALL)
def test_every_wire_and_player_of_the_outer_level_is_named(name):
    diagram = builders.ALL[name]()
    shown = " ".join(texts(draw_diagram(diagram)))
    for box in diagram.boxes:
        names = {
            Compute: lambda b: [] if b.hidden else [b.out.name],
            Draw: lambda b: [b.out.name],
            Decide: lambda b: [b.seat.name, *(p.name for p in b.outs)],
            Call: lambda b: [b.diagram.name],
            Loop: lambda b: [f"for {b.iters[0][0]} in"],
            Branch: lambda b: [arm.label for arm in b.arms],
        }[type(box)](box)
        for each in names:
            assert each in shown
    for port in (*diagram.inputs, *diagram.outputs):
        assert f"{port.name}: " in shown


def test_network_shows_dependence_and_no_more():
    svg = draw_network(builders.events())
    assert "scarce depends on load, wind" in ElementTree.fromstring(svg).find(f"{SVG}desc").text
    assert {"load", "wind", "outage", "binds", "scarce"} <= set(texts(svg))
    assert "5 wires, 4 dependencies" in texts(svg)


# -------------------------------------------------------------------------- trees


def test_tree_names_players_moves_and_payoffs():
    shown = texts(draw_tree(builders.entry_tree(), title="Entry"))
    assert {"entrant", "incumbent", "Enter", "Fight", "entrant -10", "incumbent 100", "4 plays"} <= set(shown)


def test_information_sets_are_linked_and_perfect_information_is_not():
    assert "cannot be told apart" in texts(draw_tree(builders.dilemma_tree()))
    assert "cannot be told apart" not in texts(draw_tree(builders.entry_tree()))


def test_kuhn_poker_links_its_twelve_information_sets():
    picture = picture_tree(builders.kuhn_tree())
    dashed = [m for m in picture.marks if isinstance(m, Line) and m.dash]
    assert len(dashed) == 12 + 1  # one link for each set of two nodes, one sample in the legend
    assert "30 plays" in {t.text for t in picture.texts()}


def test_chances_are_exact():
    shown = texts(draw_tree(builders.kuhn_tree()))
    assert "Jack · 1/3" in shown
    assert "King · 1/2" in shown


def test_a_large_tree_is_folded_and_says_so():
    svg = draw_tree(builders.deep_tree(60))
    shown = texts(svg)
    assert any("folded into" in t and "over a billion plays" in t for t in shown)
    assert any(t.startswith("… ") and t.endswith("folded") for t in shown)
    assert len(svg) < 400_000


def test_a_small_tree_is_not_folded():
    assert not any("folded" in t for t in texts(draw_tree(builders.kuhn_tree())))


# ------------------------------------------------------------------------- bounds


def test_a_diagram_of_thousands_of_boxes_folds_and_counts_them():
    chain = [Compute(Port("x0", REAL), Const(Fraction(1)))]
    chain += [Compute(Port(f"x{i}", REAL), Prim("+", (Var(f"x{i - 1}"), Var("x0")))) for i in range(1, 5000)]
    long = Diagram("long", (), (Port("x4999", REAL),), tuple(chain))
    assert "… 4,940 more boxes folded" in texts(draw_diagram(long, open_boxes=0))
    svg = draw_diagram(long)
    assert picture_diagram(long).w < 4000
    assert any(t.endswith("more boxes folded") for t in texts(svg))
    assert "x4999: real" in texts(svg)
    assert len(svg) < 300_000


def test_deep_nesting_and_shared_calls_stay_small():
    inner = Diagram("d0", (), (Port("x", REAL),), (Draw(Port("x", REAL), Uniform(builders.MOVE)),))
    for i in range(1, 60):
        calls = tuple(Call(w, inner, (), (w,)) for w in ("x", "y"))
        inner = Diagram(f"d{i}", (), (Port("x", REAL),), calls)
    svg = draw_diagram(inner)
    assert len(svg) < 300_000
    assert any("boxes inside" in t for t in texts(svg))


def test_hundreds_of_ports_and_dense_wires_stay_bounded():
    ports = tuple(Port(f"p{i}", REAL) for i in range(400))
    total = Const(Fraction(0))
    boxes = []
    for i, p in enumerate(ports[:80]):
        total = Prim("+", (total, Var(p.name)))
        boxes.append(Compute(Port(f"s{i}", REAL), total))
    svg = draw_diagram(Diagram("dense", ports, (Port("s79", REAL),), tuple(boxes)))
    assert len(svg) < 1_500_000


def test_a_very_deep_term_is_cut():
    term = Var("x")
    for _ in range(400):
        term = Prim("+", (Var("y"), Prim("neg", (term,))))
    assert len(words(term, 80)) <= 80


def test_long_names_are_cut_to_fit():
    long = "a_very_long_name_" * 40
    moves = Enum(long, tuple(f"{long}{i}" for i in range(3)))
    diagram = Diagram(
        long,
        (Port("in_" + long, moves),),
        (Port(long, moves),),
        (
            Decide(
                (Port(long, moves),),
                Seat(long),
                ("in_" + long,),
                "pay" + long,
                (Rule(long, (), Prim("==", (Var(long), Var(long)))),),
            ),
            Compute(Port("pay" + long, REAL), Prim("ind", (Prim("==", (Var(long), Const(long + "0"))),))),
        ),
    )
    picture = picture_diagram(diagram)
    assert_legible(picture)
    assert picture.w < 2500


# ---------------------------------------------------------------- escaping, files


def test_every_text_of_a_model_is_escaped():
    nasty = "<b>&\"'\x00\x0b]]>"
    diagram = Diagram(nasty, (Port(nasty, REAL),), (Port("y", REAL),), (Compute(Port("y", REAL), Var(nasty)),))
    svg = draw_diagram(diagram)
    ElementTree.fromstring(svg)
    assert "<b>" not in svg
    leaf = Leaf((((nasty, ()), Fraction(1)),))
    ElementTree.fromstring(draw_tree(Decision("p", (), (nasty, ()), (), ((nasty, leaf),)), title=nasty))
    ElementTree.fromstring(draw_network(diagram, title=nasty))


def test_pictures_are_the_same_whatever_the_hash_seed():
    code = (
        "import builders_drawn as b, hashlib; from opengames.drawn import draw_diagram, draw_tree, draw_network\n"
        "text = ''.join(draw_diagram(m()) for m in b.ALL.values()) + draw_tree(b.kuhn_tree()) + draw_network(b.sced())\n"
        "print(hashlib.sha256(text.encode()).hexdigest())"
    )
    here = str(Path(__file__).parent)
    prints = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": here},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(prints) == 1


def test_drawing_loads_no_heavy_library():
    code = "import sys, opengames.drawn; print([m for m in ('numpy', 'jax', 'scipy', 'matplotlib', 'lark') if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"


def test_save_writes_what_it_was_given_and_minds_the_ending(tmp_path):
    svg = draw_diagram(builders.dilemma())
    assert save(svg, tmp_path / "d.svg").read_text(encoding="utf-8") == svg
    with pytest.raises(ValueError, match=r"ending in `\.svg`, not to `d\.png`"):
        save(svg, tmp_path / "d.png")
    html = page({"one & only": svg}, "All <pictures>")
    assert "All &lt;pictures&gt;" in html
    assert "one &amp; only" in html
    assert save(html, tmp_path / "d.html").exists()


# ------------------------------------------------------------------ words, widths


@pytest.mark.parametrize(
    ("term", "text"),
    [
        (Prim("-", (Var("a"), Prim("-", (Var("b"), Var("c"))))), "a - (b - c)"),
        (Prim("-", (Prim("-", (Var("a"), Var("b"))), Var("c"))), "a - b - c"),
        (Prim("^", (Prim("neg", (Var("a"),)), Const(Fraction(2)))), "(-a)^2"),
        (Prim("not", (Prim("and", (Var("a"), Var("b"))),)), "not (a and b)"),
        (Prim("*", (If(Var("t"), Var("a"), Var("b")), Var("c"))), "(if t then a else b) * c"),
        (Weighted(((Const(True), Const(Fraction(1, 5))), (Const(False), Const(Fraction(4, 5))))), "bernoulli(0.2)"),
        (Weighted(((Const("Low"), Const(Fraction(3, 5))), (Const("High"), Const(Fraction(2, 5))))), "{Low: 60%, High: 40%}"),
        (Get(Var("quote"), 1), "quote.offer"),
        (Prim("/", (Var("a"), Const(Fraction(1, 3)))), "a / (1/3)"),
    ],
)
def test_terms_read_as_written(term, text):
    assert words(term, 200, Context({"quote": builders.QUOTE})) == text


@given(st.text(max_size=60), st.floats(20, 300))
def test_cut_texts_fit(text, room):
    assert width(fit(text, room, 11), 11) <= room
    assert all(width(row, 11) <= room for row in wrap(text, room, 11, 3))
    assert len(wrap(text, room, 11, 3)) <= 3


@given(st.lists(st.tuples(st.floats(-50, 50), st.floats(0.1, 5)), max_size=12))
def test_pooling_is_the_nearest_nondecreasing_sequence(wishes):
    found = pool(wishes)
    assert all(a <= b + 1e-9 for a, b in pairwise(found))
    # weighted residuals cancel on every stretch of equal values, which characterises the projection
    start = 0
    for i in range(1, len(found) + 1):
        if i == len(found) or abs(found[i] - found[start]) > 1e-9:
            assert abs(sum(w * (y - x) for (y, w), x in zip(wishes[start:i], found[start:i], strict=True))) < 1e-6
            start = i


# ---------------------------------------------------------------- random diagrams


@st.composite
def diagrams(draw, depth: int = 2, inputs: tuple[str, ...] = ("u", "w"), expects: tuple[str, ...] = ()) -> Diagram:
    """Small diagrams with every kind of box, wired at random."""
    wires = list(inputs)
    boxes: list = []
    hour = Grid((Fraction(1), Fraction(2)))
    count = draw(st.integers(0, 5))

    def some(most: int) -> tuple[str, ...]:
        return tuple(draw(st.lists(st.sampled_from(wires), max_size=most, unique=True))) if wires else ()

    later = [f"x{depth}_{i}" for i in range(count)]
    for _i, name in enumerate(later):
        kind = draw(st.sampled_from("CHRDKLB" if depth else "CHRD"))
        if kind in "CHR":
            term = Prim("+", tuple(Var(w) for w in some(3)) or (Const(Fraction(1)),))
            box = Draw(Port(name, REAL), Uniform(hour)) if kind == "R" else Compute(Port(name, REAL), term, kind == "H")
        elif kind == "D":
            plain = [n for n in later if n != name] + list(expects) + list(inputs)
            earning = draw(st.sampled_from(plain)) if plain else name
            box = Decide((Port(name, REAL), Port(name + "b", hour)), Seat("ann"), some(3), earning)
        elif kind == "K":
            args = some(2)
            inner = draw(diagrams(depth - 1, tuple(f"i{k}" for k in range(len(args))), ("back",)))
            outs = (name, *tuple(f"{name}_{k}" for k in range(1, len(inner.outputs))))
            paying = draw(st.sampled_from(later))
            box = Call(name, inner, args, outs[: len(inner.outputs)], (paying,))
        elif kind == "L":
            captured, first = some(2), some(1)
            start = first[0] if first else (wires[0] if wires else None)
            inside = ("t", *(("carried",) if start else ()), *captured)
            body = draw(diagrams(depth - 1, inside))
            carry = (Carry("carried", REAL, start, body.outputs[0].name),) if start and body.outputs else ()
            box = Loop(name, (("t", hour),), body, captured, carry, ((name, body.outputs[0].name),) if body.outputs else ())
        else:
            if not wires:
                continue
            captured = some(2)
            arms = tuple(Arm(f"c={k}", (k,), draw(diagrams(depth - 1, captured))) for k in range(2))
            shared = all(arm.body.outputs for arm in arms)
            bodies = [
                Diagram(a.body.name, a.body.inputs, (Port(name, REAL),), (*a.body.boxes, Compute(Port(name, REAL), Var(a.body.outputs[0].name))))
                if shared
                else Diagram(a.body.name, a.body.inputs, (), a.body.boxes)
                for a in arms
            ]
            arms = tuple(Arm(a.label, a.values, b) for a, b in zip(arms, bodies, strict=True))
            box = Branch(name, wires[-1], arms, captured, (Port(name, REAL),) if shared else (), ((), ()))
        boxes.append(box)
        made = box.outs if isinstance(box, (Call, Decide)) else ()
        if isinstance(box, Decide):
            wires += [p.name for p in made]
        elif isinstance(box, Call):
            wires += list(made)
        elif isinstance(box, (Loop, Branch)):
            wires += [name] if box.outs else []
        else:
            wires.append(name)
    outs = tuple(Port(w, REAL) for w in dict.fromkeys(some(2)))
    return Diagram(
        f"d{depth}", tuple(Port(w, REAL) for w in inputs), outs, tuple(boxes), tuple(Port(e, REAL) for e in expects)
    )


@settings(max_examples=40, deadline=None)
@given(diagrams())
def test_any_diagram_is_drawn_legibly(diagram):
    ElementTree.fromstring(draw_diagram(diagram))
    picture = picture_diagram(diagram, open_boxes=60)
    assert_legible(picture)
    assert_wires_avoid_boxes(picture)


@settings(max_examples=30, deadline=None)
@given(diagrams())
def test_any_network_is_drawn_legibly(diagram):
    assert_legible(picture_network(diagram))


QUANTITIES = """use std.energy: MW, MWh, min
type Power = 0..100 step 10 MW
player seller
fun cost(p: Power) -> real $ = p * 3 $/MWh * 2 h
game Sell {
    decide p: Power by seller earning if p > 25 MW then 1.5 $ else -4 $
    stored = p * 15 min + 0.5 MWh
    half = 1/2 + 3
}
"""


def test_quantities_in_boxes_keep_the_units_that_they_were_written_with():
    shown = texts(og.loads(QUANTITIES)["Sell"].draw().svg)
    shown = " ".join(shown)
    assert all(words in shown for words in ("p * 15 min + 0.5 MWh", "if p > 25 MW then 1.5 $ else -4 $"))


def test_a_number_that_no_text_has_is_drawn_bare():
    term = Prim("+", (Var("x"), Const(Fraction(5, 2), at=Span("gone.game", 0, 7, 1, 1))))
    assert words(term) == "x + 2.5"
    assert words(term, context=Context(sources={"gone.game": "2.5 MWh"})) == "x + 2.5 MWh"
    assert words(term, context=Context(sources={"gone.game": "let it"})) == "x + 2.5"
