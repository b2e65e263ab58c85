#!/usr/bin/env python3
"""Compares `dyadic quantize` with other people's implementations of the same formats.

  ml_dtypes  nearest even, not saturating, every ml_dtypes name, from float32
  gfloat     nearest (even, away) and directed rounding from float64, saturating and not; stochastic from float32
  onnx       reference casts to float8 and float4, saturating, if the package is installed

Inputs: every value of the format, every half-way point and its float neighbours, everything around and beyond the
limits, subnormals, signed zeros, infinities, NaN, and random bit patterns. Values are compared, -0 included.

  python3 oracle_ml_dtypes.py --program build/ci/dyadic       exit status 0: no difference; 77: a package is missing

Left out, because there the others do something else: float64 under ml_dtypes, which rounds through float32 first;
float8_e8m0fnu between 2^-127 and 1.5 * 2^-127, which ml_dtypes rounds up; under gfloat, directed modes that overflow a
format without infinities, which stop at the largest number where dyadic's policy `nan` gives NaN.
"""

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile
import warnings

try:
    import gfloat
    import gfloat.formats
    import ml_dtypes
    import numpy as np
except ImportError as error:
    print(f"SKIPPED: {error}; pip install -r tests/requirements.txt", file=sys.stderr)
    sys.exit(77)

warnings.simplefilter("ignore")

ML_DTYPES = [
    "bfloat16", "float8_e3m4", "float8_e4m3", "float8_e4m3fn", "float8_e4m3b11fnuz", "float8_e4m3fnuz", "float8_e5m2",
    "float8_e5m2fnuz", "float8_e8m0fnu", "float6_e2m3fn", "float6_e3m2fn", "float4_e2m1fn",
]
GFLOAT = {
    "float16": "binary16", "bfloat16": "bfloat16", "float8_e4m3fn": "ocp_e4m3", "float8_e5m2": "ocp_e5m2",
    "float6_e2m3fn": "ocp_e2m3", "float6_e3m2fn": "ocp_e3m2", "float4_e2m1fn": "ocp_e2m1",
}
GFLOAT_ROUNDINGS = {
    "rne": "TiesToEven", "rna": "TiesToAway", "rtz": "TowardZero", "rd": "TowardNegative", "ru": "TowardPositive",
}
ONNX = {
    "float8_e4m3fn": "FLOAT8E4M3FN", "float8_e4m3fnuz": "FLOAT8E4M3FNUZ", "float8_e5m2": "FLOAT8E5M2",
    "float8_e5m2fnuz": "FLOAT8E5M2FNUZ", "float4_e2m1fn": "FLOAT4E2M1",
}
# Overflow policy under which a format does what a cast that does not saturate does.
HAS_INFINITY = {"float16", "bfloat16", "float8_e3m4", "float8_e4m3", "float8_e5m2"}
ALWAYS_CLAMPS = {"float6_e2m3fn", "float6_e3m2fn", "float4_e2m1fn"}


def not_saturating(name):
    return "inf" if name in HAS_INFINITY else "sat" if name in ALWAYS_CLAMPS else "nan"


def numpy_type(name):
    return np.dtype(np.float16) if name == "float16" else np.dtype(getattr(ml_dtypes, name))


def finite_values(name):
    kind = numpy_type(name)
    bits = {"float4": 4, "float6": 6}.get(name[:6], 8 * kind.itemsize)
    codes = np.arange(1 << bits, dtype=np.uint16 if kind.itemsize == 2 else np.uint8)
    values = codes.view(kind).astype(np.float64)
    return np.unique(values[np.isfinite(values)])


def inputs(name, kind):
    """float32 or float64 numbers at which a cast to the format can go wrong."""
    values = finite_values(name)
    half_way = (values[1:] + values[:-1]) / 2
    top = values[-1]
    beyond = top + (top - values[-2]) * np.array([0.25, 0.5, 0.75, 1, 1.5, 2, 4, 100])
    rng = np.random.default_rng(7)
    pieces = [values, half_way, beyond, -beyond, values[:3] * 0.3, [0.0, -0.0, 1e30, -1e30, np.inf, -np.inf],
              rng.integers(0, 1 << 32, 20000, dtype=np.uint32).view(np.float32).astype(np.float64)]
    with np.errstate(over="ignore"):
        base = np.concatenate([np.asarray(piece, np.float64) for piece in pieces]).astype(kind)
    base = base[~np.isnan(base)]
    up, down = np.nextafter(base, kind(np.inf)), np.nextafter(base, kind(-np.inf))
    return np.unique(np.concatenate([base, up, down, base[:5]]))


def philox(counter, key):
    """Philox4x32-10 of four arrays of uint64 that hold 32 bits each."""
    mask = np.uint64(0xFFFFFFFF)
    k0, k1 = np.uint64(key[0]), np.uint64(key[1])
    for _ in range(10):
        a = counter[0] * np.uint64(0xD2511F53)
        b = counter[2] * np.uint64(0xCD9E8D57)
        high = np.uint64(32)
        counter = [(b >> high) ^ counter[1] ^ k0, b & mask, (a >> high) ^ counter[3] ^ k1, a & mask]
        k0, k1 = (k0 + np.uint64(0x9E3779B9)) & mask, (k1 + np.uint64(0xBB67AE85)) & mask
    return np.stack(counter, axis=1)


