"""What damaged files do to the reader: real files are cut, flipped, zeroed and appended to, and read 10,000 times.

Run it with: python benchmarks/fuzz.py FOLDER [NUMBER] [SEED]

FOLDER holds undamaged files of the formats that are read; twelve of them, of as many formats as there are, take turns.
Counts are printed by format: files that were read all the same, that were refused in one line, that took longer than
the limit, and that killed the reading process. Neither of the last two may reach the command: `escaped` counts errors
that no message for users explains, and has to be 0.
"""

from __future__ import annotations

import collections
import itertools
import re
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import psutil

from hrtem_lab.cli.progress import track
from hrtem_lab.files import SUFFIXES, read
from hrtem_lab.files.reader_pool import ReaderPool
from hrtem_lab.micrograph import InputError

TIME_LIMIT_S = 5.0
NAMES_NOTHING = re.compile(r"'NoneType'|object (is not|has no)|^\W*\d+\W*$|b'|\(\d+\)|\\x|Traceback")
"""Reasons that are a bare number, bytes, or an internal message."""


def choose(folder: Path, number: int = 12) -> list[Path]:
    """Twelve files, as many formats as there are first."""
    by_suffix = collections.defaultdict(list)
    for file in sorted(folder.rglob("*")):
        if file.suffix.lower() in SUFFIXES and not file.stem.endswith("_label"):
            by_suffix[file.suffix.lower()].append(file)
    turns = itertools.chain.from_iterable(itertools.zip_longest(*by_suffix.values()))
    return list(itertools.islice(filter(None, turns), number))


def damage(content: bytes, rng: np.random.Generator) -> tuple[str, bytes]:
    """One of four kinds of damage, and the damaged content."""
    data = np.frombuffer(content, np.uint8).copy()
    kind = str(rng.choice(["cut", "flip", "zero", "append"]))
    # headers are short, and damage there does most
    reach = len(data) if rng.random() < 0.5 else min(len(data), 4096)
    if kind == "cut":
        return kind, data[: rng.integers(0, reach)].tobytes()
    if kind == "flip":
        places = rng.integers(0, reach, rng.integers(1, 33))
        data[places] ^= np.uint8(1) << rng.integers(0, 8, len(places)).astype(np.uint8)
        return kind, data.tobytes()
    if kind == "zero":
        start = rng.integers(0, reach)
        data[start : start + rng.integers(1, 4097)] = 0
        return kind, data.tobytes()
    return kind, content + rng.integers(0, 256, rng.integers(1, 4097), dtype=np.uint8).tobytes()


def main(folder: Path, number: int = 10_000, seed: int = 0) -> None:
    files = choose(folder)
    contents = [file.read_bytes() for file in files]
    counts: dict[str, collections.Counter[str]] = {file.name: collections.Counter() for file in files}
    unclear: list[str] = []
    own, peak, started = psutil.Process(), 0, time.perf_counter()
    with tempfile.TemporaryDirectory() as scratch, ReaderPool(TIME_LIMIT_S) as pool:
        for index in track(range(number), "Reading damaged files"):
            rng = np.random.default_rng([seed, index])
            file, content = files[index % len(files)], contents[index % len(files)]
            _, damaged = damage(content, rng)
            path = Path(scratch) / file.name
            path.write_bytes(damaged)
            try:
                pool.call(read, path, path, pixel_size_nm=0.02)
                outcome = "read"
            except InputError as error:
                text = str(error)
                outcome = "too slow" if "within" in text else "crashed" if "crashed" in text else "refused"
                if NAMES_NOTHING.search(text) or "\n" in text:
                    unclear.append(text)
            except Exception as error:
                outcome = "escaped"
                unclear.append(f"{type(error).__name__}: {error}")
            counts[file.name][outcome] += 1
            if index % 50 == 0:
                peak = max(peak, own.memory_info().rss)
    outcomes = ["read", "refused", "too slow", "crashed", "escaped"]
    table = pd.DataFrame(counts).T.reindex(columns=outcomes).fillna(0).astype(int)
    print(pd.concat([table, table.sum().to_frame("all").T]).to_string())
    minutes = (time.perf_counter() - started) / 60
    print(f"{number} files in {minutes:.1f} min; peak memory of the command {peak / 2**20:.0f} MiB")
    print(f"{len(set(unclear))} different reasons that name nothing:")
    for text, times in collections.Counter(unclear).most_common(20):
        print(f"  {times:5d}  {text}")


if __name__ == "__main__":
    arguments = sys.argv[1:]
    main(Path(arguments[0]), *map(int, arguments[1:]))
