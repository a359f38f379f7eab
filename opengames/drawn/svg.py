"""Pictures written down: SVG text, files, and a page that shows several.

Every text of a model is escaped, characters that XML has no place for are replaced, and numbers are
rounded to hundredths, so that one picture is always the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import hypot
from os import PathLike
from pathlib import Path

from opengames.drawn.ink import Dot, Line, Mark, Picture, Rect, Shape, Text

FONTS = "'Inter','Segoe UI','Helvetica Neue',Arial,'DejaVu Sans',sans-serif"

_HEAD = 7.0


def svg(picture: Picture) -> str:
    """The picture as a self-contained SVG document with a title, a description and a `viewBox`."""
    w, h = _n(picture.w), _n(picture.h)
    body = "\n".join(part for mark in picture.marks for part in _mark(mark))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {w} {h}" width="{w}" height="{h}" role="img" '
        f'font-family="{FONTS}">\n<title>{escape(picture.title)}</title>\n<desc>{escape(picture.desc)}</desc>\n'
        f'<rect width="{w}" height="{h}" fill="#FFFFFF"/>\n{body}\n</svg>\n'
    )


def escape(text: str) -> str:
    """`text` as XML character data, safe in attributes too."""
    clean = "".join(c if _allowed(c) else "\ufffd" for c in text)
    for plain, coded in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"), ("'", "&#39;")):
        clean = clean.replace(plain, coded)
    return clean


def save(drawing: str, path: str | PathLike[str]) -> Path:
    """Write an SVG (or a page) to `path` and return the path. The name must end in `.svg` (or `.html` for a page)."""
    target = Path(path)
    expected = ".svg" if drawing.lstrip().startswith("<svg") else ".html"
    if target.suffix.lower() != expected:
        raise ValueError(f"this drawing is written to a file ending in `{expected}`, not to `{target.name}`")
    target.write_text(drawing, encoding="utf-8")
    return target


def page(drawings: Mapping[str, str] | Iterable[str], title: str) -> str:
    """A self-contained HTML page of SVG drawings, in order; with a mapping each has its heading."""
    named = drawings.items() if isinstance(drawings, Mapping) else (("", each) for each in drawings)
    parts = []
    for name, drawing in named:
        heading = f"<h2>{escape(name)}</h2>" if name else ""
        parts.append(f"<section>{heading}<figure>{drawing.strip()}</figure></section>")
    style = (
        f"body{{margin:2rem auto;max-width:1400px;padding:0 1.5rem;font-family:{FONTS};color:#1F2933;"
        "background:#F5F7FA}h1{font-size:1.6rem}h2{font-size:1.15rem}section{margin:0 0 2rem}"
        "figure{margin:0;background:#fff;border:1px solid #CBD2D9;border-radius:10px;overflow-x:auto;padding:.5rem}"
        "svg{max-width:100%;height:auto;display:block;margin:auto}"
    )
    body = "\n".join(parts)
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{escape(title)}</title>\n'
        f"<style>{style}</style>\n</head>\n<body>\n<h1>{escape(title)}</h1>\n{body}\n</body>\n</html>\n"
    )


def _allowed(c: str) -> bool:
    return c in "\t\n\r" or "\x20" <= c <= "\ud7ff" or "\ue000" <= c <= "\ufffd" or c >= "\U00010000"


def _mark(mark: Mark) -> Iterable[str]:
    match mark:
        case Shape():
            return _shape(mark)
        case Text():
            return (_text(mark),)
        case Line():
            return _line(mark)
        case Dot(x=x, y=y, r=r, fill=fill):
            return (f'<circle cx="{_n(x)}" cy="{_n(y)}" r="{_n(r)}" fill="{fill}"/>',)
    raise TypeError(f"not a mark: {mark!r}")


def _shape(s: Shape) -> Iterable[str]:
    if s.form == "bare":
        return ()
    paint = f'fill="{s.fill}" stroke="{s.stroke}" stroke-width="{_n(s.thick)}"' + _dash(s.dash)
    r: Rect = s.rect
    if s.form == "diamond":
        x, y = r.x + r.w / 2, r.y + r.h / 2
        corners = ((r.x, y), (x, r.y), (r.x + r.w, y), (x, r.y + r.h))
        points = " ".join(f"{_n(x)},{_n(y)}" for x, y in corners)
        return (f'<polygon points="{points}" stroke-linejoin="round" {paint}/>',)
    radius = r.h / 2 if s.form == "pill" else s.radius
    return (
        f'<rect x="{_n(r.x)}" y="{_n(r.y)}" width="{_n(r.w)}" height="{_n(r.h)}" rx="{_n(radius)}" {paint}/>',
    )


def _text(t: Text) -> str:
    more = (' font-weight="600"' if t.bold else "") + (' font-style="italic"' if t.italic else "")
    anchor = "" if t.anchor == "start" else f' text-anchor="{t.anchor}"'
    return (
        f'<text x="{_n(t.x)}" y="{_n(t.y)}" font-size="{_n(t.size)}" fill="{t.fill}"{anchor}{more}'
        f' xml:space="preserve">{escape(t.text)}</text>'
    )


def _line(line: Line) -> Iterable[str]:
    d = [f"M{_n(line.start[0])} {_n(line.start[1])}"]
    for piece in line.pieces:
        d.append(("L" if len(piece) == 1 else "C") + " ".join(f"{_n(x)} {_n(y)}" for x, y in piece))
    yield (
        f'<path d="{"".join(d)}" fill="{line.fill}" stroke="{line.stroke}" stroke-width="{_n(line.thick)}"'
        f' stroke-linecap="round"{_dash(line.dash)}/>'
    )
    if line.head:
        yield _arrow(line)


def _arrow(line: Line) -> str:
    """A filled triangle whose tip is the end of the line, turned as the line arrives."""
    before = (line.start, *(p for piece in line.pieces for p in piece))
    (x, y) = before[-1]
    a, b = next(((p, q) for p, q in reversed(before[:-1]) if hypot(x - p, y - q) > 0.01), (x - 1, y))
    length = hypot(x - a, y - b)
    ux, uy = (x - a) / length, (y - b) / length
    points = [(x, y)] + [(x - _HEAD * ux + k * uy, y - _HEAD * uy - k * ux) for k in (3.6, -3.6)]
    shown = " ".join(f"{_n(p)},{_n(q)}" for p, q in points)
    return f'<polygon points="{shown}" fill="{line.stroke}"/>'


def _dash(dash: str) -> str:
    return f' stroke-dasharray="{dash}"' if dash else ""


def _n(value: float) -> str:
    shown = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if shown in ("-0", "") else shown
