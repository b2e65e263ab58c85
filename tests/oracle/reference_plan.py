"""What every role's number is: the four format arguments, tensors, ranges and their controllers.

numerics.md sections 2, 5 and 7.
"""

from dataclasses import dataclass, field

import numpy as np

import reference_arrays as arrays

ROLES = (
    "weight", "bias", "input", "preactivation", "activation", "d_preactivation", "d_activation",
    "d_weight", "d_bias", "weight_update", "bias_update", "weight_master", "bias_master",
)  # fmt: skip
# of batch normalisation and of Adam: `default` does not reach them
MORE_ROLES = (
    "scale", "d_scale", "scale_update", "scale_master", "normalized", "d_normalized", "statistics",
    "weight_moment", "bias_moment", "scale_moment",
)  # fmt: skip
ROLE_NUMBER = {role: number for number, role in enumerate(ROLES + MORE_ROLES)}
MASTERS = ("weight_master", "bias_master", "scale_master")
# weight and weight_master are one range group, likewise bias and scale
GROUP_OF_ROLE = {role: role.removesuffix("_master") for role in ROLES + MORE_ROLES}
GROUPS = tuple(role for role in ROLES if role != "input" and role not in MASTERS)
MORE_GROUPS = tuple(role for role in MORE_ROLES if role not in MASTERS)
LOWEST_RANGE, HIGHEST_RANGE = -48, 47


@dataclass
class Tensor:
    """Integer codes times 2^exponent, or float32 values (exponent None; float16 kept as float32)."""

    values: np.ndarray
    exponent: int | None
    format: str

    @property
    def is_grid(self):
        return self.exponent is not None

    def real(self):
        """Exact float64 values."""
        scaled = self.values.astype(np.float64)
        return np.ldexp(scaled, self.exponent) if self.is_grid else scaled

    def codes(self):
        """int32 codes of grids, otherwise the raw bits."""
        if self.is_grid:
            return self.values.astype("<i4")
        if self.format == "float16":
            return self.values.astype("<f2").view("<u2")
        return self.values.astype("<f4").view("<u4")

    def with_values(self, values):
        return Tensor(values, self.exponent, self.format)


@dataclass
class RangeGroup:
    """Range R of one (node, role) and the counts of the current window."""

    range: int
    elements: int = 0
    nonzero: int = 0
    overflow: int = 0
    overflow_one_lower: int = 0

    def add(self, magnitude, largest, one_lower):
        self.elements += magnitude.size
        self.nonzero += int(np.count_nonzero(magnitude))
        self.overflow += int(np.count_nonzero(magnitude >= largest))
        self.overflow_one_lower += int(np.count_nonzero(magnitude >= one_lower))

    def decide(self, max_overflow):
        allowed = max_overflow * float(self.elements)
        if self.nonzero:
            if float(self.overflow) > allowed:
                self.range = min(self.range + 1, HIGHEST_RANGE)
            elif float(self.overflow_one_lower) <= allowed:
                self.range = max(self.range - 1, LOWEST_RANGE)
        self.elements = self.nonzero = self.overflow = self.overflow_one_lower = 0


@dataclass
class Plan:
    """One of `FLP`, `HFLP`, `FXP R P U`, `DFXP R P U update_every max_overflow init_epochs`."""

    kind: str
    range: int = 0
    propagation_bits: int = 0
    update_bits: int = 0
    update_every: int = 0
    max_overflow: float = 0.0
    init_epochs: int = 0
    initialising: bool = False
    batches: int = 0
    groups: dict = field(default_factory=dict)

    @staticmethod
    def parse(text):
        kind, *arguments = text.split()
        expected = {"FLP": 0, "HFLP": 0, "FXP": 3, "DFXP": 6}
        if len(arguments) != expected.get(kind, -1):
            raise ValueError(f"bad format argument {text!r}")
        kinds = (int, int, int, int, float, int)
        plan = Plan(kind, *(convert(word) for convert, word in zip(kinds, arguments)))
        plan.initialising = plan.init_epochs > 0
        return plan

    def group(self, node, role):
        return self.groups.setdefault((node, GROUP_OF_ROLE[role]), RangeGroup(self.range))

    def width(self, role):
        """Width with the sign of a grid role."""
        return (self.update_bits if role in MASTERS else self.propagation_bits) + 1

    def grid(self, node, role):
        """(exponent of the step, largest code, name) of a grid role in its current range."""
        width = self.width(role)
        limit = 2 ** (width - 1) - 1
        if self.kind == "FXP":
            fraction = width - (self.range + 1)
            return -fraction, limit, f"q{self.range + 1}.{fraction}s"
        current = self.group(node, role).range
        return current - width + 1, limit, f"dfx{width}@{current}"

    @property
    def uses_grids(self):
        return self.kind in ("FXP", "DFXP") and not self.initialising

    def input(self, pixels):
        """Bytes k mean k / 256, exact in every input format."""
        if self.uses_grids:
            return Tensor(pixels.astype(np.int64), -8, "uq0.8")
        name = "float16" if self.kind == "HFLP" else "float32"
        return Tensor(pixels.astype(np.float32) / np.float32(256), None, name)

    def quantize(self, node, role, values):
        """The role's one rounding of float64 (or float32, or exact integer) values.

        `values` is an array of reals or a pair (exact integers, exponent).
        """
        if self.uses_grids:
            exponent, limit, name = self.grid(node, role)
            if isinstance(values, tuple):
                codes = arrays.quantize_integers(*values, exponent, limit, "rna")
            else:
                codes = arrays.quantize_grid(
                    values.astype(np.float64), exponent, -limit, limit, "rna"
                )
            return Tensor(codes, exponent, name)
        return Tensor(self._quantize_float(node, role, values), None, self._float_name())

    def _float_name(self):
        return "float16" if self.kind == "HFLP" else "float32"

    def _quantize_float(self, node, role, values):
        if np.isnan(values).any():
            raise ValueError(f"NaN in node {node} role {role}")
        if self.kind == "HFLP":
            rounded = arrays.quantize_float(values.astype(np.float64), "float16")
            return rounded.astype(np.float32)
        with np.errstate(over="ignore"):
            rounded = values.astype(np.float32)
        if self.initialising:
            limit = np.float32(2.0 ** self.group(node, role).range)
            rounded = np.clip(rounded, -limit, limit)
        return rounded

    def requantize(self, node, role, tensor):
        """The rounding of a stored tensor into a role, in the group's current range."""
        if tensor.is_grid:
            return self.quantize(node, role, (tensor.values, tensor.exponent))
        return self.quantize(node, role, tensor.values)

    def count(self, node, role, tensor):
        """One tensor of the batch into its group's window."""
        if self.kind != "DFXP":
            return
        group = self.group(node, role)
        if tensor.is_grid:
            width = self.width(role)
            group.add(np.abs(tensor.values), 2 ** (width - 1) - 1, 2 ** (width - 2))
        else:
            group.add(np.abs(tensor.values), 2.0**group.range, 2.0 ** (group.range - 1))

    def end_batch(self):
        """Decides the ranges every `update_every` batches, initialisation included."""
        if self.kind != "DFXP":
            return
        self.batches += 1
        if self.batches % self.update_every == 0:
            for group in self.groups.values():
                group.decide(self.max_overflow)
