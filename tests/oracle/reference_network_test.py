"""Checks of the reference's networks: direct loops, numerical derivatives, the older PI_MNIST step.

Exit status 77 if NumPy is missing.
"""

import itertools
import sys
from fractions import Fraction

try:
    import numpy as np
except ImportError:
    print("SKIPPED: NumPy is not installed, the reference's networks are not checked")
    sys.exit(77)

import reference_formats as formats
import reference_network as networks
import reference_numbers as numbers
import reference_training as training
from reference_plan import Plan, Tensor
from reference_recipe import Recipe, scheduled
from reference_windows import Convolution, Pool, add_float32, pool_extent

FLOAT32 = formats.parse("float32")
CONVOLUTIONS = (
    Convolution((5, 6, 2), 3, (3, 2)),
    Convolution((5, 6, 4), 6, (3, 2), (2, 1), (1, 0, 0, 2), (1, 1), 2),
    Convolution((7, 5, 2), 2, (2, 3), (3, 2), (2, 1, 1, 2), (3, 1), 1),
    Convolution((4, 4, 3), 3, (4, 4), (1, 1), (3, 3, 3, 3), (1, 1), 3),
    Convolution((6, 6, 1), 2, (1, 1), (4, 4)),
)
POOLS = (
    Pool((6, 6, 2), (2, 2), (2, 2)),
    Pool((7, 8, 2), (4, 4), (2, 2)),
    Pool((7, 8, 2), (4, 4), (2, 2), (0, 0), False),
    Pool((5, 5, 1), (3, 3), (2, 2), (1, 1)),
    Pool((5, 4, 3), (3, 2), (2, 3), (2, 1)),
    Pool((8, 9, 1), (2, 2), (4, 4)),
)


def to_float32(value):
    return Fraction(FLOAT32.decode(FLOAT32.encode(value)))


