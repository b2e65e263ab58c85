"""Checks of the reference against published vectors, exact arithmetic and numerical derivatives.

python reference_check.py --vectors DIR; ml_dtypes is used where it is installed. Exit status 77 if NumPy is missing.
"""

import argparse
import json
import math
import os
import random
import sys
from fractions import Fraction

try:
    import numpy as np
except ImportError:
    print("SKIPPED: NumPy is not installed, the reference is not checked")
    sys.exit(77)

import reference_arrays as arrays
import reference_formats as formats
import reference_philox as philox
import reference_scalar_step as scalar
import reference_training as training
from reference_plan import Plan, RangeGroup, Tensor


def check_philox():
    blocks = philox.philox_blocks(([0], [0], [0], [0]), (0, 0))
    assert [f"{word:08x}" for word in blocks[0]] == ["6627e8d5", "e169c58d", "bc57ac4c", "9b00dbd8"]
    ones = [0xFFFFFFFF]
    blocks = philox.philox_blocks((ones, ones, ones, ones), (0xFFFFFFFF, 0xFFFFFFFF))
    assert [f"{word:08x}" for word in blocks[0]] == ["408f276d", "41c83b0e", "a20bc7c6", "6d5451fd"]
    long = philox.words(23, 5, 3, 9)
    assert (philox.words(9, 5, 3, 9) == long[:9]).all()
    order = philox.shuffled_order(1000, 7, 0)
    assert sorted(order) == list(range(1000)) and list(order[:9]) != list(range(9))


def check_vectors(folder):
    """Every golden cast, by value."""
    with open(os.path.join(folder, "manifest.json"), encoding="utf-8") as file:
        manifest = json.load(file)
    inputs = np.load(os.path.join(folder, manifest["in"]))
    for cast in manifest["casts"]:
        form = formats.parse(f"{cast['format']}:{cast['rounding']}")
        expected = np.load(os.path.join(folder, cast["file"]))
        for value, wanted in zip(inputs.tolist(), expected.tolist()):
            try:
                found = float(form.decode(form.encode(value)))
            except ValueError:
                found = math.nan
            same = found == wanted or (math.isnan(found) and math.isnan(wanted))
            assert same, (cast, value, found, wanted)
    return len(manifest["casts"])


def interesting_values(rng, count):
    """Random magnitudes, short significands (many ties), codes and neighbours of midpoints."""
    values = [0.0, -0.0, math.inf, -math.inf]
    for _ in range(count):
        exponent = rng.randint(-30, 20)
        bits = rng.choice((2, 4, 9, 12, 30, 53))
        value = rng.choice((-1, 1)) * math.ldexp(rng.getrandbits(bits), exponent - bits)
        values += [value, math.nextafter(value, math.inf), math.nextafter(value, -math.inf)]
    return values


def check_vectorised():
    """reference_arrays against reference_formats, every rounding."""
    rng = random.Random(1)
    values = interesting_values(rng, 300)
    for name, exponent in (("q4.6s", -6), ("q4.6", -6), ("dfx10@3", -6)):
        for rounding in formats.ROUNDINGS:
            form = formats.parse(f"{name}:sat:{rounding}")
            width = formats.RANDOM_BITS.get(rounding, 1)
            word = [rng.getrandbits(width) for _ in values]
            found = arrays.quantize_grid(np.array(values), exponent, form.low, form.high,
                                         rounding, form.symmetric, np.array(word))  # fmt: skip
            assert found.tolist() == [form.encode(v, w) for v, w in zip(values, word)], form
    for name in ("float16", "bfloat16", "e4m3", "e5m2", "float32"):
        for rounding in formats.ROUNDINGS:
            for overflow in ("inf", "sat", "nan"):
                form = formats.parse(f"{name}:{overflow}:{rounding}")
                width = formats.RANDOM_BITS.get(rounding, 1)
                word = [rng.getrandbits(width) for _ in values]
                found = arrays.quantize_float(np.array(values), name, rounding, overflow,
                                              np.array(word))  # fmt: skip
                wanted = [float(form.decode(form.encode(v, w))) for v, w in zip(values, word)]
                np.testing.assert_array_equal(found, wanted, err_msg=str(form))
                assert (np.signbit(found) == np.signbit(wanted))[~np.isnan(found)].all()


