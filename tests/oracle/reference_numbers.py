"""Tensors in any format of a recipe and the one rounding into them, random bits included.

numerics.md sections 2, 3 and 7. A format text is a recipe's: `dfx10:sat:rna` has no range, its
range group has. `exact` keeps a sum as it is. Affine formats are not here.
"""

from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

import reference_arrays as arrays
import reference_formats as formats
import reference_philox as philox
from reference_plan import GROUP_OF_ROLE, ROLE_NUMBER, RangeGroup

FLOAT32 = formats.parse("float32")


@dataclass
class Exact:
    """Integers times 2^exponent: a sum that no rounding has touched."""

    values: np.ndarray
    exponent: int


@dataclass
class Tensor:
    """int64 codes of a grid, or a float format's values held in float64 exactly.

    Codes of discrete formats are counted from zero in steps of 2H / 2^N (`binary`: -1 and 1, of H)
    and multiplied by the odd part of that step, so that they are integers times a power of two as
    all others. `clamp` is the range R that range initialisation clamped to.
    """

    values: np.ndarray
    format: formats.GridFormat | formats.FloatFormat
    clamp: int | None = None

    @property
    def name(self):
        return self.format.name if self.clamp is None else f"{self.format.name}@{self.clamp}"

    @property
    def is_grid(self):
        return isinstance(self.format, formats.GridFormat)

    @property
    def adds_exactly(self):
        """Whether its products are sums of integers: grids, but states of an H that is no power of two."""
        return self.is_grid and (not self.format.origin or odd_part(state_step(self.format)) == 1)

    @property
    def exponent(self):
        return grid_exponent(self.format)

    def exact(self):
        """What a rounding takes: integers with their exponent, or float values."""
        return Exact(self.values, self.exponent) if self.is_grid else self.values

    def real(self):
        """Exact float64 values."""
        if not self.is_grid:
            return self.values
        return np.ldexp(self.values.astype(np.float64), self.exponent)

    def real32(self):
        """What a float product reads: a code of more than 24 bits is rounded rne to float32."""
        with np.errstate(over="ignore"):
            return self.real().astype(np.float32).astype(np.float64)

    def codes(self):
        """int32 codes of grids (discrete ones: the index from -H), otherwise the raw bits."""
        if self.is_grid and self.format.origin:
            return state_indices(self.values, self.format).astype("<i4")
        if self.is_grid:
            return self.values.astype("<i4")
        kinds = {"float32": ("<f4", "<u4"), "float16": ("<f2", "<u2")}
        kind, raw = kinds[self.format.name]
        return self.values.astype(kind).view(raw)

    def with_values(self, values):
        return Tensor(values, self.format, self.clamp)


def grid_exponent(form):
    """e of a grid whose codes count steps of 2^e; of a discrete one, codes from zero."""
    step = form.step
    if form.origin:
        step = state_step(form) / odd_part(state_step(form))
    exponent = step.numerator.bit_length() - step.denominator.bit_length()
    if formats.power_of_two(exponent) != step or form.zero_point:
        raise ValueError(f"{form.name} is not a grid of a power of two")
    return exponent


def is_binary(form):
    return form.origin.denominator == 2


def state_step(form):
    """What codes of states count."""
    return form.step / 2 if is_binary(form) else form.step


def odd_part(step):
    """The odd factor of a step that is an integer times a power of two."""
    return step.numerator // (step.numerator & -step.numerator)


def state_codes(indices, form):
    """Codes counted from zero of a discrete format's indices, which count from -H."""
    codes = 2 * indices - 1 if is_binary(form) else indices - int(form.origin)
    return codes * odd_part(state_step(form))


def state_indices(codes, form):
    codes = codes // odd_part(state_step(form))
    return (codes + 1) // 2 if is_binary(form) else codes + int(form.origin)


def exact_tensor(exact):
    """A sum as a tensor of format `exact`: a grid without limits, or float32 as it is."""
    if not isinstance(exact, Exact):
        return Tensor(exact, FLOAT32)
    form = formats.GridFormat("exact", formats.power_of_two(exact.exponent), -(2**62), 2**62, True,
                              "sat", "rne")  # fmt: skip
    return Tensor(exact.values, form)