def random_bits(count, bits, seed):
    """The bits of elements 0 .. count-1 at step 0, stream 0."""
    blocks = (count * bits + 127) // 128
    index = np.arange(blocks, dtype=np.uint64)
    zero = np.zeros(blocks, np.uint64)
    words = philox([index, zero, zero, zero], (seed & 0xFFFFFFFF, seed >> 32)).astype(np.uint32)
    return words.reshape(-1).view({8: np.uint8, 16: np.uint16, 32: np.uint32}[bits])[:count]


class Comparison:
    def __init__(self, program):
        self.program = program
        self.folder = tempfile.TemporaryDirectory()
        self.casts = self.values = self.failures = 0

    def quantize(self, x, spelling, *options):
        source, result = (pathlib.Path(self.folder.name) / name for name in ("in.npy", "out.npy"))
        np.save(source, x)
        command = [self.program, "quantize", str(source), str(result), "--format", spelling, "--quiet", *options]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise SystemExit(f"{' '.join(command)}: exit {done.returncode}\n{done.stderr}")
        return np.load(result).astype(np.float64)

    def check(self, oracle, spelling, x, expected, *options):
        got = self.quantize(x, spelling, *options)
        expected = np.asarray(expected, np.float64)
        same = (np.isnan(got) & np.isnan(expected)) | ((got == expected) & (np.signbit(got) == np.signbit(expected)))
        self.casts += 1
        self.values += x.size
        for i in np.flatnonzero(~same)[:5]:
            print(f"DIFFERS {oracle} {spelling}: {x[i]!r} -> {got[i]!r}, {oracle} says {expected[i]!r}")
        self.failures += int((~same).sum())


def check_ml_dtypes(comparison):
    for name in ML_DTYPES:
        x = inputs(name, np.float32)
        if name not in ALWAYS_CLAMPS:
            x = np.append(x, np.float32(np.nan))
        if name == "float8_e8m0fnu":
            x = x[~((x > np.float32(2.0**-127)) & (x < np.float32(1.5 * 2.0**-127)))]
        expected = x.astype(numpy_type(name)).astype(np.float64)
        comparison.check("ml_dtypes", f"{name}:{not_saturating(name)}:rne", x, expected)


def check_gfloat(comparison):
    for name, gfloat_name in GFLOAT.items():
        info = getattr(gfloat.formats, "format_info_" + gfloat_name)
        x = inputs(name, np.float64)
        x = x[:: x.size // 30000 + 1]
        for rounding, mode in GFLOAT_ROUNDINGS.items():
            for saturate in (False, True):
                policy = "sat" if saturate else not_saturating(name)
                if policy == "nan" and rounding not in ("rne", "rna"):
                    continue
                if policy == "sat" and not saturate:
                    continue
                expected = gfloat.round_ndarray(info, x, gfloat.RoundMode[mode], saturate)
                comparison.check("gfloat", f"{name}:{policy}:{rounding}", x, expected)
        x = inputs(name, np.float32)
        x = x[:: x.size // 30000 + 1]
        for rounding, bits in (("sr8", 8), ("sr16", 16), ("sr", 32)):
            seed = 0x123456789
            expected = gfloat.round_ndarray(info, x.astype(np.float64), gfloat.RoundMode.StochasticFastest, True,
                                            random_bits(x.size, bits, seed).astype(np.int64), bits)
            comparison.check("gfloat", f"{name}:sat:{rounding}", x, expected, "--seed", str(seed))


def check_onnx(comparison):
    try:
        import onnx
        from onnx.reference import ReferenceEvaluator
    except ImportError as error:
        print(f"onnx left out: {error}")
        return
    helper, types = onnx.helper, onnx.TensorProto
    for name, onnx_name in ONNX.items():
        wanted = getattr(types, onnx_name)
        nodes = [helper.make_node("Cast", ["x"], ["c"], to=wanted), helper.make_node("Cast", ["c"], ["y"], to=types.FLOAT)]
        graph = helper.make_graph(nodes, "cast", [helper.make_tensor_value_info("x", types.FLOAT, [None])],
                                  [helper.make_tensor_value_info("y", types.FLOAT, [None])])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 23)])
        x = inputs(name, np.float32)
        if name.endswith("uz"):
            x = x[np.isfinite(x)]  # an infinity becomes NaN there, the largest number in OCP formats and here
        expected = ReferenceEvaluator(model).run(None, {"x": x})[0]
        comparison.check("onnx", f"{name}:sat:rne", x, expected)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", default=os.environ.get("DYADIC_PROGRAM", "dyadic"), help="the dyadic program")
    comparison = Comparison(parser.parse_args().program)
    check_ml_dtypes(comparison)
    check_gfloat(comparison)
    check_onnx(comparison)
    print(f"{comparison.casts} casts, {comparison.values} values, {comparison.failures} differences")
    return 1 if comparison.failures else 0


if __name__ == "__main__":
    sys.exit(main())
