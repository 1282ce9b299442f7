"""What damaged files do to the reader: real files are cut, flipped, zeroed and appended to, and read 10,000 times.

Run it with: python benchmarks/fuzz.py FOLDER [NUMBER] [SEED]

FOLDER holds undamaged files of the formats that are read: twelve micrographs, of as many formats as there are, take
turns with a label (`<name>_label.png`, ...) of each format and a table (`.csv`). Counts are printed by file: those that
were read all the same, that were refused in one line, that took longer than the limit, and that killed the reading
process. Neither of the last two may reach the command: `escaped` counts errors that no message for users explains, and
has to be 0. Ctrl-C prints what was counted so far.
"""

from __future__ import annotations

import collections
import contextlib
import itertools
import re
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
from PIL import Image

from hrtem_lab.cli.progress import track
from hrtem_lab.files import SUFFIXES, read, read_calibration, read_label
from hrtem_lab.files.reader_pool import ReaderPool
from hrtem_lab.micrograph import InputError

TIME_LIMIT_S = 20.0
NAMES_NOTHING = re.compile(r"'NoneType'|object (is not|has no)|^\W*\d+\W*$|b'|\(\d+\)|\\x|Traceback")
"""Reasons that are a bare number, bytes, or an internal message."""


def choose(folder: Path, number: int = 12) -> list[Path]:
    """Twelve micrographs, as many formats as there are first, then a label of each format and a table."""
    images, others = collections.defaultdict(list), {}
    for file in sorted(folder.rglob("*")):
        kind = ("label " if is_label(file) else "") + file.suffix.lower()
        if kind in SUFFIXES:
            images[kind].append(file)
        elif is_label(file) or kind == ".csv":
            others.setdefault(kind, file)
    turns = itertools.chain.from_iterable(itertools.zip_longest(*images.values()))
    return [*itertools.islice(filter(None, turns), number), *others.values()]


def is_label(file: Path) -> bool:
    return file.stem.endswith("_label")


def prepare(file: Path, pool: ReaderPool) -> Callable[[Path], object]:
    """What reads a damaged copy of a file."""
    if is_label(file):
        with Image.open(file) as picture:
            shape = (picture.height, picture.width)
        return lambda path: pool.call(read_label, path, path, shape)
    if file.suffix.lower() == ".csv":
        return lambda path: pool.call(read_calibration, path, path)
    return lambda path: pool.call(read, path, path, pixel_size_nm=0.02)


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


def read_damaged(read_file: Callable[[Path], object], path: Path) -> tuple[str, str]:
    """The outcome for a damaged file, and the reason where it names nothing to a reader of files."""
    try:
        read_file(path)
    except InputError as error:
        text = str(error)
        outcome = "too slow" if "within" in text else "crashed" if "crashed" in text else "refused"
        return outcome, text if NAMES_NOTHING.search(text) or "\n" in text else ""
    except Exception as error:
        return "escaped", f"{type(error).__name__}: {error}"
    return "read", ""


def main(folder: Path, number: int = 10_000, seed: int = 0) -> None:
    files = choose(folder)
    contents = [file.read_bytes() for file in files]
    counts: dict[str, collections.Counter[str]] = {file.name: collections.Counter() for file in files}
    unclear: collections.Counter[str] = collections.Counter()
    own, peak, started = psutil.Process(), 0, time.perf_counter()
    with (
        tempfile.TemporaryDirectory() as scratch,
        ReaderPool(TIME_LIMIT_S) as pool,
        contextlib.suppress(KeyboardInterrupt),
    ):
        readers = [prepare(file, pool) for file in files]
        for index in track(range(number), "Reading damaged files"):
            which = index % len(files)
            path = Path(scratch) / files[which].name
            path.write_bytes(damage(contents[which], np.random.default_rng([seed, index]))[1])
            outcome, reason = read_damaged(readers[which], path)
            counts[files[which].name][outcome] += 1
            unclear.update([reason] if reason else [])
            if index % 50 == 0:
                peak = max(peak, own.memory_info().rss)
    outcomes = ["read", "refused", "too slow", "crashed", "escaped"]
    table = pd.DataFrame(counts).T.reindex(columns=outcomes).fillna(0).astype(int)
    print(pd.concat([table, table.sum().to_frame("all").T]).to_string())
    minutes = (time.perf_counter() - started) / 60
    print(f"{table.to_numpy().sum()} files in {minutes:.1f} min; peak memory of the command {peak / 2**20:.0f} MiB")
    print(f"{len(unclear)} different reasons that name nothing:")
    for text, times in unclear.most_common(20):
        print(f"  {times:5d}  {text}")


if __name__ == "__main__":
    arguments = sys.argv[1:]
    main(Path(arguments[0]), *map(int, arguments[1:]))
