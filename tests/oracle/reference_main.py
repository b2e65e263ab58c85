"""Trains with the reference and writes codes, ranges and test errors as JSON."""

import argparse
import gzip
import hashlib
import json
import os
import time

import numpy as np

import reference_training as training
from reference_plan import GROUPS, Plan

TENSORS = ("weight_master", "bias_master", "weight_update", "bias_update")


def read_idx(path):
    """MNIST's idx format: two zero bytes, type 8 (bytes), rank, big-endian sizes, data."""
    opened = gzip.open(path + ".gz", "rb") if os.path.exists(path + ".gz") else open(path, "rb")
    with opened as file:
        data = file.read()
    if data[:3] != b"\0\0\x08":
        raise ValueError(f"{path} is not an idx file of bytes")
    sizes = [int.from_bytes(data[4 + 4 * i : 8 + 4 * i], "big") for i in range(data[3])]
    return np.frombuffer(data, dtype=np.uint8, offset=4 + 4 * len(sizes)).reshape(sizes)


def read_set(folder, prefix, count):
    images = read_idx(os.path.join(folder, f"{prefix}-images-idx3-ubyte"))
    labels = read_idx(os.path.join(folder, f"{prefix}-labels-idx1-ubyte"))
    return images[:count].reshape(-1, training.PIXELS), labels[:count].astype(np.int64)


def named_tensors(network):
    for node, name in training.NODE_NAMES.items():
        for tensor in TENSORS:
            yield f"{name}.{tensor}", getattr(network.parameters[node], tensor)


def describe(tensor):
    codes = np.ascontiguousarray(tensor.codes())
    return {
        "format": tensor.format,
        "shape": list(codes.shape),
        "sha256": hashlib.sha256(codes.tobytes()).hexdigest(),
        "first": codes.reshape(-1)[:20].tolist(),
    }


def ranges(network):
    if network.plan.kind != "DFXP":
        return {}
    return {
        name: {role: network.plan.group(node, role).range for role in GROUPS}
        for node, name in training.NODE_NAMES.items()
    }


def count_errors(network, images, labels, batch=200):
    starts = range(0, len(images), batch)
    predicted = [network.predict(images[first : first + batch]) for first in starts]
    return int(np.count_nonzero(np.concatenate(predicted) != labels))


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--format", required=True, help='"FLP", "DFXP 5 9 11 100 0.0001 2", ...')
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--data", required=True, help="folder with MNIST's four idx.gz files")
    parser.add_argument("--train", type=int, default=50000, help="first N training images")
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--units", type=int, default=240)
    parser.add_argument("--pieces", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=800, help="training epochs of the schedule")
    parser.add_argument("--steps", type=int, default=2**31, help="optimiser steps in all")
    parser.add_argument("--eval", type=int, default=200, help="first N test images")
    parser.add_argument("--out", required=True, help="JSON file to write")
    parser.add_argument("--dump", help=".npz file for all codes")
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    images, labels = read_set(arguments.data, "train", arguments.train)
    tests, test_labels = read_set(arguments.data, "t10k", arguments.eval)
    plan = Plan.parse(arguments.format)
    network = training.Network(plan, arguments.seed, arguments.units, arguments.pieces)
    started = time.monotonic()
    training.train(network, images, labels, arguments.batch, arguments.epochs, arguments.steps)
    elapsed = time.monotonic() - started
    errors = count_errors(network, tests, test_labels) if arguments.eval else 0
    state = {
        "arguments": {k: v for k, v in vars(arguments).items() if k not in ("out", "dump", "data")},
        "step": network.step,
        "initialising": plan.initialising,
        "tensors": {name: describe(tensor) for name, tensor in named_tensors(network)},
        "ranges": ranges(network),
        "evaluation": {"examples": len(tests), "errors": errors},
    }
    with open(arguments.out, "w", encoding="utf-8") as file:
        json.dump(state, file, indent=1)
        file.write("\n")
    if arguments.dump:
        np.savez(arguments.dump, **{n: tensor.codes() for n, tensor in named_tensors(network)})
    print(f"step {network.step}, errors {errors} of {len(tests)}, {elapsed:.1f} s")


if __name__ == "__main__":
    main()
