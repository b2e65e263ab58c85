"""The PI_MNIST network of Courbariaux, David, Bengio 2014 and its training step.

784 bytes - dropout .8 - h1 dense, maxout - dropout .5 - h2 dense, maxout - dropout .5 - out dense,
softmax, negative log likelihood. Node ordinals: 0 input, 1 h1, 2 h2, 3 out.
"""

import math
from dataclasses import dataclass

import numpy as np

import reference_arrays as arrays
import reference_philox as philox
from reference_plan import ROLE_NUMBER, Tensor

PIXELS, CLASSES = 784, 10
NODE_NAMES = {1: "h1", 2: "h2", 3: "out"}
KEEP = {0: 0.8, 1: 0.5, 2: 0.5}  # dropout after the node
KEEP_ROLE = {0: "input", 1: "activation", 2: "activation"}
TEST_SCALE = {1: 1.0, 2: 0.5, 3: 0.5}
MAX_NORM = 1.9365
LEARNING_RATE = (0.05, 0.005, 0.5)  # start, end, until this fraction of the run
MOMENTUM = (0.5, 0.7, 0.25)

LOG2_E = 1.4426950408889634
LN2_HIGH, LN2_LOW = float.fromhex("0x1.62e42fee00000p-1"), float.fromhex("0x1.a39ef35793c76p-33")


def exp64(x):
    """exp of float64 x <= 0 by a degree 13 polynomial; every operation rounded, no fma."""
    inside = np.where(x < -708, 0.0, x)
    n = np.rint(inside * LOG2_E)
    r = (inside - n * LN2_HIGH) - n * LN2_LOW
    p = np.full_like(x, 1.0 / math.factorial(13))
    for k in range(12, -1, -1):
        p = p * r + 1.0 / math.factorial(k)
    return np.where(x < -708, 0.0, np.ldexp(p, n.astype(np.int64)))


def softmax(z):
    e = exp64(z - z.max(axis=1, keepdims=True))
    return e / arrays.tree_sum(e)[:, None]


def scheduled(schedule, epoch, epochs):
    start, end, until = schedule
    return start + (end - start) * min(1.0, epoch / (until * epochs))


@dataclass
class Parameters:
    weight_master: Tensor
    bias_master: Tensor
    weight_update: Tensor
    bias_update: Tensor


