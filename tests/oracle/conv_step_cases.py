"""Recipes whose training steps the program and the reference must agree on, bit by bit.

A case is layers, formats and a few keys around them; small enough that a reference step takes a
fraction of a second. 28x28 digits, 100 examples, 5 steps an epoch.
"""

from dataclasses import dataclass, field

# The originals' order: z, pool, bias, maxout; dropout everywhere, norms over output maps.
MAXOUT = """
  { type = "dropout", keep = 0.8 },
  { name = "c1", type = "conv2d", channels = 8, kernel = 6, stride = 2, init = "glorot_uniform", max_norm = 0.2, max_norm_axis = "output", bias = "after_pool" },
  { type = "max_pool", size = 4, stride = 2 }, { type = "maxout", pieces = 2 }, { type = "dropout", keep = 0.5 },
  { name = "c2", type = "conv2d", channels = 6, kernel = 3, padding = 1, init = "glorot_uniform", max_norm = 0.3, bias = "after_pool", test_scale = 0.5, learning_rate_scale = 0.5 },
  { type = "max_pool", size = 2, stride = 2 }, { type = "maxout", pieces = 2 }, { type = "dropout", keep = 0.5 },
  { name = "out", type = "dense", units = 10, init = "zero", max_column_norm = 1.9365, test_scale = 0.5 },
"""

DRAWN = MAXOUT.replace('init = "zero"', 'init = "glorot_uniform"')

# Gupta's: relu before the pool, small dense layer, weight decay, normal deviates.
RELU = """
  { name = "c1", type = "conv2d", channels = 4, kernel = 5, stride = 2, init = "glorot_uniform", weight_decay = 0.0005 },
  { type = "relu" }, { type = "max_pool", size = 2 },
  { name = "c2", type = "conv2d", channels = 6, kernel = 3, init = "glorot_uniform", weight_decay = 0.0005, max_norm = 1.0, max_norm_axis = "input" },
  { type = "relu" }, { type = "max_pool", size = 2, stride = 2, partial = false }, { type = "flatten" },
  { name = "d1", type = "dense", units = 12, init = "glorot_uniform", weight_decay = 0.0005 }, { type = "relu" },
  { name = "out", type = "dense", units = 10, init = "glorot_uniform", weight_decay = 0.0005 },
"""
NORMAL = RELU.replace('"glorot_uniform"', '"normal", init_deviation = 0.1')

# Everything of a convolution's geometry, average pools, a last node that is a convolution.
GEOMETRY = """
  { name = "c1", type = "conv2d", channels = 6, kernel = [5, 4], stride = [2, 3], padding = [2, 0, 1, 3], init = "glorot_uniform", max_norm = 0.5, max_norm_axis = "input" },
  { type = "relu" }, { type = "average_pool", size = [3, 2], stride = 2, padding = [1, 0] },
  { name = "c2", type = "conv2d", channels = 8, kernel = 3, padding = [2, 1], dilation = [2, 1], groups = 2, init = "glorot_uniform", max_norm = 0.5 },
  { type = "max_pool", size = 3, stride = 2, padding = 1 }, { type = "maxout", pieces = 2 },
  { name = "c3", type = "conv2d", channels = 8, kernel = [1, 2], groups = 4, init = "glorot_uniform" },
  { type = "relu" },
  { name = "out", type = "conv2d", channels = 10, kernel = 2, init = "glorot_uniform" }, { type = "global_average_pool" },
"""

# Average pool in front of the activation, relu behind a max pool, an identity node, no bias tricks.
ORDERS = """
  { name = "c1", type = "conv2d", channels = 6, kernel = 4, stride = 3, init = "glorot_uniform" },
  { type = "average_pool", size = 2, stride = 2 }, { type = "maxout", pieces = 3 }, { type = "dropout", keep = 0.75 },
  { name = "c2", type = "conv2d", channels = 4, kernel = 2, init = "glorot_uniform" }, { type = "max_pool", size = 2 }, { type = "relu" },
  { name = "c3", type = "conv2d", channels = 5, kernel = 1, init = "glorot_uniform" },
  { name = "out", type = "dense", units = 10, init = "glorot_uniform" },
"""

# No convolution: what all networks share, in roundings that step_comparison_test.py does not have.
DENSE = """
  { type = "dropout", keep = 0.8 },
  { name = "h1", type = "dense", units = 24, init = "glorot_uniform", max_column_norm = 0.6 }, { type = "maxout", pieces = 2 }, { type = "dropout", keep = 0.5 },
  { name = "h2", type = "dense", units = 12, init = "glorot_uniform", test_scale = 0.5 },
  { name = "out", type = "dense", units = 10, init = "glorot_uniform", test_scale = 0.5 },
"""

