# SPDX-License-Identifier: Apache-2.0
"""What folded layers consist of: the ring of inputs, neurons, their memories, staircases, gathering."""

from __future__ import annotations

from fpgann.hardware.design import FoldedKernel, SharedArray, Stage
from fpgann.hardware.estimate_blocks import (
    Amounts,
    columns,
    counter_bits,
    multiplier,
    rom,
    shift_register,
    signed_bits,
    two_port_memory,
)
from fpgann.hardware.estimate_fabric import Fabric
from fpgann.hardware.estimate_staircases import channels_of, requantizers
from fpgann.hardware.loading import weight_rows


def folded_row(stage: Stage, kernel: FoldedKernel, fabric: Fabric) -> Amounts:
    """One row of a folded layer."""
    inputs, outputs = kernel.ring_elements, kernel.weights.shape[1]
    in_bits, simd = stage.source.element_bits, kernel.simd
    code_bits = in_bits + (not stage.source.codes.signed)
    total = Amounts()
    total.ff += inputs * in_bits + counter_bits(kernel.steps) + counter_bits(kernel.folds)
    total.ff += (1 if kernel.folds == 1 else 2) + (2 if simd == 1 else 3)  # first, last; valid
    total.logic["ring"] += inputs * in_bits
    total.logic["control"] += 1
    total.logic["counter"] += counter_bits(kernel.steps) + counter_bits(kernel.folds)
    if kernel.shared is None:
        total.add(_neurons(kernel, fabric, code_bits, signed_bits(kernel.accumulator)))
    else:  # the request, which is joined with those of other layers
        total.ff += kernel.pause_cycles + 1
        total.logic["gather"] += kernel.shared.request_bits
    total.add(_weights(kernel, fabric))
    total.add(_staircases(kernel, fabric))
    if not kernel.is_gathered:
        return total
    out_bits = stage.target.element_bits
    total.ff += outputs * out_bits + counter_bits(kernel.groups) + 1
    total.logic["gather"] += outputs * out_bits if kernel.groups > 1 else 0
    total.logic["counter"] += counter_bits(kernel.groups)
    return total


_SMALL_TREE = 3  # products


def shared_neurons(array: SharedArray, fabric: Fabric) -> Amounts:
    """Neurons that several layers use."""
    return _neurons(array, fabric, array.in_bits, array.sum_bits)


def _neurons(kernel: FoldedKernel | SharedArray, fabric: Fabric, code_bits: int, acc_bits: int) -> Amounts:
    """Multipliers, adder trees, accumulators."""
    total = Amounts()
    weight_bits = kernel.weight_bits
    product_bits = code_bits + weight_bits
    count = kernel.pe * kernel.simd
    product = multiplier(fabric, code_bits, weight_bits, None, kernel.multipliers)
    packed = fabric.packs_registers and product.dsp == 1
    total.add(product, count)
    total.ff += (0 if packed else count * product_bits) + 1
    if kernel.simd > 1:
        sum_bits = product_bits + counter_bits(kernel.simd)
        last = packed and kernel.simd <= _SMALL_TREE  # the last sum then has a product as an operand
        total.ff += (0 if last else kernel.pe * sum_bits) + 1
        total.logic["tree"] += kernel.pe * (kernel.simd - 1 - last) * sum_bits
    total.ff += kernel.pe * acc_bits
    total.logic["accumulator"] += kernel.pe * acc_bits
    return total


def _weights(kernel: FoldedKernel, fabric: Fabric) -> Amounts:
    """Memories of weights and biases, and how biases travel to the accumulators."""
    total, stages = Amounts(), 1 if kernel.simd == 1 else 2
    if kernel.loadable is not None:
        multipliers = kernel.pe * kernel.simd
        total.add(two_port_memory(fabric, kernel.steps, kernel.weight_bits), multipliers)
        total.add(two_port_memory(fabric, kernel.groups, kernel.bias_bits), kernel.pe)
        total.ff += stages * kernel.pe * kernel.bias_bits + counter_bits(kernel.groups)
        total.logic["loader"] += multipliers + kernel.pe
        return total
    rows = weight_rows(kernel.weights, kernel.pe, kernel.simd)
    total.add(rom(fabric, rows, kernel.weight_bits, kernel.memory))
    biases = kernel.bias.reshape(kernel.groups, kernel.pe)
    used = columns(biases, kernel.bias_bits)
    if used:
        total.add(rom(fabric, biases, kernel.bias_bits))
        total.ff += stages * used + counter_bits(kernel.groups)
        total.logic["counter"] += counter_bits(kernel.groups)
    return total


def _staircases(kernel: FoldedKernel, fabric: Fabric) -> Amounts:
    """Requantizers behind the neurons, and the number of the group where one of them needs it."""
    total, group_bits = Amounts(), counter_bits(kernel.groups)
    lanes = kernel.lanes
    needs = [kernel.groups > 1 and channels_of(r) > 1 for r in kernel.requantizers]
    if any(needs):
        total.ff += group_bits
        total.logic["counter"] += group_bits
    for number, requantizer in enumerate(kernel.requantizers):
        cycles = requantizer.latency_cycles + requantizer.has_parameters
        total.ff += cycles  # valid, which is reset
        if any(needs[number + 1 :]):
            total.add(shift_register(fabric, cycles, group_bits))
        total.add(requantizers(requantizer, lanes, fabric, grouped=True))
    return total