class Network:
    """Parameters, plan and step counter; `train_batch` is one optimiser step."""

    def __init__(self, plan, seed, units, pieces):
        self.plan, self.seed, self.units, self.pieces = plan, seed, units, pieces
        wide = units * pieces
        self.shapes = {1: (wide, PIXELS), 2: (wide, units), 3: (CLASSES, units)}
        self.step = 0
        self.parameters = {}
        for node, (rows, _) in self.shapes.items():
            update = plan.quantize(node, "weight_update", np.zeros(self.shapes[node]))
            bias_update = plan.quantize(node, "bias_update", np.zeros(rows))
            self.parameters[node] = Parameters(None, None, update, bias_update)
        self.draw_weights()

    def draw_weights(self):
        """Initial weights in the current formats, from counters that do not depend on the step."""
        for node, (rows, columns) in self.shapes.items():
            if node == 3:
                drawn = np.zeros((rows, columns))
            else:
                u = philox.uniform((rows, columns), self.seed, node, ROLE_NUMBER["weight"])
                drawn = (2.0 * u - 1.0) * math.sqrt(6.0 / (columns + rows))
            own = self.parameters[node]
            own.weight_master = self.plan.quantize(node, "weight_master", drawn)
            own.bias_master = self.plan.quantize(node, "bias_master", np.zeros(rows))

    def end_initialisation(self):
        """Weights anew in the ranges found, momentum converted by one rounding; steps go on."""
        self.plan.initialising = False
        self.draw_weights()
        for node, own in self.parameters.items():
            for role in ("weight_update", "bias_update"):
                converted = self.plan.requantize(node, role, getattr(own, role))
                setattr(own, role, converted)

    def weights(self, node):
        own = self.parameters[node]
        return (self.plan.requantize(node, "weight", own.weight_master),
                self.plan.requantize(node, "bias", own.bias_master))  # fmt: skip

    def dropped(self, node, tensor):
        """Dropout after `node`: the masked tensor and the mask."""
        role = KEEP_ROLE[node]
        mask = philox.keep_mask(tensor.values.shape, KEEP[node], self.seed, self.step, node,
                                ROLE_NUMBER[role])  # fmt: skip
        return tensor.with_values(np.where(mask, tensor.values, 0)), mask

    def preactivation(self, node, x, weight, bias):
        if x.is_grid:
            total = arrays.integer_product(x.values, weight.values)
            exact = arrays.aligned_sum(total, x.exponent + weight.exponent,
                                       bias.values[None, :], bias.exponent)  # fmt: skip
            return self.plan.quantize(node, "preactivation", exact)
        total = arrays.float_product(x.values, weight.values)
        return self.plan.quantize(node, "preactivation", total + bias.values[None, :])

    def activation(self, node, z):
        if node == 3:
            return self.plan.quantize(node, "activation", softmax(z.real()))
        pieces = z.values.reshape(z.values.shape[0], self.units, self.pieces)
        return self.plan.requantize(node, "activation", z.with_values(pieces.max(axis=2)))

    def product(self, node, role, a, b):
        """Q(sum_k a[m,k] b[n,k]) in a role."""
        if a.is_grid:
            exact = arrays.integer_product(a.values, b.values), a.exponent + b.exponent
            return self.plan.quantize(node, role, exact)
        return self.plan.quantize(node, role, arrays.float_product(a.values, b.values))

    def train_batch(self, pixels, labels, learning_rate, momentum):
        plan = self.plan
        weights = {node: self.weights(node) for node in self.shapes}
        inputs, masks, z, y = {}, {}, {}, {}
        inputs[1], masks[0] = self.dropped(0, plan.input(pixels))
        for node in (1, 2, 3):
            z[node] = self.preactivation(node, inputs[node], *weights[node])
            y[node] = self.activation(node, z[node])
            if node in KEEP:
                y[node], masks[node] = self.dropped(node, y[node])
                inputs[node + 1] = y[node]

        gradients = {}
        d_activation = self.loss_gradient(y[3], labels)
        for node in (3, 2, 1):
            d_z = self.d_preactivation(node, d_activation, z[node])
            gradients[node] = self.parameter_gradients(node, d_z, inputs[node])
            tensors = {"preactivation": z[node], "activation": y[node],
                       "d_activation": d_activation, "d_preactivation": d_z}  # fmt: skip
            for role, tensor in tensors.items():
                plan.count(node, role, tensor)
            if node > 1:
                weight = weights[node][0]
                back = self.product(node - 1, "d_activation", d_z,
                                    weight.with_values(weight.values.T))  # fmt: skip
                d_activation = back.with_values(np.where(masks[node - 1], back.values, 0))
        for node in (1, 2, 3):
            self.update(node, *gradients[node], learning_rate, momentum)
        plan.end_batch()
        self.step += 1

    def loss_gradient(self, y, labels):
        target = np.zeros(y.values.shape)
        target[np.arange(len(labels)), labels] = 1.0
        return self.plan.quantize(3, "d_activation", (y.real() - target) / float(CLASSES))

    def d_preactivation(self, node, d_activation, z):
        """To z: unchanged for softmax (in the loss), to every largest piece for maxout."""
        if node == 3:
            return self.plan.requantize(node, "d_preactivation", d_activation)
        pieces = z.values.reshape(z.values.shape[0], self.units, self.pieces)
        largest = pieces == pieces.max(axis=2, keepdims=True)
        routed = np.where(largest, d_activation.values[:, :, None], 0).reshape(z.values.shape)
        return self.plan.requantize(node, "d_preactivation", d_activation.with_values(routed))

    def parameter_gradients(self, node, d_z, x):
        """Sums over the batch, not means."""
        transposed = d_z.with_values(d_z.values.T)
        d_weight = self.product(node, "d_weight", transposed, x.with_values(x.values.T))
        ones = np.ones((1, d_z.values.shape[0]), dtype=d_z.values.dtype)
        ones = Tensor(ones, 0 if d_z.is_grid else None, "ones")
        d_bias = self.product(node, "d_bias", transposed, ones)
        return d_weight, d_bias.with_values(d_bias.values[:, 0])

    def update(self, node, d_weight, d_bias, learning_rate, momentum):
        """docs/numerics.md; the learning rate scale s of every node is 1."""
        plan, own = self.plan, self.parameters[node]
        rate = learning_rate * 1.0
        gradients = {"weight": d_weight, "bias": d_bias}
        for name, gradient in gradients.items():
            master, stored = getattr(own, f"{name}_master"), getattr(own, f"{name}_update")
            plan.count(node, f"{name}_master", master)
            plan.count(node, f"d_{name}", gradient)
            wanted = momentum * stored.real() - rate * gradient.real()
            stored = plan.quantize(node, f"{name}_update", wanted)
            plan.count(node, f"{name}_update", stored)
            master = plan.quantize(node, f"{name}_master", master.real() + stored.real())
            if name == "weight":
                master = self.limit_norm(node, master)
            setattr(own, f"{name}_update", stored)
            setattr(own, f"{name}_master", master)

    def limit_norm(self, node, master):
        """Every unit's row times min(n, c) / (1e-7 + n), also where n < c."""
        if master.is_grid:
            exact = (master.values * master.values).sum(axis=1)
            norm = np.ldexp(np.sqrt(exact.astype(np.float64)), master.exponent)
        else:
            norm = np.sqrt(arrays.tree_sum(master.real() * master.real()))
        factor = np.minimum(norm, MAX_NORM) / (1e-7 + norm)
        return self.plan.quantize(node, "weight_master", master.real() * factor[:, None])

    def predict(self, pixels):
        """Test time: scaled weights, no dropout, the ranges as they are; lowest index on ties."""
        x = self.plan.input(pixels)
        for node in (1, 2, 3):
            scaled = [self.test_scaled(tensor, node) for tensor in self.weights(node)]
            x = self.activation(node, self.preactivation(node, x, *scaled))
        return np.argmax(x.values, axis=1)

    def test_scaled(self, tensor, node):
        if tensor.is_grid:
            shift = int(math.log2(TEST_SCALE[node]))
            return Tensor(tensor.values, tensor.exponent + shift, tensor.format)
        return tensor.with_values(tensor.values * np.float32(TEST_SCALE[node]))


def train(network, images, labels, batch, epochs, steps):
    """`steps` optimiser steps in all; each epoch is floor(N / batch) batches.

    Initialisation epochs come first: original order, schedules at their start. The transition to
    the dynamic formats belongs to the end of the last initialisation batch.
    """
    plan, per_epoch = network.plan, len(images) // batch
    for run_epoch in range(plan.init_epochs + epochs):
        epoch = run_epoch - plan.init_epochs
        if epoch < 0:
            order = np.arange(len(images))
        else:
            order = philox.shuffled_order(len(images), network.seed, epoch)
        rate = scheduled(LEARNING_RATE, max(0, epoch), epochs)
        momentum = scheduled(MOMENTUM, max(0, epoch), epochs)
        for first in range(0, per_epoch * batch, batch):
            if network.step >= steps:
                return
            chosen = order[first : first + batch]
            network.train_batch(images[chosen], labels[chosen], rate, momentum)
        if epoch == -1:
            network.end_initialisation()
