"""Pictures of a scorecard as SVG that stands in a page: stacked bars, and the matrix of faults and failures."""

from collections.abc import Mapping, Sequence
from html import escape

ORDER = ("HELD", "BROKEN", "UNPROVEN")
ROW = 26
LABEL = 300
ROOM = 380
CELL = 92


def bars(rows: Sequence[tuple[str, Mapping[str, int]]], title: str) -> str:
    """One stacked bar a row, its numbers behind it."""
    most = max((sum(counts.values()) for _, counts in rows), default=0) or 1
    height = ROW * len(rows) + 6
    parts = [f'<svg viewBox="0 0 {LABEL + ROOM + 120} {height}" role="img" aria-label="{escape(title)}" class="bars">']
    for at, (label, counts) in enumerate(rows):
        parts += _bar(label, counts, at * ROW + 4, most)
    return "".join([*parts, "</svg>"])


def _bar(label: str, counts: Mapping[str, int], top: int, most: int) -> list[str]:
    parts = [f'<text x="{LABEL - 10}" y="{top + 14}" text-anchor="end" class="label">{escape(label)}</text>']
    left = float(LABEL)
    for verdict in ORDER:
        width = ROOM * counts[verdict] / most
        if counts[verdict]:
            parts.append(
                f'<rect x="{left:.1f}" y="{top}" width="{max(width - 1, 2):.1f}" height="18" rx="2" '
                f'class="{verdict.lower()}"><title>{escape(label)}: {counts[verdict]} {verdict.lower()}</title></rect>'
            )
            left += width
    told = ", ".join(f"{counts[verdict]} {verdict.lower()}" for verdict in ORDER if counts[verdict]) or "none"
    parts.append(f'<text x="{left + 8:.1f}" y="{top + 14}" class="number">{told}</text>')
    return parts


def matrix(rows: Mapping[str, Mapping[str, Mapping[str, int]]], names: Mapping[str, str]) -> str:
    """Fault class by severity: each field shows held of all, and is as bad as its worst verdict."""
    columns = list(next(iter(rows.values())))
    width, height = LABEL + CELL * len(columns), ROW + 34 * len(rows)
    parts = [f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="faults and failures" class="matrix">']
    for at, column in enumerate(columns):
        parts.append(
            f'<text x="{LABEL + CELL * at + CELL // 2}" y="16" text-anchor="middle" class="label">{column}</text>'
        )
    for line, (name, fields) in enumerate(rows.items()):
        top = ROW + 34 * line
        parts.append(
            f'<text x="{LABEL - 10}" y="{top + 20}" text-anchor="end" class="label">{escape(names[name])}</text>'
        )
        for at, column in enumerate(columns):
            parts += _field(fields[column], LABEL + CELL * at, top, f"{name}, {column}")
    return "".join([*parts, "</svg>"])


def _field(counts: Mapping[str, int], left: int, top: int, what: str) -> list[str]:
    total = sum(counts.values())
    if not total:
        return [f'<rect x="{left + 2}" y="{top}" width="{CELL - 4}" height="30" rx="3" class="empty"/>']
    worst = (
        "broken"
        if counts["BROKEN"]
        else "held"
        if counts["HELD"] == total
        else "partly"
        if counts["HELD"]
        else "unproven"
    )
    told = ", ".join(f"{counts[verdict]} {verdict.lower()}" for verdict in ORDER)
    return [
        (
            f'<rect x="{left + 2}" y="{top}" width="{CELL - 4}" height="30" rx="3" class="{worst}">'
            f"<title>{escape(what)}: {told}</title></rect>"
        ),
        (
            f'<text x="{left + CELL // 2}" y="{top + 20}" text-anchor="middle" class="inside">'
            f"{counts['HELD']} / {total}</text>"
        ),
    ]


def ring(counts: Mapping[str, int]) -> str:
    """All entries as one ring."""
    total = sum(counts.values()) or 1
    around, offset = 2 * 3.14159265 * 54, 0.0
    parts = ['<svg viewBox="0 0 140 140" role="img" aria-label="all entries" class="ring">']
    for verdict in ORDER:
        share = around * counts[verdict] / total
        if share:
            parts.append(
                f'<circle cx="70" cy="70" r="54" fill="none" stroke-width="20" class="{verdict.lower()} arc" '
                f'stroke-dasharray="{share:.2f} {around - share:.2f}" stroke-dashoffset="{-offset:.2f}" '
                f'transform="rotate(-90 70 70)"/>'
            )
        offset += share
    parts.append(f'<text x="70" y="68" text-anchor="middle" class="big">{counts["HELD"]}</text>')
    parts.append(f'<text x="70" y="88" text-anchor="middle" class="number">of {total} held</text></svg>')
    return "".join(parts)
