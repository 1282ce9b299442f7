"""From what the user calls a model to the method that finds particles with it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from hrtem_lab.micrograph import InputError
from hrtem_lab.pipelines.scoring import Method
from hrtem_lab.segmentation.classical import METHOD_SETTINGS, load_method
from hrtem_lab.segmentation.mask_folder import MaskFolder
from hrtem_lab.segmentation.model_folder import SETTINGS
from hrtem_lab.segmentation.network_segmenter import NetworkSegmenter
from hrtem_lab.segmentation.split import SPLIT_FILE
from hrtem_lab.tracking.models import SHIPPED, find_model


def name_models(model: str | None, models: Mapping[str, str], has_methods: bool = False) -> dict[str, str]:
    """Name the models that are to be scored.

    Args:
        model: A model as for `open_method`, which is called after the end of its path; None for the shipped model where
            there is nothing else.
        models: Models by names of the user's choice.
        has_methods: Whether there are other methods.

    Returns:
        Model by its name.

    Raises:
        InputError: Two have one name.
    """
    if model is None and not models and not has_methods:
        model = str(SHIPPED)
    single = {} if model is None else {model.rstrip("/").rpartition("/")[2]: model}
    if repeated := sorted(single.keys() & models.keys()):
        raise InputError(f"two models are called {repeated[0]}; give all in models={{name:FOLDER,other:FOLDER}}")
    return {str(name): str(path) for name, path in {**single, **models}.items()}


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


def find_split(model: str) -> Path | None:
    """The split of labelled micrographs that a model was trained by, in the folder of its run; None where none is.

    Args:
        model: A model as for `open_method`.
    """
    folder = Path(model).expanduser()
    if not (folder / METHOD_SETTINGS).is_file() and not MaskFolder.holds_masks(folder):
        folder = find_model(model)
    places = (folder, folder.parent, folder.parent.parent)  # RUN, RUN/model or RUN/methods/NAME
    return next((place / SPLIT_FILE for place in places if (place / SPLIT_FILE).is_file()), None)
