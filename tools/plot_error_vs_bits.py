#!/usr/bin/env python3
"""Draws test error against propagation bits: plot_error_vs_bits.py RUNS|TABLE.csv -o OUT.svg [--csv OUT.csv].

RUNS is a folder with run directories anywhere below it (summary.json beside recipe.toml); TABLE.csv is what --csv wrote.
Runs that differ only in their seed are one point: mean, with a bar from the least to the largest. Formats of 32 bits
are a dashed line, because they are what the others are compared with. The same input gives the same bytes.
Standard library only.
"""
import argparse
import csv
import json
import math
import re
import sys
import tomllib
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

ERROR_KEY = "test_error_at_best_validation"
COLUMNS = ["format", "propagation_bits", "update_bits", "runs", "mean", "minimum", "maximum"]
NAMED_WIDTHS = {"float32": 32, "tf32": 19, "bfloat16": 16, "float16": 16, "binary": 1, "ternary": 2}
COLOURS = ["#0b6e99", "#c2410c", "#4d7c0f", "#7c3aed", "#be185d", "#57534e"]
MARKS = ["circle", "square", "diamond", "triangle"]


@dataclass
class Point:
    format: str
    propagation_bits: int
    update_bits: int
    runs: int
    mean: float
    minimum: float
    maximum: float

    @property
    def label(self) -> str:
        return f"{self.propagation_bits}/{self.update_bits}"


def family_and_bits(spelling: str) -> tuple[str, int]:
    """("dynamic fixed point", 10) of "dfx10:sat:rna"."""
    name = re.split(r"[:@*]", spelling)[0]
    if found := re.fullmatch(r"dfx(\d+)", name):
        return "dynamic fixed point", int(found[1])
    if found := re.fullmatch(r"u?q(-?\d+)\.(-?\d+)s?", name):
        return "fixed point", int(found[1]) + int(found[2])
    if found := re.fullmatch(r"e(\d+)m(\d+)(fn|fnuz)?", name):
        return "float", 1 + int(found[1]) + int(found[2])
    if found := re.match(r"(?:float|int|uint)(\d+)", name):
        return "integer" if "int" in name else "float", int(found[1])
    if found := re.fullmatch(r"z(\d+)", name):
        return "discrete", int(found[1]) + 1
    if name in NAMED_WIDTHS:
        return "discrete" if name in ("binary", "ternary") else "float", NAMED_WIDTHS[name]
    raise ValueError(f"format '{spelling}' has no width that this tool knows")


def read_runs(folder: Path) -> list[Point]:
    errors = defaultdict(list)
    for summary_path in sorted(folder.rglob("summary.json")):
        recipe_path = summary_path.with_name("recipe.toml")
        if not recipe_path.exists():
            continue
        formats = tomllib.loads(recipe_path.read_text())["formats"]
        family, bits = family_and_bits(formats.get("activation") or formats["default"])
        _, update_bits = family_and_bits(formats.get("weight_master") or formats["default"])
        if formats.get("activation", formats.get("default", "")).endswith((":sr", ":sr16", ":sr8", ":srh")):
            family += ", stochastic"
        errors[family, bits, update_bits].append(float(json.loads(summary_path.read_text())[ERROR_KEY]))
    return [Point(*key, len(values), sum(values) / len(values), min(values), max(values))
            for key, values in sorted(errors.items())]


def read_table(path: Path) -> list[Point]:
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [Point(row["format"], int(row["propagation_bits"]), int(row["update_bits"]), int(row["runs"]),
                  float(row["mean"]), float(row["minimum"]), float(row["maximum"])) for row in rows]


def write_table(points: list[Point], path: Path) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for p in points:
            writer.writerow([p.format, p.propagation_bits, p.update_bits, p.runs, f"{p.mean:.4f}", f"{p.minimum:.4f}",
                             f"{p.maximum:.4f}"])


def error_ticks(low: float, high: float) -> list[float]:
    ticks = [digit * 10.0**power for power in range(-2, 3) for digit in (1, 1.5, 2, 3, 5, 7)]
    return [tick for tick in ticks if low <= tick <= high]


def mark_svg(shape: str, x: float, y: float, colour: str) -> str:
    if shape == "circle":
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5" fill="{colour}"/>'
    corners = {"square": [(-4, -4), (4, -4), (4, 4), (-4, 4)], "diamond": [(0, -5.5), (5.5, 0), (0, 5.5), (-5.5, 0)],
               "triangle": [(0, -5.5), (5.5, 4), (-5.5, 4)]}[shape]
    outline = " ".join(f"{x + dx:.1f},{y + dy:.1f}" for dx, dy in corners)
    return f'<polygon points="{outline}" fill="{colour}"/>'


