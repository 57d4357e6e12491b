# SPDX-License-Identifier: Apache-2.0
"""Compile random models and prove them: `python -m tests.fuzz --count 500 --seed 0 --jobs 2` (`make fuzz`)."""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from pathlib import Path

import onnx

from tests.fuzz.cases import make_case
from tests.fuzz.checks import Effort, Outcome, run_case

REFUSED_SHARE = 0.04  # more than that is too much


def check_seed(seed: int, effort: Effort) -> Outcome:
    """Draw the case of a seed and check it; warnings are errors."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        start = time.monotonic()
        outcome = run_case(make_case(seed), effort)
        return replace(outcome, seconds=time.monotonic() - start)


def smallest(seed: int, effort: Effort) -> tuple[onnx.ModelProto, Outcome] | None:
    """The model cut off behind the first node at which a check fails."""
    case = make_case(seed)
    for node in case.model.graph.node:
        name = node.output[0]
        if name in case.sketch.tensors and name not in case.sketch.constants:
            cut = case.cut([name])
            outcome = run_case(cut, effort)
            if outcome.status == "failed":
                return cut.model, outcome
    return None


def main() -> int:
    """Run; 1 if a check failed or too many models are refused."""
    arguments = _arguments()
    seeds = arguments.seeds or range(arguments.seed, arguments.seed + arguments.count)
    tasks = [(seed, _effort(arguments, seed)) for seed in seeds]
    outcomes = []
    for outcome in _progress(_outcomes(tasks, arguments.jobs), len(tasks)):
        outcomes.append(outcome)
        if arguments.verbose:
            print(f"seed {outcome.seed}: {outcome.status} in {outcome.seconds:.1f} s", flush=True)
        if outcome.status == "failed":
            _report(outcome, dict(tasks)[outcome.seed], arguments.keep)
    counts = Counter(outcome.status for outcome in outcomes)
    refused = Counter(_reason(o.message) for o in outcomes if o.status == "refused")
    for message, count in refused.most_common():
        print(f"refused {count} times: {message}")
    failed = [o.seed for o in outcomes if o.status == "failed"]
    print(f"{len(outcomes)} models: {counts['passed']} passed, {counts['refused']} refused, {len(failed)} failed")
    if failed:
        print("again: python -m tests.fuzz --seeds " + " ".join(map(str, failed)))
    too_many = counts["refused"] > max(1, REFUSED_SHARE * len(outcomes))
    if too_many:
        print(f"more than {100 * REFUSED_SHARE:.0f} % are refused")
    return int(bool(failed) or too_many)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=500, help="how many models")
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--seeds", type=int, nargs="*", help="these seeds instead")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--verilator-every", type=int, default=5, metavar="N", help="each Nth model; 0: none")
    parser.add_argument("--no-hardware", action="store_true", help="check the reference only")
    parser.add_argument("--verbose", action="store_true", help="a line for each model")
    parser.add_argument("--keep", type=Path, default=Path("BUILD/fuzz"), help="folder for models that fail")
    return parser.parse_args()


def _effort(arguments: argparse.Namespace, seed: int) -> Effort:
    every = arguments.verilator_every
    return Effort(not arguments.no_hardware, bool(every) and seed % every == 0 and not arguments.no_hardware)


def _outcomes(tasks: list[tuple[int, Effort]], jobs: int) -> Iterator[Outcome]:
    if jobs == 1:
        yield from (check_seed(*task) for task in tasks)
        return
    with ProcessPoolExecutor(jobs) as pool:
        for future in as_completed([pool.submit(check_seed, *task) for task in tasks]):
            yield future.result()


def _progress(outcomes: Iterable[Outcome], total: int) -> Iterator[Outcome]:
    """Tell on a terminal how far it is."""
    terminal = sys.stderr.isatty()
    for number, outcome in enumerate(outcomes, 1):
        if terminal:
            print(f"\r{number}/{total}", end="", file=sys.stderr, flush=True)
        yield outcome
    if terminal:
        print(file=sys.stderr)


def _report(outcome: Outcome, effort: Effort, folder: Path) -> None:
    """Say what failed, and leave the model and its smallest part that fails."""
    folder.mkdir(parents=True, exist_ok=True)
    model = folder / f"seed{outcome.seed}.onnx"
    onnx.save(make_case(outcome.seed).model, model)
    print(f"seed {outcome.seed}, {model}: {outcome.check}: {outcome.message}", flush=True)
    if outcome.detail:
        (folder / f"seed{outcome.seed}.txt").write_text(outcome.detail)
    found = smallest(outcome.seed, effort)
    if found is not None:
        part = folder / f"seed{outcome.seed}-part.onnx"
        onnx.save(found[0], part)
        print(f"  {len(found[0].graph.node)} nodes of it, {part}: {found[1].check}: {found[1].message}", flush=True)


def _reason(message: str) -> str:
    """A message without the names of what it is about."""
    return message.split(": ", 1)[-1]


if __name__ == "__main__":
    sys.exit(main())
