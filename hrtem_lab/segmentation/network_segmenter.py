"""A trained network as a segmenter: any micrograph of any size, without Lightning."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from scipy.special import expit, logit
from torch import nn

from hrtem_lab.micrograph import FloatArray, InputError, LabelledMicrograph, Micrograph
from hrtem_lab.progress import ProgressCallback
from hrtem_lab.segmentation.device import autocast, default_device
from hrtem_lab.segmentation.model_folder import read_network, read_settings, write_network, write_settings
from hrtem_lab.segmentation.onnx import ONNX, OnnxNet, write_onnx
from hrtem_lab.segmentation.orientations import average_over_orientations
from hrtem_lab.segmentation.preprocessing import Preprocessing
from hrtem_lab.segmentation.segmenter import (
    Segmentation,
    Segmenter,
    choose_candidate,
    has_particles,
    to_micrograph_grid,
)
from hrtem_lab.segmentation.temperature import TEMPERATURE_RANGE, fit_temperature
from hrtem_lab.segmentation.tiling import Tiling, predict_in_tiles

SAVED = {
    "threshold": "threshold",
    "min_diameter_nm": "min_diameter_nm",
    "tile": "tile",
    "overlap": "overlap",
    "stride": "stride",
    "augmented": "tta",
    "temperature": "temperature",
    "provenance": "provenance",
}
"""Key in the settings file -> attribute of `NetworkSegmenter`."""
PROBABILITY_CLIP = 1e-6
"""Distance from 0 and 1 at which a probability in single precision still determines its logit."""


@dataclass(frozen=True, kw_only=True)
class NetworkSegmenter(Segmenter):
    """A trained network as a segmenter.

    A micrograph larger than a tile is cut into overlapping tiles. A network that is local in use (convolutions, and
    batch norm with the statistics of training) predicts the same in tiles as in one piece, to 1e-2 in probability, as
    long as its receptive field reaches no more than three eighths of the overlap beyond a pixel (about 96 pixels in a
    ResNet-18 U-Net). In the same way, a window of a standardised image gives what the uncut image gives there if it is
    shifted by a multiple of `stride`; after another shift the downsampling falls on other pixels, and the prediction
    differs. Instance norm and group norm take the statistics of each tile: predictions in neighbouring tiles differ
    with their contents and are only blended smoothly.

    Attributes:
        net: (n, 1, h, w) standardised images -> (n, 1 or 2, h, w) logits of the first of
            `hrtem_lab.particles.NETWORK_OUTPUTS`; h and w are multiples of `stride`.
        tile: Side length of the tiles in pixels of the preprocessed image.
        overlap: Smallest overlap of two neighbouring tiles in pixels.
        stride: Factor by which the network downsamples.
        tta: Test-time augmentation: a probability is the mean over the eight orientations of the image, which takes
            eight times as long.
        temperature: Divisor of the logits; above 1 the probabilities are less confident than those of training.
        provenance: Origin of the weights (run, commit, data), as information for people.
    """

    name: ClassVar[str] = "unet"
    net: nn.Module
    tile: int = 1024
    overlap: int = 256
    stride: int = 32
    tta: bool = False
    temperature: float = 1.0
    provenance: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        Tiling(self.tile, self.overlap, self.stride)  # refuses what does not fit
        if not self.temperature > 0:
            raise InputError(f"temperature is {self.temperature}, expected a positive number")

    @property
    def tiling(self) -> Tiling:
        """Tiles of a large image."""
        return Tiling(self.tile, self.overlap, self.stride)

    def candidates(self) -> Iterable[dict[str, Any]]:
        """Thresholds."""
        return ({"threshold": round(float(t), 2)} for t in np.arange(0.1, 0.95, 0.05))

    def score_map(self, image: FloatArray) -> FloatArray:
        """Probability of a particle at each pixel of a standardised image, (rows, columns)."""
        return self.probability_maps(image)[0]

    def probability_maps(self, image: FloatArray, progress: ProgressCallback | None = None) -> FloatArray:
        """Probability of each of the network's `hrtem_lab.particles.NETWORK_OUTPUTS`, (1 or 2, rows, columns).

        Args:
            image: Standardised, (rows, columns), of any size.
            progress: Called with (done, total) after every tile.
        """
        return predict_in_tiles(self._predict_tile, image, self.tiling, progress)

    def segment(self, micrograph: Micrograph, progress: ProgressCallback | None = None) -> Segmentation:
        """Find the particles of a micrograph; `progress` is called with (done, total) after every tile."""
        resampled = self.probability_maps(self.preprocessing(micrograph), progress)
        probabilities = np.empty((len(resampled), *micrograph.image.shape), dtype=np.float32)
        for probability, probability_map in zip(probabilities, resampled, strict=True):
            probability[:] = to_micrograph_grid(probability_map, micrograph)
        del resampled  # before the particles are separated, which takes most memory
        instances = self.label_instances(probabilities[0], micrograph.pixel_size_nm, *probabilities[1:2])
        return Segmentation(probabilities, instances)

    def tune(self, validation: Sequence[LabelledMicrograph]) -> Self:
        """Copy this segmenter with a fitted temperature, and then the best threshold as of `choose_candidate`."""
        return choose_candidate(self.fit_temperature(validation), validation)

    def fit_temperature(self, validation: Sequence[LabelledMicrograph]) -> Self:
        """Copy this segmenter with the temperature of the highest likelihood on labelled micrographs.

        Logits are computed back from probabilities at the highest temperature, at which the fewest are saturated: this
        is exact for a micrograph of one tile without test-time augmentation, and close otherwise. If no micrograph
        holds a particle, the most confident network would be the best, and the temperature stays as it is.
        """
        if not has_particles(validation):
            return self
        hottest = replace(self, temperature=TEMPERATURE_RANGE[1])
        logits, truths = [], []
        for micrograph in validation:
            probability = hottest.score_map(self.preprocessing(micrograph))
            clipped = np.clip(probability, PROBABILITY_CLIP, 1 - PROBABILITY_CLIP)
            logits.append(hottest.temperature * logit(clipped).ravel())
            truths.append(self.preprocessing.resample_instances(micrograph, micrograph.instances).ravel() > 0)
        return replace(self, temperature=fit_temperature(np.concatenate(logits), np.concatenate(truths)))

    def _predict_tile(self, tile: FloatArray) -> FloatArray:
        """Probabilities in one tile, (1 or 2, rows, columns)."""
        return average_over_orientations(self._probabilities, tile) if self.tta else self._probabilities(tile)

    def _probabilities(self, tile: FloatArray) -> FloatArray:
        return expit(self._logits(tile) / self.temperature)

    @torch.inference_mode()
    def _logits(self, tile: FloatArray) -> FloatArray:
        device = default_device()
        net = self.net.to(device).eval()
        with autocast():
            images = torch.from_numpy(np.ascontiguousarray(tile))[None, None].to(device)
            return net(images)[0].float().cpu().numpy()

    def save(self, folder: str | Path) -> None:
        """Write architecture, weights (safetensors, in half precision) and settings, none of which can run code."""
        write_network(self.net, Path(folder))
        write_settings(self._settings(), Path(folder))

    def export(self, folder: str | Path) -> float:
        """Write the network as ONNX and the settings beside it; `load` reads it and runs it by onnxruntime.

        Returns:
            The largest difference in probability from the network.

        Raises:
            InputError: As for `write_onnx`, or the network is an exported one.
        """
        if isinstance(self.net, OnnxNet):
            raise InputError("the model is ONNX already; copy its folder")
        difference = write_onnx(self.net, Path(folder) / ONNX, self.stride)
        write_settings(self._settings(), Path(folder))
        return difference

    def _settings(self) -> dict[str, Any]:
        saved = {key: getattr(self, attribute) for key, attribute in SAVED.items()}
        return {"preprocessing": asdict(self.preprocessing), **saved}

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read what `save` or `export` wrote.

        Raises:
            InputError: The folder holds no model, or an incomplete one.
        """
        try:
            settings = read_settings(Path(folder))
            preprocessing = Preprocessing(**settings.pop("preprocessing"))
            arguments = {SAVED.get(key, key): value for key, value in settings.items()}
            return cls(net=read_network(Path(folder)), preprocessing=preprocessing, **arguments)
        except InputError:
            raise
        except Exception as error:
            reason = " ".join(str(error).split())
            raise InputError(f"{folder}: the model cannot be read ({reason}); train again or copy it whole") from error
