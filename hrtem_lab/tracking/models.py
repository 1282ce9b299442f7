"""Where trained models are found."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hrtem_lab.micrograph import InputError
from hrtem_lab.paths import MODELS, workspace
from hrtem_lab.segmentation.unet import SETTINGS
from hrtem_lab.tracking.runs import use_store

SHIPPED = MODELS / "default"
NEWEST = "newest"


def find_model(model: str | None) -> Path:
    """The folder of a model.

    Args:
        model: A folder that training saved (or one above it), an MLflow URI such as `runs:/<id>/model`, `newest` for
            the newest model that training saved in `outputs/`, or None for the one that the project ships in
            `models/default`, the newest where it ships none.

    Raises:
        InputError: There is none.
    """
    if model is None:
        return SHIPPED if (SHIPPED / SETTINGS).is_file() else _newest()
    if model == NEWEST:
        return _newest()
    folder = _downloaded(model) if ":/" in model else Path(model).expanduser()
    inside = sorted(folder.rglob(SETTINGS)) if folder.is_dir() else []
    if len(inside) != 1:
        found = f"{len(inside)} models" if inside else "no model" if folder.is_dir() else "nothing"
        raise InputError(f"model={model}: {found} there; expected a folder with one {SETTINGS}, or an MLflow URI")
    return inside[0].parent


def _newest() -> Path:
    saved = sorted(workspace().glob(f"outputs/*/*/model/{SETTINGS}"), key=lambda path: path.stat().st_mtime)
    if not saved:
        raise InputError(
            "no model has been trained here yet; run python -m hrtem_lab.train +experiment=quickstart, or give "
            "model=FOLDER"
        )
    return saved[-1].parent


def _downloaded(uri: str) -> Path:
    import mlflow

    use_store()
    try:
        return Path(mlflow.artifacts.download_artifacts(uri, dst_path=tempfile.mkdtemp(prefix="hrtem_lab_")))
    except Exception as error:
        raise InputError(f"model={uri}: MLflow at {mlflow.get_tracking_uri()} does not give it ({error})") from error
