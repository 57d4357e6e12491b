# SPDX-License-Identifier: Apache-2.0
"""Choose what a network can do without: connections, neurons, digits of weights.

Weights are given layer by layer as matrices of shape (neurons, inputs of each); a convolution has one row a channel.
Masks are True where something stays.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from fpgann.numerics.integers import FloatArray, IntArray

Mask = npt.NDArray[np.bool_]

MAX_DIGITS = 8  # signed digits of a weight that are told apart


def weight_masks(
    weights: Mapping[str, FloatArray], sparsity: Mapping[str, float], *, among_all: bool
) -> dict[str, Mask]:
    """The connections that stay: those of greatest magnitude.

    Args:
        weights: by layer, of any shape.
        sparsity: by layer, the share that goes; with `among_all` it is their mean, weighted by size.
        among_all: compare the weights of all layers with one another.
    """
    if not among_all:
        return {name: _largest(np.abs(array), sparsity[name]) for name, array in weights.items()}
    return _together({name: np.abs(array) for name, array in weights.items()}, sparsity)


def neuron_masks(weights: Mapping[str, FloatArray], sparsity: Mapping[str, float]) -> dict[str, Mask]:
    """The neurons of each layer that stay: those whose weights have the greatest norm; at least one.

    Args:
        weights: by layer, shape (neurons, inputs).
        sparsity: by layer, the share of neurons that go.

    Returns:
        By layer, shape (neurons,).
    """
    found = {}
    for name, matrix in weights.items():
        norms = np.sqrt(np.sum(matrix.reshape(len(matrix), -1) ** 2, axis=1))
        found[name] = _largest(norms, min(sparsity[name], 1 - 1 / len(matrix)))
    return found


def signed_digits(codes: IntArray) -> IntArray:
    """Integers as sums of signed powers of two, the greatest first: each is the nearest to what is left.

    Args:
        codes: any shape, magnitudes below 2**15.

    Returns:
        Shape (MAX_DIGITS, *codes.shape), 0 where no digit is left; they add up to the codes.
    """
    rest = codes.astype(np.int64)
    digits = np.zeros((MAX_DIGITS, *codes.shape), np.int64)
    for number in range(MAX_DIGITS):
        digits[number] = nearest_power(rest)
        rest = rest - digits[number]
    return digits


def nearest_power(numbers: IntArray) -> IntArray:
    """The signed power of two nearest to each integer, the greater of two; 0 for 0."""
    magnitudes = np.abs(numbers)
    exponents = np.floor(np.log2(np.maximum(magnitudes, 1) / 1.5)).astype(np.int64) + 1
    return np.asarray(np.sign(numbers) * (np.int64(1) << exponents), np.int64)


def digit_limits(
    codes: Mapping[str, IntArray],
    steps: Mapping[str, FloatArray],
    sparsity: Mapping[str, float],
    input_bits: Mapping[str, int],
    *,
    among_all: bool,
) -> dict[str, IntArray]:
    """How many signed digits each weight keeps, if those go that change least for the hardware they cost.

    A digit of an unrolled layer is an adder as wide as what it adds; its importance is the square of its value. So the
    digits with the least square per bit of the layer's inputs go first, and a weight loses its smallest digit first.

    Args:
        codes: weights as integers, by layer.
        steps: the value of one step of them, of a shape that goes with them.
        sparsity: by layer, the share of the digits that go; 0.75 leaves a quarter of the adders.
        input_bits: by layer, the width of what it reads.
        among_all: compare the digits of all layers with one another.

    Returns:
        By layer, of the shape of its weights.
    """
    scores = {}
    for name, array in codes.items():
        digits = signed_digits(array)
        scores[name] = (digits * steps[name]) ** 2 / input_bits[name]
    present = {name: score[score > 0] for name, score in scores.items()}
    if among_all:
        pooled = np.concatenate([*present.values(), np.zeros(0)])
        total = sum(score.size for score in present.values())
        wanted = sum(sparsity[name] * score.size for name, score in present.items())
        limits = dict.fromkeys(scores, _threshold(pooled, wanted / max(total, 1)))
    else:
        limits = {name: _threshold(score, sparsity[name]) for name, score in present.items()}
    # the first digit is the greatest, but later ones may be equal: what counts is how many in a row stay
    return {n: np.minimum.accumulate(score > limits[n], axis=0).sum(axis=0) for n, score in scores.items()}


def _threshold(scores: FloatArray, share: float) -> float:
    """The greatest score that goes if a share of them goes; 0, which no digit has, if none does."""
    count = round(share * scores.size)
    return float(np.partition(scores, count - 1)[count - 1]) if count else 0.0


def _largest(scores: FloatArray, sparsity: float) -> Mask:
    """True at all but the given share, the least ones; among equals the last ones go."""
    count = round(sparsity * scores.size)
    order = np.argsort(-scores.reshape(-1), kind="stable")
    mask = np.ones(scores.size, bool)
    mask[order[scores.size - count :]] = False
    return mask.reshape(scores.shape)


def _together(scores: Mapping[str, FloatArray], sparsity: Mapping[str, float]) -> dict[str, Mask]:
    """`_largest` of all layers as one."""
    total = sum(array.size for array in scores.values())
    wanted = sum(sparsity[name] * array.size for name, array in scores.items()) / max(total, 1)
    flat = _largest(np.concatenate([array.reshape(-1) for array in scores.values()]), wanted)
    masks, start = {}, 0
    for name, array in scores.items():
        masks[name] = flat[start : start + array.size].reshape(array.shape)
        start += array.size
    return masks
