"""Start-up: `predict` on one tile of 132 x 132 pixels, and `predict --help`.

Run it with: python benchmarks/startup.py
"""

import tempfile
from pathlib import Path

import numpy as np
import tifffile
from report import processor_seconds, report, run_python, seconds


def write_tile(folder: Path) -> Path:
    """Draw one particle with fringes."""
    row, column = np.mgrid[:132, :132] * 0.05 - 3.3
    disc = np.hypot(row, column) < 2
    image = np.random.default_rng(0).normal(100, 5, (132, 132)) + disc * (20 * np.cos(2 * np.pi * row / 0.2355) - 30)
    tifffile.imwrite(folder / "tile.tif", image.astype(np.float32))
    return folder / "tile.tif"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        tile = write_tile(Path(scratch))

        def predict() -> None:
            with tempfile.TemporaryDirectory(dir=scratch) as output:  # else it would find that the file is done
                run_python("-m", "hrtem_lab.predict", f"input={tile}", f"output={output}/out", "pixel_size_nm=0.05")

        predict()  # fills the disk's cache, and converts the network where that was not done before
        report(
            {
                "predict, s": lambda: seconds(predict),
                "predict, s of processor": lambda: processor_seconds(predict),
                "--help, s": lambda: seconds(lambda: run_python("-m", "hrtem_lab.predict", "--help")),
            },
            __doc__,
        )
