"""Compares a dyadic checkpoint, code by code, with what reference_main.py says it must hold.

    compare_checkpoint.py CHECKPOINT.safetensors STATE.json

Reads the safetensors file on its own: header, packed codes, formats. Exit status 1 and one line per difference.
"""
import hashlib
import json
import re
import struct
import sys

import numpy as np

NATIVE = {"F32": "<u4", "F16": "<u2", "I8": "<i1", "U8": "<u1", "I16": "<i2", "U16": "<u2", "I32": "<i4", "U32": "<u4"}
# dyadic's names: PARAMETER.master, PARAMETER.update; the reference's: PARAMETER_master, PARAMETER_update
SUFFIXES = {".master": "_master", ".update": "_update"}


# indices of states, counted from the lowest
STATES = ("binary", "ternary", "z")


def width_of(format_name):
    base = re.split(r"[@*:]", format_name)[0]
    states = re.fullmatch(r"binary|ternary|z(\d+)", base)
    if states:
        return {"binary": 0, "ternary": 1}.get(base, int(states[1] or 0)) + 1
    if base.startswith("dfx"):
        return int(base[3:])
    integer, fraction = re.fullmatch(r"u?q(-?\d+)\.(-?\d+)s?", base).groups()
    return int(integer) + int(fraction)


def unpack_bits(data, count, width, unsigned):
    bits = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")[: count * width].reshape(count, width)
    codes = (bits.astype(np.int64) << np.arange(width)).sum(axis=1)
    return codes if unsigned else codes - ((codes >> (width - 1)) << width)


def read_checkpoint(path):
    with open(path, "rb") as file:
        blob = file.read()
    (length,) = struct.unpack("<Q", blob[:8])
    header = json.loads(blob[8 : 8 + length])
    data = blob[8 + length :]
    metadata = header.pop("__metadata__")
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        described = json.loads(metadata["tensor." + name])
        shape = described["shape"]
        count = int(np.prod(shape))
        native = entry["dtype"] in NATIVE and entry["shape"] == shape
        raw = data[begin:end]
        if native:
            codes = np.frombuffer(raw, NATIVE[entry["dtype"]])
        else:
            form = described["format"]
            codes = unpack_bits(raw, count, width_of(form), form.startswith(STATES))
        tensors[name] = (described["format"], shape, codes)
    return metadata, tensors


def reference_digest(codes, format_name):
    if format_name.startswith("float32"):
        return hashlib.sha256(codes.astype("<u4").tobytes()).hexdigest()
    if format_name.startswith("float16"):
        return hashlib.sha256(codes.astype("<u2").tobytes()).hexdigest()
    return hashlib.sha256(codes.astype("<i4").tobytes()).hexdigest()


def differences(checkpoint_path, state_path):
    metadata, tensors = read_checkpoint(checkpoint_path)
    with open(state_path, encoding="utf-8") as file:
        state = json.load(file)
    found = []
    progress = json.loads(metadata["dyadic.progress"])
    if progress["step"] != state["step"]:
        found.append(f"step {progress['step']}, reference {state['step']}")
    for group in json.loads(metadata["dyadic.ranges"])["groups"]:
        expected = state["ranges"][group["node"]][group["role"]]
        if group["range"] != expected:
            found.append(f"range of {group['node']} {group['role']}: {group['range']}, reference {expected}")
    compared = 0
    for name, (format_name, shape, codes) in tensors.items():
        for suffix, reference_suffix in SUFFIXES.items():
            if name.endswith(suffix):
                expected = state["tensors"][name[: -len(suffix)] + reference_suffix]
                compared += 1
                if format_name.split(":")[0] != expected["format"].split(":")[0]:
                    found.append(f"{name}: format {format_name}, reference {expected['format']}")
                if list(shape) != expected["shape"] or reference_digest(codes, format_name) != expected["sha256"]:
                    found.append(f"{name}: codes differ; first {codes[:8].tolist()}, reference {expected['first'][:8]}")
    if compared != len(state["tensors"]):
        found.append(f"{compared} tensors compared, reference has {len(state['tensors'])}")
    return found


def main():
    found = differences(sys.argv[1], sys.argv[2])
    for line in found:
        print(line)
    print("identical" if not found else f"{len(found)} differences")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
