"""Training steps of discrete networks: the built program against the NumPy reference, code by code.

    DYADIC_PROGRAM=build/release/dyadic discrete_step_comparison_test.py [--list] [--first] [--steps K] [CASE ...]

As conv_step_comparison_test.py, on the recipes of discrete_step_cases.py; the loss is compared, too.
"""

import json
import sys

import conv_step_comparison_test as convolutions
import discrete_step_cases
from reference_discrete_network import DiscreteNetwork


class Comparison(convolutions.Comparison):
    def network(self, case, recipe):
        return DiscreteNetwork(recipe)

    def loss_differences(self, metadata, network):
        loss = json.loads(metadata["dyadic.progress"])["loss_sum"]
        return [] if loss == network.loss_sum else [f"loss {loss}, reference {network.loss_sum}"]


if __name__ == "__main__":
    sys.exit(convolutions.main(Comparison, discrete_step_cases.CASES))
