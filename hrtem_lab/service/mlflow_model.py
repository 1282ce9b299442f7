"""The analysis of files as an MLflow model, which `mlflow models serve` answers with. MLflow runs this file."""

from __future__ import annotations

import base64
import math
import tempfile
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd

from hrtem_lab.micrograph import InputError
from hrtem_lab.particles import lattice_features
from hrtem_lab.service.refusal import Refusal
from hrtem_lab.service.task import RESULT, AnalysisSettings, Upload, analyse
from hrtem_lab.service.uploads import check_suffix, safe_name


class AnalysisModel(mlflow.pyfunc.PythonModel):  # type: ignore[name-defined]
    """Analyses files: a row with `name` and `content` each, and the answer of the service for each."""

    def load_context(self, context: Any) -> None:
        """Remember where the model is; it is loaded with the first file."""
        self.settings = AnalysisSettings(Path(context.artifacts["folder"]), lattice_features)

    # without this very hint MLflow warns that it misses one, and of a finer one it makes a schema
    def predict(self, context, model_input: pd.DataFrame, params=None):  # type: ignore[no-untyped-def]
        """One row per file: `name`, `result` (JSON as of the service), `overlay` (PNG, base64) and `error`."""
        size = float((params or {}).get("pixel_size_nm", math.nan))
        files = zip(model_input["name"], model_input["content"], strict=True)
        return pd.DataFrame([self._answer(name, content, size if size > 0 else None) for name, content in files])

    def _answer(self, name: str, content: bytes, pixel_size_nm: float | None) -> dict[str, str]:
        shown = safe_name(name)
        with tempfile.TemporaryDirectory(prefix="hrtem_lab_") as scratch:
            folder = Path(scratch)
            try:
                upload = Upload(folder / f"upload{check_suffix(shown)}", shown, pixel_size_nm)
                upload.path.write_bytes(content)
                analyse(self.settings, upload, folder)
            except (InputError, Refusal) as error:
                return {"name": shown, "result": "", "overlay": "", "error": str(error)}
            overlay = base64.b64encode((folder / "overlay-0.png").read_bytes()).decode()
            result = (folder / RESULT).read_text(encoding="utf-8")
        return {"name": shown, "result": result, "overlay": overlay, "error": ""}


mlflow.models.set_model(AnalysisModel())
