"""Scores the paper's network and classical methods: on the published gold where it is there, else on simulation.

    python experiments/groschner2021/segmentation.py data/groschner2021 [KEY=VALUE ...]

The folder is where `python -m hrtem_lab.fetch set=groschner2021` puts the files; settings are those of `evaluate`.
"""

import subprocess
import sys
from pathlib import Path

import h5py

GOLD_IMAGES, GOLD_PIXEL_NM = 216, 0.02152
"""Number of images in the published stack of gold, by which its file is known, and their pixel size."""


def find_gold(folder: Path) -> Path | None:
    """The file of the published stack of gold; None where there is none."""
    for path in sorted(folder.glob("*.h5")):
        with h5py.File(path) as file:
            if "images" in file and "maps" in file and len(file["images"]) == GOLD_IMAGES:
                return path
    return None


def overrides(gold: Path | None) -> list[str]:
    """Settings of `evaluate` for the published stack, split as the paper has split it; none for simulation."""
    if gold is None:
        return []
    data = ["data=groschner2021", f"data.root={gold}", f"data.pixel_size_nm={GOLD_PIXEL_NM}", "data.share=1"]
    return [*data, "data/splitter=groschner2021"]


def main(arguments: list[str]) -> int:
    """Say which data are used, and run `evaluate` on them."""
    gold = find_gold(Path(arguments[0]))
    print(
        f"Data: {gold or 'simulated micrographs, since no published stack of gold is in ' + arguments[0]}", flush=True
    )
    call = [sys.executable, "-m", "hrtem_lab.evaluate", "+experiment=groschner2021", *overrides(gold), *arguments[1:]]
    return subprocess.run(call, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
