"""Training steps of convolutional networks: the built program against the NumPy reference, code by code.

    DYADIC_PROGRAM=build/release/dyadic conv_step_comparison_test.py [--list] [--first] [--steps K] [CASE ...]

A CASE is a name of conv_step_cases.py, or the beginning of some. --first takes the first step after which codes
differ, --steps another number of steps. Exit status 77 and a loud line if NumPy is missing.
"""

import argparse
import json
import math
import os
import re
import statistics
import subprocess
import sys
import tempfile
from dataclasses import replace

try:
    import numpy as np
except ImportError:
    print("SKIPPED: NumPy is not installed, convolutional steps are not compared with the reference")
    sys.exit(77)

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import compare_checkpoint  # noqa: E402
import conv_step_cases  # noqa: E402
import reference_formats as formats  # noqa: E402
import reference_network  # noqa: E402
import reference_philox as philox  # noqa: E402
from reference_main import read_set  # noqa: E402
from reference_plan import ROLE_NUMBER  # noqa: E402
from reference_recipe import Recipe  # noqa: E402
from reference_run import named_tensors, ranges  # noqa: E402

STOPPED = 75
STORED = {".master": "_master", ".update": "_update", ".moment": "_moment", ".mean": ".mean", ".variance": ".variance"}


class Failed(Exception):
    pass


