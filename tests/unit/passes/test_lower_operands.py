# SPDX-License-Identifier: Apache-2.0
"""Lowering of operators of several operands and of movements: what waits before them, signs, shapes of outputs."""

from __future__ import annotations

import numpy as np
import pytest

from fpgann import passes, reference
from fpgann.ir import Graph, GraphBuilder, TensorType
from fpgann.ir.ops.activation import Activation, Function
from fpgann.ir.ops.add import Add
from fpgann.ir.ops.affine import Affine
from fpgann.ir.ops.arg_extreme import ArgExtreme
from fpgann.ir.ops.arrange import Arrange
from fpgann.ir.ops.compare import Compare, Relation
from fpgann.ir.ops.extreme import Extreme
from fpgann.ir.ops.multiply import Multiply
from fpgann.ir.ops.quantize import Quantize
from fpgann.ir.ops.reduce import Reduce, Reduction
from fpgann.ir.ops.reshape import Reshape
from fpgann.ir.ops.select import Select
from fpgann.ir.ops.softmax import Softmax
from fpgann.ir.ops.transpose import Transpose
from fpgann.ir.verify import verify
from fpgann.numerics.rounding import Rounding
from fpgann.passes.widest import covering_type, widest_plan

ONE, ZERO = np.ones(()), np.zeros(())
X = np.random.default_rng(7).normal(0, 2, (16, 2, 3))
NEGATE = Affine(-ONE, ONE, ZERO)


def lowered(graph: Graph, inputs: dict[str, np.ndarray]) -> tuple[Graph, dict[str, np.ndarray]]:
    """The graph of codes at 32 bits, and its outputs as real numbers."""
    real = verify(passes.ExpandSoftmax().apply(graph), "the graph")
    plan = widest_plan(real, reference.run_values(real, inputs), 32)
    codes = verify(passes.QuantizeGraph(plan).apply(real), "quantization")
    values = reference.run_codes(codes, {v.name: reference.encode_input(v, inputs[v.name]) for v in codes.inputs})
    return codes, {name: codes.types[v].codes.decode(values[v]) for name, v in codes.outputs.items()}


def build(*steps, shape=(2, 3)) -> Graph:
    """Operators one after another; a tuple names the values that one reads (x, or v0, v1, ...)."""
    builder = GraphBuilder("graph")
    last = builder.input("x", TensorType(shape))
    for i, step in enumerate(steps):
        op, operands = step if isinstance(step, tuple) else (step, (last,))
        last = builder.add(op, operands, name=f"v{i}")
    return builder.build({"y": last})


def same(graph: Graph, tolerance: float = 1e-7) -> Graph:
    """The graph of codes delivers what the real graph does."""
    wanted = reference.run_values(graph, {"x": X})[graph.outputs["y"]]
    codes, outputs = lowered(graph, {"x": X})
    assert outputs["y"].shape == wanted.shape
    assert np.abs(outputs["y"] - wanted).max() <= tolerance * max(1.0, np.abs(wanted).max())
    return codes


COLUMN, ROW = np.array([[0.5], [-2.0]]), np.array([1.5, -0.75, 3.0])
GRID = np.array([[1.0, -2.0, 3.0], [0.5, 0.25, -4.0]])


