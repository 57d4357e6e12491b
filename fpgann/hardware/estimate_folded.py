# SPDX-License-Identifier: Apache-2.0
"""What folded layers consist of: the ring of inputs, neurons, their memories, staircases, gathering."""

from __future__ import annotations

from math import ceil

import numpy as np

from fpgann.hardware.code_book import code_book
from fpgann.hardware.design import FoldedKernel, Stage
from fpgann.hardware.estimate_blocks import (
    Amounts,
    columns,
    counter_bits,
    multiplier,
    rom,
    shift_register,
    signed_bits,
    two_port_memory,
    varying_columns,
)
from fpgann.hardware.estimate_fabric import Fabric
from fpgann.hardware.estimate_staircases import channels_of, requantizers
from fpgann.hardware.loading import weight_rows
from fpgann.hardware.neurons import SharedArray
from fpgann.hardware.options import Memory
from fpgann.numerics.integers import integers


def folded_row(stage: Stage, kernel: FoldedKernel, fabric: Fabric) -> Amounts:
    """One row of a folded layer."""
    inputs, outputs = kernel.ring_elements, kernel.weights.shape[1]
    in_bits, simd = stage.source.element_bits, kernel.simd
    code_bits = in_bits + (not stage.source.codes.signed)
    total = Amounts()
    total.ff += inputs * in_bits + counter_bits(kernel.steps) + counter_bits(kernel.folds)
    total.ff += (1 if kernel.folds == 1 else 2) + (2 if simd == 1 else 3)  # first, last; valid
    total.logic["ring"] += inputs * in_bits if kernel.folds > 1 else 0
    total.logic["control"] += 1
    total.logic["counter"] += counter_bits(kernel.steps) + counter_bits(kernel.folds)
    if kernel.shared is None:
        neurons = _neurons(kernel, fabric, code_bits, signed_bits(kernel.accumulator), _shifted_lanes(kernel))
        if kernel.folds == 1 and fabric.packs_registers and neurons.dsp == kernel.pe * simd:
            total.ff -= inputs * in_bits  # they never move on, and lie in the blocks
        if kernel.loadable is None:  # in few words of small weights some bits never change
            rows = weight_rows(kernel.weights, kernel.pe, simd)
            share = varying_columns(rows, kernel.weight_bits) / (rows.shape[1] * kernel.weight_bits)
            for kind in ("multiply", "multiply_rows", "small_product"):
                neurons.logic[kind] = round(share * neurons.logic[kind])
        total.add(neurons)
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


_LEAST_SRL = 3  # registers in a row that become a shift register: `xilinx_srl -minlen 3` of Yosys


def shared_neurons(array: SharedArray, fabric: Fabric) -> Amounts:
    """Neurons that several layers use."""
    return _neurons(array, fabric, array.in_bits, array.sum_bits)


def _shifted_lanes(kernel: FoldedKernel) -> int:
    """Multipliers of which the weight is always the same power of two, or zero: wires."""
    if kernel.loadable is not None:
        return 0
    rows = integers(weight_rows(kernel.weights, kernel.pe, kernel.simd))
    size = np.abs(rows[0])
    return int(((rows == rows[0]).all(axis=0) & (size & (size - 1) == 0)).sum())


def _neurons(
    kernel: FoldedKernel | SharedArray, fabric: Fabric, code_bits: int, acc_bits: int, shifted_lanes: int = 0
) -> Amounts:
    """Multipliers, adder trees, accumulators."""
    total = Amounts()
    weight_bits = kernel.weight_bits
    product_bits = code_bits + weight_bits
    count = kernel.pe * kernel.simd
    product = multiplier(fabric, code_bits, weight_bits, None, kernel.multipliers)
    packed = fabric.packs_registers and product.dsp == 1
    total.add(product, count - shifted_lanes)
    total.ff += (0 if packed else count * product_bits) + 1
    if kernel.simd > 1:
        sum_bits = product_bits + counter_bits(kernel.simd)
        inside = _sums_in_blocks(kernel.simd) if packed else 0
        adders = kernel.simd - 1 - inside
        total.ff += (0 if packed and kernel.simd <= inside + 1 else kernel.pe * sum_bits) + 1
        # several sums become rows of full adders in front of one chain of carries
        total.logic["tree"] += kernel.pe * min(adders, 1) * sum_bits
        total.logic["rows"] += kernel.pe * max(0, adders - 1) * product_bits
    elif packed:
        return total  # the block accumulates
    total.ff += kernel.pe * acc_bits
    total.logic["accumulator"] += kernel.pe * acc_bits
    return total


def _sums_in_blocks(products: int) -> int:
    """Adders of the tree of hdl/fpgann_neuron.vhd that have a product as an operand: its block adds, too."""
    first = max(0, ceil((products - 3) / 2))  # node i of the heap adds nodes 2i + 1 and 2i + 2
    return products - 1 - first


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
    book = code_book(kernel)
    if book is None:
        total.add(rom(fabric, rows, kernel.weight_bits, kernel.memory))
    else:
        total.add(rom(fabric, book.indices, book.index_bits, kernel.memory))
        table = rom(fabric, book.values[:, None], kernel.weight_bits, Memory.DISTRIBUTED, registered=False)
        total.add(table, kernel.pe * kernel.simd)
    biases = kernel.bias.reshape(kernel.groups, kernel.pe)
    used = columns(biases, kernel.bias_bits)
    if used:
        total.add(rom(fabric, biases, kernel.bias_bits))
        total.ff += stages * used + counter_bits(kernel.groups)
        total.logic["counter"] += counter_bits(kernel.groups)
        if fabric.shift_register_bits and stages + 1 >= _LEAST_SRL and not fabric.prefers_block(len(biases), used):
            total.ff -= (stages + 1) * used  # with the output of the memory
            total.srl += used
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