def random_bits(count, bits, seed, step, stream, first=0):
    """Elements first .. first+count-1 of `bits` random bits each: bits*i .. of the stream."""
    per_word = 32 // bits
    last = first + count
    drawn = philox.words((last + per_word - 1) // per_word, seed, step, stream)
    parts = [drawn >> np.uint32(bits * part) for part in range(per_word)]
    mask = np.uint32((1 << bits) - 1)
    return (np.stack(parts, axis=-1).reshape(-1)[first:last] & mask).astype(np.int64)


def fits_float64(values):
    return int(np.abs(values).max(initial=0)) < arrays.EXACT_IN_FLOAT64


def quantize(values, form, draw):
    """Tensor of `form` nearest to float64 values or an Exact; draw(count, bits) gives the bits."""
    shape = values.values.shape if isinstance(values, Exact) else values.shape
    bits = formats.RANDOM_BITS.get(form.rounding)
    words = draw(int(np.prod(shape)), bits).reshape(shape) if bits else None
    if isinstance(form, formats.GridFormat) and form.origin:
        return quantize_to_states(values, form, words)
    if isinstance(values, Exact):
        if not fits_float64(values.values):
            return quantize_one_by_one(values, form, words)
        values = np.ldexp(values.values.astype(np.float64), values.exponent)
    if np.isnan(values).any():
        raise ValueError(f"NaN on its way into {form.name}")
    if isinstance(form, formats.GridFormat):
        if form.overflow != "sat":
            raise ValueError(f"{form.name}: only saturation is here")
        codes = arrays.quantize_grid(values, grid_exponent(form), form.low, form.high,
                                     form.rounding, form.symmetric, words)  # fmt: skip
        return Tensor(codes, form)
    rounded = arrays.quantize_float(values, form.name, form.rounding, form.overflow, words)
    return Tensor(rounded, form)


def quantize_one_by_one(exact, form, words):
    """The same for integers too wide for float64, in rational arithmetic."""
    scale = formats.power_of_two(exact.exponent)
    flat = exact.values.reshape(-1).tolist()
    drawn = [0] * len(flat) if words is None else words.reshape(-1).tolist()
    codes = [form.encode(Fraction(value) * scale, word) for value, word in zip(flat, drawn)]
    if isinstance(form, formats.FloatFormat):
        codes = [float(form.decode(code)) for code in codes]
    return Tensor(np.array(codes).reshape(exact.values.shape), form)


def quantize_to_states(values, form, words):
    """The same into a discrete format, in rational arithmetic."""
    if isinstance(values, Exact):
        values = np.ldexp(values.values.astype(np.float64), values.exponent)
    drawn = [0] * values.size if words is None else words.reshape(-1).tolist()
    indices = [form.encode(value, word) for value, word in zip(values.reshape(-1).tolist(), drawn)]
    indices = np.array(indices, dtype=np.int64).reshape(values.shape)
    return Tensor(state_codes(indices, form), form)


def range_text(text, current):
    """A recipe's dfx text with its group's range."""
    name, *options = text.split(":")
    return ":".join([f"{name}@{current}", *options])


@dataclass
class RangeSettings:
    initial: int = 5
    update_every: int = 100
    max_overflow: float = 1e-4
    init_epochs: int = 0
    reset_momentum: bool = False


@dataclass
class Numbers:
    """Format texts of one stage by (node, role), range groups, and every rounding of a run."""

    seed: int
    settings: RangeSettings
    texts: dict
    step: int = 0
    batches: int = 0
    initialising: bool = False
    groups: dict = field(default_factory=dict)

    def __post_init__(self):
        self.initialising = self.settings.init_epochs > 0 and self.has_ranges

    @property
    def has_ranges(self):
        return any(self.is_dynamic(*key) for key in self.texts)

    def is_dynamic(self, node, role):
        return self.texts[node, role].startswith("dfx")

    def group(self, node, role):
        key = node, GROUP_OF_ROLE[role]
        return self.groups.setdefault(key, RangeGroup(self.settings.initial))

    def form(self, node, role):
        text = self.texts[node, role]
        if self.is_dynamic(node, role):
            text = range_text(text, self.group(node, role).range)
        return formats.parse(text)

    def quantize(self, node, role, values, first=0, step=None):
        """The rounding of a role; `first` is the stochastic index of the first element."""
        if self.initialising:
            return self._clamped(node, role, values)
        if self.texts[node, role] == "exact":
            return exact_tensor(values)
        stream = philox.stream_number(node, ROLE_NUMBER[role], "rounding")
        step = self.step if step is None else step

        def draw(count, bits):
            return random_bits(count, bits, self.seed, step, stream, first)

        return quantize(values, self.form(node, role), draw)

    def _clamped(self, node, role, values):
        """Range initialisation: float32, with a range clamped to +-2^R."""
        rounded = quantize(values, FLOAT32, None)
        if self.is_dynamic(node, role):
            rounded.clamp = self.group(node, role).range
            rounded.values = np.clip(rounded.values, -(2.0**rounded.clamp), 2.0**rounded.clamp)
        return rounded

    def requantize(self, node, role, tensor, first=0, step=None):
        return self.quantize(node, role, tensor.exact(), first, step)

    def count(self, node, role, tensor):
        """One tensor of the batch into its group's window; masters by their own codes."""
        if not self.is_dynamic(node, role):
            return
        group = self.group(node, role)
        if tensor.is_grid:
            group.add(np.abs(tensor.values), tensor.format.high, (tensor.format.high + 1) // 2)
        else:
            group.add(np.abs(tensor.values), 2.0**group.range, 2.0 ** (group.range - 1))

    def end_batch(self):
        self.step += 1
        self.batches += 1
        if self.batches % self.settings.update_every == 0:
            for group in self.groups.values():
                group.decide(self.settings.max_overflow)
