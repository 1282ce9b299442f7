"""Seconds until the quickstart's network and AtomAI's Segmentor reach a validation Dice, by turns on the same images.

Run it with: python benchmarks/time_to_dice.py outputs/peers PEERS_PYTHON [TARGET] [SEEDS]

`experiments/peers` says how the images are made and what PEERS_PYTHON has to have. The time that validation takes is
not counted. Ours has its threshold at 0.5, AtomAI's the best one on the validation images.
"""

import csv
import statistics
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from report import machine

PEERS = Path(__file__).resolve().parents[1] / "experiments" / "peers"
STEPS = {"ours": 256, "atomai_segmentor": 1000}
QUANTITIES = ("steps", "seconds", "processor_seconds")


def reach(python: str, script: str, folder: str, seed: int, target: float) -> dict[str, float]:
    """Train until the target; `nan` for a training that ends below it."""
    settings = ["--seed", str(seed), "--steps", str(STEPS[script]), "--every", "8", "--target", str(target)]
    call = [python, str(PEERS / f"{script}.py"), folder, *settings]
    done = subprocess.run(call, stdout=subprocess.PIPE, text=True, check=True)
    return first_above(csv.DictReader(done.stdout.splitlines()), target)


def first_above(curve: Iterable[dict[str, str]], target: float) -> dict[str, float]:
    """Steps and seconds of the first line of a curve whose Dice is at least the target; `nan` without one."""
    line = next((line for line in curve if float(line["dice"]) >= target), {})
    return {name: float(line.get(name, "nan")) for name in QUANTITIES}


def main(folder: str, peers_python: str, target: float = 0.925, seeds: int = 3) -> None:
    """Train by turns, and print medians over the seeds."""
    pythons = {"ours": sys.executable, "atomai_segmentor": peers_python}
    found: dict[str, list[dict[str, float]]] = {script: [] for script in pythons}
    for seed in range(1, seeds + 1):
        for script, python in pythons.items():
            found[script].append(reach(python, script, folder, seed, target))
            print(script, seed, found[script][-1], flush=True)
    print(f"\nto a validation Dice of {target}, median of {seeds}: {', '.join(QUANTITIES)}")
    for script, runs in found.items():
        print(f"{script:18}", *(f"{statistics.median(run[name] for run in runs):10.4g}" for name in QUANTITIES))
    print(f"\n{machine()}")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *map(float, sys.argv[3:4]), *map(int, sys.argv[4:5]))
