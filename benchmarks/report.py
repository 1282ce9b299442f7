"""What all benchmarks share: repeats by turns, medians, and the machine and the versions they hold for."""

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version

LIBRARIES = ("numpy", "scipy", "torch", "openvino", "onnxruntime", "scikit-learn", "atomai")


def report(measurements: dict[str, Callable[[], float]], title: str | None) -> None:
    """Measure everything in turns and print the median, the least and the largest value of each.

    With `--json` the values are printed as JSON, for `run.py`.
    """
    parser = argparse.ArgumentParser(description=title)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    values: dict[str, list[float]] = {name: [] for name in measurements}
    for _ in range(arguments.repeats):
        for name, measure in measurements.items():
            values[name].append(measure())
    if arguments.json:
        print(json.dumps(values))
        return
    width = max(map(len, values))
    print(f"{'':{width}}  {'median':>10}  {'least':>10}  {'largest':>10}")
    for name, found in values.items():
        print(f"{name:{width}}  {statistics.median(found):10.4g}  {min(found):10.4g}  {max(found):10.4g}")
    print(f"\n{arguments.repeats} repeats by turns; {machine()}")


def machine() -> str:
    """Processor, its vector instructions as limited by the environment, cores, load and versions."""
    limits = [f"{name}={os.environ[name]}" for name in ("ONEDNN_MAX_CPU_ISA", "OMP_NUM_THREADS") if name in os.environ]
    load = f"load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    processor = " ".join(filter(None, [platform.machine(), f"{os.cpu_count()} cores", load, *limits]))
    return f"{processor}; Python {platform.python_version()}, " + ", ".join(filter(None, map(_release, LIBRARIES)))


def _release(library: str) -> str:
    try:
        return f"{library} {version(library)}"
    except PackageNotFoundError:
        return ""


def processor_seconds(work: Callable[[], object]) -> float:
    """Seconds of processor time that work takes in this process and its children, whatever else the machine does."""
    started = _used()
    work()
    return _used() - started


def seconds(work: Callable[[], object]) -> float:
    """Seconds until work is done."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def run_python(*arguments: str) -> None:
    """Run Python with these arguments, and fail where it fails."""
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)


def _used() -> float:
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)
