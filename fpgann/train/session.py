# SPDX-License-Identifier: Apache-2.0
"""Compression inside a plain torch loop: attach, step, export.

session = attach(model, plan, samples, steps=epochs * batches)
optimizer = torch.optim.Adam(model.parameters())
for pixels, labels in batches:
    optimizer.zero_grad()
    (cross_entropy(model(pixels), labels) + session.penalty()).backward()
    optimizer.step()
    session.step()
session.export("compressed.onnx")
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

from fpgann.errors import ConfigError
from fpgann.passes.cluster import MergeReport
from fpgann.train import checkpoints
from fpgann.train.attaching import Compressed, compress_layers
from fpgann.train.checkpoints import Stateful
from fpgann.train.events import prune_layers, tie_weights
from fpgann.train.export import export_float, export_model
from fpgann.train.merging import merge_model
from fpgann.train.plan import CompressionPlan, Schedule
from fpgann.train.schedules import pruning_steps
from fpgann.train.topology import Link, find_links, fold_batch_norms


def attach(
    model: nn.Module,
    plan: CompressionPlan,
    samples: Tensor | tuple[Tensor, ...],
    *,
    steps: int = 1,
    generator: torch.Generator | None = None,
) -> Session:
    """Make a module train as the plan wants it; the module changes in place.

    Batch normalizations are folded into the layers before them, similar neurons merged, and every linear layer and
    convolution becomes one of Brevitas, with the same parameters. Make the optimizer afterwards.

    Args:
        model: a float module.
        plan: what to do.
        samples: inputs such as the module will see, batch first: they choose the first scales.
        steps: how often `Session.step` will be called; schedules of the plan are shares of it.
        generator: the source of random numbers of the training loop, if it has one of its own: checkpoints hold its
            state.

    Raises:
        ConfigError: the plan names a layer that is not there, or the module has no layer.
    """
    inputs = samples if isinstance(samples, tuple) else (samples,)
    teacher = copy.deepcopy(model).eval()
    for parameter in teacher.parameters():
        parameter.requires_grad_(requires_grad=False)
    fold_batch_norms(model)
    links = find_links(model)
    merged = merge_model(model, links, plan.merge, inputs)
    layers = compress_layers(model, plan, inputs)
    example = tuple(sample[:1].clone() for sample in inputs)
    return Session(model, teacher, plan, layers, links, merged, example, steps, generator)


class Session:
    """A compression under way; `attach` makes one.

    Args:
        model: the module with its new layers.
        teacher: the float module as it was.
        plan: what to do.
        layers: the compressed layers by name.
        links: which layers follow one another.
        merged: what merging neurons did.
        example: one sample of each input.
        steps: steps of the whole training.
        generator: the loop's own source of random numbers.
    """

    def __init__(
        self,
        model: nn.Module,
        teacher: nn.Module,
        plan: CompressionPlan,
        layers: Mapping[str, Compressed],
        links: Sequence[Link],
        merged: Sequence[MergeReport],
        example: tuple[Tensor, ...],
        steps: int,
        generator: torch.Generator | None,
    ) -> None:
        self.model = model
        self.teacher = teacher
        self.plan = plan
        self.layers = layers
        self.links = links
        self.merged = merged
        self.example = example
        self.steps = steps
        self.steps_done = 0
        self.losses: list[float] = []
        self._generator = generator
        self._pruning = pruning_steps(plan.prune, steps)
        self._tying = int(plan.share.start * steps) if plan.share.values else None
        self._first_weights = {name: layer.weight.detach().clone() for name, layer in layers.items()}
        self._events()

    def step(self, optimizer: torch.optim.Optimizer | None = None, *, loss: float | None = None) -> None:
        """Call after each step of the optimizer: prunes and ties weights when it is time.

        Args:
            optimizer: forgets its momentum when weights go back to where they began; only that schedule needs it.
            loss: kept for the curve.

        Raises:
            ConfigError: weights go back to where they began, and the optimizer is not given.
        """
        if loss is not None:
            self.losses.append(float(loss))
        self.steps_done += 1
        self._events(optimizer)

    def penalty(self) -> Tensor:
        """What the hardware costs, with gradients, to add to the loss: 0 unless the plan learns widths.

        The cost is that of HGQ (Sun et al. 2024): bits of each weight times bits of what it multiplies, summed.
        """
        total = torch.zeros((), device=next(self.model.parameters()).device)
        if self.plan.quantize.learn_bits:
            for layer in self.layers.values():
                bits = layer.weight_quantizer.bit_counts(layer.weight).sum()
                total = total + bits * layer.input_quantizer.bit_count()
        return total * self.plan.quantize.bit_cost

    def distillation(self, outputs: Tensor, *inputs: Tensor) -> Tensor:
        """How far class scores are from those of the float module, times the plan's weight (Hinton et al. 2015).

        Args:
            outputs: of the module in training, shape (batch, classes).
            inputs: what it got.
        """
        distill = self.plan.distill
        with torch.no_grad():
            wanted = torch.softmax(self.teacher(*inputs) / distill.temperature, dim=1)
        got = torch.log_softmax(outputs / distill.temperature, dim=1)
        divergence = nn.functional.kl_div(got, wanted, reduction="batchmean")
        return distill.weight * distill.temperature**2 * divergence

    def export(self, path: Path | str) -> Path:
        """Write the module as QONNX, which `fpgann compile` reads back exactly; silent neurons are left out.

        Raises:
            UnsupportedOperatorError: the exporter fails.
        """
        return export_model(self.model, self.layers, self.links, Path(path), self.example)

    def export_teacher(self, path: Path | str) -> Path:
        """Write the float module as it was when the training began.

        Raises:
            UnsupportedOperatorError: the exporter fails.
        """
        return export_float(self.teacher, Path(path), self.example)

    def checkpoint(self, path: Path | str, optimizer: Stateful, **more: Stateful) -> None:
        """Save everything that the training needs to go on as if nothing had happened.

        Args:
            path: file to write; it is replaced at once, never half-written.
            optimizer: the loop's.
            more: what else has a state, such as a schedule of the learning rate.
        """
        progress = {"steps_done": self.steps_done, "losses": self.losses, "first_weights": self._first_weights}
        checkpoints.save(Path(path), self.model, {"optimizer": optimizer, **more}, progress, self._generator)

    def resume(self, path: Path | str, optimizer: Stateful, **more: Stateful) -> None:
        """Go on from a checkpoint; model, plan, samples and optimizer must have been made as before.

        Args:
            path: what `checkpoint` wrote.
            optimizer: the loop's.
            more: as in `checkpoint`.

        Raises:
            FormatError: the file is missing, damaged or of another training.
        """
        progress = checkpoints.load(Path(path), self.model, {"optimizer": optimizer, **more}, self._generator)
        self.steps_done = cast("int", progress["steps_done"])
        self.losses = cast("list[float]", progress["losses"])
        self._first_weights = cast("dict[str, Tensor]", progress["first_weights"])

    def _events(self, optimizer: torch.optim.Optimizer | None = None) -> None:
        """What is due now."""
        sparsity = self._pruning.get(self.steps_done)
        if sparsity is not None:
            prune_layers(self.layers, self.links, self.plan.prune, sparsity)
            if self.plan.prune.schedule is Schedule.REWIND and self.steps_done:
                self._rewind(optimizer)
        if self._tying == self.steps_done:
            tie_weights(self.layers, self.plan.share.values)

    def _rewind(self, optimizer: torch.optim.Optimizer | None) -> None:
        """What is left goes back to where it began (Frankle and Carbin 2019), without momentum."""
        if optimizer is None:
            hint = "call session.step(optimizer)"
            raise ConfigError("rewinding needs the optimizer", where="schedule 'rewind'", hint=hint)
        with torch.no_grad():
            for name, layer in self.layers.items():
                layer.weight.copy_(self._first_weights[name])
        optimizer.state.clear()
