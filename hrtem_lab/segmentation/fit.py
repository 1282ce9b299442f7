"""Training of a network, from the first step or from the last checkpoint, and weights to start from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import ModelCheckpoint
from torch import nn

from hrtem_lab.micrograph import InputError
from hrtem_lab.segmentation.module import SegmentationModule

MONITORED = "val/dice"
"""Metric that chooses the best epoch."""
KEEP = ("best", "last")
"""Epochs whose weights can be kept, and names of their checkpoints."""
HEAD = "segmentation_head."
"""Name prefix of the weights of the segmentation head, which decide what a network predicts."""


class Checkpoint(ModelCheckpoint):
    """Keeps the weights of one epoch in one file, also after its folder has been moved."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the state with the paths of today's folder; Lightning would forget the best epoch otherwise."""

        def move(path: str) -> str:
            return str(Path(str(self.dirpath)) / Path(path).name) if path else path

        scores = {move(path): score for path, score in state_dict["best_k_models"].items()}
        paths = {key: move(state_dict[key]) for key in ("best_model_path", "kth_best_model_path", "last_model_path")}
        super().load_state_dict(state_dict | paths | {"dirpath": self.dirpath, "best_k_models": scores})


def best_checkpoint(folder: Path) -> ModelCheckpoint:
    """Make the callback that keeps the weights of the best epoch on validation data."""
    return Checkpoint(folder, filename="best", monitor=MONITORED, mode="max", enable_version_counter=False)


def last_checkpoint(folder: Path) -> Path | None:
    """The checkpoint of the last epoch in a folder; None if there is none."""
    path = folder / "last.ckpt"
    return path if path.is_file() else None


def best_score(folder: Path) -> float:
    """`MONITORED` of the best epoch in a folder, whichever process trained it; `nan` where none was validated."""
    path = folder / "best.ckpt"
    callbacks = torch.load(path, weights_only=True)["callbacks"] if path.is_file() else {}
    scores = [state["best_model_score"] for state in callbacks.values() if state.get("monitor") == MONITORED]
    return float(scores[0]) if scores else float("nan")


def interpolate_weights(net: nn.Module, other: nn.Module, name: str, share: float = 1.0) -> None:
    """Move the weights of a network towards those of another one (WiSE-FT, Wortsman et al., CVPR 2022).

    Weights of outputs that only one of the networks has stay as they are.

    Args:
        net: Network to change.
        other: Network of the same architecture; the number of outputs may differ.
        name: Name of the other network, for the error message.
        share: Weight of the other network in the mean; 1 copies its weights.

    Raises:
        InputError: The architectures differ.
    """
    current, others = net.state_dict(), other.state_dict()
    shared = {key: value for key, value in others.items() if key in current and value.shape == current[key].shape}
    for key in (others.keys() & current.keys()) - shared.keys():
        if key.startswith(HEAD) and others[key].shape[1:] == current[key].shape[1:]:  # the first outputs are the same
            shared[key] = torch.cat([others[key], current[key][len(others[key]) :]])[: len(current[key])]
    if any(not key.startswith(HEAD) for key in (current.keys() | others.keys()) - shared.keys()):
        raise InputError(
            f"start={name}: its network is another one than that of this training; choose the same net=..., or "
            "leave start out"
        )
    mean = {key: torch.lerp(current[key], value, share) for key, value in shared.items() if value.is_floating_point()}
    net.load_state_dict(current | mean)


def fit(
    trainer: pl.Trainer, module: SegmentationModule, data: pl.LightningDataModule, folder: Path, keep: str = "best"
) -> nn.Module:
    """Train a network, and resume from a checkpoint in `folder` if there is one.

    Args:
        trainer: Trainer with the callback `best_checkpoint`.
        module: Network, loss and optimizer.
        data: Training and validation data.
        folder: Folder of the checkpoints.
        keep: Epoch whose weights to return: the `best` on validation data, or the `last`, for a schedule that ends with
            small steps.

    Returns:
        The network with the weights of that epoch.

    Raises:
        InputError: `keep` is neither, or no epoch would be validated.
    """
    if keep not in KEEP:
        raise InputError(f"keep is {keep}; expected one of {', '.join(KEEP)}")
    if 0 < (trainer.max_epochs or 0) < (trainer.check_val_every_n_epoch or 1):
        raise InputError(
            f"trainer.max_epochs is {trainer.max_epochs}, trainer.check_val_every_n_epoch "
            f"{trainer.check_val_every_n_epoch}: no epoch would be validated; validate more often"
        )
    # channels last: the layout in which convolutions are fastest
    module.net.to(memory_format=torch.channels_last)
    # A callback besides that of the best weights, which would keep no worse epoch. It saves at the end of an epoch and
    # nothing of an interrupted one, so that a resumed training gives what an uninterrupted one would have given.
    every_epoch = Checkpoint(folder, filename="last", save_on_train_epoch_end=True, enable_version_counter=False)
    trainer.callbacks.append(every_epoch)  # type: ignore[attr-defined]
    trainer.fit(module, datamodule=data, ckpt_path=last_checkpoint(folder), weights_only=True)
    module.load_state_dict(torch.load(folder / f"{keep}.ckpt", weights_only=True)["state_dict"])
    return module.net