def meetings(c):
    """Every (oh, ow, o, kh, kw, k, h, w, i) of a convolution, by the definition."""
    extents = *c.outputs, *c.kernel, c.inputs[2] // c.groups
    for oh, ow, o, kh, kw, k in itertools.product(*map(range, extents)):
        h = oh * c.stride[0] - c.padding[0] + kh * c.dilation[0]
        w = ow * c.stride[1] - c.padding[1] + kw * c.dilation[1]
        if 0 <= h < c.inputs[0] and 0 <= w < c.inputs[1]:
            group = o // (c.channels // c.groups)
            yield oh, ow, o, kh, kw, k, h, w, group * (c.inputs[2] // c.groups) + k


def ordered_sums(terms, rounded):
    """{key: sum} of (key, order, a, b), each key's products in increasing order."""
    by_key = {}
    for key, order, a, b in terms:
        by_key.setdefault(key, []).append((order, a, b))
    sums = {}
    for key, entries in by_key.items():
        total = Fraction(0)
        for _, a, b in sorted(entries, key=lambda entry: entry[0]):
            total += a * b
            total = to_float32(total) if rounded else total
        sums[key] = total
    return sums


def direct_sums(c, x, w, dz, rounded):
    """Forward, input gradient and weight gradient of a batch, one Fraction per number."""
    x, w, dz = (np.vectorize(Fraction, otypes=[object])(a) for a in (x, w, dz))
    forward, inputs, weights = [], [], []
    for oh, ow, o, kh, kw, k, h, v, i in meetings(c):
        for n in range(len(x)):
            xv, wv, dv = x[n, h, v, i], w[o, kh, kw, k], dz[n, oh, ow, o]
            forward.append(((n, oh, ow, o), (kh, kw, k), xv, wv))
            inputs.append(((n, h, v, i), (kh, kw, o), dv, wv))
            weights.append(((o, kh, kw, k), (n, oh, ow), dv, xv))
    return [ordered_sums(terms, rounded) for terms in (forward, inputs, weights)]


def assert_sums(found, wanted, what):
    for key in np.ndindex(*found.shape):
        assert Fraction(found[key]) == wanted.get(key, 0), (what, key)


def check_convolutions():
    rng = np.random.default_rng(1)
    for c in CONVOLUTIONS:
        shapes = (2, *c.inputs), c.weight_shape, (2, *c.outputs)
        x, w, dz = (rng.integers(-100, 100, shape) for shape in shapes)
        wanted = direct_sums(c, x.tolist(), w.tolist(), dz.tolist(), False)
        found = c.forward_exact(x, w), c.input_gradient_exact(dz, w), c.weight_gradient_exact(dz, x)
        for pair in zip(found, wanted):
            assert_sums(*pair, c)
        wide = c.forward_exact(x << 21, w << 20)  # beyond float64, within 64 bits
        assert (wide == found[0] << 41).all()
        x, w, dz = (rng.normal(size=s).astype(np.float32).astype(np.float64) for s in shapes)
        wanted = direct_sums(c, x.tolist(), w.tolist(), dz.tolist(), True)
        found = c.forward_float(x, w), c.input_gradient_float(dz, w), c.weight_gradient_float(dz, x)
        for pair in zip(found, wanted):
            assert_sums(*pair, c)
    return len(CONVOLUTIONS)


def window_elements(p, oh, ow):
    for kh, kw in itertools.product(range(p.size[0]), range(p.size[1])):
        h, w = oh * p.stride[0] - p.padding[0] + kh, ow * p.stride[1] - p.padding[1] + kw
        if 0 <= h < p.inputs[0] and 0 <= w < p.inputs[1]:
            yield h, w


def tree(values):
    while len(values) & (len(values) - 1):
        values = [*values, 0.0]
    while len(values) > 1:
        values = [a + b for a, b in zip(values[::2], values[1::2])]
    return values[0]


def check_pools():
    assert [pool_extent(*a) for a in ((28, 4, 2, 0, True), (21, 4, 2, 0, True), (21, 4, 2, 0, False),
                                      (8, 2, 4, 0, True), (9, 2, 4, 0, True), (5, 3, 2, 1, True),
                                      (4, 3, 2, 1, True))] == [13, 10, 9, 2, 3, 3, 3]  # fmt: skip
    rng = np.random.default_rng(2)
    for p in POOLS:
        x = rng.integers(-2, 3, (2, *p.inputs))  # many ties
        real, g = rng.normal(size=x.shape), rng.integers(-9, 9, (2, *p.outputs))
        largest, averages, averages_float = p.largest(x), p.sums_exact(x), p.sums_float(real)
        everyone, first = (p.largest_back(g, x, ties, np.add) for ties in ("all", "first"))
        slopes = rng.normal(size=g.shape).astype(np.float32).astype(np.float64)
        summed32 = p.largest_back(slopes, x, "all", add_float32)
        shared = p.average_back(slopes)
        wanted = {name: np.zeros(x.shape) for name in ("all", "first", "float", "shared")}
        for n, oh, ow, c in np.ndindex(*g.shape):
            where = [(n, h, w, c) for h, w in window_elements(p, oh, ow)]
            values = [x[i] for i in where]
            assert largest[n, oh, ow, c] == max(values)
            assert averages[n, oh, ow, c] == sum(values) and p.counts()[oh, ow] == len(values)
            assert averages_float[n, oh, ow, c] == tree([real[i] for i in where])
            wanted["first"][where[values.index(max(values))]] += g[n, oh, ow, c]
            for i in where:
                wanted["shared"][i] += slopes[n, oh, ow, c] / len(values)
                if x[i] == max(values):
                    wanted["all"][i] += g[n, oh, ow, c]
                    total = np.float32(wanted["float"][i]) + np.float32(slopes[n, oh, ow, c])
                    wanted["float"][i] = total
        assert (everyone == wanted["all"]).all() and (first == wanted["first"]).all()
        assert (summed32 == wanted["float"]).all() and (shared == wanted["shared"]).all()
    return len(POOLS)


def check_random_bits():
    words = [int(word) for word in numbers.random_bits(40, 32, 5, 3, 9)]
    stream = sum(word << (32 * place) for place, word in enumerate(words))
    for bits in (8, 16, 32):
        drawn = numbers.random_bits(9, bits, 5, 3, 9, first=7)
        wanted = [stream >> (bits * i) & ((1 << bits) - 1) for i in range(7, 16)]
        assert drawn.tolist() == wanted


def check_quantize():
    """Integers too wide for float64 and narrow ones round alike, stochastically too."""
    rng = np.random.default_rng(3)
    values = rng.integers(-(2**40), 2**40, 400)
    for text in ("q4.12:sat:sr16", "q4.6s:sat:rna", "dfx10@3:sat:sr8", "float16:inf:srh", "q4.4:sat:srh"):
        form = formats.parse(text)

        def draw(count, bits):
            return numbers.random_bits(count, bits, 1, 2, 3)

        fast = numbers.quantize(numbers.Exact(values, -37), form, draw)
        wide = numbers.Exact(values.astype(object) << 20, -57)
        assert not numbers.fits_float64(wide.values)
        assert (numbers.quantize(wide, form, draw).values == fast.values).all(), text
        bits = formats.RANDOM_BITS.get(form.rounding, 1)
        words = numbers.random_bits(400, bits, 1, 2, 3).tolist() if bits > 1 else [0] * 400
        for value, word, found in zip(values.tolist(), words, fast.real().tolist()):
            assert found == float(form.decode(form.encode(Fraction(value, 2**37), word))), text


def check_schedules():
    assert scheduled({"start": 0.1, "factor": 0.95}, 3, 9) == 0.1 * 0.95 * 0.95 * 0.95
    halved = {"start": 0.01, "factor": 0.5, "at": [2, 3]}
    assert [scheduled(halved, e, 9) for e in range(5)] == [0.01, 0.01, 0.005, 0.0025, 0.0025]
    assert scheduled({"start": 1.0, "end": 0.5, "until_fraction": 0.5}, 2, 8) == 0.75
    assert scheduled(0.9, 5, 8) == 0.9


PI_RECIPE = """
seed = 7
[data]
[network]
input = [784]
layers = [
  { type = "dropout", keep = 0.8 },
  { name = "h1", type = "dense", units = 18, init = "glorot_uniform", max_column_norm = 1.9365 },
  { type = "maxout", pieces = 3 }, { type = "dropout", keep = 0.5 },
  { name = "h2", type = "dense", units = 18, init = "glorot_uniform", max_column_norm = 1.9365, test_scale = 0.5 },
  { type = "maxout", pieces = 3 }, { type = "dropout", keep = 0.5 },
  { name = "out", type = "dense", units = 10, init = "zero", max_column_norm = 1.9365, test_scale = 0.5 },
]
loss_scale = "classes"
[formats]
input = "INPUT"
default = "NARROW"
weight_master = "WIDE"
bias_master = "WIDE"
[formats.range]
RANGE
[train]
epochs = 4
batch = 20
learning_rate = { start = 0.05, end = 0.005, until_fraction = 0.5 }
momentum = { start = 0.5, end = 0.7, until_fraction = 0.25 }
"""
PI_CASES = (
    ("FLP", "float32", "float32", "float32", ""),
    ("HFLP", *["float16:inf:rne"] * 3, ""),
    ("FXP 3 9 11", "uq0.8", "q4.6s:sat:rna", "q4.8s:sat:rna", ""),
    ("DFXP -1 6 8 2 0.1 1", "uq0.8", "dfx7:sat:rna", "dfx9:sat:rna",
     "initial = -1\nupdate_every = 2\nmax_overflow = 0.1\ninit_epochs = 1"),
)  # fmt: skip


def check_permutation_invariant():
    """The same bits as reference_training.py, which was written before there were recipes."""
    rng = np.random.default_rng(8)
    images, labels = rng.integers(0, 256, (60, 784)), rng.integers(0, 10, 60)
    for text, *replacements in PI_CASES:
        recipe = PI_RECIPE
        for name, value in zip(("INPUT", "NARROW", "WIDE", "RANGE"), replacements):
            recipe = recipe.replace(name, value)
        older = training.Network(Plan.parse(text), 7, 6, 3)
        training.train(older, images, labels, 20, 4, 8)
        network = networks.Network(Recipe(recipe))
        networks.train(network, images, labels, 8)
        for number, own in network.parameters.items():
            for role in networks.Parameters.__dataclass_fields__:
                found, wanted = getattr(own, role), getattr(older.parameters[number], role)
                assert isinstance(wanted, Tensor) and found.format.name == wanted.format
                assert (found.codes() == wanted.codes()).all(), (text, number, role)
        assert (network.predict(images) == older.predict(images)).all()
    return len(PI_CASES)


GRADIENT_RECIPE = """
seed = 7
[data]
[network]
input = [9, 8, 2]
layers = [LAYERS]
loss_scale = "classes"
ties = "first"
[formats]
default = "float32"
[train]
epochs = 1
batch = 4
learning_rate = 0.05
momentum = 0.5
"""
GRADIENT_LAYERS = (
    """{ name = "c1", type = "conv2d", channels = 6, kernel = [3, 2], stride = [2, 1], padding = [1, 0, 0, 2], groups = 2 },
       { type = "relu" }, { type = "max_pool", size = 3, stride = 2, padding = 1 },
       { name = "c2", type = "conv2d", channels = 4, kernel = 2, dilation = [1, 2], padding = 1 }, { type = "relu" },
       { type = "average_pool", size = 2, stride = 2 }, { type = "flatten" }, { name = "out", type = "dense", units = 10 }""",
    """{ type = "dropout", keep = 0.8 }, { name = "c1", type = "conv2d", channels = 6, kernel = 3, bias = "after_pool" },
       { type = "max_pool", size = 3, stride = 2 }, { type = "maxout", pieces = 2 }, { type = "dropout", keep = 0.5 },
       { name = "h", type = "dense", units = 7 }, { name = "out", type = "dense", units = 10 }""",
    """{ name = "c1", type = "conv2d", channels = 4, kernel = 3 }, { type = "average_pool", size = 3, stride = 2 },
       { type = "maxout", pieces = 2 }, { name = "c2", type = "conv2d", channels = 10, kernel = 2 },
       { type = "global_average_pool" }""",
)  # fmt: skip


def smooth_forward(node, x, parameters, masks, choices):
    """A node in float64 by the direct definitions; maxima stay where `choices` first found them."""
    weight, bias = parameters[node.number] if node.product else (None, None)
    c = node.product
    if isinstance(c, Convolution):
        y = np.zeros((len(x), *c.outputs))
        for oh, ow, o, kh, kw, k, h, w, i in meetings(c):
            y[:, oh, ow, o] += x[:, h, w, i] * weight[o, kh, kw, k]
        x = y + bias
    elif c:
        x = x.reshape(len(x), -1) @ weight.T + bias
    for place, operation in enumerate(node.operations):
        key = node.number, place
        if operation.kind == "dropout":
            x = x * masks[key]
        elif operation.kind == "relu":
            x = x * choices.setdefault(key, x > 0)
        elif operation.kind == "flatten":
            x = x.reshape(len(x), -1)
        elif operation.kind == "maxout":
            grouped = networks.pieces_of(x, operation.table["pieces"])
            chosen = choices.setdefault(key, grouped.argmax(axis=-1)[..., None])
            x = np.take_along_axis(grouped, chosen, axis=-1)[..., 0]
        elif operation.pool:
            x = smooth_pool(operation, x, choices.setdefault(key, {}))
    return x


def smooth_pool(operation, x, chosen):
    p = operation.pool
    y = np.zeros((len(x), *p.outputs))
    for oh, ow in np.ndindex(*p.outputs[:2]):
        window = np.stack([x[:, h, w] for h, w in window_elements(p, oh, ow)], axis=-1)
        if operation.kind == "max_pool":
            best = chosen.setdefault((oh, ow), window.argmax(axis=-1)[..., None])
            y[:, oh, ow] = np.take_along_axis(window, best, axis=-1)[..., 0]
        else:
            y[:, oh, ow] = window.mean(axis=-1)
    return y


class GradientRecorder(networks.Network):
    """Keeps gradients and masks of the step instead of applying them."""

    def __init__(self, recipe):
        super().__init__(recipe)
        self.recorded, self.masks = {}, {}

    def update(self, node, d_weight, d_bias, learning_rate, momentum):
        self.recorded[node.number] = d_weight.real(), d_bias.real()

    def forward(self, node, x, training):
        state = super().forward(node, x, training)
        self.masks |= {(node.number, place): mask for place, mask in state.masks.items()}
        return state


def check_gradients():
    rng, worst = np.random.default_rng(4), 0.0
    for layers in GRADIENT_LAYERS:
        network = GradientRecorder(Recipe(GRADIENT_RECIPE.replace("LAYERS", layers)))
        parameters = {}
        for number, own in network.parameters.items():
            for role in ("weight_master", "bias_master"):
                shape = getattr(own, role).values.shape
                drawn = np.float64(np.float32(rng.normal(size=shape) * 0.3))
                setattr(own, role, getattr(own, role).with_values(drawn))
            parameters[number] = [own.weight_master.real().copy(), own.bias_master.real().copy()]
        images, labels = rng.integers(0, 256, (4, 144)), rng.integers(0, 10, 4)
        network.train_batch(images, labels, 0.05, 0.5)
        choices = {}

        def loss():
            y = images.reshape(4, 9, 8, 2) / 256.0
            for node in network.nodes:
                y = smooth_forward(node, y, parameters, network.masks, choices)
            y = y.reshape(4, -1)
            y = y - y.max(axis=1, keepdims=True)
            likelihood = y - np.log(np.exp(y).sum(axis=1, keepdims=True))
            return -likelihood[np.arange(4), labels].sum() / 10.0

        loss()
        for number, gradients in network.recorded.items():
            assert np.abs(gradients[0]).max() > 1e-3
            for values, gradient in zip(parameters[number], gradients):
                for index in rng.integers(0, values.size, 8):
                    kept, losses = values.flat[index], []
                    for sign in (1, -1):
                        values.flat[index] = kept + sign * 1e-5
                        losses.append(loss())
                    values.flat[index] = kept
                    numerical = (losses[0] - losses[1]) / 2e-5
                    worst = max(worst, abs(numerical - gradient.flat[index]))
    assert worst < 1e-6, worst
    return worst


class RoundingRecorder(numbers.Numbers):
    """Keeps node, role, shape and first index of every rounding."""

    def quantize(self, node, role, values, first=0, step=None):
        rounded = super().quantize(node, role, values, first, step)
        self.trace.append((node, role, rounded.values.shape, first))
        return rounded


def traced_step(recipe_text):
    recipe = Recipe(recipe_text)
    network = networks.Network(recipe)
    network.numbers = RoundingRecorder(recipe.seed, recipe.range_settings, recipe.texts(0))
    network.numbers.trace = []
    rng = np.random.default_rng(5)
    pixels = int(np.prod(recipe.network["input"]))
    network.train_batch(rng.integers(0, 256, (4, pixels)), rng.integers(0, 10, 4), 0.5, 0.5)
    return network, network.numbers.trace


def check_roundings():
    """Which roundings a step has, of what and with which random bits."""
    text = GRADIENT_RECIPE.replace("LAYERS", GRADIENT_LAYERS[1])
    trace = traced_step(text.replace('"float32"', '"q4.12:sat:sr8"'))[1]
    z, pooled, y = (4, 7, 6, 6), (4, 3, 3, 6), (4, 3, 3, 3)
    weight, bias = (6, 3, 3, 2), (6,)
    wanted = [
        ("weight", weight, 0), ("bias", bias, 0), ("preactivation", z, 0),
        ("preactivation", pooled, 4 * 7 * 6 * 6), ("activation", y, 0), ("d_activation", (4, 27), 0),
        ("d_preactivation", pooled, 4 * 7 * 6 * 6), ("d_preactivation", z, 0),
        ("d_weight", weight, 0), ("d_bias", bias, 0), ("weight_update", weight, 0),
        ("weight_master", weight, 0), ("bias_update", bias, 0), ("bias_master", bias, 0),
    ]  # fmt: skip
    assert [entry[1:] for entry in trace if entry[0] == 1] == wanted
    return len(trace)


def check_update():
    """Decay and norms against the formulas, one number at a time."""
    layers = """{ name = "c1", type = "conv2d", channels = 4, kernel = 2, init = "glorot_uniform", weight_decay = 0.25, max_norm = 0.3, max_norm_axis = "AXIS", learning_rate_scale = 0.5 },
        { name = "out", type = "dense", units = 10, init = "glorot_uniform" }"""
    for axis in ("output", "input"):
        for text in ("q2.10s:sat:rna", "float32"):
            recipe = GRADIENT_RECIPE.replace("LAYERS", layers.replace("AXIS", axis))
            network = networks.Network(Recipe(recipe.replace('"float32"', f'"{text}"')))
            own, form = network.parameters[1], formats.parse(text)

            def rounded(value):
                return float(form.decode(form.encode(value)))

            rng = np.random.default_rng(6)
            old, momentum, slope = (np.vectorize(rounded)(rng.normal(size=(4, 2, 2, 2)) * 0.3)
                                    for _ in range(3))  # fmt: skip
            network.parameters[1].weight_master = network.numbers.quantize(1, "weight_master", old)
            network.parameters[1].weight_update = network.numbers.quantize(1, "weight_update", momentum)
            d_bias = network.numbers.quantize(1, "d_bias", np.zeros(4))
            gradient = network.numbers.quantize(1, "d_weight", slope)
            network.update(network.nodes[1], gradient, d_bias, 0.1, 0.5)
            update = {i: rounded(0.5 * momentum[i] - 0.1 * 0.5 * (slope[i] + 0.25 * old[i]))
                      for i in np.ndindex(4, 2, 2, 2)}  # fmt: skip
            moved = {i: rounded(old[i] + u) for i, u in update.items()}
            for i, w in moved.items():
                column = [moved[j] for j in moved if (j[1:] == i[1:] if axis == "output" else j[0] == i[0])]
                norm = np.sqrt(tree([v * v for v in column]))
                assert own.weight_update.real()[i] == update[i]
                assert own.weight_master.real()[i] == rounded(w * (min(norm, 0.3) / (1e-7 + norm)))


def check_clipped():
    """Gradients stop where z is at either limit, and only there."""
    text = GRADIENT_RECIPE.replace("LAYERS", GRADIENT_LAYERS[0]).replace('"float32"', '"q1.6:sat:rne"')
    network = networks.Network(Recipe(text.replace('ties = "first"', 'straight_through = "clipped"')))
    node, form = network.nodes[2], network.numbers.form(2, "preactivation")
    state = networks.NodeState()
    state.z = state.activation_input = numbers.Tensor(np.array([[-64, -63, -1, 0, 1, 62, 63]]), form)
    ones = numbers.Tensor(np.ones((1, 7), dtype=np.int64), form)
    relu, identity = (type("Operation", (), {"kind": kind}) for kind in ("relu", "identity"))
    found = [network.activation_back(node, kind, ones, state).values.tolist() for kind in (relu, identity)]
    assert found == [[[0, 0, 0, 0, 1, 1, 0]], [[0, 1, 1, 1, 1, 1, 0]]]


STAGE_RECIPE = GRADIENT_RECIPE.replace("LAYERS", GRADIENT_LAYERS[2]).replace("epochs = 1\n", """
stages = [
  { epochs = 1, default = "q4.12:sat:rne" },
  { epochs = 2, default = "dfx10:sat:rna", weight_master = "q4.4:sat:rne" },
]
""")  # fmt: skip


def check_stages():
    recipe = Recipe(STAGE_RECIPE)
    assert recipe.epochs == 3 and [recipe.stage_of(e) for e in range(3)] == [0, 1, 1]
    assert recipe.texts(0)[1, "weight_master"] == "q4.12:sat:rne" and recipe.texts(0)[0, "input"] == "float32"
    assert recipe.texts(1)[2, "weight_master"] == "q4.4:sat:rne" and recipe.texts(1)[2, "bias"] == "dfx10:sat:rna"
    network = networks.Network(recipe)
    network.parameters[1].weight_master = network.numbers.quantize(
        1, "weight_master", np.full(recipe.nodes[1].product.weight_shape, 0.09375))  # fmt: skip
    network.enter_stage(1)
    master = network.parameters[1].weight_master
    assert master.format.name == "q4.4" and (master.values == 2).all()  # 1.5 steps: to even


def main():
    checks = (check_convolutions, check_pools, check_random_bits, check_quantize, check_schedules,
              check_permutation_invariant, check_gradients, check_roundings, check_update, check_clipped,
              check_stages)  # fmt: skip
    for check in checks:
        print(f"{check.__name__}: ok {check()}", flush=True)


if __name__ == "__main__":
    main()
