"""Whole training steps of a recipe's network: dense and convolutional nodes, pools, stages.

numerics.md sections 4 to 7 over the products and pools of reference_windows.py. Where the
specification leaves a choice, the constants below say which one is taken.
"""

import math
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

import reference_arrays as arrays
import reference_philox as philox
from reference_numbers import Exact, Numbers, Tensor
from reference_plan import ROLE_NUMBER
from reference_recipe import Dense, scheduled
from reference_training import softmax
from reference_windows import add_float32

# Roundings of a role after its first of the step: whether their random bits go on behind the
# first one's (z, or d_z) or start at element 0 again. `after_pool` always goes on.
POOL_ROUNDINGS_GO_ON = False
# Whether straight_through = "clipped" also stops gradients at saturated z of the last node.
SOFTMAX_IS_CLIPPED = True
# Whether a new stage rounds every stored tensor, or only those whose format text changes: the same
# but for dfx tensors whose range has moved since they were written.
STAGE_ROUNDS_ALL = False
PARAMETER_NAMES = ("weight", "bias")


@dataclass
class Parameters:
    weight_master: Tensor
    bias_master: Tensor
    weight_update: Tensor
    bias_update: Tensor


def with_bias(total, bias):
    """Exact sum of grids; one float32 addition otherwise."""
    if isinstance(total, Exact):
        if not bias.is_grid:
            raise ValueError("the bias cannot join the exact sum")
        return Exact(*arrays.aligned_sum(total.values, total.exponent, bias.values, bias.exponent))
    return add_float32(total, bias.real32())


def product(layer, kind, a, b):
    """forward(x, w), input_gradient(d_z, w) or weight_gradient(d_z, x), exact or float32."""
    if a.adds_exactly and b.adds_exactly:
        operation = DENSE_EXACT[kind] if isinstance(layer, Dense) else (
            getattr(layer, f"{kind}_exact"))  # fmt: skip
        return Exact(operation(a.values, b.values), a.exponent + b.exponent)
    operation = DENSE_FLOAT[kind] if isinstance(layer, Dense) else getattr(layer, f"{kind}_float")
    return operation(a.real32(), b.real32())


DENSE_EXACT = {
    "forward": lambda x, w: arrays.integer_product(x, w),
    "input_gradient": lambda dz, w: arrays.integer_product(dz, w.T),
    "weight_gradient": lambda dz, x: arrays.integer_product(dz.T, x.T),
}


def dense_float(a, b):
    return arrays.float_product(a.astype(np.float32), b.astype(np.float32)).astype(np.float64)


DENSE_FLOAT = {
    "forward": dense_float,
    "input_gradient": lambda dz, w: dense_float(dz, w.T),
    "weight_gradient": lambda dz, x: dense_float(dz.T, x.T),
}


def sum_of_positions(gradient):
    """Bias gradient: over (n, oh, ow) in increasing order."""
    rows = gradient.values.reshape(-1, gradient.values.shape[-1])
    if gradient.is_grid:
        return Exact(rows.sum(axis=0), gradient.exponent)
    total = np.zeros(rows.shape[1])
    for row in rows:
        total = add_float32(total, row)
    return total


def at_limit(tensor):
    """Where a code is the largest or the smallest of its format, or a clamped float at its range."""
    if tensor.clamp is not None:
        return np.abs(tensor.values) >= 2.0**tensor.clamp
    if tensor.is_grid:
        return (tensor.values == tensor.format.high) | (tensor.values == tensor.format.low)
    return np.abs(tensor.values) >= float(tensor.format.magnitude(tensor.format.largest))


class NodeState:
    """What the forward pass of one node leaves for the backward pass."""

    def __init__(self):
        self.x = self.weight = self.z = self.activation_input = self.output = None
        self.inputs, self.masks = {}, {}


