"""Vectorised casts and products, exact: every float64 operation here either has an exact result
or is one of the roundings that numerics.md names.
"""

import numpy as np

import reference_formats

EXACT_IN_FLOAT64 = 2**53
TINY_FLOAT32 = 2.0**-126
LOW_29_BITS = np.uint64(0x1FFFFFFF)
HALF_OF_29_BITS = np.uint64(0x10000000)


def round_to_integer(position, rounding, symmetric, random_word=None):
    """Integers (as float64) next to float64 `position`, whose origin is 0; exact.

    Works on the magnitude, because |x| - floor(|x|) is exact while x - floor(x) is not.
    """
    size, negative = np.abs(position), position < 0
    low = np.floor(size)
    with np.errstate(invalid="ignore"):  # infinities: no comparison below holds, they stay
        fraction = size - low
        odd = np.fmod(low, 2.0) == 1.0
    above, tie, inexact = fraction > 0.5, fraction == 0.5, fraction > 0
    if rounding in reference_formats.RANDOM_BITS:
        away = stochastic_away(fraction, negative & (not symmetric), rounding, random_word)
    else:
        away = {
            "rne": lambda: above | (tie & odd),
            "rna": lambda: above | tie,
            "rnd": lambda: above | (tie & negative),
            "rnu": lambda: above | (tie & ~negative),
            "rtz": lambda: np.zeros_like(negative),
            "rd": lambda: inexact & negative,
            "ru": lambda: inexact & ~negative,
            "ro": lambda: inexact & ~odd,
        }[rounding]()
    return np.copysign(low + away, position)


def stochastic_away(fraction, from_below, rounding, random_word):
    """Whether to move away from zero, by carry of random word + threshold.

    Where `from_below`, the value is negative and its distance is taken to the lower neighbour, the
    one farther from zero: a carry then moves toward zero.
    """
    scale = 2.0 ** reference_formats.RANDOM_BITS[rounding]
    scaled = fraction * scale
    whole = np.floor(scaled)
    half = rounding == "srh"
    threshold = whole + (half & (scaled - whole >= 0.5))
    complement = scale - np.where(half, whole + (scaled - whole > 0.5), np.ceil(scaled))
    carry = np.asarray(random_word, dtype=np.float64)
    moves = np.where(from_below, carry + complement >= scale, carry + threshold >= scale)
    return (fraction > 0) & (moves != from_below)


def quantize_grid(values, exponent, low, high, rounding, symmetric=True, random_word=None):
    """int64 codes of float64 values on the grid of step 2^exponent, saturating."""
    if np.isnan(values).any():
        raise ValueError("NaN has no code on a grid")
    rounded = round_to_integer(np.ldexp(values, -exponent), rounding, symmetric, random_word)
    return np.clip(rounded, low, high).astype(np.int64)


def quantize_float(values, name, rounding="rne", overflow="inf", random_word=None):
    """float64 values of the codes that float64 `values` round to, for formats up to float32."""
    form = reference_formats.parse(f"{name}:{overflow}:{rounding}")
    largest = float(form.magnitude(form.largest))
    finite = np.where(np.isfinite(values), values, 0.0)
    exponent = np.maximum(np.frexp(finite)[1] - 1, 1 - form.bias) - form.mantissa_bits
    rounded = round_to_integer(np.ldexp(finite, -exponent), rounding, True, random_word)
    rounded = np.ldexp(rounded, exponent)
    negative = np.signbit(values)
    past = {"rtz": True, "ro": True, "rd": ~negative, "ru": negative}.get(rounding, False)
    beyond = np.where(past | (overflow == "sat"), largest, np.inf if overflow == "inf" else np.nan)
    rounded = np.where(np.abs(rounded) > largest, np.copysign(beyond, values), rounded)
    infinite = {"sat": largest, "inf": np.inf, "nan": np.nan}[overflow]
    rounded = np.where(np.isinf(values), np.copysign(infinite, values), rounded)
    return np.where(np.isnan(values), np.nan, rounded)


def integer_product(a, b):
    """sum_k a[m,k] * b[n,k] of integer codes, exact, as int64."""
    bound = a.shape[1] * int(np.abs(a).max(initial=0)) * int(np.abs(b).max(initial=0))
    if bound < EXACT_IN_FLOAT64:
        return (a.astype(np.float64) @ b.astype(np.float64).T).astype(np.int64)
    if bound >= 2**63:
        raise ValueError("accumulator wider than 64 bits")
    return a @ b.T


