"""Analyses that do what damaged files and faults of ours could make a real one do."""

import json
import os
import time
from pathlib import Path

import hrtem_lab.particles  # noqa: F401 - before the clock of the first call starts
from hrtem_lab.micrograph import InputError
from hrtem_lab.progress import ProgressCallback
from hrtem_lab.service.task import RESULT, AnalysisSettings, Upload


def analyse(settings: AnalysisSettings, upload: Upload, folder: Path, progress: ProgressCallback) -> None:
    """Hang, die, fail or answer with the size of the file, as its name says."""
    kind = upload.name.partition(".")[0]
    progress(1, 2)
    if kind == "hangs":
        time.sleep(1000)
    if kind == "slow":
        time.sleep(1)
    if kind == "dies":
        os._exit(7)
    if kind == "torn":
        raise InputError(f"{upload.name}: is torn")
    if kind == "faulty":
        raise ZeroDivisionError("by zero")
    result = {"name": upload.name, "bytes": upload.path.stat().st_size, "micrographs": [], "process": os.getpid()}
    (folder / RESULT).write_text(json.dumps(result))
