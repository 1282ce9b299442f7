"""Draw statistics.png: two simulated populations of gold, segmented, described and compared by the commands.

    python docs/statistics.py FOLDER

The micrographs and the results are written to FOLDER. About two minutes on two cores.
"""

import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

POPULATIONS = {"small": ("[2.0,5.0]", 31), "large": ("[3.0,6.0]", 32)}
FIGURES = ("sizes", "faults", "comparison")
HEIGHT_PX = 480


def main(folder: Path) -> None:
    """Simulate, predict, compare, and put three of the figures side by side."""
    for name, (diameter_nm, seed) in POPULATIONS.items():
        simulated = folder / "simulated" / name
        specimen = (f"specimen.diameter_nm={diameter_nm}", "specimen.empty=0")
        run("simulate", f"output={simulated}", "n=24", f"seed={seed}", *specimen, "export=folder")
        run("predict", f"input={simulated / 'images'}", f"output={folder / name}")
    run("statistics", f"input={folder / 'small'}", f"against={folder / 'large'}", f"output={folder / 'stats'}")
    figures = [Image.open(folder / "stats" / "figures" / f"{name}.png").convert("RGB") for name in FIGURES]
    row = [np.asarray(each.resize((round(each.width * HEIGHT_PX / each.height), HEIGHT_PX))) for each in figures]
    Image.fromarray(np.concatenate(row, axis=1)).save(Path(__file__).with_suffix(".png"))


def run(command: str, *settings: str) -> None:
    """Run a command of the package as a user does."""
    subprocess.run([sys.executable, "-m", f"hrtem_lab.{command}", *settings], check=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
