#!/usr/bin/env python3
"""Tables of finished runs: results_table.py RUNS... [--csv FILE]. Markdown on standard output, one row per recipe (mean and
sample deviation over seeds); --csv writes one row per run, checksums included, so that anybody can compare their own.

RUNS are folders with run directories anywhere below them. Where recipes of one title differ, in a format say, each has a
row of its own that says what differs. Standard library only.
"""
import argparse
import csv
import json
import statistics
import tomllib
from collections import defaultdict
from pathlib import Path

COLUMNS = ["recipe", "settings", "epochs", "seed", "test_error_at_best_validation", "best_epoch", "test_error", "validation_error",
           "checkpoint_sha256", "bytes_per_parameter", "checkpoint_bits_per_parameter", "samples_per_second", "isa",
           "threads", "version"]

# Settings that change no number of a run, or that have columns of their own.
IGNORED = {"seed", "train.epochs", "train.checkpoint_every", "train.keep_checkpoints"}


def settings(table, prefix=""):
    """The recipe's keys, dotted, and their values as text."""
    found = {}
    for key, value in table.items():
        if isinstance(value, dict):
            found |= settings(value, f"{prefix}{key}.")
        elif prefix + key not in IGNORED:
            found[prefix + key] = str(value)
    return found


def name_differences(runs, recipes):
    """`settings` of each run: those in which the recipes of its title are not all alike. Of settings that always change
    together, as the roles of `formats.default` do, one speaks for all."""
    by_title = defaultdict(list)
    for run, recipe in zip(runs, recipes):
        by_title[run["recipe"]].append((run, recipe))
    for group in by_title.values():
        together = defaultdict(list)
        for key in sorted({key for _, recipe in group for key in recipe}):
            together[tuple(recipe.get(key, "unset") for _, recipe in group)].append(key)
        for values, keys in together.items():
            if len(set(values)) == 1:
                continue
            key = "formats.weight" if "formats.weight" in keys else keys[0]
            for (run, _), value in zip(group, values):
                run["settings"] += f"{'; ' if run['settings'] else ''}{key} {value}"


def read_runs(folders):
    runs, recipes = [], []
    for summary_path in sorted({path for folder in folders for path in folder.rglob("summary.json")}):
        recipe = tomllib.loads(summary_path.with_name("recipe.toml").read_text())
        summary = json.loads(summary_path.read_text())
        runs.append({"recipe": recipe["title"], "settings": "", "seed": recipe["seed"], **{c: summary.get(c) for c in COLUMNS if c in summary}})
        recipes.append(settings(recipe))
    name_differences(runs, recipes)
    return sorted(runs, key=lambda run: (run["recipe"], run["settings"], run["epochs"], run["seed"]))


def spread(values):
    mean = statistics.mean(values)
    return f"{mean:.2f}" if len(values) == 1 else f"{mean:.2f} ± {statistics.stdev(values):.2f}"


def print_table(runs):
    groups = defaultdict(list)
    for run in runs:
        groups["; ".join(filter(None, [run["recipe"], run["settings"]])), run["epochs"]].append(run)
    print("| recipe | epochs | seeds | test error at best validation, % | test error after the last epoch, % | bytes per parameter |")
    print("| --- | --- | --- | --- | --- | --- |")
    for (recipe, epochs), group in groups.items():
        best = spread([run["test_error_at_best_validation"] for run in group])
        last = spread([run["test_error"] for run in group])
        seeds = ", ".join(str(run["seed"]) for run in group)
        print(f"| {recipe} | {epochs} | {seeds} | {best} | {last} | {group[0]['bytes_per_parameter']:g} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--csv", type=Path)
    arguments = parser.parse_args()
    runs = read_runs(arguments.runs)
    print_table(runs)
    if arguments.csv:
        with arguments.csv.open("w", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(runs)


if __name__ == "__main__":
    main()
