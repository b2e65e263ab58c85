"""The same training step a second time, with one Fraction per number and plain loops.

Shares with reference_training.py only the random masks and exp64; formats come from
reference_formats.py by their spelling. For tiny networks: it checks the vectorised step.
"""

import math
from fractions import Fraction

import reference_formats as formats
import reference_training as training

FLOAT32 = formats.parse("float32:inf:rne")


def plain(tensor):
    """Nested lists of exact values."""

    def convert(values):
        if isinstance(values, list):
            return [convert(value) for value in values]
        return Fraction(values)

    return convert(tensor.real().tolist())


class ScalarStep:
    """One step from the state of `network`; `ranges` are its ranges before the step."""

    def __init__(self, network, ranges):
        self.network, self.plan, self.ranges = network, network.plan, dict(ranges)
        self.grids = self.plan.uses_grids

    def cast(self, node, role, value):
        plan = self.plan
        master = role.endswith("_master")
        bits = plan.update_bits if master else plan.propagation_bits
        current = self.ranges.get((node, role.removesuffix("_master")), self.plan.range)
        if not self.grids:
            name = "float16:inf:rne" if plan.kind == "HFLP" else "float32:inf:rne"
        elif plan.kind == "FXP":
            name = f"q{plan.range + 1}.{bits - plan.range}s:sat:rna"
        else:
            name = f"dfx{bits + 1}@{current}:sat:rna"
        form = formats.parse(name)
        value = Fraction(form.decode(form.encode(value)))
        if plan.initialising:
            limit = formats.power_of_two(current)
            value = max(-limit, min(limit, value))
        return value

    def dot(self, a, b):
        """Exact for grids, otherwise one float32 rounding after every fused multiply-add."""
        total = Fraction(0)
        for x, y in zip(a, b):
            total += x * y
            if not self.grids:
                total = Fraction(FLOAT32.decode(FLOAT32.encode(total)))
        return total

    def add_bias(self, total, bias):
        total += bias
        return total if self.grids else Fraction(FLOAT32.decode(FLOAT32.encode(total)))

    def run(self, pixels, labels, rate, momentum, masks):
        """New (weight_master, bias_master, weight_update, bias_update) of each node, as values."""
        weight, bias, z, y = {}, {}, {}, {}
        for node, own in self.network.parameters.items():
            weight[node] = [[self.cast(node, "weight", w) for w in row]
                            for row in plain(own.weight_master)]  # fmt: skip
            bias[node] = [self.cast(node, "bias", b) for b in plain(own.bias_master)]
        y[0] = [[Fraction(int(pixel), 256) * bool(keep) for pixel, keep in zip(*pair)]
                for pair in zip(pixels, masks[0])]  # fmt: skip
        for node in (1, 2, 3):
            z[node] = [
                [self.cast(node, "preactivation", self.add_bias(self.dot(x, w), b))
                 for w, b in zip(weight[node], bias[node])]
                for x in y[node - 1]
            ]  # fmt: skip
            y[node] = [self.activation(node, row) for row in z[node]]
            if node < 3:
                y[node] = [[v * bool(k) for v, k in zip(*pair)]
                           for pair in zip(y[node], masks[node])]  # fmt: skip

        backward = [
            [self.cast(3, "d_activation", (float(v) - float(c == label)) / 10.0)
             for c, v in enumerate(row)]
            for row, label in zip(y[3], labels)
        ]  # fmt: skip
        result = {}
        for node in (3, 2, 1):
            d_z = [self.routed(node, *pair) for pair in zip(backward, z[node])]
            d_weight = [[self.cast(node, "d_weight", self.dot(d, x)) for x in zip(*y[node - 1])]
                        for d in zip(*d_z)]  # fmt: skip
            d_bias = [self.cast(node, "d_bias", self.dot(d, [1] * len(d))) for d in zip(*d_z)]
            if node > 1:
                columns = list(zip(*weight[node]))
                backward = [
                    [self.cast(node - 1, "d_activation", self.dot(d, c)) * bool(k)
                     for c, k in zip(columns, mask)]
                    for d, mask in zip(d_z, masks[node - 1])
                ]  # fmt: skip
            result[node] = self.updated(node, d_weight, d_bias, rate, momentum)
        return result

    def activation(self, node, row):
        if node == 3:
            reals = [float(v) for v in row]
            e = [float(training.exp64(training.np.array([v - max(reals)]))[0]) for v in reals]
            level = e + [0.0] * 6
            while len(level) > 1:
                level = [level[i] + level[i + 1] for i in range(0, len(level), 2)]
            return [self.cast(3, "activation", v / level[0]) for v in e]
        pieces = self.network.pieces
        groups = [row[first : first + pieces] for first in range(0, len(row), pieces)]
        return [self.cast(node, "activation", max(group)) for group in groups]

    def routed(self, node, d_row, z_row):
        if node == 3:
            return [self.cast(node, "d_preactivation", d) for d in d_row]
        pieces, out = self.network.pieces, []
        for column, value in enumerate(z_row):
            unit = column // pieces
            wins = value == max(z_row[unit * pieces : (unit + 1) * pieces])
            out.append(self.cast(node, "d_preactivation", d_row[unit] if wins else Fraction(0)))
        return out

    def updated(self, node, d_weight, d_bias, rate, momentum):
        own = self.network.parameters[node]

        def moved(name, master, update, gradient):
            u = momentum * float(update) - rate * float(gradient)
            u = self.cast(node, f"{name}_update", u)
            return self.cast(node, f"{name}_master", float(master) + float(u)), u

        rows, updates = [], []
        for masters, olds, gradients in zip(
            plain(own.weight_master), plain(own.weight_update), d_weight
        ):
            pairs = [moved("weight", *triple) for triple in zip(masters, olds, gradients)]
            rows.append(self.limited(node, [w for w, _ in pairs]))
            updates.append([u for _, u in pairs])
        triples = zip(plain(own.bias_master), plain(own.bias_update), d_bias)
        pairs = [moved("bias", *triple) for triple in triples]
        return rows, [b for b, _ in pairs], updates, [u for _, u in pairs]

    def limited(self, node, row):
        if self.grids:
            # the exact sum is an integer times an even power of two, so scaling by 4^k is exact
            norm = math.sqrt(float(sum(w * w for w in row)))
        else:
            level = [float(w) * float(w) for w in row]
            level += [0.0] * ((1 << (len(level) - 1).bit_length()) - len(level))
            while len(level) > 1:
                level = [level[i] + level[i + 1] for i in range(0, len(level), 2)]
            norm = math.sqrt(level[0])
        factor = min(norm, training.MAX_NORM) / (1e-7 + norm)
        return [self.cast(node, "weight_master", float(w) * factor) for w in row]
