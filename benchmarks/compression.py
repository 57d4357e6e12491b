#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Accuracy and hardware of the compressed digits MLP 64-32-16-10, plan by plan, as medians of several seeds.

    python benchmarks/compression.py [--seeds 0 1 2 3 4] [--plans pruned ternary merged digits none] [--synthesize]
    python benchmarks/compression.py --peer PEER.json

Every network is trained, exported, compiled and simulated on all 400 held-out images; `exact` says whether the integers
of the torch module, of the reference and of the simulated hardware are the same, one by one. The plan `none` is the
float network with 16 bits in hardware, uncompressed, which the table divides by. All are unrolled, with a wide port for
all features. Prints a table and writes what it has measured to `compression_figures.json`; plans that are not measured
again stay there. A picture of all of them, the peer's networks included, is `examples/digits_mlp/compression.svg`.
"""

from __future__ import annotations

import argparse
import copy
import json
import statistics
import sys
import tempfile
import warnings
from fractions import Fraction
from pathlib import Path

import numpy as np

REPOSITORY = Path(__file__).resolve().parent.parent
EXAMPLE = REPOSITORY / "examples" / "digits_mlp"
FIGURES = Path(__file__).with_name("compression_figures.json")
CHART = EXAMPLE / "compression.svg"
PEER = "HGQ2"
sys.path[:0] = [str(EXAMPLE), str(REPOSITORY)]

import onnx  # noqa: E402
import retrain as example  # noqa: E402
import torch  # noqa: E402
from train import load_data  # noqa: E402

import fpgann  # noqa: E402
from fpgann.config import CompileOptions  # noqa: E402
from fpgann.eda.families import FAMILIES  # noqa: E402
from fpgann.eda.synthesis import synthesize  # noqa: E402
from fpgann.hardware.options import HardwareOptions, LayerOptions, Strategy  # noqa: E402
from fpgann.ir.ops.dense import Dense  # noqa: E402
from fpgann.passes.prune import signed_digits  # noqa: E402
from fpgann.train.charts import line_chart  # noqa: E402
from fpgann.train.compress import Task  # noqa: E402
from fpgann.train.export import export_float  # noqa: E402
from fpgann.train.plan import CompressionPlan, read_plan  # noqa: E402
from fpgann.train.topology import fold_batch_norms  # noqa: E402

UNROLLED = CompileOptions(hardware=HardwareOptions(default=LayerOptions(strategy=Strategy.UNROLLED)))


def accuracy(scores: np.ndarray, labels: np.ndarray) -> float:
    """Percent of the images whose class has the highest score."""
    return 100 * float(np.mean(scores.argmax(axis=1) == labels))


def is_exact(design: fpgann.Design, scores: np.ndarray, inputs: dict[str, np.ndarray]) -> bool:
    """Whether torch, the reference and the hardware agree in every integer."""
    simulation = design.simulate(inputs)
    (value,) = design.graph.outputs.values()
    codes = design.graph.types[value].codes
    (unit,), (offset,) = codes.scale_lsb(), codes.offset
    wanted = np.array([[(Fraction(float(v)) - offset) / unit for v in row] for row in scores], dtype=object)
    hardware = next(found for name, found in simulation.outputs.items() if name.endswith("__raw"))
    reference = next(found for name, found in design.emulate(inputs).items() if name.endswith("__raw"))
    same = np.array_equal(wanted, hardware.astype(object)) and np.array_equal(reference, hardware)
    return bool(same and simulation.verdict["bit_exact"])


def uncompressed(seed: int, folder: Path, *, synthesize: bool) -> dict[str, object]:
    """The float network with 16 bits in hardware, its types chosen from the images to train with."""
    task = Task(CompressionPlan(), folder / "c", resumed=False, progress=lambda _: None)
    example.retrain(task, seed=seed, epochs=0)
    session = task.session
    assert session is not None
    data, held_out = load_data()
    path = export_float(session.teacher, folder / "none.onnx", session.example)
    (port,) = (value.name for value in onnx.load(path).graph.input)
    np.savez(folder / "samples.npz", **{port: data.pixels.astype(np.float64)})
    design = fpgann.compile(path, folder / "none", UNROLLED, calibration=folder / "samples.npz")
    with torch.no_grad():
        float_scores = session.teacher(torch.from_numpy(held_out.pixels)).numpy()
    outputs = design.emulate({port: held_out.pixels.astype(np.float64)})
    weights = [node.op.weight.data.T for node in design.graph.nodes if isinstance(node.op, Dense)]
    scores = next(found for name, found in outputs.items() if not name.endswith("__raw"))
    return {
        "plan": "none",
        "seed": seed,
        "float": accuracy(float_scores, held_out.labels),
        "compressed": accuracy(scores, held_out.labels),
        **hardware(design, weights, synthesize=synthesize),
    }


def write_data(seed: int, path: Path) -> None:
    """What `compression_peer.py` reads: images, labels, and the float network of a seed without batch normalization."""
    task = Task(CompressionPlan(), path.with_suffix(".checkpoint"), resumed=False, progress=lambda _: None)
    example.retrain(task, seed=seed, epochs=0)
    session = task.session
    assert session is not None
    network = copy.deepcopy(session.teacher)
    fold_batch_norms(network)
    arrays: dict[str, np.ndarray] = {}
    for number, layer in enumerate((network.hidden1, network.hidden2, network.output)):
        arrays |= {f"kernel{number}": layer.weight.detach().numpy().T, f"bias{number}": layer.bias.detach().numpy()}
    for part, data in zip(("train", "test"), load_data(), strict=True):
        arrays |= {f"{part}_x": data.pixels, f"{part}_y": data.labels}
    np.savez(path, **arrays)


def hardware(design: fpgann.Design, weights: list[np.ndarray], *, synthesize: bool) -> dict[str, object]:
    """What a network costs; weights are integers, shape (outputs, inputs)."""
    figures: dict[str, object] = {
        "zeros": 1 - sum(map(np.count_nonzero, weights)) / sum(w.size for w in weights),
        "neurons": sum(len(w) for w in weights),
        "digits": sum(int(np.count_nonzero(signed_digits(w))) for w in weights),
        "lut_estimated": design.report["total"]["lut"],
        "latency": design.report["total"]["latency_cycles"],
    }
    if synthesize:
        figures["lut"] = design.synthesize("xcup")["lut"]
    return figures


def measure(plan: str, seed: int, folder: Path, *, synthesize: bool) -> dict[str, object]:
    """One network."""
    if plan == "none":
        return uncompressed(seed, folder, synthesize=synthesize)
    task = Task(read_plan(EXAMPLE / "plans" / f"{plan}.toml"), folder / "c", resumed=False, progress=lambda _: None)
    example.retrain(task, seed=seed)
    session = task.session
    assert session is not None
    _, held_out = load_data()
    pixels = torch.from_numpy(held_out.pixels)
    with torch.no_grad():
        scores, float_scores = session.model(pixels).numpy(), session.teacher(pixels).numpy()
    design = fpgann.compile(session.export(folder / f"{plan}{seed}.onnx"), folder / f"{plan}{seed}", UNROLLED)
    (port,) = (port["name"] for port in design.manifest["inputs"])
    weights = [layer.codes().numpy() for layer in session.layers.values()]
    return {
        "plan": plan,
        "seed": seed,
        "float": accuracy(float_scores, held_out.labels),
        "compressed": accuracy(scores, held_out.labels),
        "exact": is_exact(design, scores, {port: held_out.pixels.astype(np.float64)}),
        **hardware(design, weights, synthesize=synthesize),
    }


def peer(path: Path) -> list[dict[str, object]]:
    """LUT sites of the networks that `compression_peer.py` has written, counted as fpgann's are; prints them, too."""
    rows: list[dict[str, object]] = []
    print("| HGQ2, accuracy | da4ml's estimate | LUT, Yosys |")
    print("|---|---|---|")
    for entry in json.loads(path.read_text()):
        files = sorted((Path(entry["rtl"]) / "src").rglob("*.v"))
        unused = ("digits_wrapper.v", "lookup_table.v")  # the latter wants files that only tables have
        sources = [file.read_text() for file in files if file.name not in unused]
        with tempfile.TemporaryDirectory() as folder:
            cells = synthesize("\n".join(sources), "digits", FAMILIES["xcup"], Path(folder)).total
        print(f"| {entry['accuracy']:.2f} % | {entry['cost']:.0f} | {cells.sites} |", flush=True)
        rows.append({"plan": PEER, "seed": 0, "compressed": entry["accuracy"], "lut": cells.sites})
    return rows


