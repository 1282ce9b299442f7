"""Where trained models are found, and how a trained model is logged."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from hrtem_lab.micrograph import InputError, Micrograph
from hrtem_lab.paths import MODELS, workspace
from hrtem_lab.segmentation.model_folder import SETTINGS

if TYPE_CHECKING:
    from hrtem_lab.tracking.runs import Run  # which imports MLflow

SHIPPED = MODELS / "default"
NEWEST = "newest"
EXAMPLE_PX = 64
"""Side length of the input example of a logged model."""
URI = re.compile(r"[a-z][a-z0-9+.-]+:/")
"""Beginning of an MLflow URI; a drive of Windows (`C:/`) has one letter."""


def find_model(model: str | None) -> Path:
    """The folder of a model.

    Args:
        model: A folder that training saved (or one above it), a shipped model such as `models/default` from any
            working folder, an MLflow URI such as `runs:/<id>/model`, `newest` for the newest model that training saved
            in `outputs/`, or None for `models/default`, the newest where that is not shipped.

    Raises:
        InputError: There is none.
    """
    if model is None:
        return SHIPPED if (SHIPPED / SETTINGS).is_file() else _newest()
    if model == NEWEST:
        return _newest()
    folder = _downloaded(model) if URI.match(model) else _locate(model)
    if (folder / "model" / SETTINGS).is_file():  # the folder of a run, which may hold other methods, too
        return folder / "model"
    if (folder / SETTINGS).is_file():  # a model, which may hold one for coarse micrographs
        return folder
    inside = sorted(folder.rglob(SETTINGS)) if folder.is_dir() else []
    if len(inside) != 1:
        content = f"{len(inside)} models" if inside else "no model" if folder.is_dir() else "nothing"
        raise InputError(f"model={model}: {content} there; expected a folder with one {SETTINGS}, or an MLflow URI")
    return inside[0].parent


def _locate(model: str) -> Path:
    """The folder of this path; a relative one that is not in the working folder may be that of a shipped model."""
    folder = Path(model).expanduser()
    if folder.exists() or folder.is_absolute() or folder.parts[:1] != (MODELS.name,):
        return folder
    return MODELS.joinpath(*folder.parts[1:])


def _newest() -> Path:
    """The folder of the model that training saved last."""
    saved = sorted(workspace().glob(f"outputs/*/*/model/{SETTINGS}"), key=lambda path: path.stat().st_mtime)
    if not saved:
        raise InputError(
            "no model has been trained here yet; run python -m hrtem_lab.train +experiment=quickstart, or give "
            "model=FOLDER"
        )
    return saved[-1].parent


def _downloaded(uri: str) -> Path:
    """A temporary folder with the artifacts of an MLflow URI."""
    import mlflow  # takes seconds, and most models are folders

    from hrtem_lab.tracking.store import use_store

    use_store()
    try:
        return Path(mlflow.artifacts.download_artifacts(uri, dst_path=tempfile.mkdtemp(prefix="hrtem_lab_")))
    except Exception as error:
        raise InputError(f"model={uri}: MLflow at {mlflow.get_tracking_uri()} does not give it ({error})") from error


def log_model(folder: Path, example: Micrograph, run: Run) -> None:
    """Log a saved model to a run, as MLflow loads and serves it, with the package's code beside it.

    It runs where the package is not installed; no index needs to know the package.

    Args:
        folder: Folder that training saved.
        example: A micrograph, of which a corner becomes the input example.
        run: The run.
    """
    corner = example.image[:EXAMPLE_PX, :EXAMPLE_PX].tolist()
    run.send("model", folder=str(folder.absolute()), example=corner, pixel_size_nm=example.pixel_size_nm)
