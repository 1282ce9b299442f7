"""The Lightning module that trains a segmentation network."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytorch_lightning as pl
import torch
from torch import nn
from torchmetrics import MetricCollection
from torchmetrics.classification import BinaryF1Score, BinaryJaccardIndex

from hrtem_lab.micrograph import InputError
from hrtem_lab.segmentation.targets import IGNORED

Batch = dict[str, torch.Tensor]
"""`image`, (n, 1, h, w), and `mask`, (n, k, h, w), as in `targets`; a single sample has no n."""

CERTAIN_LOGIT = 30.0
"""Logit whose probability is 1 in single precision."""


class SegmentationModule(pl.LightningModule):
    """Trains a network to separate particles from support, pixel by pixel.

    Args:
        net: (n, 1, h, w) standardised images -> (n, k, h, w) logits of the first k masks of a batch: particles and,
            where k is 2, cores of particles.
        loss: (logits, masks), both (n, k, h, w) -> scalar.
        optimizer: Makes the optimizer of parameters.
        scheduler: Makes the scheduler of an optimizer and `total_steps`; it is stepped after every batch.
        frozen: Names of the network's parts that do not learn: neither weights nor statistics of norm layers.
        frozen_statistics: Whether the norm layers of all other parts keep the statistics that they begin with. Those of
            a few labelled images are other ones than those of the images that a network has learned from.

    Raises:
        InputError: The network has no such part, or nothing is left to learn.
    """

    def __init__(
        self,
        net: nn.Module,
        loss: nn.Module,
        optimizer: Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer],
        scheduler: Callable[..., torch.optim.lr_scheduler.LRScheduler] | None = None,
        frozen: Sequence[str] = (),
        frozen_statistics: bool = False,
    ) -> None:
        super().__init__()
        self.net, self.loss = net, loss
        self.optimizer, self.scheduler = optimizer, scheduler
        # Dice of the particle class is the F1 score of its pixels; pooled over all pixels of an epoch
        metrics = MetricCollection({"dice": BinaryF1Score(), "iou": BinaryJaccardIndex()})
        self.train_metrics, self.val_metrics = metrics.clone(prefix="train/"), metrics.clone(prefix="val/")
        self.frozen = [self._part(name) for name in frozen]
        self.frozen_statistics = frozen_statistics
        self.seed = torch.initial_seed()
        for part in self.frozen:
            part.requires_grad_(False)
        if frozen and not any(weight.requires_grad for weight in net.parameters()):
            raise InputError(f"model.frozen is {list(frozen)}: nothing of the network is left to learn; freeze less")

    def _part(self, name: str) -> nn.Module:
        parts = dict(self.net.named_children())
        if name not in parts:
            raise InputError(f"model.frozen: the network has no part '{name}', only {', '.join(parts)}")
        return parts[name]

    def on_train_epoch_start(self) -> None:
        """Put what is frozen into evaluation mode, in which norm layers learn no statistics."""
        norms = [part for part in self.net.modules() if isinstance(part, nn.modules.batchnorm._NormBase)]
        for part in (*self.frozen, *(norms if self.frozen_statistics else ())):
            part.eval()

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """Seed dropout by the step, so that a resumed training drops what an uninterrupted one would have dropped."""
        torch.manual_seed((self.seed + self.global_step) % 2**63)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits, (n, k, h, w)."""
        return self.net(images)

    def training_step(self, batch: Batch, _: int) -> torch.Tensor:
        """Loss of a batch."""
        return self._step(batch, "train", self.train_metrics)

    def validation_step(self, batch: Batch, _: int) -> torch.Tensor:
        """Loss of a batch."""
        return self._step(batch, "val", self.val_metrics)

    def _step(self, batch: Batch, stage: str, metrics: MetricCollection) -> torch.Tensor:
        """Compute the loss of a batch, and log it and the metrics of the particle mask."""
        logits = self(batch["image"].contiguous(memory_format=torch.channels_last)).float()
        masks = batch["mask"][:, : logits.shape[1]]
        logits, masks = certain_where_ignored(logits, masks)
        loss: torch.Tensor = self.loss(logits, masks)
        size = len(logits)
        self.log(f"{stage}/loss", loss, on_step=False, on_epoch=True, prog_bar=True, batch_size=size, sync_dist=True)
        metrics.update(logits[:, 0].detach().sigmoid(), (masks[:, 0] > 0.5).int())
        self.log_dict(metrics, on_step=False, on_epoch=True, prog_bar=True)
        return loss

    @torch.inference_mode()
    def probabilities(self, images: list[torch.Tensor]) -> npt.NDArray[np.float32]:
        """Probability of a particle for standardised images (1, h, w) of one size, (n, h, w)."""
        logits = self(torch.stack(images).to(self.device))
        return logits[:, 0].float().sigmoid().cpu().numpy()

    def configure_optimizers(self) -> Any:
        """Make the optimizer of all weights that learn, with its schedule over all steps of the training."""
        optimizer = self.optimizer([weight for weight in self.parameters() if weight.requires_grad])
        if self.scheduler is None:
            return optimizer
        schedule = self.scheduler(optimizer, total_steps=int(self.trainer.estimated_stepping_batches))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def certain_where_ignored(logits: torch.Tensor, masks: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits and masks, (n, k, h, w), in which pixels that are ignored are background beyond doubt.

    They then cost nothing and have no gradient, whatever the loss. A distance (third plane) is 0 there in both.
    """
    ignored = masks == IGNORED
    certain = logits.new_tensor([-CERTAIN_LOGIT, -CERTAIN_LOGIT, 0.0])[: logits.shape[1], None, None]
    return torch.where(ignored, certain, logits), masks.masked_fill(ignored, 0)
