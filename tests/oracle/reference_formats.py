"""Formats and casts in exact rational arithmetic, one value at a time.

Written from numerics.md sections 2 and 4 only. A cast takes an exact number (Fraction, int or
float) and returns a code; `decode` returns the exact value. Slow and literal: the vectorised
versions in reference_arrays.py are checked against this file.
"""

import math
import re
import struct
from dataclasses import dataclass, replace
from fractions import Fraction

ROUNDINGS = ("rne", "rna", "rnd", "rnu", "rtz", "rd", "ru", "ro", "sr", "sr16", "sr8", "srh")
OVERFLOWS = ("sat", "inf", "nan", "wrap", "error")
RANDOM_BITS = {"sr": 32, "sr16": 16, "sr8": 8, "srh": 16}


def power_of_two(exponent):
    return Fraction(2) ** exponent


def round_index(position, origin, rounding, symmetric, random_word=0):
    """Integer next to `position`. `origin` is the position of the value zero (1/2 for `binary`).

    `symmetric` chooses the neighbour that stochastic rounding starts from: the one nearer zero,
    otherwise the lower one. Of two neighbours equally far from zero the even one counts as nearer.
    """
    low = math.floor(position)
    fraction = position - low
    if fraction == 0:
        return low
    high = low + 1
    even, odd = (low, high) if low % 2 == 0 else (high, low)
    distance = abs(low - origin) - abs(high - origin)
    nearer = even if distance == 0 else (low if distance < 0 else high)
    farther = low + high - nearer
    if rounding in RANDOM_BITS:
        start = nearer if symmetric else low
        scaled = abs(position - start) * 2 ** RANDOM_BITS[rounding]
        threshold = math.floor(scaled + Fraction(1, 2) if rounding == "srh" else scaled)
        moves = random_word + threshold >= 2 ** RANDOM_BITS[rounding]
        return low + high - start if moves else start
    directed = {"rtz": nearer, "rd": low, "ru": high, "ro": odd}
    if rounding in directed:
        return directed[rounding]
    if fraction != Fraction(1, 2):
        return low if fraction < Fraction(1, 2) else high
    return {"rne": even, "rna": farther if distance else even, "rnd": low, "rnu": high}[rounding]


@dataclass(frozen=True)
class GridFormat:
    """Equally spaced values: value = (code - zero_point - origin) * step."""

    name: str
    step: Fraction
    low: int
    high: int
    symmetric: bool
    overflow: str
    rounding: str
    origin: Fraction = Fraction(0)  # discrete formats count their index from -H
    zero_point: int = 0  # affine: added after rounding
    can_wrap: bool = False

    def decode(self, code):
        return (code - self.zero_point - self.origin) * self.step

    def encode(self, value, random_word=0):
        if isinstance(value, float) and not math.isfinite(value):
            if math.isnan(value) or self.overflow != "sat":
                raise ValueError(f"{value} has no code in {self.name}")
            return self.high if value > 0 else self.low
        position = Fraction(value) / self.step + self.origin
        code = round_index(position, self.origin, self.rounding, self.symmetric, random_word)
        code += self.zero_point
        if self.low <= code <= self.high:
            return code
        if self.overflow == "wrap" and self.can_wrap:
            return (code - self.low) % (self.high - self.low + 1) + self.low
        if self.overflow != "sat":
            raise ValueError(f"{value} overflows {self.name}")
        return self.high if code > self.high else self.low

    def with_zero_point(self, zero_point):
        return replace(self, zero_point=zero_point)


