"""Philox4x32-10 (Salmon, Moraes, Dror, Shaw 2011), vectorised over blocks.

Counter = (block low, block high, step, stream), key = (seed low, seed high); docs/numerics.md.
"""

import numpy as np

MULTIPLIERS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
KEY_INCREMENTS = (0x9E3779B9, 0xBB67AE85)
ROUNDS = 10
LOW_32 = np.uint64(0xFFFFFFFF)
SHIFT_32 = np.uint64(32)

PURPOSES = {"rounding": 0, "dropout": 1, "initial_weights": 2, "shuffle": 3, "augmentation": 4,
            "state_transition": 5}  # fmt: skip


def philox_blocks(counters, key):
    """Output words [blocks, 4] for four arrays of counter words and two key words."""
    c0, c1, c2, c3 = (np.asarray(c, dtype=np.uint64) for c in counters)
    key0, key1 = key
    for _ in range(ROUNDS):
        product0, product1 = MULTIPLIERS[0] * c0, MULTIPLIERS[1] * c2
        c0, c1, c2, c3 = (
            (product1 >> SHIFT_32) ^ c1 ^ np.uint64(key0),
            product1 & LOW_32,
            (product0 >> SHIFT_32) ^ c3 ^ np.uint64(key1),
            product0 & LOW_32,
        )
        key0 = (key0 + KEY_INCREMENTS[0]) & 0xFFFFFFFF
        key1 = (key1 + KEY_INCREMENTS[1]) & 0xFFFFFFFF
    return np.stack([c0, c1, c2, c3], axis=-1).astype(np.uint32)


def stream_number(node, role, purpose):
    return node << 16 | role << 8 | PURPOSES[purpose]


def words(count, seed, step, stream):
    """The first `count` 32-bit words of a stream."""
    blocks = np.arange((count + 3) // 4, dtype=np.uint64)
    constant = np.ones_like(blocks)
    counters = (blocks & LOW_32, blocks >> SHIFT_32, constant * np.uint64(step),
                constant * np.uint64(stream))  # fmt: skip
    return philox_blocks(counters, (seed & 0xFFFFFFFF, seed >> 32 & 0xFFFFFFFF)).reshape(-1)[:count]


def keep_mask(shape, keep, seed, step, node, role):
    """Dropout mask, True where kept: word < floor(keep * 2^32), row-major."""
    drawn = words(int(np.prod(shape)), seed, step, stream_number(node, role, "dropout"))
    return (drawn.astype(np.uint64) < np.uint64(int(keep * 2.0**32))).reshape(shape)


def uniform(shape, seed, node, role):
    """Uniforms for initial weights, (word >> 8) * 2^-24, exact in float64; step 0."""
    stream = stream_number(node, role, "initial_weights")
    drawn = words(int(np.prod(shape)), seed, 0, stream)
    return ((drawn >> np.uint32(8)) * 2.0**-24).reshape(shape)


def shuffled_order(count, seed, epoch):
    """Indices 0..count-1 sorted by (64 random bits, index)."""
    drawn = words(2 * count, seed, epoch, stream_number(0, 0, "shuffle")).astype(np.uint64)
    keys = drawn[0::2] | drawn[1::2] << SHIFT_32
    return np.argsort(keys, kind="stable")