class Axes:
    """Maps (bits, error) to the drawing: bits linear, error logarithmic."""

    def __init__(self, points: list[Point]):
        self.width, self.height = 760, 420
        self.left, self.right, self.top, self.bottom = 70, 190, 48, 72
        drawn = [p.propagation_bits for p in points if p.propagation_bits < 32] or [32]
        self.first_bit, self.last_bit = min(drawn) - 1, max(drawn) + 1
        self.low = min(p.minimum for p in points) / 1.15
        self.high = min(100.0, max(p.maximum for p in points) * 1.15)

    def x(self, bits: float) -> float:
        span = self.width - self.left - self.right
        return self.left + span * (bits - self.first_bit) / (self.last_bit - self.first_bit)

    def y(self, error: float) -> float:
        span = self.height - self.top - self.bottom
        error = max(error, self.low)
        return self.top + span * math.log(self.high / error) / math.log(self.high / self.low)


def draw(points: list[Point], title: str) -> str:
    axes = Axes(points)
    end_x, end_y = axes.width - axes.right, axes.height - axes.bottom
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {axes.width} {axes.height}" '
           f'font-family="system-ui, sans-serif" font-size="12" role="img" aria-label="{title}">',
           f'<rect width="{axes.width}" height="{axes.height}" fill="#ffffff"/>',
           f'<text x="{axes.left}" y="24" font-size="15" font-weight="600" fill="#1c1917">{title}</text>']
    for tick in error_ticks(axes.low, axes.high):
        y = axes.y(tick)
        out += [f'<line x1="{axes.left}" y1="{y:.1f}" x2="{end_x}" y2="{y:.1f}" stroke="#e7e5e4"/>',
                f'<text x="{axes.left - 8}" y="{y + 4:.1f}" text-anchor="end" fill="#44403c">{tick:g}</text>']
    for bits in range(axes.first_bit, axes.last_bit + 1):
        out.append(f'<text x="{axes.x(bits):.1f}" y="{end_y + 18}" text-anchor="middle" fill="#44403c">{bits}</text>')
    out += [f'<line x1="{axes.left}" y1="{end_y}" x2="{end_x}" y2="{end_y}" stroke="#78716c"/>',
            f'<text x="{(axes.left + end_x) / 2:.1f}" y="{end_y + 40}" text-anchor="middle" fill="#1c1917">bits of '
            'weights, activations and gradients in products, sign counted</text>',
            f'<text transform="translate(20 {(axes.top + end_y) / 2:.1f}) rotate(-90)" text-anchor="middle" '
            'fill="#1c1917">test error, %</text>']

    legend_y = axes.top + 8
    families = list(dict.fromkeys(p.format for p in points if p.propagation_bits < 32))
    for baseline in [p for p in points if p.propagation_bits >= 32]:
        y = axes.y(baseline.mean)
        out.append(f'<line x1="{axes.left}" y1="{y:.1f}" x2="{end_x}" y2="{y:.1f}" stroke="#1c1917" '
                   'stroke-dasharray="6 4"/>')
        out.append(f'<text x="{end_x + 10}" y="{y + 4:.1f}" fill="#1c1917">{baseline.format}, '
                   f'{baseline.propagation_bits} bits: {baseline.mean:.2f}</text>')
    for index, family in enumerate(families):
        colour, shape = COLOURS[index % len(COLOURS)], MARKS[index % len(MARKS)]
        members = sorted((p for p in points if p.format == family and p.propagation_bits < 32),
                         key=lambda p: (p.propagation_bits, p.update_bits))
        path = " ".join(f"{axes.x(p.propagation_bits):.1f},{axes.y(p.mean):.1f}" for p in members)
        if len(members) > 1:
            out.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.8"/>')
        for p in members:
            x = axes.x(p.propagation_bits)
            if p.runs > 1:
                out.append(f'<line x1="{x:.1f}" y1="{axes.y(p.minimum):.1f}" x2="{x:.1f}" y2="{axes.y(p.maximum):.1f}" '
                           f'stroke="{colour}" stroke-width="1.4"/>')
            out.append(mark_svg(shape, x, axes.y(p.mean), colour))
            out.append(f'<text x="{x + 8:.1f}" y="{axes.y(p.mean) - 7:.1f}" font-size="10" fill="{colour}">{p.label}'
                       '</text>')
        y = legend_y + 20 * index
        out += [mark_svg(shape, end_x + 18, y, colour),
                f'<text x="{end_x + 30}" y="{y + 4}" fill="#1c1917">{family}</text>']
    runs = [p.runs for p in points]
    count = f"{runs[0]} seeds" if len(set(runs)) == 1 else f"{min(runs)} to {max(runs)} seeds"
    y = axes.height - 8
    out += [f'<text x="{axes.left}" y="{y}" font-size="10" fill="#57534e">points: mean of {count}; bars: least to '
            'largest; label: bits in products / bits of stored weights</text>', "</svg>"]
    return "\n".join(out) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--csv", type=Path)
    parser.add_argument("--title", default="Test error against word length")
    options = parser.parse_args()
    try:
        points = read_runs(options.source) if options.source.is_dir() else read_table(options.source)
    except (OSError, ValueError, KeyError) as error:
        print(f"{options.source}: {error}", file=sys.stderr)
        return 2
    if not points:
        print(f"{options.source}: no run with a summary.json and a recipe.toml", file=sys.stderr)
        return 2
    options.output.write_text(draw(points, options.title))
    if options.csv:
        write_table(points, options.csv)
    return 0


if __name__ == "__main__":
    sys.exit(main())
