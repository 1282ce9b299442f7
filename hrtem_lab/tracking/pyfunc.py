"""The model as MLflow serves it: images in, probabilities out. MLflow runs this file; no pickle is involved."""

from __future__ import annotations

from typing import Any

import mlflow
import numpy as np

from hrtem_lab.micrograph import FloatArray, Micrograph
from hrtem_lab.segmentation.network_segmenter import NetworkSegmenter
from hrtem_lab.void import mask_void


class ParticleModel(mlflow.pyfunc.PythonModel):  # type: ignore[name-defined]
    """Segments images of one pixel size."""

    def load_context(self, context: Any) -> None:
        """Load the segmenter from the model's folder."""
        self.segmenter = NetworkSegmenter.load(context.artifacts["folder"])

    # without this very hint MLflow warns that it misses one, and of a finer one it makes a schema
    def predict(self, context: Any, model_input: np.ndarray, params=None):  # type: ignore[no-untyped-def]
        """Probability of a particle at each pixel, (n, rows, columns), of images of that shape.

        It is 0 in empty borders, which are of one value or NaN.
        """
        pixel_size_nm = (params or {}).get("pixel_size_nm", self.segmenter.preprocessing.pixel_size_nm)
        images = np.asarray(model_input, dtype=np.float32)
        micrographs = [_micrograph(image, pixel_size_nm, f"image {i}") for i, image in enumerate(images)]
        return np.stack([self.segmenter.segment(micrograph).particle_probability for micrograph in micrographs])


def _micrograph(image: FloatArray, pixel_size_nm: float, name: str) -> Micrograph:
    """An image as a micrograph, with its empty borders masked."""
    pixels, valid = mask_void(image)
    return Micrograph(image=pixels, pixel_size_nm=pixel_size_nm, name=name, valid=valid)


mlflow.models.set_model(ParticleModel())
