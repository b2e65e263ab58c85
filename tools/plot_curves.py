#!/usr/bin/env python3
"""Draws test error after each epoch: plot_curves.py LABEL=RUN...|TABLE.csv -o OUT.svg [--csv OUT.csv] [--title TEXT].

RUN is a run directory, finished or not; of its metrics.jsonl the epochs of training are taken. A label that ends in
"rnd" is drawn dashed. TABLE.csv is what --csv wrote. The same input gives the same bytes. Standard library only.
"""
import argparse
import csv
import html
import json
import math
import sys
from dataclasses import dataclass
from pathlib import Path

from plot_error_vs_bits import COLOURS, error_ticks

COLUMNS = ["run", "epoch", "train_error", "validation_error", "test_error"]
WIDTH, HEIGHT = 760, 420
LEFT, RIGHT, TOP, BOTTOM = 70, 170, 48, 56


@dataclass
class Curve:
    label: str
    rows: list[dict]

    def points(self) -> list[tuple[int, float]]:
        return [(int(row["epoch"]), float(row["test_error"])) for row in self.rows]


def read_run(label: str, run: Path) -> Curve:
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    rows = [{"run": label, **{key: line[key] for key in COLUMNS[1:]}} for line in lines if line["phase"] == "training"]
    if not rows:
        raise ValueError("no epoch of training yet")
    return Curve(label, rows)


def read_table(path: Path) -> list[Curve]:
    curves: dict[str, Curve] = {}
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            curves.setdefault(row["run"], Curve(row["run"], [])).rows.append(row)
    return list(curves.values())


def write_table(curves: list[Curve], path: Path) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for curve in curves:
            writer.writerows(curve.rows)


def draw(curves: list[Curve], title: str) -> str:
    errors = [error for curve in curves for _, error in curve.points()]
    last_epoch = max(epoch for curve in curves for epoch, _ in curve.points())
    low, high = max(0.01, min(errors)) / 1.15, min(100.0, max(errors) * 1.15)
    end_x, end_y = WIDTH - RIGHT, HEIGHT - BOTTOM

    def x(epoch: float) -> float:
        return LEFT + (end_x - LEFT) * epoch / max(1, last_epoch)

    def y(error: float) -> float:
        return TOP + (end_y - TOP) * math.log(high / max(error, low)) / math.log(high / low)

    title = html.escape(title)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
           f'font-family="system-ui, sans-serif" font-size="12" role="img" aria-label="{title}">',
           f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
           f'<text x="{LEFT}" y="24" font-size="15" font-weight="600" fill="#1c1917">{title}</text>']
    for tick in error_ticks(low, high):
        out += [f'<line x1="{LEFT}" y1="{y(tick):.1f}" x2="{end_x}" y2="{y(tick):.1f}" stroke="#e7e5e4"/>',
                f'<text x="{LEFT - 8}" y="{y(tick) + 4:.1f}" text-anchor="end" fill="#44403c">{tick:g}</text>']
    step = max(1, 5 * round(last_epoch / 40)) if last_epoch > 10 else 1
    for epoch in range(0, last_epoch + 1, step):
        out.append(f'<text x="{x(epoch):.1f}" y="{end_y + 18}" text-anchor="middle" fill="#44403c">{epoch}</text>')
    out += [f'<line x1="{LEFT}" y1="{end_y}" x2="{end_x}" y2="{end_y}" stroke="#78716c"/>',
            f'<text x="{(LEFT + end_x) / 2:.1f}" y="{end_y + 40}" text-anchor="middle" fill="#1c1917">epoch</text>',
            f'<text transform="translate(20 {(TOP + end_y) / 2:.1f}) rotate(-90)" text-anchor="middle" '
            'fill="#1c1917">test error, %</text>']
    for index, curve in enumerate(curves):
        colour = COLOURS[index % len(COLOURS)]
        dashes = ' stroke-dasharray="5 4"' if curve.label.endswith("rnd") else ""
        path = " ".join(f"{x(epoch):.1f},{y(error):.1f}" for epoch, error in curve.points())
        legend = TOP + 8 + 20 * index
        out += [f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.8"{dashes}/>',
                f'<line x1="{end_x + 12}" y1="{legend}" x2="{end_x + 36}" y2="{legend}" stroke="{colour}" '
                f'stroke-width="1.8"{dashes}/>',
                f'<text x="{end_x + 42}" y="{legend + 4}" fill="#1c1917">{html.escape(curve.label)}: '
                f'{curve.points()[-1][1]:.2f}</text>']
    return "\n".join([*out, "</svg>"]) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sources", nargs="+")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--csv", type=Path)
    parser.add_argument("--title", default="Test error after each epoch")
    options = parser.parse_args()
    curves: list[Curve] = []
    for source in options.sources:
        label, is_run, run = source.partition("=")
        try:
            curves += [read_run(label, Path(run))] if is_run else read_table(Path(source))
        except (OSError, ValueError, KeyError) as error:
            print(f"{source}: {error}", file=sys.stderr)
            return 2
    options.output.write_text(draw(curves, options.title))
    if options.csv:
        write_table(curves, options.csv)
    return 0


if __name__ == "__main__":
    sys.exit(main())
