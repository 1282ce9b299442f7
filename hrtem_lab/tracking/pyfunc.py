"""The model as MLflow serves it: images in, probabilities out. MLflow runs this file; no pickle is involved."""

from __future__ import annotations

from typing import Any

import mlflow
import numpy as np

from hrtem_lab.micrograph import Micrograph
from hrtem_lab.segmentation.network_segmenter import NetworkSegmenter


class ParticleModel(mlflow.pyfunc.PythonModel):  # type: ignore[name-defined]
    """Segments images of one pixel size."""

    def load_context(self, context: Any) -> None:
        """Load the segmenter from the model's folder."""
        self.segmenter = NetworkSegmenter.load(context.artifacts["folder"])

    # without this very hint MLflow warns that it misses one, and of a finer one it makes a schema
    def predict(self, context: Any, model_input: np.ndarray, params=None):  # type: ignore[no-untyped-def]
        """Probability of a particle at each pixel, (n, rows, columns), of images of that shape."""
        pixel_size_nm = (params or {}).get("pixel_size_nm", self.segmenter.preprocessing.pixel_size_nm)
        return np.stack(
            [
                self.segmenter.segment(
                    Micrograph(image=image, pixel_size_nm=pixel_size_nm, name=str(i))
                ).particle_probability
                for i, image in enumerate(np.asarray(model_input, dtype=np.float32))
            ]
        )


mlflow.models.set_model(ParticleModel())
