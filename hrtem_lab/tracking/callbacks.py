"""Lightning callbacks that report what a training reaches while it runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pytorch_lightning as pl

from hrtem_lab.segmentation.data import TrainingData
from hrtem_lab.segmentation.module import SegmentationModule
from hrtem_lab.tracking.runs import Run

EpochCallback = Callable[[int, int, Mapping[str, float]], bool]
"""Called with the epoch, the number of epochs and the validation metrics; returns True to end the training."""


class ValidationImages(pl.Callback):
    """Logs the same validation fields after every epoch: the image, its truth and the network's probability.

    In MLflow's pages they are the part `fields` of the network's "Model metrics", each with a slider of the epochs.

    Args:
        run: Run that the images go to.
        fields: Number of fields.
    """

    def __init__(self, run: Run, fields: int = 4) -> None:
        self.run, self.fields = run, fields

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Log one grey picture per field, the three side by side."""
        if trainer.sanity_checking or not trainer.is_global_zero or not isinstance(pl_module, SegmentationModule):
            return
        data: TrainingData = trainer.datamodule  # type: ignore[attr-defined]
        batches = data.validation_samples[: self.fields]
        probabilities = pl_module.probabilities([b["image"] for b in batches])
        for i, (batch, probability) in enumerate(zip(batches, probabilities, strict=True)):
            image = np.clip(batch["image"][0].numpy() / 6 + 0.5, 0, 1)
            picture = np.concatenate([image, batch["mask"][0].numpy(), probability], axis=1)
            self.run.log_image((255 * picture).astype(np.uint8), f"fields/validation_{i}", trainer.current_epoch)


class EpochMetrics(pl.Callback):
    """Reports the validation metrics of every epoch, and ends the training on request.

    Args:
        report: Called after every epoch; see `EpochCallback`.

    Attributes:
        ended: Whether the training was ended on request.
    """

    def __init__(self, report: EpochCallback) -> None:
        self.report, self.ended = report, False

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Report what has just been measured."""
        if trainer.sanity_checking:
            return
        epoch_metrics = {k: float(v) for k, v in trainer.callback_metrics.items() if k.startswith("val/")}
        if self.report(trainer.current_epoch + 1, trainer.max_epochs or 0, epoch_metrics):
            self.ended = trainer.should_stop = True
