"""Run benchmarks with this checkout and with an older commit by turns, and print how many times as fast this one is.

Run it with: python benchmarks/run.py startup describing --against d1c9d79
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from report import machine

HERE = Path(__file__).resolve().parents[1]


@contextmanager
def checkout(commit: str) -> Iterator[Path]:
    """A folder with the files of a commit."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "older"
        subprocess.run(["git", "-C", HERE, "worktree", "add", "--quiet", "--detach", folder, commit], check=True)
        try:
            yield folder
        finally:
            subprocess.run(["git", "-C", HERE, "worktree", "remove", "--force", folder], check=True)


def measure(benchmark: str, package: Path) -> dict[str, float]:
    """Run a benchmark of this checkout once, with the package of another."""
    environment = os.environ | {"PYTHONPATH": str(package)}
    call = [sys.executable, HERE / "benchmarks" / f"{benchmark}.py", "--json", "--repeats", "1"]
    done = subprocess.run(call, env=environment, cwd=package, check=True, stdout=subprocess.PIPE, text=True)
    values: dict[str, list[float]] = json.loads(done.stdout.splitlines()[-1])
    return {name: value for name, (value,) in values.items()}


def compare(benchmarks: list[str], commit: str, repeats: int) -> None:
    """Print a line per measurement: this checkout, the commit, and their ratio."""
    print(f"{'':34}  {'here':>9}  {commit[:9]:>9}  {'ratio':>6}")
    with checkout(commit) as older:
        for benchmark in benchmarks:
            turns = [(measure(benchmark, HERE), measure(benchmark, older)) for _ in range(repeats)]
            for name in turns[0][0]:
                here, there = (statistics.median(turn[i][name] for turn in turns) for i in (0, 1))
                ratio = statistics.median(there[name] / here[name] for here, there in turns)
                print(f"{f'{benchmark}: {name}':34}  {here:9.4g}  {there:9.4g}  {ratio:6.2f}", flush=True)
    print(f"\nmedians of {repeats} turns; {machine()}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("benchmarks", nargs="+", help="files of this folder, without suffix")
    parser.add_argument("--against", required=True, metavar="COMMIT")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    compare(arguments.benchmarks, arguments.against, arguments.repeats)