@pytest.mark.parametrize(
    "waiting",
    [
        [],
        [NEGATE],
        [Affine(ROW, ONE, ZERO)],
        [Affine(COLUMN, ONE, ONE)],
        [Affine(GRID, ONE, GRID)],
        [Affine(ROW, ONE, ZERO), Affine(COLUMN, ONE, ZERO)],
        [Activation(Function.RELU), Affine(ROW, ONE, ONE)],
        [Activation(Function.TANH), Affine(ONE, ONE, COLUMN)],
        [Quantize(np.array(0.3), np.array(2.0), -8, 7, Rounding.RND_CONV)],
        [Quantize(ROW * ROW, ZERO, -8, 7, Rounding.RND_CONV)],
        [Quantize(np.array(0.3), ZERO, -8, 7, Rounding.RND), NEGATE],
    ],
    ids=lambda waiting: "-".join(op.describe() for op in waiting),
)
class TestWhatWaitsBefore:
    """Functions that wait on a value come along through every operator."""

    @pytest.mark.parametrize("op", [Add(), Multiply(), Extreme(True), Extreme(False)], ids=lambda op: op.name)
    def test_two_operands(self, waiting, op):
        last = f"v{len(waiting) - 1}" if waiting else "x"
        same(build(*waiting, (op, (last, "x"))))
        same(build(*waiting, (op, (last, last))))

    @pytest.mark.parametrize("reduction", Reduction)
    @pytest.mark.parametrize("axes", [(-1,), (-2,), (-2, -1)])
    def test_reductions(self, waiting, reduction, axes):
        same(build(*waiting, Reduce(reduction, axes)))

    @pytest.mark.parametrize("greatest", [False, True])
    @pytest.mark.parametrize("axis", [-1, -2])
    def test_positions(self, waiting, greatest, axis):
        same(build(*waiting, ArgExtreme(greatest, axis)), tolerance=0)

    @pytest.mark.parametrize(
        "op",
        [
            Reshape((3, 2)),
            Reshape((6,)),
            Reshape((1, 2, 3, 1)),
            Transpose((1, 0)),
            Arrange(np.array([5, 0, 0, 3]), np.zeros(0)),
            Arrange(np.array([[6, 1], [7, 4]]), np.array([0.5, -3.0])),
        ],
        ids=lambda op: f"{op.name}-{op.describe()}",
    )
    def test_movements(self, waiting, op):
        same(build(*waiting, op))
        same(build(*waiting, op, NEGATE))

    def test_choices(self, waiting):
        last = f"v{len(waiting) - 1}" if waiting else "x"
        where = (Compare(Relation.GREATER), ("x", last))
        same(build(*waiting, where, (Select(), (f"v{len(waiting)}", last, "x"))))


@pytest.mark.parametrize("axis", [-1, -2])
@pytest.mark.parametrize("log", [False, True])
def test_softmax(axis, log):
    codes = same(build(Softmax(axis, log)), tolerance=1e-6)
    assert codes.nodes[-1].op.name == "keep_winner"


@pytest.mark.parametrize(
    "move", [Transpose((1, 0)), Reshape((3, 2)), Arrange(np.array([[5, 1], [0, 3], [2, 2]]), np.zeros(0))]
)
def test_a_moved_function_leaves_its_argument_where_it_is(move) -> None:
    """The argument of tanh is read again after the result of tanh was moved."""
    twice, flip = (Add(), ("v2", "v2")), (Transpose((1, 0)), ("v0",))
    scale = Affine(np.array(0.3), ONE, ONE)
    same(build(scale, Activation(Function.TANH), move, twice, flip, (Add(), ("v3", "v4"))), 1e-6)


def test_the_winner_of_a_coarse_softmax() -> None:
    """At 4 bits many shares are equal; the greatest stays where the greatest logit is."""
    real = passes.ExpandSoftmax().apply(build(Softmax(-1)))
    plan = widest_plan(real, reference.run_values(real, {"x": X}), 4)
    graph = verify(passes.QuantizeGraph(plan).apply(real), "quantization")
    codes = reference.run_codes(graph, {"x": reference.encode_input(graph.inputs[0], X)})
    logits, shares = codes["x"], codes[graph.outputs["y"]]
    single = (logits == logits.max(axis=-1, keepdims=True)).sum(axis=-1) == 1
    assert np.array_equal(shares.argmax(axis=-1)[single], logits.argmax(axis=-1)[single])


@pytest.mark.parametrize("constants", [GRID, np.broadcast_to(COLUMN, (2, 3)), np.broadcast_to(ROW, (4, 2, 3))])
def test_an_output_whose_constants_vary_along_several_axes_keeps_its_shape(constants) -> None:
    same(build(Affine(ONE, ONE, constants)))


@pytest.mark.parametrize("width", [1, 2, 8, 32])
@pytest.mark.parametrize("data", [[0.0], [1.0], [-1.0, 0.5], [0.999999999999], [3.0, -4.0], [2.0**-200], [1e30, -1.0]])
def test_the_covering_type_saturates_nothing(data, width) -> None:
    array = np.array(data)
    fixed = covering_type(array, width)
    assert fixed.width == width
    if width > 2:
        assert np.abs(fixed.decode(fixed.encode(array)) - array).max() <= float(fixed.lsb) / 2
    finer = type(fixed)(fixed.signed, width, fixed.frac + 1)
    too_fine = np.abs(np.rint(np.ldexp(array, finer.frac))).max() > max(finer.range.high, 1)
    assert too_fine or not np.any(array) or -finer.range.low in np.abs(np.rint(np.ldexp(array, finer.frac)))
