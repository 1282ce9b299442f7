"""Time and largest memory of `predict` on whole micrographs, with a ResNet-18 U-Net of random weights and no forest.

Run it with: python benchmarks/prediction.py
"""

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import segmentation_models_pytorch as smp
import tifffile
import torch

from hrtem_lab.segmentation.network_segmenter import NetworkSegmenter
from hrtem_lab.segmentation.preprocessing import Preprocessing

PIXEL_NM = 0.02


def save_model(folder: Path) -> None:
    torch.manual_seed(0)
    net = smp.Unet(
        "tu-resnet18",
        encoder_depth=4,
        decoder_channels=(128, 64, 32, 16),
        encoder_weights=None,
        in_channels=1,
        classes=2,
    )
    NetworkSegmenter(net=net, preprocessing=Preprocessing(), threshold=0.5).save(folder)


def micrograph(size: int) -> np.ndarray:
    """Noise, darker in discs of 6 nm, 9 nm apart."""
    row, column = np.meshgrid(*2 * [np.arange(size, dtype=np.float32) * PIXEL_NM % 9 - 4.5], indexing="ij")
    noise = np.random.default_rng(0).normal(1000, 30, (size, size)).astype(np.float32)
    return noise - 60 * (np.hypot(row, column) < 3)


def predict(folder: Path, size: int) -> dict[str, float]:
    """Seconds and peak resident memory of the command; children's memory only grows, so call with rising sizes."""
    tifffile.imwrite(folder / f"{size}.tif", micrograph(size))
    words = [f"input={folder / f'{size}.tif'}", f"output={folder / 'out'}", f"model={folder / 'model'}"]
    started = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "hrtem_lab.predict", *words, f"pixel_size_nm={PIXEL_NM}"],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return {
        "pixels": f"{size} x {size}",
        "s": time.perf_counter() - started,
        "peak GiB": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20,
        "particles": len(pd.read_csv(folder / "out" / "particles.csv")),
    }


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        save_model(Path(name) / "model")
        rows = [predict(Path(name), size) for size in (512, 2048, 4096)]
    print(pd.DataFrame(rows).round(2).to_string(index=False))