def check_integer_rounding():
    """The wide path (Python integers) and the float64 path of the same rounding agree."""
    rng = np.random.default_rng(3)
    values = rng.integers(-(2**20), 2**20, 3000)
    for step_exponent in (-3, 0, 4, 9):
        fast = arrays.quantize_integers(values, -2, step_exponent, 511, "rna")
        slow = arrays.quantize_integers(values.astype(object), -2, step_exponent, 511, "rna")
        assert (fast == slow).all()
    wide, exponent = arrays.aligned_sum(values << 40, 3, values, -30)
    exact = Fraction(int(values[5]) << 40) * 8 + Fraction(int(values[5]), 2**30)
    assert int(wide[5]) * Fraction(2) ** exponent == exact and wide.dtype == object


def check_stochastic():
    """Over all random words of sr8 a value moves floor(fraction * 256) times."""
    for name in ("q4.4", "q4.4s", "float8_e5m2"):
        form = formats.parse(f"{name}:sat:sr8")
        for value in (0.53125, -0.53125, 1.28125 + 2.0**-13, -1.28125 - 2.0**-13):
            results = [form.decode(form.encode(value, word)) for word in range(256)]
            low, high = min(results), max(results)
            nearer = low if value > 0 or name == "q4.4" else high
            distance = abs(Fraction(value) - nearer) / (high - low)
            moved = sum(result != nearer for result in results)
            assert moved == math.floor(distance * 256), (name, value, moved)


def check_ml_dtypes():
    try:
        import ml_dtypes
    except ImportError:
        return "not installed"
    names = [name for name in formats.NAMED_FLOATS if hasattr(ml_dtypes, name)]
    values = [v for v in interesting_values(random.Random(2), 2000) if math.isfinite(v)]
    values = np.array(values).astype(np.float32)  # ml_dtypes casts float64 by way of float32
    for name in names:
        kind = getattr(ml_dtypes, name)
        form = formats.parse(f"{name}:sat")
        codes = [code for code in range(256) if code < 2 * form.sign_bit]
        if form.sign_bit <= 128:
            table = np.array(codes, dtype=np.uint8).view(kind).astype(np.float64)
            wanted = np.array([float(form.decode(code)) for code in codes])
            np.testing.assert_array_equal(table, wanted, err_msg=name)
        inside = values[np.abs(values) <= float(form.magnitude(form.largest))]
        casts = inside.astype(kind).astype(np.float64)
        wanted = [float(form.decode(form.encode(float(value)))) for value in inside]
        np.testing.assert_array_equal(casts, wanted, err_msg=name)
    return len(names)