def run(command, expected=0):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != expected:
        raise Failed(f"{' '.join(command)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


class Comparison:
    def __init__(self, program, scratch):
        self.program, self.scratch = program, scratch
        self.data = os.path.join(scratch, "data")
        run([program, "data", "make", "digits", "--data", self.data])

    def checkpoint(self, case, steps, tag):
        """Metadata, tensors and validation errors of the program's run of a case after some steps."""
        name = f"{case.name.replace(' ', '_').replace(',', '')}-{tag}"
        recipe, out = (os.path.join(self.scratch, name + ending) for ending in (".toml", ""))
        with open(recipe, "w", encoding="utf-8") as file:
            file.write(case.recipe())
        run([self.program, "train", recipe, "--data", self.data, "--out", out, "--max-steps", str(steps), "--quiet"],
            expected=STOPPED)
        path = os.path.join(out, "checkpoints", f"step-{steps:08d}.safetensors")
        return *compare_checkpoint.read_checkpoint(path), validation_errors(out)

    def reference(self, case, steps):
        """Network and validation errors of the reference after some steps."""
        recipe = Recipe(case.recipe())
        count, valid = recipe.data["split"]["train"], recipe.data["split"]["valid"]
        images, labels = read_set(os.path.join(self.data, "digits"), "train", count + valid)
        network, errors = self.network(case, recipe), []

        def validate(_):
            wrong = np.count_nonzero(network.predict(images[count:]) != labels[count:])
            errors.append(100.0 * wrong / valid)

        reference_network.train(network, images[:count], labels[:count], steps, validate)
        return network, errors

    def network(self, case, recipe):
        return reference_network.Network(recipe, self.initial_weights(case, recipe))

    def initial_weights(self, case, recipe):
        """Normal deviates come from the program's polynomial: its weights after a step without motion or norms."""
        drawn = [node for node in recipe.nodes[1:] if node.table.get("init") == "normal"]
        if not drawn:
            return {}
        still = replace(case, schedules="learning_rate = 0.0\nmomentum = 0.0",
                        layers=re.sub(r"max_norm = [0-9.]+", "max_norm = 0.0", case.layers))
        tensors = self.checkpoint(still, 1, "initial")[1]
        initial = {}
        for node in drawn:
            text, shape, codes = tensors[f"{node.name}.weight.master"]
            form = formats.parse(text)
            values = np.array([float(form.decode(int(code))) for code in codes]).reshape(shape)
            assert_normal(node, values, form, recipe.seed)
            initial[node.name] = values
        return initial

    def differences(self, case, steps, tag="run"):
        network, expected_errors = self.reference(case, steps)
        metadata, tensors, errors = self.checkpoint(case, steps, tag)
        found = self.loss_differences(metadata, network)
        if len(errors) != len(expected_errors) or not np.allclose(errors, expected_errors, atol=1e-9):
            found.append(f"validation errors {errors}, reference {expected_errors}")
        step = json.loads(metadata["dyadic.progress"])["step"]
        if step != network.numbers.step:
            found.append(f"step {step}, reference {network.numbers.step}")
        stored = {(group["node"], group["role"]): group["range"]
                  for group in json.loads(metadata["dyadic.ranges"])["groups"]}
        wanted = {(node, role): value for node, roles in ranges(network).items() for role, value in roles.items()}
        for key in sorted(stored.keys() | wanted.keys()):
            if stored.get(key) != wanted.get(key):
                found.append(f"range of {' '.join(key)}: {stored.get(key)}, reference {wanted.get(key)}")
        expected = dict(named_tensors(network))
        for name, (text, shape, codes) in tensors.items():
            for suffix, ending in STORED.items():
                if name.endswith(suffix):
                    found += tensor_differences(name, text, shape, codes, expected.pop(name[: -len(suffix)] + ending))
        found += [f"{name}: not in the checkpoint" for name in expected]
        return found

    def loss_differences(self, metadata, network):
        return []

    def first_difference(self, case, steps):
        for step in range(1, steps + 1):
            found = self.differences(case, step, f"step{step}")
            if found:
                return [f"first after step {step}", *found]
        return []


def validation_errors(run_directory):
    """In percent, one for each finished epoch."""
    path = os.path.join(run_directory, "metrics.jsonl")
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as file:
        lines = [json.loads(line) for line in file]
    return [line["validation_error"] for line in lines if line.get("validation_error") is not None]


def tensor_differences(name, text, shape, codes, expected):
    found = []
    if text.split(":")[0] != expected.name:
        found.append(f"{name}: format {text}, reference {expected.name}")
    if list(shape) != list(expected.values.shape):
        return [*found, f"{name}: shape {shape}, reference {list(expected.values.shape)}"]
    wanted = expected.codes().reshape(-1).astype(np.int64)
    codes = codes.reshape(-1).astype(np.int64)
    places = np.flatnonzero(codes != wanted)
    if len(places):
        index = [int(i) for i in np.unravel_index(places[0], shape)]
        found.append(f"{name}: {len(places)} of {len(codes)} codes differ, first at {index}: {codes[places[0]]}, "
                     f"reference {wanted[places[0]]}")
    return found


def assert_normal(node, values, form, seed):
    """The program's deviates are those of its words: within half a step and the error of any good inverse."""
    words = philox.words(values.size, seed, 0, philox.stream_number(node.number, ROLE_NUMBER["weight"], "initial_weights"))
    normal = statistics.NormalDist(0.0, node.table.get("init_deviation", 0.01))
    for value, word in zip(values.reshape(-1).tolist(), words.tolist()):
        wanted = normal.inv_cdf((word + 0.5) * 2.0**-32)
        half_step = float(form.step) / 2 if isinstance(form, formats.GridFormat) else abs(wanted) * 2.0**-24
        if not math.isclose(value, wanted, rel_tol=1e-7, abs_tol=half_step * (1 + 1e-6)):
            raise Failed(f"initial weight of {node.name}: {value}, the normal deviate is {wanted}")


def chosen_cases(cases, names):
    if not names:
        return cases
    return [case for case in cases if case.name.startswith(tuple(names))]


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", metavar="CASE")
    parser.add_argument("--list", action="store_true", help="print the recipes of the cases and stop")
    parser.add_argument("--first", action="store_true", help="find the first step that differs")
    parser.add_argument("--steps", type=int)
    return parser.parse_args()


def main(comparison_type, all_cases):
    arguments = parse_arguments()
    cases, failed = chosen_cases(all_cases, arguments.cases), 0
    if arguments.list:
        for case in cases:
            print(f"# {case.steps} steps\n{case.recipe()}")
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        comparison = comparison_type(os.path.abspath(os.environ["DYADIC_PROGRAM"]), scratch)
        for case in cases:
            steps = arguments.steps or case.steps
            compare = comparison.first_difference if arguments.first else comparison.differences
            try:
                found = compare(case, steps)
            except Failed as failure:
                found = [str(failure)]
            print(f"{case.name}: {steps} steps {'identical' if not found else 'DIFFER'}", flush=True)
            for line in found:
                print("  " + line, flush=True)
            failed += bool(found)
    print(f"{len(cases) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(Comparison, conv_step_cases.CASES))
