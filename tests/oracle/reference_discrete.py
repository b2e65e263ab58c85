"""Arithmetic of discrete networks on float64 arrays: docs/discrete.md, every operation rounded.

Staircase, batch normalisation, state transition, Adam, squared hinge.
"""

import math

import numpy as np

import reference_arrays as arrays
from reference_training import LN2_HIGH, LN2_LOW, exp64


def exp_of(x):
    """exp of one number that is at most 0."""
    return float(exp64(np.array([x], dtype=np.float64))[0])


def log64(x):
    """Natural logarithm of a positive float64; numerics.md, softmax and loss."""
    f, e = math.frexp(x)
    if f < 0.70710678118654752:
        f, e = 2.0 * f, e - 1
    s = (f - 1.0) / (f + 1.0)
    q = 1.0 / 23.0
    for k in range(21, 0, -2):
        q = q * (s * s) + 1.0 / k
    return e * LN2_HIGH + (2.0 * (s * q) + e * LN2_LOW)


def power(base, count):
    """base^count = exp(count log base)."""
    return exp_of(count * log64(base))


# ---- staircase


def thresholds(order, half_width, threshold):
    """Places t[0] .. t[P-1] of the steps above zero; `binary` has one step, at zero."""
    if order == 0:
        return [0.0]
    states = 2 ** (order - 1)
    return [threshold + w * (half_width - threshold) / states for w in range(states)]


def staircase(x, order, half_width, threshold):
    """Indices of the states, counted from -H."""
    if order == 0:
        return np.where(x > 0, 1, 0)
    climbed = sum((np.abs(x) > t).astype(np.int64) for t in thresholds(order, half_width, threshold))
    return 2 ** (order - 1) + np.where(x < 0, -climbed, climbed)


def slope(x, order, half_width, threshold, kind, a):
    """dy/dx of the staircase smoothed by its window, added from the lowest step to the highest."""
    places = thresholds(order, half_width, threshold)
    places = places if order == 0 else [*(-t for t in reversed(places)), *places]
    height = 2.0 * half_width / len(places)
    total = np.zeros(x.shape)
    for t in places:
        inside = np.abs(x - t) <= a
        if kind == "rectangular":
            total = total + np.where(inside, height / (2.0 * a), 0.0)
        else:
            total = total + np.where(inside, (a - np.abs(x - t)) * (height / (a * a)), 0.0)
    return total


# ---- batch normalisation; arrays are [places, channels]


def rows_of(values):
    return values.reshape(-1, values.shape[-1])


def channel_sums(tensor):
    """float64 sums of a tensor's channels: exact for integer codes, else a tree over the places."""
    if tensor.is_grid:
        return np.ldexp(rows_of(tensor.values).sum(axis=0).astype(np.float64), tensor.exponent)
    return arrays.tree_sum(rows_of(tensor.values).T)


def batch_statistics(z):
    """Mean and variance of each channel."""
    rows = rows_of(z.values)
    n = len(rows)
    mean = channel_sums(z) / n
    if not z.is_grid:
        return mean, arrays.tree_sum(((rows - mean) * (rows - mean)).T) / n
    rows = rows.astype(object)  # Python's integers: no limit, and their quotient is rounded once
    variance = n * (rows * rows).sum(axis=0) - rows.sum(axis=0) ** 2
    variance = np.array([numerator / (n * n) for numerator in variance])
    return mean, np.ldexp(variance, 2 * z.exponent)


def centred(z, mean):
    return rows_of(z.real()) - mean


def norm_gradients(d_x, z, mean, inverse, scale):
    """Sums for d_bias and d_scale, and d_z as [places, channels]."""
    z_hat = centred(z, mean) * inverse
    gradient = rows_of(d_x.real())
    n = len(gradient)
    d_bias = channel_sums(d_x)
    d_scale = arrays.tree_sum((gradient * z_hat).T)
    d_z = scale * inverse * (gradient - d_bias / n - z_hat * (d_scale / n))
    return d_bias, d_scale, d_z


# ---- optimisers


def adam_moments(m, v, g, beta1, beta2):
    return beta1 * m + (1.0 - beta1) * g, beta2 * v + (1.0 - beta2) * (g * g)


def adam_rate(rate, count, beta1, beta2):
    return rate * math.sqrt(1.0 - power(beta2, count)) / (1.0 - power(beta1, count))


def adam_step(rate, m, v, epsilon):
    return -(rate * (m / (np.sqrt(v) + epsilon)))


def float32(values):
    return np.float64(np.float32(values))


def tanh32(x):
    e = exp64(-2.0 * x)
    return float32((1.0 - e) / (1.0 + e))


def transition(indices, wanted, order, half_width, factor, words):
    """Indices of the states, counted from -H, after the state transition of discrete weights."""
    step = float32(2.0 * half_width / 2**order)
    wanted = float32(wanted)
    room = float32(np.where(wanted > 0, 2**order - indices, indices) * step)
    size = np.minimum(np.abs(wanted), room)
    whole = np.trunc(float32(size / step))
    part = np.maximum(0.0, float32(size - float32(whole * step)))
    likely = tanh32(float32(float32(float32(factor) * part) / step))
    further = words.astype(np.float64) < np.floor(likely * 2.0**32)
    moved = np.minimum((whole + further).astype(np.int64), np.where(wanted > 0, 2**order - indices, indices))
    return np.where(wanted > 0, indices + moved, np.where(wanted < 0, indices - moved, indices))


# ---- loss


def hinge(x, labels):
    """t and max(0, 1 - t x) of every class."""
    t = np.full(x.shape, -1.0)
    t[np.arange(len(labels)), labels] = 1.0
    return t, np.maximum(0.0, 1.0 - t * x)


def hinge_loss(x, labels):
    """Loss of a batch: the tree over its examples of the tree over the classes."""
    margin = hinge(x, labels)[1]
    return float(arrays.tree_sum(arrays.tree_sum(margin * margin)))


def softmax_loss(z, labels):
    """Negative log likelihood of a batch; numerics.md, softmax and loss."""
    largest = z.max(axis=1)
    sums = arrays.tree_sum(exp64(z - largest[:, None]))
    losses = np.array([log64(float(s)) for s in sums]) - (z[np.arange(len(labels)), labels] - largest)
    return float(arrays.tree_sum(losses))


def hinge_gradient(x, labels, divisor):
    t, margin = hinge(x, labels)
    return -2.0 * t * margin / divisor
