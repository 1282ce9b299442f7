"""A network that is trained beside the main one, to be compared with it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pytorch_lightning as pl

from hrtem_lab.micrograph import FloatArray, InputError
from hrtem_lab.segmentation.device import resolve_precision
from hrtem_lab.segmentation.fit import best_checkpoint, fit
from hrtem_lab.segmentation.module import SegmentationModule
from hrtem_lab.segmentation.network_segmenter import NetworkSegmenter
from hrtem_lab.segmentation.segmenter import Segmenter

if TYPE_CHECKING:
    from hrtem_lab.segmentation.data import TrainingData


@dataclass(frozen=True, kw_only=True)
class AnotherNetwork(Segmenter):
    """A network before it has learned; then it is a `NetworkSegmenter`.

    Attributes:
        module: Network, loss and optimizer.
        trainer: Makes the trainer; its argument `precision` may be `auto`.
        keep: Epoch whose weights are kept, as for `hrtem_lab.segmentation.fit.fit`.
    """

    name: ClassVar[str] = "another_network"
    learns: ClassVar[bool] = True
    module: SegmentationModule
    trainer: partial[pl.Trainer]
    keep: str = "best"

    def learn(self, data: TrainingData, folder: Path) -> NetworkSegmenter:
        """Train the network on the same data as the main one, or go on from the checkpoint in the folder."""
        trainer = self.trainer(
            precision=resolve_precision(self.trainer.keywords["precision"]),
            logger=False,
            callbacks=[best_checkpoint(folder)],
            enable_progress_bar=False,
            default_root_dir=folder,
        )
        net = fit(trainer, self.module, data, folder, self.keep)
        return NetworkSegmenter(net=net, preprocessing=self.preprocessing)

    def score_map(self, image: FloatArray) -> FloatArray:
        """Refuse: the network knows nothing yet.

        Raises:
            InputError: Always.
        """
        raise InputError("the network of this method has not learned yet; call learn first")

    def candidates(self) -> Iterable[dict[str, Any]]:
        """No settings."""
        return ()
