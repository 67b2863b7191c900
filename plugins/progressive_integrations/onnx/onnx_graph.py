"""The graph of a model: from standardised features, and the probabilities of regimes, to advantages and predictions.

The gates are multiplied into the weights, and the weights centred, as the network does anew at each call.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from progressive_training import CommitteeModel, ModelError, TradingModel
from progressive_training.market import Scaler

if TYPE_CHECKING:
    from numpy.typing import NDArray

OPSET, IR = 17, 8
"""What is needed, and no more: readers of 2022 and later know it."""
EPSILON = 1e-5
"""Of layer normalisation, as the network has it."""
SHARPNESS = 20.0
"""Of recall, as the memory has it."""
LEAST = 1e-12
"""Least length of a key, as torch normalises."""


class Graph:
    """Collects the nodes and weights of a graph; each method returns the name of what it computes."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.weights: list[Any] = []

    def constant(self, values: Any, dtype: Any = np.float32) -> str:
        """A weight."""
        from onnx import numpy_helper

        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(values, dtype=dtype), name))
        return name

    def node(self, operation: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        """The output of an operation."""
        from onnx import helper

        name = output or f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(operation, inputs, [name], **attributes))
        return name

    def mean(self, values: Sequence[str]) -> str:
        """The mean of tensors of one shape."""
        return values[0] if len(values) == 1 else self.node("Mean", *values)


def graph_of(model: Any) -> bytes:
    """The model's graph, serialised.

    Inputs: `features` [bars, columns] float32 and, where anything votes by regime, `regimes` [bars, count] float32. Outputs:
    `advantages` [bars, 2] of long and short over flat, in the model's units, and `predictions` [bars, horizons] in deviations,
    where the model predicts.

    :raise ModelError: it is of a kind whose policy is no such graph.
    """
    from onnx import TensorProto, helper

    graph = Graph()
    if isinstance(model, TradingModel):
        _trading(graph, model, "features", "advantages", "predictions")
        horizons = len(model.card.horizons)
    elif isinstance(model, CommitteeModel):
        _committee(graph, model)
        horizons = 0
    else:
        raise ModelError(
            f"{type(model).__name__}: no ONNX of such a model: its policy is a function of its bucket's own, not a network of the "
            f"shared learner or a committee of such"
        )
    regimes = 0 if model.card.regimes is None else model.card.regimes.count
    used = {name for node in graph.nodes for name in node.input}
    rows = {"features": len(model.card.scaler.mean)} | ({"regimes": regimes} if "regimes" in used else {})
    made = {"advantages": 2} | ({"predictions": horizons} if horizons else {})
    inputs, outputs = (
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["bars", size]) for name, size in each.items()]
        for each in (rows, made)
    )
    whole = helper.make_graph(graph.nodes, model.card.bucket, inputs, outputs, graph.weights)
    opsets = [helper.make_opsetid("", OPSET)]
    saved: bytes = helper.make_model(
        whole, opset_imports=opsets, ir_version=IR, producer_name="progressive-training"
    ).SerializeToString()
    return saved


def _trading(graph: Graph, model: TradingModel, features: str, advantages: str, predictions: str) -> None:
    """`advantages` and `predictions` of a model of the shared learner; those of specialists are the mean of both networks'."""
    pairs = [(model.network, model.memory, features)]
    if model.specialists:
        pairs.append((*model.specialists, _gated(graph, model, features)))
    each = [_network(graph, *pair) for pair in pairs]
    for output, values in ((advantages, [one for one, _ in each]), (predictions, [other for _, other in each])):
        if output:
            graph.node("Identity", graph.mean(values), output=output)


def _gated(graph: Graph, model: TradingModel, features: str) -> str:
    """The inputs of specialists: the features, and once more times p_k - p_1 for each regime k after the first."""
    assert model.card.regimes is not None
    count = model.card.regimes.count
    first = graph.node("Gather", "regimes", graph.constant([0], np.int64), axis=1)
    copies = [
        graph.node("Mul", features, graph.node("Sub", graph.node("Gather", "regimes", _index(graph, k), axis=1), first))
        for k in range(1, count)
    ]
    return graph.node("Concat", features, *copies, axis=1)


