"""Training a network, from the first step or from where it stopped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import ModelCheckpoint
from torch import nn

from hrtem_lab.micrograph import InputError
from hrtem_lab.segmentation.module import SegmentationModule

BEST = "val/dice"
KEPT = ("best", "last")


class Checkpoint(ModelCheckpoint):
    """Keeps one epoch's weights in one file, and goes on doing so where the folder has been moved."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Lightning forgets what was best if its folder has another name than before."""
        path = lambda old: str(Path(str(self.dirpath)) / Path(old).name) if old else old  # noqa: E731
        best = {path(old): score for old, score in state_dict["best_k_models"].items()}
        paths = {key: path(state_dict[key]) for key in ("best_model_path", "kth_best_model_path", "last_model_path")}
        super().load_state_dict(state_dict | paths | {"dirpath": self.dirpath, "best_k_models": best})


def checkpoints(folder: Path) -> ModelCheckpoint:
    """The callback that keeps the best weights on validation."""
    return Checkpoint(folder, filename="best", monitor=BEST, mode="max", enable_version_counter=False)


def last_checkpoint(folder: Path) -> Path | None:
    """Where a training in this folder stopped, or None."""
    last = folder / "last.ckpt"
    return last if last.is_file() else None


HEAD = "segmentation_head."
"""Of the names of weights that say what a network tells, not how it sees."""


def interpolate_weights(net: nn.Module, trained: nn.Module, name: str, share: float = 1.0) -> None:
    """Give a network the weights of one that was trained before; those of what only one of them tells stay its own.

    Args:
        net: What is changed.
        trained: The other one.
        name: Of the other one, for the message.
        share: Of the other one's weights in the mean with the network's own.

    Raises:
        InputError: The two are not of one architecture.
    """
    own, others = net.state_dict(), trained.state_dict()
    given = {key: value for key, value in others.items() if key in own and value.shape == own[key].shape}
    for key in (others.keys() & own.keys()) - given.keys():
        if key.startswith(HEAD) and others[key].shape[1:] == own[key].shape[1:]:  # the first answers are the same
            given[key] = torch.cat([others[key], own[key][len(others[key]) :]])[: len(own[key])]
    if any(not key.startswith(HEAD) for key in (own.keys() | others.keys()) - given.keys()):
        raise InputError(
            f"start={name}: its network is another one than that of this training; choose the same net=..., or "
            "leave start out"
        )
    mixed = {key: torch.lerp(own[key], value, share) for key, value in given.items() if value.is_floating_point()}
    net.load_state_dict(own | mixed)


def fit(
    trainer: pl.Trainer, module: SegmentationModule, data: pl.LightningDataModule, folder: Path, keep: str = "best"
) -> nn.Module:
    """Train, going on from a checkpoint in `folder` if there is one.

    Args:
        trainer: With the callback of `checkpoints`.
        module: What is trained.
        data: What it is trained on.
        folder: For the checkpoints.
        keep: Whose weights to return: those of the `best` epoch on validation, or of the `last`, which a schedule that
            ends with small steps is made for.

    Raises:
        InputError: `keep` is neither, or no epoch would be validated.
    """
    if keep not in KEPT:
        raise InputError(f"keep is {keep}; expected one of {', '.join(KEPT)}")
    if 0 < (trainer.max_epochs or 0) < (trainer.check_val_every_n_epoch or 1):
        raise InputError(
            f"trainer.max_epochs is {trainer.max_epochs}, trainer.check_val_every_n_epoch "
            f"{trainer.check_val_every_n_epoch}: no epoch would be validated; validate more often"
        )
    # channels last: the layout that the processor's convolutions are fastest in
    module.net.to(memory_format=torch.channels_last)
    last = last_checkpoint(folder)
    # a callback of its own: that of the best weights would keep no worse epoch. It keeps whole epochs, nothing of an
    # interrupted one, so that going on gives what no interruption would have given
    every = Checkpoint(folder, filename="last", save_on_train_epoch_end=True, enable_version_counter=False)
    trainer.callbacks.append(every)  # type: ignore[attr-defined]
    trainer.fit(module, datamodule=data, ckpt_path=last, weights_only=True)
    kept = torch.load(folder / f"{keep}.ckpt", weights_only=True)
    module.load_state_dict(kept["state_dict"])
    return module.net
