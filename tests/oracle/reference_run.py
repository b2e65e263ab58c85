"""Trains a recipe with the reference and writes codes and ranges, as reference_main.py does."""

import argparse
import json
import time

import numpy as np

import reference_network
from reference_main import describe, read_set
from reference_plan import GROUPS, MORE_GROUPS
from reference_recipe import Recipe


def named_tensors(network):
    for node in network.layers:
        for name, tensor in vars(network.parameters[node.number]).items():
            yield f"{node.name}.{name}", tensor


def described(tensor):
    return describe(tensor) | {"format": tensor.name}


def ranges(network):
    numbers = network.numbers
    return {
        node.name: {role: numbers.group(node.number, role).range for role in GROUPS + MORE_GROUPS
                    if numbers.is_dynamic(node.number, role)}
        for node in network.layers
    }  # fmt: skip


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipe")
    parser.add_argument("--data", required=True, help="folder with four idx files of 28x28 images")
    parser.add_argument("--steps", type=int, required=True, help="optimiser steps in all")
    parser.add_argument("--initial", help=".npz with initial weights by layer name")
    parser.add_argument("--out", required=True, help="JSON file to write")
    parser.add_argument("--dump", help=".npz file for all codes")
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    with open(arguments.recipe, encoding="utf-8") as file:
        recipe = Recipe(file.read())
    images, labels = read_set(arguments.data, "train", recipe.data["split"]["train"])
    initial = dict(np.load(arguments.initial)) if arguments.initial else None
    network = reference_network.Network(recipe, initial)
    started = time.monotonic()
    reference_network.train(network, images, labels, arguments.steps)
    elapsed = time.monotonic() - started
    state = {
        "step": network.numbers.step,
        "initialising": network.numbers.initialising,
        "tensors": {name: described(tensor) for name, tensor in named_tensors(network)},
        "ranges": ranges(network),
    }
    with open(arguments.out, "w", encoding="utf-8") as file:
        json.dump(state, file, indent=1)
        file.write("\n")
    if arguments.dump:
        np.savez(arguments.dump, **{n: tensor.codes() for n, tensor in named_tensors(network)})
    print(f"step {network.numbers.step}, {elapsed:.1f} s")


if __name__ == "__main__":
    main()
