"""Whole training steps of the built program against the NumPy reference, code by code (promise P1).

    DYADIC_PROGRAM=build/release/dyadic step_comparison_test.py

Small networks on generated digits: FLP, HFLP, FXP and DFXP, initialisation and ranges included. Exit status 77 and a
loud line if NumPy is missing.
"""
import os
import subprocess
import sys
import tempfile

try:
    import numpy  # noqa: F401
except ImportError:
    print("SKIPPED: NumPy is not installed, training steps are not compared with the reference")
    sys.exit(77)

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import compare_checkpoint  # noqa: E402

# format arguments, steps; 10 steps an epoch
CASES = [
    ("FLP", 25),
    ("HFLP", 25),
    ("FXP 3 19 19", 25),
    ("FXP 2 9 11", 25),
    ("DFXP 3 9 11 1 0.0001 2", 45),
    ("DFXP 5 7 9 2 0.001 3", 45),
    ("DFXP 3 9 9 3 0.01 1", 35),
]
UNITS, PIECES, TRAIN, BATCH, EPOCHS, EVALUATED = 16, 5, 500, 50, 4, 100


def run(command, expected=0):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != expected:
        raise SystemExit(f"{' '.join(command)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def compare(program, data, scratch, index, formats, steps):
    state = os.path.join(scratch, f"{index}.json")
    run([sys.executable, os.path.join(HERE, "reference_main.py"), "--format", formats, "--seed", "7", "--data", data,
         "--train", str(TRAIN), "--batch", str(BATCH), "--units", str(UNITS), "--pieces", str(PIECES), "--epochs",
         str(EPOCHS), "--steps", str(steps), "--eval", str(EVALUATED), "--out", state])
    out = os.path.join(scratch, f"run{index}")
    run([program, "train", "PI_DIGITS", *formats.split(), "--data", os.path.dirname(data), "--out", out, "--seed", "7",
         "--epochs", str(EPOCHS), "--max-steps", str(steps), "--quiet",
         "--set", f"data.split={{train = {TRAIN}, valid = 100}}", "--set", f"train.batch={BATCH}",
         "--set", f"network.layers.1.units={UNITS * PIECES}", "--set", f"network.layers.4.units={UNITS * PIECES}"], expected=75)
    checkpoint = os.path.join(out, "checkpoints", f"step-{steps:08d}.safetensors")
    return compare_checkpoint.differences(checkpoint, state)


def main():
    program = os.path.abspath(os.environ["DYADIC_PROGRAM"])
    failed = 0
    with tempfile.TemporaryDirectory() as scratch:
        data = os.path.join(scratch, "data", "digits")
        run([program, "data", "make", "digits", "--data", os.path.dirname(data)])
        for index, (formats, steps) in enumerate(CASES):
            found = compare(program, data, scratch, index, formats, steps)
            print(f"{formats}: {steps} steps {'identical' if not found else 'DIFFER'}", flush=True)
            for line in found:
                print("  " + line)
            failed += bool(found)
    print(f"{len(CASES) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
