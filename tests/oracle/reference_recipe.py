"""A recipe (TOML) as nodes, formats by (node, role) and stage, and schedules."""

import fnmatch
import math
import tomllib
from dataclasses import dataclass, field

from reference_discrete import exp_of, log64
from reference_numbers import RangeSettings
from reference_plan import MORE_ROLES, ROLES
from reference_windows import Convolution, Pool

PARAMETERS = ("dense", "conv2d")
POOLS = ("max_pool", "average_pool", "global_average_pool")
ACTIVATIONS = ("relu", "maxout", "identity", "softmax", "multi_step", "squared_hinge")
SAME_SHAPE = (*ACTIVATIONS, "dropout", "batch_norm")
DISCRETE = ("binary", "ternary", "z")


def pair(value):
    return (value, value) if isinstance(value, int) else tuple(value)


def four(value):
    """Padding: one number, [height, width] or [top, left, bottom, right]."""
    value = pair(value)
    return value if len(value) == 4 else (*value, *value)


@dataclass
class Dense:
    inputs: int
    units: int

    @property
    def outputs(self):
        return (self.units,)

    @property
    def weight_shape(self):
        return self.units, self.inputs

    @property
    def fans(self):
        return self.inputs, self.units


@dataclass
class Operation:
    """A layer without parameters: its kind, its table in the recipe, and its shapes."""

    kind: str
    table: dict
    inputs: tuple
    outputs: tuple
    pool: Pool | None = None
    before_activation: bool = False


@dataclass
class Node:
    """A named layer and the unnamed ones behind it; node 0 is the input and has no parameters."""

    number: int
    name: str
    table: dict = field(default_factory=dict)
    product: Dense | Convolution | None = None
    operations: list = field(default_factory=list)

    @property
    def after_pool(self):
        return self.table.get("bias", "sum") == "after_pool"

    @property
    def norm(self):
        """Its batch normalisation, or None."""
        return next((o for o in self.operations if o.kind == "batch_norm"), None)

    @property
    def product_bias(self):
        """Whether the sums of products have a bias."""
        return self.table.get("bias", "sum") != "none"

    @property
    def parameters(self):
        """Names of what it trains."""
        scale = ["scale"] if self.norm else []
        return ["weight", *scale, *(["bias"] if scale or self.product_bias else [])]

    @property
    def outputs(self):
        return self.operations[-1].outputs if self.operations else self.product.outputs


def product_of(table, shape):
    if table["type"] == "dense":
        return Dense(math.prod(shape), table["units"])
    return Convolution(
        tuple(shape), table["channels"], pair(table["kernel"]), pair(table.get("stride", 1)),
        four(table.get("padding", 0)), pair(table.get("dilation", 1)), table.get("groups", 1),
    )  # fmt: skip


def pool_of(table, shape):
    if table["type"] == "global_average_pool":
        return Pool(shape, shape[:2], (1, 1), (0, 0), False)
    size = pair(table["size"])
    return Pool(shape, size, pair(table.get("stride", size)), pair(table.get("padding", 0)),
                table.get("partial", True))  # fmt: skip