@dataclass(frozen=True)
class FloatFormat:
    """Sign, exponent, mantissa. Codes are sign << (exponent_bits + mantissa_bits) | magnitude.

    `specials` is "ieee" (infinities and NaNs), "fn" (one NaN, all ones), "fnuz" (NaN is the code
    of -0, no infinities) or "finite" (neither). Magnitude codes are ordered like their values and
    linear within a binade, so rounding a value is rounding its real-valued code.
    """

    name: str
    exponent_bits: int
    mantissa_bits: int
    bias: int
    specials: str
    overflow: str
    rounding: str

    @property
    def sign_bit(self):
        return 1 << (self.exponent_bits + self.mantissa_bits)

    @property
    def largest(self):
        """Magnitude code of the largest finite value."""
        return {
            "ieee": self.sign_bit - (1 << self.mantissa_bits) - 1,
            "fn": self.sign_bit - 2,
            "fnuz": self.sign_bit - 1,
            "finite": self.sign_bit - 1,
        }[self.specials]

    @property
    def nan(self):
        if self.specials == "finite":
            raise ValueError(f"{self.name} has no NaN")
        quiet = self.largest + 1 + (1 << self.mantissa_bits >> 1)
        return {"ieee": quiet, "fn": self.sign_bit - 1, "fnuz": self.sign_bit}[self.specials]

    def magnitude(self, code):
        field, mantissa = code >> self.mantissa_bits, code & ((1 << self.mantissa_bits) - 1)
        if field == 0:
            return mantissa * power_of_two(1 - self.bias - self.mantissa_bits)
        significand = mantissa + (1 << self.mantissa_bits)
        return significand * power_of_two(field - self.bias - self.mantissa_bits)

    def decode(self, code):
        """Fraction, or a float for -0, infinities and NaN."""
        magnitude, negative = code & (self.sign_bit - 1), bool(code & self.sign_bit)
        if self.specials == "fnuz" and code == self.sign_bit:
            return math.nan
        if magnitude > self.largest:
            infinite = self.specials == "ieee" and magnitude == self.largest + 1
            return (-math.inf if negative else math.inf) if infinite else math.nan
        value = self.magnitude(magnitude)
        if negative:
            return -value if value else -0.0
        return value

    def encode(self, value, random_word=0):
        if isinstance(value, float) and math.isnan(value):
            return self.nan
        negative = math.copysign(1.0, value) < 0 if isinstance(value, float) else value < 0
        if isinstance(value, float) and math.isinf(value):
            return self._signed(self._overflowed(infinite=True, toward_zero=False), negative)
        size = abs(Fraction(value))
        exponent = 1 - self.bias
        if size:
            # floor(log2(size)) from the integer lengths, corrected by one comparison
            guess = size.numerator.bit_length() - size.denominator.bit_length()
            guess -= size < power_of_two(guess)
            exponent = max(exponent, guess)
        position = size / power_of_two(exponent - self.mantissa_bits)
        position += (exponent + self.bias - 1) << self.mantissa_bits
        swapped = {"rd": "ru", "ru": "rd", "rnd": "rnu", "rnu": "rnd"}
        rounding = swapped.get(self.rounding, self.rounding) if negative else self.rounding
        code = round_index(position, 0, rounding, True, random_word)
        if code > self.largest:
            code = self._overflowed(infinite=False, toward_zero=rounding in ("rtz", "rd", "ro"))
        return self._signed(code, negative)

    def _overflowed(self, infinite, toward_zero):
        if self.overflow == "error":
            raise ValueError(f"overflow of {self.name}")
        if self.overflow == "sat" or (toward_zero and not infinite):
            return self.largest
        if self.overflow == "nan":
            return self.nan
        if self.specials != "ieee":
            raise ValueError(f"{self.name} has no infinity")
        return self.largest + 1

    def _signed(self, code, negative):
        if self.specials == "fnuz" and code in (0, self.sign_bit):
            return code
        return code | self.sign_bit if negative else code


# name: exponent bits, mantissa bits, bias (None: 2^(X-1) - 1), specials
NAMED_FLOATS = {
    "float32": (8, 23, None, "ieee"),
    "float16": (5, 10, None, "ieee"),
    "bfloat16": (8, 7, None, "ieee"),
    "tf32": (8, 10, None, "ieee"),
    "float8_e4m3fn": (4, 3, None, "fn"),
    "float8_e5m2": (5, 2, None, "ieee"),
    "float8_e4m3": (4, 3, None, "ieee"),
    "float8_e3m4": (3, 4, None, "ieee"),
    "float8_e4m3fnuz": (4, 3, 8, "fnuz"),
    "float8_e5m2fnuz": (5, 2, 16, "fnuz"),
    "float8_e4m3b11fnuz": (4, 3, 11, "fnuz"),
    "float6_e2m3fn": (2, 3, None, "finite"),
    "float6_e3m2fn": (3, 2, None, "finite"),
    "float4_e2m1fn": (2, 1, None, "finite"),
}