def aligned_sum(a, a_exponent, b, b_exponent):
    """Exact a * 2^a_exponent + b * 2^b_exponent: integers and their common exponent.

    Python integers where 64 bits could be too narrow.
    """
    exponent = min(a_exponent, b_exponent)
    shifts = a_exponent - exponent, b_exponent - exponent
    bound = sum(int(np.abs(x).max(initial=0)) << s for x, s in zip((a, b), shifts))
    kind = np.int64 if bound < 2**62 else object
    return a.astype(kind) * (1 << shifts[0]) + b.astype(kind) * (1 << shifts[1]), exponent


def quantize_integers(values, exponent, step_exponent, limit, rounding):
    """Codes on the symmetric grid of step 2^step_exponent of exact values * 2^exponent."""
    if values.dtype != object and int(np.abs(values).max(initial=0)) < EXACT_IN_FLOAT64:
        real = np.ldexp(values.astype(np.float64), exponent)
        return quantize_grid(real, step_exponent, -limit, limit, rounding)
    scale = reference_formats.power_of_two(exponent - step_exponent)
    codes = [
        reference_formats.round_index(int(value) * scale, 0, rounding, True)
        for value in values.reshape(-1)
    ]
    clipped = [max(-limit, min(limit, code)) for code in codes]
    return np.array(clipped, dtype=np.int64).reshape(values.shape)


def fused_multiply_add(a, b, accumulator):
    """float32 fma of broadcast float32 values held in float64 arrays.

    The product is exact in float64. The float64 sum is rounded a second time to float32; that can
    only go wrong where the first rounding landed on a midpoint of float32 (or below its normal
    range). There the sum is redone to odd: of the two neighbours of the exact sum the odd one,
    which has enough bits (53 >= 24 + 2) for the second rounding to be the rounding of the exact
    sum.
    """
    product = a * b
    total = product + accumulator
    suspicious = (total.view(np.uint64) & LOW_29_BITS) == HALF_OF_29_BITS
    suspicious |= (np.abs(total) < TINY_FLOAT32) & (total != 0)
    if suspicious.any():
        where = np.nonzero(suspicious)
        total[where] = sum_to_odd(product[where], accumulator[where], total[where])
    with np.errstate(over="ignore"):
        return total.astype(np.float32)


def sum_to_odd(a, b, total):
    """The float64 a + b rounded to odd, given `total`, the sum rounded to nearest."""
    part = total - a
    error = (a - (total - part)) + (b - part)
    even = (total.view(np.uint64) & np.uint64(1)) == 0
    moved = np.nextafter(total, np.copysign(np.inf, error))
    return np.where((error != 0) & even & np.isfinite(total), moved, total)


def float_product(a, b, tile=32768):
    """float32 [m,n]: fma chain over increasing k of a[m,k] * b[n,k], starting at +0.

    Vectorised over tiles of outputs that fit in the cache; the order of k is the same for all.
    """
    a_columns = np.ascontiguousarray(a.T.astype(np.float64))
    b_columns = np.ascontiguousarray(b.T.astype(np.float64))
    result = np.empty((a.shape[0], b.shape[0]), dtype=np.float32)
    rows = max(1, tile // b.shape[0])
    for start in range(0, a.shape[0], rows):
        chunk = a_columns[:, start : start + rows]
        accumulator = np.zeros((chunk.shape[1], b.shape[0]))
        for k in range(a.shape[1]):
            accumulator = fused_multiply_add(chunk[k][:, None], b_columns[k][None, :], accumulator)
            accumulator = accumulator.astype(np.float64)
        result[start : start + rows] = accumulator
    return result


def tree_sum(values):
    """float64 sum over the last axis: padded with zeros to a power of two, adjacent pairs."""
    count = values.shape[-1]
    width = 1 << max(0, (count - 1).bit_length())
    padding = [(0, 0)] * (values.ndim - 1) + [(0, width - count)]
    values = np.pad(values, padding)
    while values.shape[-1] > 1:
        values = values[..., 0::2] + values[..., 1::2]
    return values[..., 0]
