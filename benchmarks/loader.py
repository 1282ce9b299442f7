"""Training samples beside the network that learns from them: processor time per sample, and how many times as fast.

Three drawn micrographs of 2048 x 2048 pixels with their labels, four specimens, and the network and crops of the
quickstart, in single precision: no bfloat16. Standardising a micrograph, which is done once, is no part of a sample.

Run it with: OMP_NUM_THREADS=1 python benchmarks/loader.py
"""

import statistics
import tempfile
from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path

import numpy as np
import torch
from hydra import compose, initialize_config_dir
from PIL import Image
from report import machine, processor_seconds
from torch.utils.data import Dataset

from hrtem_lab.cli.build import build
from hrtem_lab.paths import CONF
from hrtem_lab.segmentation.labelled import LabelledData
from hrtem_lab.segmentation.module import SegmentationModule

SIDE, PIXEL_NM = 2048, 0.02
SAMPLES, REPEATS = 32, 5


def write_set(folder: Path) -> None:
    """Draw micrographs of dark discs and their labels."""
    row, column = np.mgrid[:SIDE, :SIDE]
    for number in range(3):
        rng = np.random.default_rng(number)
        centres, radii = rng.uniform(0, SIDE, (30, 2)), rng.uniform(60, 150, 30)
        mask = np.zeros((SIDE, SIDE), dtype=bool)
        for (r, c), radius in zip(centres, radii, strict=True):
            mask |= np.hypot(row - r, column - c) < radius
        image = rng.poisson(100 - 40 * mask)
        Image.fromarray(image.astype(np.uint8)).save(folder / f"m{number}.png")
        Image.fromarray(mask.astype(np.uint8) * 255).save(folder / f"m{number}_label.png")


def draw(dataset: Dataset, numbers: count) -> None:
    """Make the next samples."""
    for _ in range(SAMPLES):
        dataset[next(numbers)]


def learn(module: SegmentationModule, batch: dict[str, torch.Tensor]) -> None:
    """Compute loss and gradients of a batch in single precision."""
    logits = module(batch["image"])
    module.loss(logits, batch["mask"][:, : logits.shape[1]]).backward()


def work(folder: Path) -> dict[str, tuple[Callable[[], None], int]]:
    """What is measured, and for how many samples."""
    (folder / "set").mkdir()
    write_set(folder / "set")
    words = ["+experiment=quickstart", "data=labelled", f"data.root={folder / 'set'}", f"data.pixel_size_nm={PIXEL_NM}"]
    words += [f"data.cache={folder / 'cache'}", f"data.library.root={folder / 'waves'}", "data.library.count=4"]
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("train", overrides=[*words, "data.validation=1", "data.test=1"])
    data: LabelledData = build(config.data)
    data.simulate()
    mixed = data.dataset("train")
    datasets = {"labelled": mixed.first, "simulated": mixed.second, "half of each": mixed}
    samples = [mixed[number] for number in range(8)]
    batch = {key: torch.stack([sample[key] for sample in samples]) for key in ("image", "mask")}
    batch["image"] = batch["image"].contiguous(memory_format=torch.channels_last)
    module: SegmentationModule = build(config.model)
    module.net.to(memory_format=torch.channels_last)
    drawn = {name: (partial(draw, dataset, count()), SAMPLES) for name, dataset in datasets.items()}
    return drawn | {"network": (partial(learn, module, batch), len(samples))}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        measured = work(Path(scratch))
        values: dict[str, list[float]] = {name: [] for name in measured}
        for repeat in range(REPEATS + 1):
            for name, (call, samples) in measured.items():
                took = processor_seconds(call) / samples
                values[name] += [took] if repeat else []  # the first fills caches
    medians = {name: statistics.median(found) for name, found in values.items()}
    print(f"{'':14}  {'ms a sample':>11}  {'times as fast as the network':>28}")
    for name, value in medians.items():
        print(f"{name:14}  {1000 * value:11.3g}  {medians['network'] / value:28.3g}")
    print(f"\nmedians of {REPEATS} repeats by turns; {machine()}")
