# SPDX-License-Identifier: Apache-2.0
"""What can be built and what cannot, in words."""

from __future__ import annotations

from dataclasses import dataclass

from fpgann.errors import UnsupportedOperatorError

_SHOWN_NODES = 3
_HINTS = {
    **dict.fromkeys(
        (
            "LeakyRelu",
            "PRelu",
            "Elu",
            "Selu",
            "Celu",
            "Gelu",
            "Clip",
            "HardSigmoid",
            "HardSwish",
            "Mish",
            "Softplus",
        ),
        "retrain with Relu, Sigmoid or Tanh in its place",
    ),
    "LogSoftmax": "use Softmax, or leave it out: it does not change which class wins",
    "ArgMax": "deliver the scores and take the largest outside",
}


_RANDOM = ("RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Bernoulli", "Multinomial")
_REFUSALS = {
    **dict.fromkeys(
        _RANDOM,
        (
            "it makes random numbers",
            "take their mean with --sampling mean, or numbers of the hardware or from outside: generator, input",
        ),
    ),
}


@dataclass(frozen=True, slots=True)
class NodeSupport:
    """What becomes of one ONNX node.

    Args:
        name: the node's name, or its first output's; or the name of an input or output of the model.
        op: operator type, with its domain if it is not ONNX's own; or `input`, `output`, `initializer`.
        supported: whether it can be built.
        built_as: how it would be built; what is wrong with it if it cannot be.
        hint: what to change in the model if it cannot be built.
        values: values of the imported graph that it computes; none if it is a constant, or hands its input on.
    """

    name: str
    op: str
    supported: bool
    built_as: str
    hint: str = ""
    values: tuple[str, ...] = ()


def missing_operator(domain: str, op_type: str) -> UnsupportedOperatorError:
    """The refusal of an operator that has no importer."""
    if domain and not domain.startswith(("qonnx.", "finn.", "onnx.brevitas")):
        return UnsupportedOperatorError(
            f"operators of domain '{domain}' are not known",
            hint="export with standard ONNX operators, without optimisations for one runtime",
        )
    if op_type in _REFUSALS and not domain:
        message, hint = _REFUSALS[op_type]
        return UnsupportedOperatorError(message, hint=hint)
    hint = _HINTS.get(op_type, "see docs/operators.md for what can be built, and replace it")
    return UnsupportedOperatorError("this operator is not supported yet", hint=hint)


def summary(failures: list[NodeSupport]) -> tuple[str, str, str]:
    """One line about everything that cannot be built.

    Returns:
        Message, place and hint.
    """
    groups: dict[tuple[str, str], dict[str, list[str]]] = {}
    for entry in failures:
        groups.setdefault((entry.built_as, entry.hint), {}).setdefault(entry.op, []).append(entry.name)
    if len(groups) == 1:
        ((message, hint), places) = next(iter(groups.items()))
        return message, f", {_places(places)}", hint
    texts = [
        f"{_places(places)}: {message}" + (f" ({hint})" if hint else "") for (message, hint), places in groups.items()
    ]
    return f"{len(failures)} nodes cannot be built: " + "; ".join(texts), "", ""


def _places(places: dict[str, list[str]]) -> str:
    return ", ".join(_place(op, names) for op, names in places.items())


def _place(op: str, names: list[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:_SHOWN_NODES])
    if op in ("input", "output", "initializer"):
        return f"{op} {shown}"
    more = f" and {len(names) - _SHOWN_NODES} more" if len(names) > _SHOWN_NODES else ""
    return f"{'node' if len(names) == 1 else 'nodes'} {shown}{more} ({op})"