def keep(rows: list[dict[str, object]]) -> None:
    """Write the figures and their picture."""
    FIGURES.write_text(json.dumps(rows, indent=1) + "\n")
    CHART.write_text(chart(rows))


def chart(rows: list[dict[str, object]]) -> str:
    """Accuracy against LUTs of every network that was synthesised, as SVG."""
    known = sorted((row for row in rows if "lut" in row), key=lambda row: str(row["plan"]).lower())
    points: dict[str, list[tuple[float, float]]] = {}
    for row in known:
        points.setdefault(str(row["plan"]), []).append((float(str(row["lut"])), float(str(row["compressed"]))))
    title = "Digits MLP 64-32-16-10 on 400 held-out images"
    return line_chart(title, "LUT sites, xcup, Yosys", "accuracy in per cent", points, log_x=True, joined=False)


def show(rows: list[dict[str, object]]) -> None:
    """Medians, plan by plan; the last column but one: how many times fewer LUTs than the uncompressed network."""
    print("| plan | seeds | float | compressed | zeros | neurons | digits | LUT, est. | LUT, Yosys | fewer | exact |")
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    whole = median(rows, "none", "lut")
    for plan in dict.fromkeys(str(row["plan"]) for row in rows if row["plan"] != PEER):
        own = [row for row in rows if row["plan"] == plan]
        lut = median(rows, plan, "lut")
        texts = [f"{median(rows, plan, key):.2f} %" for key in ("float", "compressed")]
        texts += [f"{100 * (median(rows, plan, 'zeros') or 0):.0f} %"]
        texts += [f"{median(rows, plan, key):.0f}" for key in ("neurons", "digits", "lut_estimated")]
        texts += ["" if lut is None else f"{lut:.0f}", "" if lut is None or whole is None else f"{whole / lut:.1f}"]
        texts += [f"{sum(bool(row['exact']) for row in own)} of {len(own)}" if "exact" in own[0] else ""]
        print(f"| {plan} | {len(own)} | {' | '.join(texts)} |")


