"""The folder of a saved segmenter: architecture, weights and settings, none of which can run code."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

from hrtem_lab.atomic_write import write_text
from hrtem_lab.micrograph import InputError
from hrtem_lab.saved_settings import current_settings

if TYPE_CHECKING:
    from torch import nn

SETTINGS = "segmenter.json"
"""Written last: a folder that holds it is complete."""
ARCHITECTURE = "config.json"
WEIGHTS = "model.safetensors"
ONNX = "model.onnx"
SECOND = "second"
"""Folder in a model's folder that holds a second network, see `hrtem_lab.segmentation.second_opinion.SecondOpinion`."""
NETWORKS = {
    "Groschner2021": "hrtem_lab.segmentation.groschner:Groschner2021",
    "HalfResolutionUnet": "hrtem_lab.segmentation.half_resolution:HalfResolutionUnet",
    "InstanceNormUnet": "hrtem_lab.segmentation.norms:InstanceNormUnet",
}
"""Networks of this package by their name in `ARCHITECTURE`; all others are of segmentation-models-pytorch."""


def write_network(net: nn.Module, folder: Path) -> None:
    """Write the architecture (JSON) and the weights (safetensors).

    Weights are written in half precision, which is finer than the bfloat16 in which they are used.
    """
    net = deepcopy(net).cpu()
    for weight in net.parameters():
        weight.data = weight.data.half()
    net.save_pretrained(str(folder))  # type: ignore[operator]


def read_network(folder: Path) -> nn.Module:
    """Read the network in a folder.

    Raises:
        InputError: The folder holds none of torch.
    """
    if not (folder / ARCHITECTURE).is_file():
        raise InputError(f"{folder}: the model cannot be read by torch (no {ARCHITECTURE}); copy it whole")
    name = json.loads((folder / ARCHITECTURE).read_text(encoding="utf-8"))["_model_class"]
    with contextlib.redirect_stdout(None):  # huggingface_hub prints where it reads from
        if name in NETWORKS:
            return resolve_name(NETWORKS[name]).from_pretrained(str(folder), local_files_only=True)
        from hrtem_lab.segmentation.smp import smp  # takes seconds

        # without encoder_weights: pretrained ones would be downloaded, only to be overwritten
        return smp.from_pretrained(str(folder), local_files_only=True, encoder_weights=None)


def write_settings(settings: Mapping[str, Any], folder: Path) -> None:
    """Write the settings of a segmenter as JSON."""
    write_text(folder / SETTINGS, json.dumps(settings, indent=2))


def read_settings(folder: Path) -> dict[str, Any]:
    """Read the settings of a segmenter, under today's names.

    Raises:
        InputError: The folder holds none.
    """
    if not (folder / SETTINGS).is_file():
        raise InputError(f"{folder} holds no {SETTINGS}; give a folder that training saved, or an MLflow URI")
    settings: dict[str, Any] = current_settings(json.loads((folder / SETTINGS).read_text(encoding="utf-8")))
    return settings
