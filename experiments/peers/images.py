"""Write what every program trains on, is tuned on and is scored on: standardised images and their masks as arrays.

    python experiments/peers/images.py outputs/peers [SETTINGS of train]

With those settings `python -m hrtem_lab.evaluate` scores masks of the test images.
"""

import sys
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import numpy as np
from hydra import compose, initialize_config_dir

from hrtem_lab.cli.build import build
from hrtem_lab.cli.progress import track
from hrtem_lab.micrograph import LabelledMicrograph
from hrtem_lab.paths import CONF
from hrtem_lab.segmentation.data import TrainingData
from hrtem_lab.segmentation.module import Batch

IMAGES = 1024


def main(folder: Path, overrides: Sequence[str], images: int = IMAGES) -> None:
    """Write `train.npz`, `validation.npz` and `test.npz`."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        data: TrainingData = build(compose("train", overrides=list(overrides)).data)
    data.simulate()
    folder.mkdir(parents=True, exist_ok=True)
    batches = islice(data.train_dataloader().dataset, images)
    _write(folder / "train.npz", list(track(batches, "Drawing images", images)))
    _write(folder / "validation.npz", list(data.validation_samples))
    tests = data.micrographs("test")
    np.savez(folder / "test.npz", **{micrograph.name: data.preprocessing(micrograph) for micrograph in tests})
    np.savez(folder / "test_shapes.npz", **{micrograph.name: _shape(micrograph) for micrograph in tests})


def _write(path: Path, samples: Sequence[Batch]) -> None:
    """Write `images`, (n, rows, columns) float32, and `masks`, the same shape, 0 or 1."""
    images = np.stack([sample["image"][0].numpy() for sample in samples])
    masks = np.stack([sample["mask"][0].numpy() > 0.5 for sample in samples])
    np.savez(path, images=images, masks=masks.astype(np.uint8))


def _shape(micrograph: LabelledMicrograph) -> np.ndarray:
    """Rows and columns of a micrograph, which its mask has to have."""
    return np.array(micrograph.image.shape)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
