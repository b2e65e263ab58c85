"""Convolutions and pools: which input meets which output, exact sums, ordered float sums.

Arrays are NHWC, weights [out, kh, kw, in / groups]; float values are float32 held in float64.
"""

from dataclasses import dataclass

import numpy as np

import reference_arrays as arrays


def overlap(offset, stride, outputs, inputs):
    """Slices of the outputs o and the inputs o * stride + offset that exist, or None."""
    first = max(0, -(offset // stride))  # ceil(-offset / stride)
    last = min(outputs - 1, (inputs - 1 - offset) // stride)
    if last < first:
        return None
    begin = first * stride + offset
    return slice(first, last + 1), slice(begin, begin + (last - first) * stride + 1, stride)


def window_taps(kernel, stride, dilation, before, inputs, outputs):
    """(kh, kw, output slices, input slices) in increasing (kh, kw), empty ones left out."""
    for kh in range(kernel[0]):
        rows = overlap(kh * dilation[0] - before[0], stride[0], outputs[0], inputs[0])
        for kw in range(kernel[1]):
            columns = overlap(kw * dilation[1] - before[1], stride[1], outputs[1], inputs[1])
            if rows and columns:
                yield kh, kw, (rows[0], columns[0]), (rows[1], columns[1])


def at(slices):
    return (slice(None), *slices)


def exact_kind(terms, a, b):
    """dtype whose sums of `terms` products are exact."""
    bound = terms * int(np.abs(a).max(initial=0)) * int(np.abs(b).max(initial=0))
    if bound < arrays.EXACT_IN_FLOAT64:
        return np.float64
    if bound >= 2**63:
        raise ValueError("accumulator wider than 64 bits")
    return np.int64


@dataclass(frozen=True)
class Convolution:
    inputs: tuple  # height, width, channels
    channels: int
    kernel: tuple
    stride: tuple = (1, 1)
    padding: tuple = (0, 0, 0, 0)  # top, left, bottom, right
    dilation: tuple = (1, 1)
    groups: int = 1

    @property
    def outputs(self):
        extents = []
        for axis in (0, 1):
            padded = self.inputs[axis] + self.padding[axis] + self.padding[axis + 2]
            reach = self.dilation[axis] * (self.kernel[axis] - 1) + 1
            extents.append((padded - reach) // self.stride[axis] + 1)
        return *extents, self.channels

    @property
    def weight_shape(self):
        return self.channels, *self.kernel, self.inputs[2] // self.groups

    @property
    def fans(self):
        area = self.kernel[0] * self.kernel[1]
        return area * self.inputs[2] // self.groups, area * self.channels

    def taps(self):
        return window_taps(self.kernel, self.stride, self.dilation, self.padding[:2],
                           self.inputs[:2], self.outputs[:2])  # fmt: skip

    def group_slices(self):
        """(input channels, output channels) of each group."""
        inside, outside = self.inputs[2] // self.groups, self.channels // self.groups
        for g in range(self.groups):
            yield slice(g * inside, (g + 1) * inside), slice(g * outside, (g + 1) * outside)

    def forward_exact(self, x, w):
        kind = exact_kind(w[0].size, x, w)
        x, w = x.astype(kind), w.astype(kind)
        result = np.zeros((len(x), *self.outputs), dtype=kind)
        for kh, kw, out, inp in self.taps():
            for i, o in self.group_slices():
                result[at(out)][..., o] += x[at(inp)][..., i] @ w[o, kh, kw].T
        return result.astype(np.int64)

    def forward_float(self, x, w):
        """Fused multiply-adds in increasing (kh, kw, in); what lies in the padding is skipped."""
        result = np.zeros((len(x), *self.outputs))
        for kh, kw, out, inp in self.taps():
            for i, o in self.group_slices():
                view, part = result[at(out)][..., o], x[at(inp)][..., i]
                total = view.copy()
                for k in range(w.shape[3]):
                    factors = part[..., k : k + 1], w[o, kh, kw, k]
                    total = arrays.fused_multiply_add(*factors, total).astype(np.float64)
                view[...] = total
        return result

    def input_gradient_exact(self, dz, w):
        kind = exact_kind(w.shape[0] * w.shape[1] * w.shape[2], dz, w)
        dz, w = dz.astype(kind), w.astype(kind)
        result = np.zeros((len(dz), *self.inputs), dtype=kind)
        for kh, kw, out, inp in self.taps():
            for i, o in self.group_slices():
                result[at(inp)][..., i] += dz[at(out)][..., o] @ w[o, kh, kw]
        return result.astype(np.int64)

    def input_gradient_float(self, dz, w):
        """Increasing (kh, kw, out)."""
        result = np.zeros((len(dz), *self.inputs))
        for kh, kw, out, inp in self.taps():
            for i, o in self.group_slices():
                view, part, rows = result[at(inp)][..., i], dz[at(out)][..., o], w[o, kh, kw]
                total = view.copy()
                for k in range(rows.shape[0]):
                    factors = part[..., k : k + 1], rows[k]
                    total = arrays.fused_multiply_add(*factors, total).astype(np.float64)
                view[...] = total
        return result

    def weight_gradient_exact(self, dz, x):
        kind = exact_kind(dz[..., 0].size, dz, x)
        dz, x = dz.astype(kind), x.astype(kind)
        result = np.zeros(self.weight_shape, dtype=kind)
        for kh, kw, out, inp in self.taps():
            for i, o in self.group_slices():
                a, b = dz[at(out)][..., o], x[at(inp)][..., i]
                result[o, kh, kw] = a.reshape(-1, a.shape[-1]).T @ b.reshape(-1, b.shape[-1])
        return result.astype(np.int64)

    def weight_gradient_float(self, dz, x):
        """Increasing (n, oh, ow), each output position a step of all weights that it reaches."""
        group_of = np.arange(self.channels) // (self.channels // self.groups)
        patches = np.zeros((len(x), *self.outputs[:2], *self.kernel, self.inputs[2]))
        inside = np.zeros((*self.outputs[:2], *self.kernel), dtype=bool)
        for kh, kw, out, inp in self.taps():
            patches[at(out)][..., kh, kw, :] = x[at(inp)]
            inside[(*out, kh, kw)] = True
        result = np.zeros(self.weight_shape)
        for n, oh, ow in np.ndindex(*dz.shape[:3]):
            patch = patches[n, oh, ow].reshape(*self.kernel, self.groups, -1)[:, :, group_of]
            patch = patch.transpose(2, 0, 1, 3)
            total = arrays.fused_multiply_add(dz[n, oh, ow][:, None, None, None], patch, result)
            result = np.where(inside[oh, ow][None, :, :, None], total, result)
        return result


def pool_extent(inputs, size, stride, padding, partial):
    """Number of windows of one axis; none may start beyond the input."""
    room = inputs + 2 * padding - size
    count = (-(-room // stride) if partial else room // stride) + 1
    while count > 0 and (count - 1) * stride >= inputs + padding:
        count -= 1
    if count < 1:
        raise ValueError("a pool without a window")
    return count


@dataclass(frozen=True)
class Pool:
    inputs: tuple
    size: tuple
    stride: tuple
    padding: tuple = (0, 0)
    partial: bool = True

    @property
    def outputs(self):
        extents = [pool_extent(self.inputs[a], self.size[a], self.stride[a], self.padding[a],
                               self.partial) for a in (0, 1)]  # fmt: skip
        return *extents, self.inputs[2]

    def taps(self):
        return window_taps(self.size, self.stride, (1, 1), self.padding, self.inputs[:2],
                           self.outputs[:2])  # fmt: skip

    def largest(self, x):
        """The largest of each window, the first of equals."""
        best = np.zeros((len(x), *self.outputs), dtype=x.dtype)
        seen = np.zeros(self.outputs[:2], dtype=bool)
        for _, _, out, inp in self.taps():
            candidate, kept = x[at(inp)], best[at(out)]
            better = (candidate > kept) | ~seen[out][None, :, :, None]
            best[at(out)] = np.where(better, candidate, kept)
            seen[out] = True
        if not seen.all():
            raise ValueError("a pool window without an element")
        return best

    def largest_back(self, gradient, x, ties, add):
        """Sum of what the windows send to each maximum, in increasing (oh, ow); add(a, b) adds."""
        best = self.largest(x)
        taken = np.zeros(best.shape, dtype=bool)
        sent = []
        for _, _, out, inp in self.taps():
            chosen = x[at(inp)] == best[at(out)]
            if ties == "first":
                chosen &= ~taken[at(out)]
            taken[at(out)] |= chosen
            sent.append((out, inp, chosen))
        result = np.zeros(x.shape, dtype=gradient.dtype)
        # a window further on meets an element with an earlier tap: so taps go backwards
        for out, inp, chosen in reversed(sent):
            total = add(result[at(inp)], gradient[at(out)])
            result[at(inp)] = np.where(chosen, total, result[at(inp)])
        return result

    def counts(self):
        """Existing elements of each window [oh, ow]."""
        result = np.zeros(self.outputs[:2])
        for _, _, out, _ in self.taps():
            result[out] += 1
        return result

    def sums_exact(self, x):
        exact_kind(self.size[0] * self.size[1], x, np.ones(1, dtype=np.int64))
        result = np.zeros((len(x), *self.outputs), dtype=np.int64)
        for _, _, out, inp in self.taps():
            result[at(out)] += x[at(inp)]
        return result

    def sums_float(self, x):
        """Float64 tree over the existing elements of each window in (h, w) order."""
        result = np.zeros((len(x), *self.outputs))
        for oh, ow in np.ndindex(*self.outputs[:2]):
            rows, columns = (
                slice(max(0, o * s - p), min(o * s - p + k, n))
                for o, s, p, k, n in zip((oh, ow), self.stride, self.padding, self.size, self.inputs)
            )
            window = x[:, rows, columns, :].reshape(len(x), -1, self.inputs[2])
            result[:, oh, ow] = arrays.tree_sum(window.transpose(0, 2, 1))
        return result

    def average_back(self, gradient):
        """Float64 sum over windows of gradient / count, in increasing (oh, ow)."""
        shares = gradient / self.counts()[None, :, :, None]
        result = np.zeros((len(gradient), *self.inputs))
        for _, _, out, inp in reversed(list(self.taps())):
            result[at(inp)] += shares[at(out)]
        return result


def add_float32(a, b):
    return (a.astype(np.float32) + b.astype(np.float32)).astype(np.float64)