class Network:
    """Parameters, numbers and step counter of a recipe; `train_batch` is one optimiser step.

    `initial` may give initial weights by node name, as reals: for init = "normal", whose
    polynomial is the program's own.
    """

    def __init__(self, recipe, initial=None):
        self.recipe, self.initial = recipe, initial or {}
        self.stage = 0
        self.numbers = Numbers(recipe.seed, recipe.range_settings, recipe.texts(0))
        self.nodes = recipe.nodes
        self.layers = self.nodes[1:]
        self.ties = recipe.network.get("ties", "all")
        self.clipped = recipe.network.get("straight_through", "all") == "clipped"
        self.master_in_gradient = recipe.network.get("input_gradient") == "master"
        self.parameters = {}
        for node in self.layers:
            self.parameters[node.number] = self.new_parameters(node)
        self.draw_weights()

    def new_parameters(self, node):
        shapes = node.product.weight_shape, node.product.weight_shape[:1]
        updates = [self.numbers.quantize(node.number, f"{name}_update", np.zeros(shape))
                   for name, shape in zip(PARAMETER_NAMES, shapes)]  # fmt: skip
        return Parameters(None, None, *updates)

    # ---- initial weights, ends of initialisation and stages

    def initial_weights(self, node):
        kind, shape = node.table.get("init", "zero"), node.product.weight_shape
        if node.name in self.initial:
            return np.float64(self.initial[node.name]).reshape(shape)
        if kind == "zero":
            return np.zeros(shape)
        if kind not in ("glorot_uniform", "uniform"):
            raise ValueError(f"initial weights of {node.name} have to be given")
        u = philox.uniform(shape, self.numbers.seed, node.number, ROLE_NUMBER["weight"])
        if kind == "uniform":
            return (2.0 * u - 1.0) * node.table.get("init_limit", 1.0)
        return (2.0 * u - 1.0) * math.sqrt(6.0 / sum(node.product.fans))

    def draw_weights(self):
        for node in self.layers:
            own, drawn = self.parameters[node.number], self.initial_weights(node)
            zeros = np.zeros(len(drawn))
            own.weight_master = self.numbers.quantize(node.number, "weight_master", drawn, step=0)
            own.bias_master = self.numbers.quantize(node.number, "bias_master", zeros, step=0)

    def end_initialisation(self):
        """Weights anew in the ranges found, momentum by one rounding; step numbers go on."""
        self.numbers.initialising = False
        self.draw_weights()
        for number, own in self.parameters.items():
            for role in ("weight_update", "bias_update"):
                kept = getattr(own, role)
                if self.numbers.settings.reset_momentum:
                    kept = kept.with_values(np.zeros_like(kept.values))
                setattr(own, role, self.numbers.requantize(number, role, kept, step=0))

    def enter_stage(self, stage):
        """One rounding of every stored tensor whose format changes, at the coming step."""
        old, self.stage = self.numbers.texts, stage
        self.numbers.texts = self.recipe.texts(stage)
        for number, own in self.parameters.items():
            for role in [role for role in vars(own) if (number, role) in old]:
                if STAGE_ROUNDS_ALL or old[number, role] != self.numbers.texts[number, role]:
                    moved = self.numbers.requantize(number, role, getattr(own, role))
                    setattr(own, role, moved)

    # ---- forward

    def copies(self, node):
        own = self.parameters[node.number]
        return (self.numbers.requantize(node.number, "weight", own.weight_master),
                self.numbers.requantize(node.number, "bias", own.bias_master))  # fmt: skip

    def forward(self, node, x, training):
        """Output of a node and its state; at test time scaled weights and no dropout."""
        state, number = NodeState(), node.number
        state.output, state.training = x, training
        if node.product:
            state.weight, bias = self.copies(node)
            factors = state.weight, bias
            if not training:
                scale = node.table.get("test_scale", 1.0)
                factors = [t and test_scaled(t, scale) for t in factors]
            if isinstance(node.product, Dense):
                x = x.with_values(x.values.reshape(len(x.values), -1))
            state.x = x
            total = product(node.product, "forward", x, factors[0])
            delayed = bias if node.after_pool and training else None
            if delayed is None and node.product_bias:
                total = with_bias(total, factors[1])
            state.z = state.output = self.numbers.quantize(number, "preactivation", total)
        for place, operation in enumerate(node.operations):
            state.inputs[place] = state.output
            if operation.kind == "dropout":
                if training:
                    state.output, state.masks[place] = self.dropped(node, operation, state.output)
                continue
            state.output = self.applied(node, operation, state)
            if node.product and delayed is not None and operation.pool and place == 0:
                summed = with_bias(state.output.exact(), delayed)
                state.output = self.numbers.quantize(number, "preactivation", summed,
                                                     self.second_index(node, state))  # fmt: skip
        return state

    def applied(self, node, operation, state):
        x, number = state.output, node.number
        if operation.kind == "flatten":
            return x.with_values(x.values.reshape(len(x.values), -1))
        if operation.kind == "max_pool":
            return x.with_values(operation.pool.largest(x.values))
        if operation.pool:
            before = operation.before_activation
            return self.numbers.quantize(number, "preactivation" if before else "activation",
                                         average(operation.pool, x),
                                         self.second_index(node, state) if before else 0)  # fmt: skip
        state.activation_input = x
        if operation.kind == "softmax":
            z = x.real().reshape(len(x.values), -1)
            return self.numbers.quantize(number, "activation", softmax(z))
        if operation.kind == "relu":
            x = x.with_values(np.where(x.values > 0, x.values, 0))
        elif operation.kind == "maxout":
            x = x.with_values(pieces_of(x.values, operation.table["pieces"]).max(axis=-1))
        return self.numbers.requantize(number, "activation", x)

    def second_index(self, node, state):
        """Index of the first element of a role's second rounding: of p, z + b, and of d_(z + b)."""
        pooled_first = node.operations[0].pool and node.operations[0].before_activation
        goes_on = node.after_pool or (POOL_ROUNDINGS_GO_ON and pooled_first)
        return state.z.values.size if goes_on else 0

    def dropped(self, node, operation, x):
        role = "activation" if node.product else "input"
        mask = philox.keep_mask(x.values.shape, operation.table["keep"], self.numbers.seed,
                                self.numbers.step, node.number, ROLE_NUMBER[role])  # fmt: skip
        return x.with_values(np.where(mask, x.values, 0)), mask

    # ---- backward

    def backward(self, node, gradient, state):
        """d_weight, d_bias and d_z of a node from its d_activation, which is masked and counted."""
        number, counted = node.number, False
        bias_source = None
        for place in reversed(range(len(node.operations))):
            operation, x = node.operations[place], state.inputs[place]
            gradient = gradient.with_values(gradient.values.reshape(
                len(gradient.values), *operation.outputs))  # fmt: skip
            if operation.kind == "dropout":
                gradient = gradient.with_values(np.where(state.masks[place], gradient.values, 0))
                continue
            if operation.kind == "flatten":
                continue
            if not counted:
                self.count_output_gradient(node, gradient)
                counted = True
            if operation.pool:
                if node.after_pool and place == 0:
                    bias_source = gradient
                gradient = self.pool_back(node, operation, gradient, x, state)
            else:
                gradient = self.activation_back(node, operation, gradient, state)
        shape = (len(gradient.values), *node.product.outputs)
        d_z = gradient.with_values(gradient.values.reshape(shape))
        self.numbers.count(number, "d_preactivation", d_z)
        quantize = self.numbers.quantize
        d_weight = quantize(number, "d_weight", product(node.product, "weight_gradient", d_z, state.x))
        if not node.product_bias:
            return d_weight, None, d_z
        d_bias = quantize(number, "d_bias", sum_of_positions(bias_source or d_z))
        return d_weight, d_bias, d_z

    def count_outputs(self, node, state):
        self.numbers.count(node.number, "preactivation", state.z)
        self.numbers.count(node.number, "activation", state.output)

    def count_output_gradient(self, node, gradient):
        self.numbers.count(node.number, "d_activation", gradient)

    def activation_back(self, node, operation, gradient, state):
        z, values = state.activation_input, gradient.values
        if operation.kind == "relu":
            values = np.where(z.values > 0, values, 0)
        elif operation.kind == "maxout":
            values = self.routed(z.values, values, operation.table["pieces"])
        if self.clipped and (SOFTMAX_IS_CLIPPED or operation.kind != "softmax"):
            values = np.where(at_limit(z).reshape(values.shape), 0, values)
        return self.numbers.requantize(node.number, self.role_of_x(node), gradient.with_values(values),
                                       self.second_index(node, state))  # fmt: skip

    def role_of_x(self, node):
        """Role of the gradient of what an activation or the loss reads."""
        return "d_normalized" if node.norm else "d_preactivation"

    def routed(self, z, gradient, pieces):
        grouped = pieces_of(z, pieces)
        chosen = grouped == grouped.max(axis=-1, keepdims=True)
        if self.ties == "first":
            chosen &= np.cumsum(chosen, axis=-1) == 1
        return np.where(chosen, gradient[..., None], 0).reshape(z.shape)

    def pool_back(self, node, operation, gradient, x, state):
        role = "d_preactivation" if operation.before_activation else "d_activation"
        pool = operation.pool
        if operation.kind == "max_pool":
            add = np.add if gradient.is_grid else add_float32
            values = pool.largest_back(gradient.values, x.values, self.ties, add)
            sent = gradient.with_values(values).exact()
        else:
            sent = pool.average_back(gradient.real())
        return self.numbers.quantize(node.number, role, sent)

    def input_gradient(self, node, d_z, state):
        weight = state.weight
        if self.master_in_gradient:
            weight = self.parameters[node.number].weight_master
        total = product(node.product, "input_gradient", d_z, weight)
        return self.numbers.quantize(node.number - 1, "d_activation", total)

    # ---- a step

    def train_batch(self, images, labels, learning_rate, momentum):
        states, x = {}, self.input(images)
        for node in self.nodes:
            states[node.number] = self.forward(node, x, training=True)
            x = states[node.number].output
        gradient, gradients = self.loss_gradient(x, labels), {}
        for node in reversed(self.layers):
            state = states[node.number]
            self.count_outputs(node, state)
            *gradients[node.number], d_z = self.backward(node, gradient, state)
            if node.number > 1:
                gradient = self.input_gradient(node, d_z, state)
        for node in self.layers:
            self.update(node, *gradients[node.number], learning_rate, momentum)
        self.numbers.end_batch()

    def input(self, images):
        """Bytes k mean k / 256, signed ones k / 128 - 1."""
        shape = (len(images), *self.recipe.network["input"])
        values = images.reshape(shape).astype(np.float64)
        signed = self.recipe.data.get("pixels", "unsigned") == "signed"
        return self.numbers.quantize(0, "input", values / 128.0 - 1.0 if signed else values / 256.0)

    def loss_gradient(self, y, labels):
        target = np.zeros(y.values.shape)
        target[np.arange(len(labels)), labels] = 1.0
        classes = y.values.shape[1]
        scale = self.recipe.network.get("loss_scale", "batch")
        divisor = classes if scale == "classes" else len(labels)
        difference = (y.real() - target) / float(divisor)
        return self.numbers.quantize(self.layers[-1].number, "d_activation", difference)

    def update(self, node, d_weight, d_bias, learning_rate, momentum):
        numbers, own, number = self.numbers, self.parameters[node.number], node.number
        rate = learning_rate * node.table.get("learning_rate_scale", 1.0)
        decay = node.table.get("weight_decay", 0.0)
        for name, gradient in (("weight", d_weight), ("bias", d_bias)):
            master, stored = getattr(own, f"{name}_master"), getattr(own, f"{name}_update")
            numbers.count(number, f"{name}_master", master)
            numbers.count(number, f"d_{name}", gradient)
            slope = gradient.real()
            if decay and name == "weight":
                slope = slope + decay * master.real()
            wanted = momentum * stored.real() - rate * slope
            stored = numbers.quantize(number, f"{name}_update", wanted)
            numbers.count(number, f"{name}_update", stored)
            master = numbers.quantize(number, f"{name}_master", master.real() + stored.real())
            if name == "weight":
                master = self.limit_norm(node, master)
            setattr(own, f"{name}_update", stored)
            setattr(own, f"{name}_master", master)

    def limit_norm(self, node, master):
        """Every column times min(n, c) / (1e-7 + n), also where n < c."""
        limit = node.table.get("max_norm", node.table.get("max_column_norm", 0.0))
        if not limit:
            return master
        over_outputs = (not isinstance(node.product, Dense)
                        and node.table.get("max_norm_axis", "input") == "output")  # fmt: skip
        axes = (0,) if over_outputs else tuple(range(1, master.values.ndim))
        if master.is_grid:
            exact = (master.values * master.values).sum(axis=axes, keepdims=True)
            norm = np.ldexp(np.sqrt(exact.astype(np.float64)), master.exponent)
        else:
            squares = master.real() * master.real()
            columns = (squares.T if over_outputs
                       else squares.reshape(len(squares), -1))  # fmt: skip
            norm = np.sqrt(arrays.tree_sum(columns))
            norm = norm.T[None] if over_outputs else norm.reshape(-1, *[1] * len(axes))
        factor = np.minimum(norm, limit) / (1e-7 + norm)
        return self.numbers.quantize(node.number, "weight_master", master.real() * factor)

    def predict(self, images):
        """Test time: scaled weights, no dropout; lowest index on ties."""
        x = self.input(images)
        for node in self.nodes:
            x = self.forward(node, x, training=False).output
        return np.argmax(x.values, axis=1)


