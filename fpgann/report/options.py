# SPDX-License-Identifier: Apache-2.0
"""Options that were given and change nothing."""

from __future__ import annotations

from fpgann.hardware.design import Design, FoldedKernel
from fpgann.hardware.names import identifier
from fpgann.hardware.options import HardwareOptions, Weights


def unused_options(design: Design, options: HardwareOptions) -> tuple[str, ...]:
    """A warning for each: nothing is shared in an unrolled layer, only dense layers have weights to load.

    Args:
        design: what was built.
        options: what the user asked for.
    """
    kernels = {stage.layers[0]: stage.kernel for stage in design.stages if isinstance(stage.kernel, FoldedKernel)}
    found = []
    if options.default.reuse_factor is not None and not kernels:
        found.append("the reuse factor has no effect: all layers are unrolled; choose --strategy folded")
    for name, layer in sorted(options.layers.items()):
        shared = any(name in (folded, identifier(folded, "layer")) for folded in kernels)
        if layer.reuse_factor is not None and not shared:
            found.append(f"the reuse factor of layer '{name}' has no effect: it is unrolled; set strategy = \"folded\"")
        if layer.weights is Weights.RUNTIME and not shared:
            found.append(f"the weights of layer '{name}' cannot be loaded at run time: it is no dense layer")
    if options.weights is Weights.RUNTIME and not any(kernel.loadable for kernel in kernels.values()):
        found.append("there are no weights to load at run time: no layer is dense")
    return tuple(found)
