# SPDX-License-Identifier: Apache-2.0
"""Single neurons of the library: what a tree of adders and an accumulator take, apart from all else of a layer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fpgann import resources
from fpgann.hardware.estimate_blocks import Amounts
from fpgann.hardware.estimate_fabric import Fabric
from fpgann.hardware.estimate_folded import shared_neurons
from fpgann.hardware.neurons import SharedArray
from fpgann.hardware.options import Multipliers

TOP = "neurons"
_GUARD_BITS = 5  # of an accumulator above one sum of products
_PORTS = """\
    clk     : in    std_ulogic;
    first   : in    std_ulogic;
    in_data : in    std_ulogic_vector({inputs} - 1 downto 0);
    weights : in    std_ulogic_vector({weights} - 1 downto 0);
    bias    : in    std_ulogic_vector({bias} - 1 downto 0);
    acc     : out   std_ulogic_vector({acc} - 1 downto 0)
"""
_HEADER = "library ieee;\n  use ieee.std_logic_1164.all;\n\nlibrary fpgann;\n\n"


@dataclass(frozen=True)
class Neuron:
    """hdl/fpgann_neuron.vhd.

    Args:
        simd: products a cycle.
        in_bits: bits of a (signed) input.
        weight_bits: bits of a weight.
    """

    simd: int
    in_bits: int
    weight_bits: int

    @property
    def name(self) -> str:
        """Its module, and its name among the residuals."""
        return f"neuron_{self.simd}_i{self.in_bits}_w{self.weight_bits}"

    @property
    def _widths(self) -> dict[str, int]:
        acc = self.in_bits + self.weight_bits + (self.simd - 1).bit_length() + _GUARD_BITS
        return {
            "inputs": self.simd * self.in_bits,
            "weights": self.simd * self.weight_bits,
            "bias": acc - 2,
            "acc": acc,
        }

    def amounts(self, fabric: Fabric) -> Amounts:
        """What it consists of."""
        acc, bias = self._widths["acc"], self._widths["bias"]
        array = SharedArray(self.name, 1, self.simd, self.in_bits, self.weight_bits, bias, acc, Multipliers.AUTO)
        found = shared_neurons(array, fabric)
        found.ff += bias * (2 if self.simd > 1 else 1)
        return found

    def entity(self) -> str:
        """A module of its own around it."""
        ports = _PORTS.format(**self._widths)
        generics = (
            f"SIMD => {self.simd}, IN_WIDTH => {self.in_bits}, IN_SIGNED => true, WEIGHT_WIDTH => {self.weight_bits}, "
            f"BIAS_WIDTH => {self._widths['bias']}, ACC_WIDTH => {self._widths['acc']}"
        )
        return (
            f"{_HEADER}entity {self.name} is\n  port (\n{ports}  );\nend entity;\n\n"
            f"architecture rtl of {self.name} is\nbegin\n"
            f"  neuron : entity fpgann.fpgann_neuron\n    generic map ({generics})\n"
            "    port map (clk => clk, first => first, in_data => in_data, weights => weights, bias => bias, "
            "acc => acc);\nend architecture;\n"
        )

    def instance(self, offsets: dict[str, int]) -> str:
        """Its place in the top entity; `offsets` moves on by its bits."""
        slices = []
        for port, key in (("in_data", "inputs"), ("weights", "weights"), ("bias", "bias"), ("acc", "acc")):
            low, width = offsets[key], self._widths[key]
            slices.append(f"{port} => {port}({low + width - 1} downto {low})")
            offsets[key] += width
        return f"  {self.name} : entity work.{self.name} port map (clk => clk, first => first, {', '.join(slices)});\n"


NEURONS = (
    *(Neuron(simd, 8, 4) for simd in (1, 2, 4, 8, 16, 32)),
    *(Neuron(simd, 8, 8) for simd in (1, 5, 12, 25)),
    *(Neuron(simd, 3, 3) for simd in (1, 8, 16)),
    *(Neuron(simd, 16, 16) for simd in (1, 3)),
    *(Neuron(simd, 4, 4) for simd in (1, 6, 15)),
    Neuron(10, 6, 6),
)


def neuron_files() -> Iterator[tuple[str, str]]:
    """The design of all neurons side by side: relative paths and VHDL, with the order to compile them in."""
    library = ("fpgann_pkg.vhd", "fpgann_neuron.vhd")
    for name in library:
        yield f"fpgann/{name}", (resources.hdl_dir() / name).read_text()
    offsets = {"inputs": 0, "weights": 0, "bias": 0, "acc": 0}
    instances = "".join(neuron.instance(offsets) for neuron in NEURONS)
    top = (
        f"{_HEADER}entity {TOP} is\n  port (\n{_PORTS.format(**offsets)}  );\nend entity;\n\n"
        f"architecture rtl of {TOP} is\nbegin\n{instances}end architecture;\n"
    )
    yield f"{TOP}.vhd", "\n".join([*(neuron.entity() for neuron in NEURONS), top])
    order = [f"fpgann fpgann/{name}\n" for name in library]
    yield "compile_order.txt", "".join([*order, f"work {TOP}.vhd\n"])