AFFINE_LIMITS = {
    "int8": (-128, 127), "uint8": (0, 255), "int4": (-8, 7), "uint4": (0, 15),
    "int16": (-32768, 32767),
}  # fmt: skip


def parse_float(name, overflow, rounding):
    generic = re.fullmatch(r"e(\d+)m(\d+)(fn|fnuz)?", name)
    if name in NAMED_FLOATS:
        exponent_bits, mantissa_bits, bias, specials = NAMED_FLOATS[name]
    elif generic:
        exponent_bits, mantissa_bits = int(generic[1]), int(generic[2])
        bias, specials = None, generic[3] or "ieee"
    else:
        return None
    bias = 2 ** (exponent_bits - 1) - 1 if bias is None else bias
    overflow = overflow or ("inf" if specials == "ieee" else "sat")
    return FloatFormat(name, exponent_bits, mantissa_bits, bias, specials, overflow, rounding)


def parse_fixed(name, overflow, rounding):
    fixed = re.fullmatch(r"(u?)q(-?\d+)\.(-?\d+)(s?)", name)
    if not fixed:
        return None
    width = int(fixed[2]) + int(fixed[3])
    if not 2 <= width <= 32 or (fixed[1] and fixed[4]):
        raise ValueError(f"bad fixed-point format {name}")
    step = power_of_two(-int(fixed[3]))
    low, high = (0, 2**width - 1) if fixed[1] else (-(2 ** (width - 1)), 2 ** (width - 1) - 1)
    symmetric = bool(fixed[4])
    return GridFormat(name, step, low + symmetric, high, symmetric, overflow or "sat", rounding,
                      can_wrap=not symmetric)  # fmt: skip


def parse_dynamic(name, overflow, rounding):
    dynamic = re.fullmatch(r"dfx(\d+)@(-?\d+)", name)
    if not dynamic:
        return None
    width, limit = int(dynamic[1]), 2 ** (int(dynamic[1]) - 1) - 1
    step = power_of_two(int(dynamic[2]) - width + 1)
    return GridFormat(name, step, -limit, limit, True, overflow or "sat", rounding)


def parse_affine(name, overflow, rounding):
    affine = re.fullmatch(r"(u?int\d+)\*([0-9.eE+-]+)", name)
    if not affine or affine[1] not in AFFINE_LIMITS:
        return None
    low, high = AFFINE_LIMITS[affine[1]]
    return GridFormat(name, Fraction(affine[2]), low, high, False, overflow or "sat", rounding)


def float32(text):
    return struct.unpack("<f", struct.pack("<f", float(text)))[0]


def parse_discrete(name, overflow, rounding):
    discrete = re.fullmatch(r"(binary|ternary|z(\d+))(?:\*([0-9.eE+-]+))?", name)
    if not discrete:
        return None
    order = {"binary": 0, "ternary": 1}.get(discrete[1])
    order = int(discrete[2]) if order is None else order
    half_width = Fraction(float32(discrete[3] or 1))
    return GridFormat(name, 2 * half_width / 2**order, 0, 2**order, True, overflow or "sat",
                      rounding, origin=Fraction(2**order, 2))  # fmt: skip


PARSERS = (parse_float, parse_fixed, parse_dynamic, parse_affine, parse_discrete)


def parse(text):
    """Format from its spelling NAME[:overflow][:rounding]."""
    name, *options = text.split(":")
    overflow = next((option for option in options if option in OVERFLOWS), None)
    rounding = next((option for option in options if option in ROUNDINGS), "rne")
    unknown = [option for option in options if option not in OVERFLOWS + ROUNDINGS]
    for parser in PARSERS:
        found = None if unknown else parser(name, overflow, rounding)
        if found:
            return found
    raise ValueError(f"unknown format {text}")
