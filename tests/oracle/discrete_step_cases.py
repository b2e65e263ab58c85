"""Recipes of small discrete networks whose training steps the program and the reference must agree on, bit by bit.

The network of docs/discrete.md in small: convolution, pool, batch normalisation, states, twice; 28x28 digits.
"""

from dataclasses import dataclass, field

from conv_step_cases import ranges, toml

ADAM = {"type": "adam", "transition_factor": 3}
SGD = {"type": "sgd", "transition_factor": 3}
FALLING = "learning_rate = { start = 0.03, end = 1e-5, curve = \"geometric\" }"
FALLING_SGD = """learning_rate = { start = 8.0, end = 0.5, curve = "geometric" }
momentum = { start = 0.5, end = 0.9, until_fraction = 0.5 }"""
GRADIENTS = ("d_preactivation", "d_activation", "d_normalized", "d_weight", "d_bias", "d_scale")


def formats(weight, activation, master=None, **more):
    roles = {"input": "q1.7", "weight": weight, "preactivation": "exact", "activation": activation}
    return roles | ({"weight_master": master} if master else {}) | more


def gradients(text, d_normalized=None):
    return dict.fromkeys(GRADIENTS, text) | {"d_normalized": d_normalized or text}


@dataclass
class Case:
    name: str
    formats: dict
    steps: int = 6
    optimizer: dict = field(default_factory=lambda: ADAM)
    schedules: str = FALLING
    multi_step: str = ""
    layers: str = ""
    loss_scale: str = "mean"
    data: str = 'pixels = "signed"'
    ranges: dict = field(default_factory=dict)
    exceptions: str = ""
    epochs: str = "epochs = 5"
    network: dict = field(default_factory=dict)

    def recipe(self):
        def keys(table):
            return "\n".join(f"{key} = {toml(value)}" for key, value in table.items())

        layers = self.layers or NETWORK
        network = {"loss": "squared_hinge", "loss_scale": self.loss_scale} | self.network
        return f"""title = "{self.name}"
seed = 7
[data]
name = "digits"
split = {{ train = 40, valid = 20 }}
{self.data}
[network]
input = [28, 28, 1]
layers = [{layers.replace("STATES", '{ type = "multi_step"' + self.multi_step + " }")}]
{keys(network)}
[formats]
{keys(self.formats)}
{self.exceptions}
{"[formats.range]" if self.ranges else ""}
{keys(self.ranges)}
[train]
{self.epochs}
batch = 10
{self.schedules}
[train.optimizer]
{keys(self.optimizer)}
"""


NETWORK = """
  { name = "c1", type = "conv2d", channels = 4, kernel = 5, stride = 3, bias = "none", init = "uniform" },
  { type = "max_pool", size = 2 }, { type = "batch_norm" }, STATES,
  { name = "c2", type = "conv2d", channels = 6, kernel = 3, bias = "none", init = "uniform" },
  { type = "batch_norm", epsilon = 0.01, average = 0.25 }, STATES, { type = "flatten" },
  { name = "h", type = "dense", units = 16, bias = "none", init = "uniform", learning_rate_scale = 0.3 },
  { type = "batch_norm" }, STATES,
  { name = "out", type = "dense", units = 10, bias = "none", init = "uniform" }, { type = "batch_norm" },
"""
# Without batch normalisation: sums themselves are put into states and into the loss.
BARE = """
  { name = "c1", type = "conv2d", channels = 4, kernel = 5, stride = 3, bias = "none", init = "uniform" },
  { type = "max_pool", size = 2 }, STATES,
  { name = "h", type = "dense", units = 16, bias = "none", init = "uniform", init_limit = 0.7 }, STATES,
  { name = "out", type = "dense", units = 10, bias = "none", init = "uniform" },
"""
# Other orders: states before the pool, relu and no activation behind batch normalisation.
ORDERS = """
  { name = "c1", type = "conv2d", channels = 4, kernel = 5, stride = 3, bias = "none", init = "uniform" },
  { type = "batch_norm" }, STATES, { type = "max_pool", size = 2, stride = 1 },
  { name = "c2", type = "conv2d", channels = 6, kernel = 3, stride = 2, bias = "none", init = "uniform" },
  { type = "batch_norm" }, { type = "relu" },
  { name = "h", type = "dense", units = 12, bias = "none", init = "uniform" }, { type = "batch_norm" },
  { name = "out", type = "dense", units = 10, bias = "none", init = "uniform" }, { type = "batch_norm" },
"""
STAGES = """stages = [
  { epochs = 1, weight = "z4", weight_master = "z4", activation = "z3", weight_update = "q2.12:sat:sr" },
  { epochs = 1 },
  { epochs = 3, weight = "binary", weight_master = "float32", statistics = "float16:inf:sr", scale_moment = "float16" },
]"""
TRIANGULAR = ', window = "triangular"'
WIDE = ', threshold = 0.3, window = "triangular", half_width = 0.7'