def operation_of(table, shape):
    kind = table["type"]
    if kind in POOLS:
        pool = pool_of(table, shape)
        return Operation(kind, table, shape, pool.outputs, pool)
    if kind == "flatten":
        return Operation(kind, table, shape, (math.prod(shape),))
    if kind == "maxout":
        return Operation(kind, table, shape, (*shape[:-1], shape[-1] // table["pieces"]))
    if kind not in SAME_SHAPE:
        raise ValueError(f"layer type {kind}")
    return Operation(kind, table, shape, shape)


def with_activation(tables, implied):
    """Adds the activation that is not written: after the pools and the batch normalisation that
    follow the parameters."""
    kinds = [table["type"] for table in tables]
    if any(kind in ACTIVATIONS for kind in kinds):
        return tables
    place = 0
    while place < len(kinds) and kinds[place] in (*POOLS, "flatten", "batch_norm"):
        place += 1
    return [*tables[:place], {"type": implied}, *tables[place:]]


def nodes_of(network):
    """Node 0 is the input, the named layers count from 1."""
    groups = [({}, [])]
    last = "squared_hinge" if network.get("loss") == "squared_hinge" else "softmax"
    for table in network["layers"]:
        if table["type"] in PARAMETERS:
            groups.append((table, []))
        else:
            groups[-1][1].append(table)
    nodes, shape = [], tuple(network["input"])
    for number, (table, tables) in enumerate(groups):
        node = Node(number, table.get("name", "input"), table)
        if number:
            node.product = product_of(table, shape)
            shape = node.product.outputs
            tables = with_activation(tables, last if number == len(groups) - 1 else "identity")
        before = number > 0
        for entry in tables:
            operation = operation_of(entry, shape)
            before = before and operation.kind not in ACTIVATIONS
            operation.before_activation = before
            node.operations.append(operation)
            shape = operation.outputs
        if node.after_pool and node.operations[0].kind != "max_pool":
            raise ValueError(f"{node.name}: bias after a pool that is not there")
        nodes.append(node)
    return nodes


def scheduled(schedule, epoch, epochs):
    """Value of a schedule in an epoch, counted from 0."""
    if not isinstance(schedule, dict):
        return float(schedule)
    value = float(schedule["start"])
    if "factor" in schedule:
        times = [a for a in schedule["at"] if a <= epoch] if "at" in schedule else range(epoch)
        for _ in times:
            value *= schedule["factor"]
        return value
    end, until = float(schedule["end"]), float(schedule.get("until_fraction", 1.0))
    share = min(1.0, epoch / (until * epochs))
    if schedule.get("curve", "linear") == "linear":
        return value + (end - value) * share
    if share == 1.0:
        return end
    if end > value:
        return value / exp_of(share * log64(value / end))
    return value * exp_of(share * log64(end / value))


class Recipe:
    def __init__(self, text):
        self.tables = tomllib.loads(text)
        self.network, self.train = self.tables["network"], self.tables["train"]
        self.seed, self.data = self.tables["seed"], self.tables["data"]
        self.nodes = nodes_of(self.network)
        self.stages = self.train.get("stages") or [{"epochs": self.train["epochs"]}]
        self.epochs = sum(stage["epochs"] for stage in self.stages)
        settings = self.tables["formats"].get("range", {})
        names = RangeSettings.__dataclass_fields__
        self.range_settings = RangeSettings(**{k: v for k, v in settings.items() if k in names})

    def stage_of(self, epoch):
        for index, stage in enumerate(self.stages):
            if epoch < stage["epochs"]:
                return index
            epoch -= stage["epochs"]
        raise ValueError("an epoch beyond the run")

    def texts(self, stage):
        """{(node, role): format text}: [formats], the stage over it, then the exceptions.

        Discrete weights of [formats] have no other master unless `weight_master` is named there.
        """
        formats = self.tables["formats"]
        roles = {}
        defaults = dict.fromkeys((*ROLES, *MORE_ROLES), "float32")
        for layer in (formats, self.stages[stage]):
            if "default" in layer:
                roles |= {role: layer["default"] for role in ROLES if role != "input" or not roles}
            roles |= {role: layer[role] for role in defaults if role in layer}
            if layer is formats and layer.get("weight", "").startswith(DISCRETE):
                roles["weight_master"] = layer.get("weight_master", layer["weight"])
        roles = defaults | roles
        result = {}
        for node in self.nodes:
            own = dict(roles)
            for exception in formats.get("node", []):
                if fnmatch.fnmatchcase(node.name, exception["match"]):
                    own |= {role: exception[role] for role in own if role in exception}
            result |= {(node.number, role): text for role, text in own.items()}
        return result
