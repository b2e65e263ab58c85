"""Whole training steps of discrete networks: docs/discrete.md on top of reference_network.py.

Batch normalisation, multi-step activations, squared hinge; Adam or momentum; weights that change
by state transition.
"""

import re
from types import SimpleNamespace

import numpy as np

import reference_discrete as discrete
import reference_philox as philox
from reference_network import Network
from reference_numbers import Tensor, state_codes, state_indices
from reference_plan import ROLE_NUMBER

ADAM = {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}
TRANSITION_FACTOR = 3.0


def order_of(form):
    """N of a discrete format, None of others."""
    found = re.match(r"(binary|ternary|z(\d+))", form.name)
    return found and {"binary": 0, "ternary": 1}.get(found[1], int(found[2] or 0))


def half_width_of(form):
    return float(form.step * form.origin)


class DiscreteNetwork(Network):
    def __init__(self, recipe):
        self.optimizer = recipe.train["optimizer"]
        self.adam = self.optimizer["type"] == "adam"
        self.updates, self.loss_sum = 0, 0.0
        super().__init__(recipe)

    # ---- parameters

    def new_parameters(self, node):
        own, quantize = SimpleNamespace(), self.numbers.quantize
        for name in node.parameters:
            shape = self.shape_of(node, name)
            for role in (f"{name}_update", *([f"{name}_moment"] if self.adam else [])):
                setattr(own, role, quantize(node.number, role, np.zeros(shape)))
        return own

    def shape_of(self, node, name):
        return node.product.weight_shape[: None if name == "weight" else 1]

    def draw_weights(self):
        for node in self.layers:
            start = {"weight": self.initial_weights(node), "scale": np.ones(self.shape_of(node, "scale")),
                     "bias": np.zeros(self.shape_of(node, "bias"))}  # fmt: skip
            for name in node.parameters:
                drawn = self.numbers.quantize(node.number, f"{name}_master", start[name], step=0)
                setattr(self.parameters[node.number], f"{name}_master", drawn)
            if node.norm:
                self.reset_averages(node)

    def reset_averages(self, node):
        channels = np.ones(node.product.weight_shape[0])
        for name, start, first in (("mean", 0.0 * channels, 0), ("variance", channels, len(channels))):
            rounded = self.numbers.quantize(node.number, "statistics", start, first, step=0)
            setattr(self.parameters[node.number], name, rounded)

    def copy(self, node, name):
        """What products see: the master itself where the formats are the same."""
        master = getattr(self.parameters[node.number], f"{name}_master")
        if self.numbers.texts[node.number, name] == self.numbers.texts[node.number, f"{name}_master"]:
            if name == "weight" and order_of(master.format) is not None:
                return master
        return self.numbers.requantize(node.number, name, master)

    def copies(self, node):
        return self.copy(node, "weight"), self.copy(node, "bias") if node.product_bias else None

    def enter_stage(self, stage):
        """Running averages are rounded as all that is stored, both from the first random bit on."""
        old = self.numbers.texts
        super().enter_stage(stage)
        for node in [node for node in self.layers if node.norm]:
            own, key = self.parameters[node.number], (node.number, "statistics")
            if old[key] != self.numbers.texts[key]:
                own.mean = self.numbers.requantize(*key, own.mean)
                own.variance = self.numbers.requantize(*key, own.variance)

    # ---- forward

    def applied(self, node, operation, state):
        x, quantize = state.output, self.numbers.quantize
        if operation.kind == "batch_norm":
            return self.normalised(node, operation, state)
        if operation.kind == "squared_hinge":
            return x
        if operation.kind == "softmax":
            self.logits = x.real().reshape(len(x.values), -1)
        if operation.kind != "multi_step":
            return super().applied(node, operation, state)
        state.activation_input = x
        order, form = self.states_of(node)
        if order is None:
            return quantize(node.number, "activation", np.clip(x.real(), -1.0, 1.0))
        indices = discrete.staircase(x.real(), order, half_width_of(form), self.threshold(operation))
        return Tensor(state_codes(indices, form), form)

    def states_of(self, node):
        """N and the format of its activations; None where they are not discrete now."""
        form = self.numbers.form(node.number, "activation")
        return None if self.numbers.initialising else order_of(form), form

    def threshold(self, operation):
        return float(operation.table.get("threshold", 0.5))

    def normalised(self, node, operation, state):
        own, z = self.parameters[node.number], state.output
        if state.training:
            mean, variance = discrete.batch_statistics(z)
            self.move_averages(node, operation, mean, variance)
        else:
            mean, variance = own.mean.real(), own.variance.real()
        inverse = 1.0 / np.sqrt(variance + operation.table.get("epsilon", 1e-4))
        scale, bias = (self.copy(node, name).real() for name in ("scale", "bias"))
        state.norm = z, mean, inverse, scale
        x = discrete.centred(z, mean) * (scale * inverse) + bias
        x = self.numbers.quantize(node.number, "normalized", x.reshape(z.values.shape))
        state.normalized = x
        return x

    def move_averages(self, node, operation, mean, variance):
        own, share = self.parameters[node.number], operation.table.get("average", 0.1)
        for name, now, first in (("mean", mean, 0), ("variance", variance, len(mean))):
            wanted = (1.0 - share) * getattr(own, name).real() + share * now
            setattr(own, name, self.numbers.quantize(node.number, "statistics", wanted, first))

    def count_outputs(self, node, state):
        self.numbers.count(node.number, "preactivation", state.z)
        if node.norm:
            self.numbers.count(node.number, "normalized", state.normalized)
        if node.operations[-1].kind != "squared_hinge":
            self.numbers.count(node.number, "activation", state.output)

    # ---- backward

    def loss_gradient(self, y, labels):
        if self.recipe.network.get("loss") != "squared_hinge":
            self.loss_sum += discrete.softmax_loss(self.logits, labels)
            return super().loss_gradient(y, labels)
        x = y.real().reshape(len(labels), -1)
        self.loss_sum += discrete.hinge_loss(x, labels)
        divisors = {"batch": len(labels), "classes": x.shape[1], "mean": x.size}
        divisor = float(divisors[self.recipe.network.get("loss_scale", "batch")])
        gradient = discrete.hinge_gradient(x, labels, divisor)
        return self.numbers.quantize(self.layers[-1].number, self.role_of_x(self.layers[-1]), gradient)

    def count_output_gradient(self, node, gradient):
        if node.operations[-1].kind != "squared_hinge":
            self.numbers.count(node.number, "d_activation", gradient)

    def activation_back(self, node, operation, gradient, state):
        if operation.kind == "batch_norm":
            return self.norm_back(node, gradient, state)
        if operation.kind == "squared_hinge":
            return gradient
        if operation.kind != "multi_step":
            return super().activation_back(node, operation, gradient, state)
        order, form = self.states_of(node)
        x, table = state.activation_input.real(), operation.table
        if order is None:
            slope = (np.abs(x) <= 1.0).astype(np.float64)
        else:
            slope = discrete.slope(x, order, half_width_of(form), self.threshold(operation),
                                   table.get("window", "rectangular"), table.get("half_width", 0.5))  # fmt: skip
        wanted = gradient.real().reshape(x.shape) * slope
        return self.numbers.quantize(node.number, self.role_of_x(node), wanted)

    def norm_back(self, node, gradient, state):
        self.numbers.count(node.number, "d_normalized", gradient)
        d_bias, d_scale, d_z = discrete.norm_gradients(gradient, *state.norm)
        quantize = self.numbers.quantize
        state.gradients = {"bias": quantize(node.number, "d_bias", d_bias),
                           "scale": quantize(node.number, "d_scale", d_scale)}  # fmt: skip
        return quantize(node.number, "d_preactivation", d_z.reshape(gradient.values.shape))

    def backward(self, node, gradient, state):
        state.gradients = {}
        d_weight, d_bias, d_z = super().backward(node, gradient, state)
        gradients = {"weight": d_weight, "bias": d_bias} | state.gradients
        return gradients, d_z

    # ---- update

    def train_batch(self, images, labels, learning_rate, momentum):
        self.updates += 1
        super().train_batch(images, labels, learning_rate, momentum)

    def end_initialisation(self):
        """Weights anew; Adam begins again, momentum is rounded once."""
        self.updates = 0
        self.numbers.initialising = False
        self.draw_weights()
        for node in self.layers:
            own = self.parameters[node.number]
            for role in [role for role in vars(own) if role.endswith(("_update", "_moment"))]:
                kept = getattr(own, role)
                if self.adam or self.numbers.settings.reset_momentum:
                    kept = kept.with_values(np.zeros_like(kept.values))
                setattr(own, role, self.numbers.requantize(node.number, role, kept, step=0))

    def update(self, node, gradients, learning_rate, momentum):
        rate = learning_rate * node.table.get("learning_rate_scale", 1.0)
        for name in node.parameters:
            own, number = self.parameters[node.number], node.number
            master = getattr(own, f"{name}_master")
            self.numbers.count(number, f"{name}_master", master)
            self.numbers.count(number, f"d_{name}", gradients[name])
            wanted = self.wanted(node, name, gradients[name].real(), rate, momentum)
            self.numbers.count(number, f"{name}_update", getattr(own, f"{name}_update"))
            if name == "weight" and order_of(master.format) is not None:
                master = self.moved(number, master, wanted)
            else:
                master = self.numbers.quantize(number, f"{name}_master", master.real() + wanted)
                master = self.limit_norm(node, master) if name == "weight" else master
            setattr(own, f"{name}_master", master)

    def wanted(self, node, name, g, rate, momentum):
        """What the optimiser adds to a parameter, after its own state has moved."""
        own, number, quantize = self.parameters[node.number], node.number, self.numbers.quantize
        update, moment = f"{name}_update", f"{name}_moment"
        if not self.adam:
            u = momentum * getattr(own, update).real() - rate * g
            setattr(own, update, quantize(number, update, u))
            return getattr(own, update).real()
        beta1, beta2, epsilon = (float(self.optimizer.get(key, value)) for key, value in ADAM.items())
        m, v = discrete.adam_moments(getattr(own, update).real(), getattr(own, moment).real(), g, beta1, beta2)
        m, v = quantize(number, update, m), quantize(number, moment, v)
        setattr(own, update, m)
        setattr(own, moment, v)
        rate = discrete.adam_rate(rate, self.updates, beta1, beta2)
        return discrete.adam_step(rate, m.real(), v.real(), epsilon)

    def moved(self, number, master, wanted):
        stream = philox.stream_number(number, ROLE_NUMBER["weight_master"], "state_transition")
        words = philox.words(wanted.size, self.numbers.seed, self.numbers.step, stream).reshape(wanted.shape)
        factor = float(self.optimizer.get("transition_factor", TRANSITION_FACTOR))
        form = master.format
        indices = discrete.transition(state_indices(master.values, form), wanted, order_of(form),
                                      half_width_of(form), factor, words)  # fmt: skip
        return Tensor(state_codes(indices, form), form)
