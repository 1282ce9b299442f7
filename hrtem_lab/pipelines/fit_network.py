"""A network from its configuration to its trained weights."""

from __future__ import annotations

import json
import time
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from omegaconf import DictConfig
from pytorch_lightning.callbacks import LearningRateMonitor, ModelCheckpoint, ProgressBar, RichProgressBar
from pytorch_lightning.loggers import CSVLogger

from hrtem_lab.cli.build import build, to_plain
from hrtem_lab.cli.config_keys import RESUME_KEYS, drop_machine_keys
from hrtem_lab.cli.progress import console
from hrtem_lab.files import write_json
from hrtem_lab.fingerprint import fingerprint
from hrtem_lab.micrograph import InputError
from hrtem_lab.saved_settings import describe_differences
from hrtem_lab.segmentation.data import TrainingData
from hrtem_lab.segmentation.device import resolve_precision
from hrtem_lab.segmentation.fit import best_checkpoint, best_score, fit, interpolate_weights, last_checkpoint
from hrtem_lab.segmentation.model_folder import read_network
from hrtem_lab.segmentation.module import SegmentationModule
from hrtem_lab.segmentation.network_segmenter import NetworkSegmenter
from hrtem_lab.tracking.callbacks import ValidationImages
from hrtem_lab.tracking.lightning import RunLogger
from hrtem_lab.tracking.models import find_model
from hrtem_lab.tracking.runs import Run

CURVES = "curves"
"""Folder of the learning curves in the folder of a training: `version_N/metrics.csv` of its Nth call."""


def train_network(
    config: DictConfig, data: TrainingData, folder: Path, run: Run, provenance: dict[str, str]
) -> NetworkSegmenter:
    """Fit the network in a folder, with a progress bar and validation images, or go on where it stopped there.

    Args:
        config: Configuration of `train`.
        data: Training data.
        folder: Folder of this training.
        run: Run that the curves and images go to.
        provenance: Origin of the model, to be saved with it.

    Returns:
        The network with the weights of the epoch that `keep` names.
    """
    if last_checkpoint(folder / "checkpoints"):
        console.print(f"Going on with the training in {folder}", soft_wrap=True)
    callbacks = [RichProgressBar(), LearningRateMonitor(), ValidationImages(run)]
    network, fit_metrics = fit_network(config, data, folder, run, callbacks)
    run.log_metrics(fit_metrics)
    return replace(network, provenance=provenance)


def fit_network(
    config: DictConfig, data: TrainingData, folder: Path, run: Run, callbacks: list[pl.Callback]
) -> tuple[NetworkSegmenter, dict[str, float]]:
    """Fit the network.

    Args:
        config: Configuration of `train`.
        data: Training data.
        folder: Folder of this training; it goes on from a checkpoint that is there.
        run: Run that the curves go to.
        callbacks: Callbacks besides those that keep the weights.

    Returns:
        The network with the weights of the epoch that `keep` names, mixed with those of `start` by `kept_of_start` (it
        then has the outputs of `start`, whatever their number in `model.net`), and
        `parameters`, `train_seconds` and `best/val/dice`.

    Raises:
        InputError: `kept_of_start` is no share, there is nothing to keep, or the folder holds another training.
    """
    if not 0 <= config.kept_of_start < 1 or (config.kept_of_start and not config.start):
        raise InputError(
            f"kept_of_start={config.kept_of_start}, start={config.start}; expected a share from 0 to below 1, and "
            "above 0 only with a model that the training begins with"
        )
    refuse_other_training(config, data, folder)
    module: SegmentationModule = build(config.model)
    start = read_network(find_model(config.start)) if config.start else None
    if start is not None:
        interpolate_weights(module.net, start, config.start)
    if start is not None and config.kept_of_start:  # a mean of weights is of the same outputs: none is new, none lost
        module = build(config.model, net=deepcopy(start).train())
    checkpoints = folder / "checkpoints"
    trainer = _make_trainer(config, folder, run, best_checkpoint(checkpoints), callbacks)
    started = time.perf_counter()
    net = fit(trainer, module, data, checkpoints, config.keep)
    if start is not None:
        interpolate_weights(net, start, config.start, config.kept_of_start)
    fit_metrics = {
        "parameters": float(sum(p.numel() for p in net.parameters())),
        "train_seconds": time.perf_counter() - started,
        "best/val/dice": best_score(checkpoints),
    }
    return NetworkSegmenter(net=net, preprocessing=data.preprocessing), fit_metrics


def _make_trainer(
    config: DictConfig, folder: Path, run: Run, best: ModelCheckpoint, callbacks: list[pl.Callback]
) -> pl.Trainer:
    """The trainer of the configuration, with the precision that suits the processor."""
    trainer: pl.Trainer = build(config.trainer)(
        precision=resolve_precision(config.trainer.precision),
        deterministic=bool(config.get("deterministic")),
        logger=[RunLogger(run), CSVLogger(folder, CURVES)],
        callbacks=[best, *callbacks, *map(build, config.get("callbacks", {}).values())],
        enable_progress_bar=any(isinstance(callback, ProgressBar) for callback in callbacks),
        default_root_dir=folder,
    )
    return trainer


def refuse_other_training(config: DictConfig, data: TrainingData, folder: Path) -> None:
    """Note in the folder what its checkpoints depend on.

    Raises:
        InputError: The folder holds checkpoints that depend on something else.
    """
    plain: dict[str, Any] = drop_machine_keys(to_plain(config))
    recipe = {key: plain[key] for key in RESUME_KEYS if key in plain}
    recipe |= {"labels": data.fingerprint_inputs.get("labelled"), "split": fingerprint(data.split)}
    note = folder / "training.json"
    if last_checkpoint(folder / "checkpoints") is None:
        write_json(note, {"recipe": recipe})
    elif note.is_file() and (
        changed := describe_differences(json.loads(note.read_text(encoding="utf-8"))["recipe"], recipe)
    ):
        raise InputError(
            f"output={folder} holds a training with other settings: {changed}; give another output=, with "
            f"start={folder} to begin with what it has learned"
        )