def average(pool, x):
    """Float64 averages of the existing elements of each window."""
    counts = pool.counts()[None, :, :, None]
    if x.is_grid:
        return np.ldexp(pool.sums_exact(x.values).astype(np.float64), x.exponent) / counts
    return pool.sums_float(x.values) / counts


def pieces_of(values, pieces):
    return values.reshape(*values.shape[:-1], -1, pieces)


def test_scaled(tensor, scale):
    """Exact: the scale is a power of two."""
    if not tensor.is_grid:
        return tensor.with_values((tensor.values * scale).astype(np.float32).astype(np.float64))
    form = replace(tensor.format, step=tensor.format.step * Fraction(scale))
    return Tensor(tensor.values, form)


def train(network, images, labels, steps, epoch_ended=lambda epoch: None):
    """`steps` optimiser steps in all, initialisation first, stages changed before their step.

    `epoch_ended` is called after each whole training epoch, before a change of stage; a network's
    `loss_sum` is that of the epoch.
    """
    recipe, numbers = network.recipe, network.numbers
    batch = recipe.train["batch"]
    init_epochs = numbers.settings.init_epochs if numbers.has_ranges else 0
    for run_epoch in range(init_epochs + recipe.epochs):
        epoch = run_epoch - init_epochs
        order = np.arange(len(images))
        if epoch >= 0:
            order = philox.shuffled_order(len(images), recipe.seed, epoch)
        rates = [scheduled(recipe.train.get(name, 0.0), max(0, epoch), recipe.epochs)
                 for name in ("learning_rate", "momentum")]  # fmt: skip
        if 0 <= epoch < recipe.train.get("warmup_epochs_at_zero", 0):
            rates[0] = 0.0
        for first in range(0, len(images) // batch * batch, batch):
            if numbers.step >= steps:
                return
            if epoch >= 0 and recipe.stage_of(epoch) != network.stage:
                network.enter_stage(recipe.stage_of(epoch))
            chosen = order[first : first + batch]
            network.train_batch(images[chosen], labels[chosen], *rates)
        if epoch >= 0:
            epoch_ended(epoch)
        elif epoch == -1:
            network.end_initialisation()
        network.loss_sum = 0.0