def _index(graph: Graph, number: int) -> str:
    return graph.constant([number], np.int64)


def _network(graph: Graph, network: Any, memory: Any, features: str) -> tuple[str, str]:
    """Advantages [bars, 2], its memory included, and predictions [bars, horizons] of one network: the mean over its members."""
    hidden = features
    for weight, bias in network.layers(torch.float32):  # [members, inputs, width], [members, 1, width]
        outputs = graph.node(
            "Add", graph.node("MatMul", hidden, graph.constant(_array(weight))), graph.constant(_array(bias))
        )
        variance = graph.node("ReduceMean", graph.node("Mul", outputs, outputs), axes=[2], keepdims=1)
        deviation = graph.node("Sqrt", graph.node("Add", variance, graph.constant(EPSILON)))
        hidden = graph.node("Div", graph.node("Relu", outputs), deviation)
    weight, bias = network.heads()  # [members, 2 + horizons, width], [members, 2 + horizons, 1]
    heads = graph.node("MatMul", hidden, graph.constant(_array(weight.mT)))
    means = graph.node("ReduceMean", heads, axes=[0], keepdims=0)
    means = graph.node("Add", means, graph.constant(_array(bias.mean(dim=0).mT)))  # [bars, 2 + horizons]
    values, predictions = (_columns(graph, means, *span) for span in ((0, 2), (2, weight.shape[1])))
    linear = graph.constant(_array(network.linear(torch.float32).mean(dim=0).mT))
    values = graph.node("Add", values, graph.node("MatMul", features, linear))
    if memory.weight and len(memory.rows):
        values = _with_recall(graph, memory, hidden, values)
    return values, predictions


def _with_recall(graph: Graph, memory: Any, hidden: str, values: str) -> str:
    """`values` [bars, 2] blended with what followed in similar situations, by a kernel average over the stored ones."""
    keys = graph.node("Transpose", hidden, perm=[1, 0, 2])  # [bars, members, width]
    keys = graph.node("Flatten", keys, axis=1)
    length = graph.node("ReduceL2", keys, axes=[1], keepdims=1)
    keys = graph.node("Div", keys, graph.node("Max", length, graph.constant(LEAST)))
    stored = memory.keys - memory.keys.mean(dim=0)  # one factor for all weights, which rounds less
    similar = graph.node("Exp", graph.node("MatMul", keys, graph.constant(SHARPNESS * _array(stored.T))))
    sums = graph.node("MatMul", similar, graph.constant(_array(memory.followed)))
    recalled = graph.node("Div", sums, graph.node("ReduceSum", similar, _index(graph, 1), keepdims=1))
    own = graph.node("Mul", values, graph.constant(1 - memory.weight))
    return graph.node("Add", own, graph.node("Mul", recalled, graph.constant(memory.weight)))


def _columns(graph: Graph, values: str, first: int, end: int) -> str:
    return graph.node("Slice", values, *(_index(graph, number) for number in (first, end, 1)))


def _committee(graph: Graph, model: CommitteeModel) -> None:
    """The mean of the members' votes: each sees the committee's features in its own scale, and counts in its own costs."""
    votes = list[str]()
    for member in model.members:
        voter: Any = member.voter
        if not isinstance(voter, TradingModel):
            raise ModelError(
                f"{model.card.bucket}: no ONNX of it: its member {member.name} is no network of the shared learner"
            )
        own = graph.node("Gather", "features", graph.constant(member.columns.numpy(), np.int64), axis=1)
        own = graph.node(
            "Add", graph.node("Mul", own, graph.constant(_array(member.factor))), graph.constant(_array(member.shift))
        )
        own = graph.node("Clip", own, graph.constant(-Scaler.LIMIT), graph.constant(Scaler.LIMIT))
        _trading(graph, voter, own, f"of {member.name}", "")
        votes.append(graph.node("Div", f"of {member.name}", graph.constant(voter.vote_unit)))
    graph.node("Identity", graph.mean(votes), output="advantages")


def _array(tensor: torch.Tensor) -> NDArray[Any]:
    array: NDArray[Any] = tensor.detach().numpy()
    return array