def check_fused_multiply_add():
    """Against exact rationals, with many cases made to fall near float32 midpoints."""
    rng = random.Random(5)
    form = formats.parse("float32:inf:rne")
    triples = []
    for _ in range(6000):
        a = np.float32(math.ldexp(rng.getrandbits(24), rng.randint(-70, 0)))
        b = np.float32(rng.choice((-1, 1)) * math.ldexp(rng.getrandbits(24), rng.randint(-70, 0)))
        product = float(a) * float(b)
        target = math.ldexp((2 * rng.getrandbits(24) + 1), -25) * rng.choice((1.0, 2.0**-130))
        triples.append((float(a), float(b), float(np.float32(target - product))))
        short_a, short_b = float(rng.getrandbits(12) | 1), math.ldexp(1, rng.randint(-60, -1))
        sum_near_tie = float(np.float32(math.ldexp(rng.getrandbits(24), 1) + 2**25))
        triples.append((1.0 + math.ldexp(1.0, -rng.randint(1, 23)), short_b, sum_near_tie))
        triples.append((short_a, -short_b, sum_near_tie))
    # exact sums a hair beside a midpoint of float32: float64 alone rounds these wrongly
    for k in range(1, 200):
        big = float(2**24 + 2 * k)
        triples.append((1.0 + 2.0**-23, 1.0 - 2.0**-23, big))
        triples.append((1.0 + 2.0**-20, 1.0 - 2.0**-22, -big))
        triples.append((float(np.float32(2.0**-75 * (1 + 2.0**-20))),
                        float(np.float32(2.0**-75 * (2 * k + 1))), 0.0))  # fmt: skip
        tiny = 2.0**-149 * k
        triples.append((2.0**-75 * (1 + 2.0**-23), 2.0**-75 * (1 - 2.0**-23), tiny))
        triples.append((2.0**-75, 2.0**-75 * (1 + 2.0**-23), tiny))
    a, b, c = (np.array(column) for column in zip(*triples))
    found = arrays.fused_multiply_add(a, b, c)
    naive_wrong = 0
    with np.errstate(over="ignore"):
        naive = (a * b + c).astype(np.float32)
    for index, (x, y, z) in enumerate(triples):
        exact = Fraction(x) * Fraction(y) + Fraction(z)
        wanted = float(form.decode(form.encode(exact)))
        assert float(found[index]) == wanted, (x, y, z)
        naive_wrong += float(naive[index]) != wanted
    assert naive_wrong > 0  # otherwise the hard cases are missing
    rows, columns = np.float32(np.random.default_rng(1).normal(size=(2, 9, 40)))
    product = arrays.float_product(rows, columns, tile=20)
    for m in range(9):
        for n in range(9):
            total = Fraction(0)
            for k in range(40):
                total = Fraction(float(rows[m, k])) * Fraction(float(columns[n, k])) + total
                total = form.decode(form.encode(total))
            assert float(product[m, n]) == float(total)
    return naive_wrong


def check_exponential():
    x = -np.abs(np.random.default_rng(2).normal(size=20000)) * 50.0
    relative = np.abs(training.exp64(x) / np.exp(x) - 1.0)
    assert relative.max() < 4 * 2.0**-52, relative.max()
    assert training.exp64(np.array([0.0, -708.5, -math.inf])).tolist() == [1.0, 0.0, 0.0]


def check_controller():
    def decided(magnitude, allowed):
        group = RangeGroup(0)
        group.add(np.array(magnitude), 7, 4)
        group.decide(allowed)
        return group.range

    assert decided([7, 0, 0, 0], 0.0) == 1 and decided([7, 0, 0, 0], 0.25) == -1
    assert decided([5, 5, 0, 0], 0.25) == 0 and decided([3, 0, 0, 0], 0.0) == -1
    assert decided([0, 0], 0.0) == 0


def smooth_loss(weights, biases, pixels, masks, labels, pieces):
    """float64 loss whose gradient the training step follows: nll summed over the batch / classes."""
    y = pixels / 256.0 * masks[0]
    for node in (1, 2, 3):
        y = y @ weights[node].T + biases[node]
        if node < 3:
            y = y.reshape(len(y), -1, pieces).max(axis=2) * masks[node]
    y = y - y.max(axis=1, keepdims=True)
    log_likelihood = y - np.log(np.exp(y).sum(axis=1, keepdims=True))
    return -log_likelihood[np.arange(len(labels)), labels].sum() / training.CLASSES


class GradientRecorder(training.Network):
    """Keeps the gradients of the step instead of applying them."""

    def update(self, node, d_weight, d_bias, learning_rate, momentum):
        self.recorded = getattr(self, "recorded", {}) | {node: (d_weight.real(), d_bias.real())}


