"""From what the user calls a model to the method that finds particles with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hrtem_lab.micrograph import InputError
from hrtem_lab.pipelines.scoring import Method
from hrtem_lab.segmentation.classical import METHOD_SETTINGS, load_method
from hrtem_lab.segmentation.mask_folder import MaskFolder
from hrtem_lab.segmentation.model_folder import SETTINGS
from hrtem_lab.segmentation.network_segmenter import NetworkSegmenter
from hrtem_lab.tracking.models import SHIPPED, find_model


def open_methods(models: Any, has_methods: bool = False) -> dict[str, Method]:
    """Open the models that are to be scored.

    Args:
        models: A model as for `open_method`, a list of them, models by names of the user's choice, or None: the shipped
            model, or nothing where there are other methods.
        has_methods: Whether there are other methods.

    Returns:
        Method by its name: the end of its path, as long as it has to be to differ from the others.

    Raises:
        InputError: As for `open_method`, or there is neither a model nor another method.
    """
    if models is None:
        models = [] if has_methods else [str(SHIPPED)]
    if isinstance(models, str):
        models = [models]
    named = models if isinstance(models, Mapping) else _name_by_path([str(model) for model in models])
    if not named and not has_methods:
        raise InputError("there is nothing to score; give model=FOLDER, or methods=[otsu]")
    return {str(name): open_method(str(model)) for name, model in named.items()}


def open_method(model: str) -> Method:
    """Open a model.

    Args:
        model: Anything that `hrtem_lab.tracking.models.find_model` finds; the folder of a tuned method that training
            saved (`methods/otsu` in a run's folder); or a folder of masks that another program made.

    Raises:
        InputError: It is none of these.
    """
    folder = Path(model).expanduser()
    if (folder / METHOD_SETTINGS).is_file():
        return load_method(folder)
    if MaskFolder.holds_masks(folder) and not any(folder.rglob(SETTINGS)):
        return MaskFolder(folder)
    return NetworkSegmenter.load(find_model(model))


def _name_by_path(models: list[str]) -> dict[str, str]:
    """Name models by the ends of their paths, as long as they have to be to differ."""
    repeated = [model for model, number in Counter(models).items() if number > 1]
    if repeated:
        raise InputError(f"model={repeated[0]} is given twice; expected different ones")
    parts = {model: model.replace(":/", "").rstrip("/").split("/") for model in models}
    names = {model: path[-1] for model, path in parts.items()}
    for length in range(2, max(map(len, parts.values()), default=1) + 1):
        repeated = [name for name, number in Counter(names.values()).items() if number > 1]
        names = {m: "/".join(parts[m][-length:]) if name in repeated else name for m, name in names.items()}
    return {name: model for model, name in names.items()}
