"""What a training shows while it runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import mlflow
import numpy as np
import pytorch_lightning as pl

from hrtem_lab.segmentation.data import SimulatedData
from hrtem_lab.segmentation.module import SegmentationModule


class ValidationImages(pl.Callback):
    """Logs the same validation fields after every epoch: the image, its truth and the network's probability.

    Args:
        fields: How many.
    """

    def __init__(self, fields: int = 4) -> None:
        self.fields = fields

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Log side by side, as one grey picture per field."""
        if trainer.sanity_checking or not isinstance(pl_module, SegmentationModule):
            return
        data: SimulatedData = trainer.datamodule  # type: ignore[attr-defined]
        batches = data.fixed[: self.fields]
        probabilities = pl_module.probabilities([b["image"] for b in batches])
        for i, (batch, probability) in enumerate(zip(batches, probabilities, strict=True)):
            image = np.clip(batch["image"][0].numpy() / 6 + 0.5, 0, 1)
            picture = np.concatenate([image, batch["mask"][0].numpy(), probability], axis=1)
            key = f"validation_field_{i}"
            mlflow.log_image((255 * picture).astype(np.uint8), key=key, step=trainer.current_epoch)


Told = Callable[[int, int, Mapping[str, float]], bool]


class EpochMetrics(pl.Callback):
    """Tells the validation metrics of every epoch, and ends the training where that is the answer.

    Args:
        tell: Called with the epoch, the number of epochs and the metrics; True ends the training.
    """

    def __init__(self, tell: Told) -> None:
        self.tell, self.ended = tell, False

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Tell what has just been measured."""
        if trainer.sanity_checking:
            return
        found = {k: float(v) for k, v in trainer.callback_metrics.items() if k.startswith("val/")}
        if self.tell(trainer.current_epoch + 1, trainer.max_epochs or 0, found):
            self.ended = trainer.should_stop = True