def check_gradient():
    rng = np.random.default_rng(4)
    network = GradientRecorder(Plan.parse("FLP"), 7, 6, 3)
    for node, shape in network.shapes.items():
        own = network.parameters[node]
        own.weight_master = Tensor(np.float32(rng.normal(size=shape) * 0.1), None, "float32")
        own.bias_master = Tensor(np.float32(rng.normal(size=shape[0]) * 0.1), None, "float32")
    pixels, labels = rng.integers(0, 256, (8, 784)), rng.integers(0, 10, 8)
    masks = {0: network.dropped(0, network.plan.input(pixels))[1]}
    for node in (1, 2):
        masks[node] = network.dropped(node, Tensor(np.ones((8, 6)), None, "float32"))[1]
    network.train_batch(pixels, labels, 0.05, 0.5)
    weights = {n: own.weight_master.real() for n, own in network.parameters.items()}
    biases = {n: own.bias_master.real() for n, own in network.parameters.items()}
    worst = 0.0
    for node in (1, 2, 3):
        for values, gradient in zip((weights[node], biases[node]), network.recorded[node]):
            for index in rng.integers(0, values.size, 12):
                kept, losses = values.flat[index], []
                for sign in (1, -1):
                    values.flat[index] = kept + sign * 1e-5
                    losses.append(smooth_loss(weights, biases, pixels, masks, labels, 3))
                values.flat[index] = kept
                numerical = (losses[0] - losses[1]) / 2e-5
                worst = max(worst, abs(numerical - gradient.flat[index]))
    assert worst < 1e-6, worst
    return worst


def check_wide_formats_agree():
    """Wide grids follow float32 training: the formats share one network, and it is the same one."""
    rng = np.random.default_rng(6)
    images, labels = rng.integers(0, 256, (60, 784)), rng.integers(0, 10, 60)
    results = {}
    for text in ("FLP", "FXP 5 24 26", "DFXP 5 24 26 4 0.0001 1", "DFXP 5 24 26 4 0.0001 0"):
        network = training.Network(Plan.parse(text), 7, 8, 5)
        training.train(network, images, labels, 20, 4, 9)
        results[text] = network.parameters[2].weight_master.real()
    steps_apart = np.abs(results["FXP 5 24 26"] - results["FLP"]).max()
    assert steps_apart < 1e-4, steps_apart
    assert np.abs(results["DFXP 5 24 26 4 0.0001 0"] - results["FLP"]).max() < 1e-4
    return steps_apart


class ComparingNetwork(training.Network):
    """Repeats every step with one Fraction per number and demands equal values."""

    def train_batch(self, pixels, labels, learning_rate, momentum):
        masks = {0: self.dropped(0, self.plan.input(pixels))[1]}
        for node in (1, 2):
            shape = len(pixels), self.units
            masks[node] = self.dropped(node, Tensor(np.ones(shape), None, "float32"))[1]
        ranges = {key: group.range for key, group in self.plan.groups.items()}
        step = scalar.ScalarStep(self, ranges)
        wanted = step.run(pixels, labels, learning_rate, momentum, masks)
        super().train_batch(pixels, labels, learning_rate, momentum)
        for node, own in self.parameters.items():
            tensors = own.weight_master, own.bias_master, own.weight_update, own.bias_update
            for tensor, values in zip(tensors, wanted[node]):
                assert scalar.plain(tensor) == values, (self.plan.kind, self.step, node)


def check_scalar_step():
    rng = np.random.default_rng(8)
    images, labels = rng.integers(0, 256, (6, 784)), rng.integers(0, 10, 6)
    for text in ("FLP", "HFLP", "FXP 3 9 11", "DFXP 3 9 11 1 0.01 1", "DFXP -1 6 8 2 0.1 0"):
        network = ComparingNetwork(Plan.parse(text), 7, 3, 2)
        for own in network.parameters.values():  # gradients from the first step on
            values = np.float64(rng.normal(size=own.weight_master.values.shape) * 0.2)
            own.weight_master = network.plan.quantize(3, "weight_master", values)
        training.train(network, images, labels, 3, 3, 5)
        assert network.step == 5


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vectors", help="folder of golden casts")
    arguments = parser.parse_args()
    checks = (check_philox, check_vectorised, check_integer_rounding, check_stochastic,
              check_ml_dtypes, check_fused_multiply_add, check_exponential, check_controller,
              check_gradient, check_wide_formats_agree, check_scalar_step)  # fmt: skip
    for check in checks:
        print(f"{check.__name__}: ok {check()}", flush=True)
    if arguments.vectors:
        print(f"check_vectors: ok {check_vectors(arguments.vectors)}")


if __name__ == "__main__":
    main()