CASES = [
    Case("ternary, adam", formats("ternary", "ternary")),
    Case("binary, adam", formats("binary", "binary")),
    Case("z3 and z2, adam", formats("z3", "z2")),
    Case("z2 and z3, triangular", formats("z2", "z3"), multi_step=TRIANGULAR),
    Case("ternary and z4, wide windows", formats("ternary", "z4"), multi_step=WIDE),
    Case("z8 and z8", formats("z8", "z8")),
    Case("z1 and z0, half", formats("z1*0.5", "z0")),
    Case("half activations", formats("ternary", "z2*0.5"), multi_step=", threshold = 0.25"),
    Case("ternary of 0.05", formats("ternary*0.05", "ternary")),
    Case("z3 of 0.3, float master", formats("z3*0.3", "z2*0.7", "float32"), multi_step=", threshold = 0.2"),
    Case("z3 of 0.3, sgd", formats("z3*0.3", "z2*0.7"), optimizer=SGD, schedules=FALLING_SGD, multi_step=WIDE),
    Case("binary of 0.3", formats("binary*0.3", "binary*0.7")),
    Case("ternary, sgd", formats("ternary", "ternary"), optimizer=SGD, schedules=FALLING_SGD),
    Case("z3, sgd, triangular", formats("z3", "z2"), optimizer=SGD, schedules=FALLING_SGD, multi_step=TRIANGULAR),
    Case("binary, sgd", formats("binary", "z2"), optimizer=SGD, schedules=FALLING_SGD),
    Case("float master, adam", formats("ternary", "ternary", "float32")),
    Case("float master, sgd", formats("ternary", "z2", "float32"), optimizer=SGD, schedules=FALLING_SGD),
    Case("fixed master", formats("binary", "ternary", "q2.14:sat:sr")),
    Case("float weights", {"input": "float32"}),
    Case("exact float sums", formats("float32", "float32")),
    Case("float activations", formats("ternary", "q2.6")),
    Case("dfx8 gradients", formats("ternary", "ternary", **gradients("dfx8:sat:rna")), ranges=ranges(0, 1, 0.01, 0)),
    Case("dfx8 gradients, stochastic", formats("z2", "z2", **gradients("dfx8:sat:sr")), ranges=ranges(0, 2, 0.01, 0)),
    Case("dfx8 gradients, momentum", formats("z2", "z2", **gradients("dfx8:sat:sr"), weight_update="dfx12:sat:sr"), 8,
         optimizer=SGD, schedules=FALLING_SGD, ranges=ranges(0, 1, 0.01, 1)),
    Case("dfx8 gradients, initialised", formats("ternary", "ternary", **gradients("dfx8:sat:rna")),
         ranges=ranges(0, 1, 0.01, 1)),
    Case("everything rounded", formats("ternary", "ternary", scale_master="q2.14", normalized="q4.6:sat:sr",
         statistics="q12.12:sat:sr16", bias_master="q2.14", weight_update="float16:inf:sr",
         weight_moment="float16:inf:sr", scale_moment="float16")),
    Case("warm-up at zero", formats("ternary", "ternary"), 10, schedules="warmup_epochs_at_zero = 2\n" + FALLING),
    Case("rising rate", formats("ternary", "ternary"), 10, schedules=(
        'learning_rate = { start = 1e-4, end = 0.1, until_fraction = 0.3, curve = "geometric" }')),
    Case("unsigned, by batch", formats("ternary", "ternary", input="uq0.8"), data="", loss_scale="batch"),
    Case("by classes, first of ties", formats("ternary", "ternary"), loss_scale="classes", network={"ties": "first"}),
    Case("other moments", formats("z2", "ternary"), optimizer={
        "type": "adam", "beta1": 0.8, "beta2": 0.95, "epsilon": 1e-4, "transition_factor": 0.7}),
    Case("no batch normalisation", formats("ternary", "ternary"), layers=BARE, schedules="learning_rate = 0.002",
         multi_step=", threshold = 0.75, half_width = 4.0"),
    Case("other orders", formats("ternary", "ternary", **gradients("q2.10:sat:sr", "q2.6:sat:sr")), layers=ORDERS,
         exceptions="""[[formats.node]]
match = "c2"
activation = "q3.6:sat:sr"
[[formats.node]]
match = "h"
activation = "q3.6:sat:sr"
"""),
    Case("other orders, clipped", formats("ternary", "ternary", normalized="q2.6", **gradients("dfx9:sat:rna")),
         layers=ORDERS, network={"straight_through": "clipped"}, ranges=ranges(0, 2, 0.01, 0), exceptions="""
[[formats.node]]
match = "c2"
activation = "q2.5"
[[formats.node]]
match = "h"
activation = "q3.6"
"""),
    Case("softmax", formats("ternary", "ternary", **gradients("q2.12:sat:sr", "q2.8:sat:sr")), loss_scale="classes",
         network={"loss": "softmax_nll"}, exceptions="""[[formats.node]]
match = "out"
activation = "q2.12:sat:sr"
"""),
    Case("stages", formats("ternary", "ternary"), 10, epochs=STAGES),
    Case("exceptions", formats("ternary", "ternary"), exceptions="""[[formats.node]]
match = "h"
weight = "z4"
weight_master = "z4"
activation = "z2"
"""),
]  # fmt: skip