# Rates are high, so that narrow formats have updates to round within a few steps.
LINEAR = """learning_rate = { start = 0.5, end = 0.05, until_fraction = 0.5 }
momentum = { start = 0.5, end = 0.7, until_fraction = 0.25 }"""
FACTORS = """learning_rate = { start = 0.1, factor = 0.95 }
momentum = 0.9"""
STEPS_DOWN = """learning_rate = { start = 0.4, factor = 0.5, at = [1, 2] }
momentum = { start = 0.5, factor = 1.25, at = [2] }"""


def formats(default, master=None, input_format="uq0.8", **more):
    roles = {"input": input_format, "default": default}
    if master:
        roles |= {"weight_master": master, "bias_master": master}
    return roles | more


def ranges(initial, update_every, max_overflow, init_epochs, **more):
    return {"initial": initial, "update_every": update_every, "max_overflow": max_overflow,
            "init_epochs": init_epochs} | more  # fmt: skip


@dataclass
class Case:
    name: str
    layers: str
    formats: dict
    steps: int
    schedules: str = LINEAR
    network: dict = field(default_factory=dict)
    ranges: dict = field(default_factory=dict)
    stages: str = ""
    exceptions: str = ""

    def recipe(self):
        def keys(table):
            return "\n".join(f"{key} = {toml(value)}" for key, value in table.items())

        network = {"input": [28, 28, 1], "loss": "softmax_nll", "loss_scale": "classes", "ties": "all"} | self.network
        epochs = self.stages or "epochs = 4"
        return f"""title = "{self.name}"
seed = 7
[data]
name = "digits"
split = {{ train = 100, valid = 40 }}
[network]
layers = [{self.layers}]
{keys(network)}
[formats]
{keys(self.formats)}
{self.exceptions}
{"[formats.range]" if self.ranges else ""}
{keys(self.ranges)}
[train]
{epochs}
batch = 20
optimizer = {{ type = "sgd" }}
{self.schedules}
"""


def toml(value):
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else repr(value)


FLAT = {"input": [784]}
FLOAT32 = formats("float32", input_format="float32")
FLOAT16 = formats("float16:inf:rne", input_format="float16:inf:rne")
CLIPPED = {"straight_through": "clipped"}
BATCH_MEAN = {"loss_scale": "batch", "ties": "first"}
STAGES = """stages = [
  { epochs = 1, default = "q4.12:sat:sr" },
  { epochs = 1, default = "q4.16:sat:sr", weight = "q2.14:sat:rnd", d_weight = "q4.12:sat:sr8" },
  { epochs = 1, default = "q6.14:sat:srh" },
]"""
DYNAMIC_STAGES = """stages = [
  { epochs = 1 },
  { epochs = 2, weight_master = "dfx14:sat:rna", bias_master = "dfx14:sat:rna", activation = "dfx12:sat:rna" },
]"""
EXCEPTION = """[[formats.node]]
match = "c2"
activation = "q4.10:sat:sr16"
d_preactivation = "q2.16:sat:sr8"
[[formats.node]]
match = "out"
weight_update = "q2.20:sat:rne"
"""

