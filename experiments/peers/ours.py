"""Train the quickstart's network on the arrays, with its loss, optimizer and schedule, in batches of eight.

    python experiments/peers/ours.py outputs/peers --steps 256 --masks outputs/peers/ours > ours.csv

The threshold is 0.5 throughout. The schedule is made for the number of steps.
"""

import logging
import warnings
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from arrays import Curve, arguments, load, write_masks
from hydra import compose, initialize_config_dir
from scipy.special import expit
from torch.utils.data import DataLoader

from hrtem_lab.cli.build import build
from hrtem_lab.paths import CONF
from hrtem_lab.segmentation.datasets import augment_sample
from hrtem_lab.segmentation.device import resolve_precision, run_network
from hrtem_lab.segmentation.module import Batch, SegmentationModule

BATCH, THRESHOLD = 8, 0.5


class Drawn(torch.utils.data.Dataset[Batch]):
    """Images of the arrays in random order, each turned and mirrored at random as in training."""

    def __init__(self, images: np.ndarray, masks: np.ndarray, augmentation: Any, count: int, seed: int) -> None:
        self.images, self.masks, self.augmentation, self.count, self.seed = images, masks, augmentation, count, seed

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, number: int) -> Batch:
        rng = np.random.default_rng([self.seed, number])
        chosen = rng.integers(len(self.images))
        mask = self.masks[chosen, ..., None].astype(np.float32)
        return augment_sample(self.images[chosen], mask, self.augmentation, rng)


class Validation(pl.Callback):
    """Notes the curve every few steps, and ends at the target."""

    def __init__(self, curve: Curve, every: int, target: float) -> None:
        self.curve, self.every, self.target = curve, every, target

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any) -> None:
        """Validate where it is time."""
        if trainer.global_step % self.every == 0 and self.curve.note(trainer.global_step) >= self.target:
            trainer.should_stop = True
        pl_module.train()


def main() -> None:
    """Train, validate every few steps, and write masks."""
    given = arguments(__doc__)
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="pytorch_lightning")
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("train", overrides=["+experiment=quickstart", f"seed={given.seed}"])
    torch.manual_seed(given.seed)
    module: SegmentationModule = build(config.model)
    module.net.to(memory_format=torch.channels_last)
    images, masks = load(given.folder, "train")
    data = Drawn(images, masks, build(config.data.augmentation), given.steps * BATCH, given.seed)

    def predict(stack: np.ndarray) -> np.ndarray:
        logits = [run_network(module.net, image[None, None]) for image in stack]
        return expit(np.concatenate(logits)[:, 0])

    curve = Curve(given.folder, predict, THRESHOLD)
    trainer = pl.Trainer(
        max_epochs=1,
        precision=resolve_precision("auto"),
        gradient_clip_val=1.0,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[Validation(curve, given.every, given.target)],
    )
    trainer.fit(module, DataLoader(data, batch_size=BATCH))
    if given.masks:
        write_masks(given.masks, given.folder, predict, THRESHOLD)


if __name__ == "__main__":
    main()
