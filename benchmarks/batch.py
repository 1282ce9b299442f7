"""Files per minute and memory over time of `predict` on many small files, on this machine and over Dask, killed once.

Each way is run twice: the first run is killed in the middle (this machine: the command; Dask: a worker, and then the
command), the second does the rest. At the end every file has to be answered exactly once.

Run it with: python benchmarks/batch.py [NUMBER OF FILES] [here|dask]
"""

import contextlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import tifffile
from distributed import LocalCluster

SIZE, PIXEL_NM, DIAMETER_NM = 64, 0.05, 2.0
KILL_AFTER = 0.4
"""Share of the files after which a run is killed."""


def write_files(folder: Path, number: int) -> None:
    """Noise, each with one dark disc of 2 nm; one file in a hundred is damaged."""
    row, column = np.mgrid[:SIZE, :SIZE] - SIZE / 2
    disc = 200 * (np.hypot(row, column) < DIAMETER_NM / 2 / PIXEL_NM)
    for seed in range(number):
        path = folder / f"m{seed:05d}.tif"
        image = np.random.default_rng(seed).normal(1000, 30, (SIZE, SIZE)) - disc
        tifffile.imwrite(path, image.astype(np.float32))
        if seed % 100 == 99:
            path.write_bytes(path.read_bytes()[:1000])


def memory_gib() -> float:
    """Memory of all processes that were started here, each page counted once."""
    total = 0
    for each in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            total += each.memory_full_info().pss
    return total / 2**30


def watch(words: list[str], output: Path, until: int | None) -> Iterator[tuple[float, int, float]]:
    """Run `predict`; yields seconds, files done and memory; kills it when so many files are done."""
    started = time.perf_counter()
    process = psutil.Popen([sys.executable, "-m", "hrtem_lab.predict", *words], stdout=subprocess.DEVNULL)
    while process.poll() is None:
        done = len(list(output.glob("records/*.json")))
        yield time.perf_counter() - started, done, memory_gib()
        if until is not None and done >= until:
            process.kill()
            process.wait()
            return
        time.sleep(5)


def run(way: str, folder: Path, number: int, output: Path, cluster: LocalCluster | None) -> pd.DataFrame:
    """Run twice, killed the first time; gives memory and files over time."""
    words = [f"input={folder}", f"output={output}", f"pixel_size_nm={PIXEL_NM}"]
    victims, rows = [], []
    if cluster is not None:
        words.append(f"cluster={cluster.scheduler_address}")
        victims = [cluster.workers[0].process.pid]
    for call, until in enumerate((int(number * KILL_AFTER), None), start=1):
        for seconds, done, memory in watch(words, output, until):
            rows.append({"way": way, "call": call, "s": seconds, "files": done, "GiB": memory})
            if victims and done > number * KILL_AFTER / 2:
                psutil.Process(victims.pop()).kill()
    return pd.DataFrame(rows)


def check(output: Path, number: int) -> str:
    """Say whether every file was answered exactly once."""
    rows = [row["micrograph"] for row in json.loads((output / "summary.json").read_text())["per_micrograph"]]
    failed = len(pd.read_csv(output / "failures.csv"))
    once = len(rows) == len(set(rows)) and len(rows) + failed == number and failed == number // 100
    return f"{len(rows)} answered, {failed} failed, {'each once' if once else 'NOT EACH ONCE'}"


def summarise(table: pd.DataFrame, outcome: str) -> dict[str, object]:
    """Files per minute between the first and the last file of the second call, and memory early and late."""
    second = table[(table["call"] == 2) & (table["files"] > table.loc[table["call"] == 2, "files"].min())]
    rate = 60 * (second["files"].iloc[-1] - second["files"].iloc[0]) / (second["s"].iloc[-1] - second["s"].iloc[0])
    quarter = max(len(second) // 4, 1)
    return {
        "way": table["way"].iloc[0],
        "files/min": round(rate),
        "GiB, first quarter": round(second["GiB"].iloc[:quarter].median(), 2),
        "GiB, last quarter": round(second["GiB"].iloc[-quarter:].median(), 2),
        "GiB, most": round(table["GiB"].max(), 2),
        "outcome": outcome,
    }


def main(number: int, ways: list[str]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder, output = Path(name) / "in", {way: Path(name) / way for way in ways}
        folder.mkdir()
        write_files(folder, number)
        for way in ways:
            with contextlib.ExitStack() as stack:
                cluster = None
                if way == "dask":
                    quiet = {"dashboard_address": None, "silence_logs": 50}
                    cluster = stack.enter_context(LocalCluster(n_workers=2, threads_per_worker=1, **quiet))
                table = run(way, folder, number, output[way], cluster)
            row = summarise(table, check(output[way], number))
            print(pd.DataFrame([row]).to_string(index=False), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000, sys.argv[2:] or ["here", "dask"])