CASES = [
    Case("dense, clipped", DENSE, formats("q0.10s:sat:rna", "q2.12s:sat:rna"), 12, network=FLAT | CLIPPED),
    Case("dense, clipped two's complement", DENSE, formats("q1.10:sat:sr"), 12, network=FLAT | CLIPPED),
    Case("dense, sr16", DENSE, formats("q2.12:sat:sr16"), 12, network=FLAT),
    Case("dense, sr8, first ties", DENSE, formats("q2.10:sat:sr8"), 12, network=FLAT | BATCH_MEAN),
    Case("dense, srh", DENSE, formats("q2.12s:sat:srh"), 12, network=FLAT),
    Case("dense, float16 sr", DENSE, formats("float16:inf:sr", input_format="float16:inf:rne"), 7, network=FLAT),
    Case("dense, float32 sr16", DENSE, formats("float32:inf:sr16", input_format="float32"), 7, network=FLAT),
    Case("dense, dynamic, stochastic", DENSE, formats("dfx10:sat:sr", "dfx12:sat:sr16"), 15, network=FLAT,
         ranges=ranges(2, 2, 0.01, 1)),
    Case("dense, dynamic, clipped", DENSE, formats("dfx8:sat:rna", "dfx12:sat:sr8"), 15, network=FLAT | CLIPPED,
         ranges=ranges(0, 2, 0.01, 1)),
    Case("dense, master in the input gradient", DENSE, formats("q2.7:sat:rnd", "q2.12:sat:rne"), 12,
         network=FLAT | {"input_gradient": "master"}),
    Case("FLP maxout", MAXOUT, FLOAT32, 7),
    Case("FLP geometry", GEOMETRY, FLOAT32, 6),
    Case("FLP orders, first ties", ORDERS, FLOAT32, 7, network=BATCH_MEAN),
    Case("FLP relu, decay", RELU, FLOAT32, 12, FACTORS, BATCH_MEAN),
    Case("HFLP maxout", DRAWN, FLOAT16, 7),
    Case("HFLP geometry", GEOMETRY, FLOAT16, 6),
    Case("HFLP orders", ORDERS, FLOAT16, 12, STEPS_DOWN),
    Case("HFLP relu, stochastic", RELU, formats("float16:inf:sr16", input_format="float16:inf:rne"), 7),
    Case("FXP maxout", MAXOUT, formats("q4.16s:sat:rna", "q4.16s:sat:rna"), 18),
    Case("FXP maxout narrow", DRAWN, formats("q3.8s:sat:rna", "q3.10s:sat:rna"), 18),
    Case("FXP geometry", GEOMETRY, formats("q2.14s:sat:rna", "q4.12s:sat:rna"), 18),
    Case("FXP orders, first ties", ORDERS, formats("q4.8s:sat:rna", "q4.12s:sat:rna"), 18, network={"ties": "first"}),
    Case("DFXP maxout", MAXOUT, formats("dfx10:sat:rna", "dfx12:sat:rna"), 20, ranges=ranges(3, 1, 0.0001, 2)),
    Case("DFXP maxout, slow ranges", DRAWN, formats("dfx8:sat:rna", "dfx10:sat:rna"), 20, ranges=ranges(1, 3, 0.001, 1)),
    Case("DFXP relu", RELU, formats("dfx12:sat:rna", "dfx16:sat:rna"), 18, ranges=ranges(1, 2, 0.01, 0)),
    Case("DFXP relu, stochastic", RELU, formats("dfx12:sat:sr", "dfx14:sat:sr"), 15, ranges=ranges(2, 2, 0.01, 1)),
    Case("DFXP stages", RELU, formats("dfx10:sat:rna", "dfx12:sat:rna"), 13, stages=DYNAMIC_STAGES,
         ranges=ranges(0, 2, 0.01, 0)),
    Case("Gupta sr", RELU, formats("q4.12:sat:sr", activation="q6.10:sat:sr"), 15, FACTORS, CLIPPED),
    Case("Gupta rnd", RELU, formats("q4.12:sat:rnd", activation="q6.10:sat:rnd"), 15, FACTORS, BATCH_MEAN),
    Case("Gupta sr, saturating", RELU, formats("q1.10:sat:sr"), 15, FACTORS, CLIPPED),
    Case("Gupta sr16, all roles", RELU, formats("q4.12:sat:sr16"), 9),
    Case("Gupta sr8, all roles", RELU, formats("q4.10:sat:sr8"), 9),
    Case("Gupta srh, all roles", RELU, formats("q4.12:sat:srh"), 9),
    Case("maxout, sr after pool", DRAWN, formats("q2.14:sat:sr", "q4.14:sat:sr"), 9),
    Case("maxout, clipped", DRAWN, formats("q0.12s:sat:rna", "q2.12s:sat:rna"), 9, network=CLIPPED),
    Case("stages", RELU, formats("q4.12:sat:sr"), 13, FACTORS, stages=STAGES),
    Case("exceptions", RELU, formats("q4.12:sat:rne"), 9, exceptions=EXCEPTION),
    Case("master in the input gradient", RELU, formats("q2.8:sat:rne", "q4.12:sat:rne"), 12,
         network={"input_gradient": "master"}),
    Case("normal deviates", NORMAL, formats("q4.12:sat:rne"), 9, FACTORS),
    Case("normal deviates, FLP", NORMAL, FLOAT32, 4, FACTORS),
    # Here the specification leaves a choice: the reference's is written beside its constants.
    Case("geometry, sr", GEOMETRY, formats("q4.12:sat:sr"), 9),
    Case("orders, sr16", ORDERS, formats("q4.12:sat:sr16"), 9),
    Case("DFXP geometry", GEOMETRY, formats("dfx10:sat:rna", "dfx12:sat:rna"), 15, ranges=ranges(1, 2, 0.001, 1)),
    Case("DFXP orders, clipped", ORDERS, formats("dfx10:sat:rna", "dfx12:sat:rna"), 15, network=CLIPPED,
         ranges=ranges(0, 2, 0.01, 0)),
]  # fmt: skip