def median(rows: list[dict[str, object]], plan: str, key: str) -> float | None:
    """Of the seeds of a plan that the figure is known of."""
    found = [float(str(row[key])) for row in rows if row["plan"] == plan and key in row]
    return statistics.median(found) if found else None


def main() -> None:
    """Measure what was asked for and print all that is known."""
    parser = argparse.ArgumentParser(description="Accuracy and hardware of the compressed digits MLP.")
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2, 3, 4])
    parser.add_argument("--plans", nargs="*", default=["pruned", "ternary", "merged", "digits"])
    parser.add_argument("--synthesize", action="store_true", help="count LUTs with Yosys, too")
    parser.add_argument("--data", type=Path, help="write the data of the first seed for compression_peer.py, no more")
    parser.add_argument("--peer", type=Path, help="count the LUTs of what compression_peer.py has printed, no more")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    if arguments.data is not None:
        write_data(arguments.seeds[0], arguments.data)
        return
    rows = json.loads(FIGURES.read_text()) if FIGURES.is_file() else []
    if arguments.peer is not None:
        keep([row for row in rows if row["plan"] != PEER] + peer(arguments.peer))
        return
    for plan in arguments.plans:
        for seed in arguments.seeds:
            with tempfile.TemporaryDirectory() as folder:
                row = measure(plan, seed, Path(folder), synthesize=arguments.synthesize)
            rows = [old for old in rows if (old["plan"], old["seed"]) != (plan, seed)] + [row]
            keep(rows)
            print(row, file=sys.stderr, flush=True)
    show(rows)


if __name__ == "__main__":
    main()
