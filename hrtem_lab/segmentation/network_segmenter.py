"""A trained network as a segmenter: any micrograph of any size, without Lightning."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from scipy.special import expit, logit

from hrtem_lab.micrograph import FloatArray, InputError, LabelledMicrograph, Micrograph
from hrtem_lab.progress import ProgressCallback
from hrtem_lab.segmentation.engine import TORCH, describe, open_network
from hrtem_lab.segmentation.exported import ExportedNet
from hrtem_lab.segmentation.levels import add_coarser_levels, score_of_regions
from hrtem_lab.segmentation.model_folder import ONNX, SECOND, read_settings, write_network, write_settings
from hrtem_lab.segmentation.orientations import average_over_orientations
from hrtem_lab.segmentation.preprocessing import Preprocessing, resample
from hrtem_lab.segmentation.second_opinion import SecondOpinion
from hrtem_lab.segmentation.segmenter import (
    Segmentation,
    Segmenter,
    choose_candidate,
    has_particles,
    to_micrograph_grid,
)
from hrtem_lab.segmentation.targets import CORE, DISTANCE, DISTANCE_RANGE_PX, PARTICLE
from hrtem_lab.segmentation.temperature import TEMPERATURE_RANGE, fit_temperature
from hrtem_lab.segmentation.tiling import Tiling, predict_in_tiles

if TYPE_CHECKING:
    from torch import nn

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
SMALL_PX = 24.0
"""Median diameter in pixels below which a coarse micrograph is enlarged."""
ENLARGEMENTS = (2, 3, 4)
MAX_ENLARGED_PX = 2**25
"""Number of pixels up to which an image is enlarged: 1.4 GiB for the maps and what they are made of."""
LEAST_PROMISE, LEAST_PROMISE_CLOSER = 0.3, 0.4
"""Expected Dice below which nothing is shown of a coarse micrograph, and below which its enlargement is not believed,
since specks show in that of bare film."""


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
        net: (n, 1, h, w) standardised images -> (n, 1 to 3, h, w): logits of the first of
            `hrtem_lab.particles.NETWORK_OUTPUTS`, and after both of them the signed distance from the outline as in
            `hrtem_lab.segmentation.targets`; h and w are multiples of `stride`.
        tile: Side length of the tiles in pixels of the preprocessed image.
        overlap: Smallest overlap of two neighbouring tiles in pixels.
        stride: Factor by which the network downsamples.
        tta: Test-time augmentation: a probability is the mean over the eight orientations of the image, which takes
            eight times as long.
        temperature: Divisor of the logits; above 1 the probabilities are less confident than those of training.
        provenance: Origin of the weights (run, commit, data), as information for people.
        engine: Engine of the network with its precision and why it was taken, as information for people.
        load_second: Loads the segmenter of another network when it is first asked: for micrographs too coarse to
            resolve a lattice, and where this one is unsure (`SecondOpinion`); None where there is none.
    """

    name: ClassVar[str] = "unet"
    gives_probabilities: ClassVar[bool] = True
    net: nn.Module | ExportedNet
    tile: int = 1024
    overlap: int = 256
    stride: int = 32
    tta: bool = False
    temperature: float = 1.0
    provenance: dict[str, Any] = field(default_factory=dict)
    engine: str = field(default=TORCH, compare=False)
    load_second: Callable[[], NetworkSegmenter] | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        Tiling(self.tile, self.overlap, self.stride)  # refuses what does not fit
        if not self.temperature > 0:
            raise InputError(f"temperature is {self.temperature}, expected a positive number")

    @cached_property
    def second(self) -> NetworkSegmenter | None:
        """Segmenter of the other network, if there is one."""
        return None if self.load_second is None else self.load_second()

    @property
    def tiling(self) -> Tiling:
        """Tiles of a large image."""
        return Tiling(self.tile, self.overlap, self.stride)

    def candidates(self) -> Iterable[dict[str, Any]]:
        """Thresholds."""
        return ({"threshold": round(float(t), 2)} for t in np.arange(0.1, 0.95, 0.05))

    def score_map(self, image: FloatArray) -> FloatArray:
        """Score of each pixel of a standardised image for being part of a particle, (rows, columns).

        It is the probability of a particle; for a network that knows the distance from outlines, its mean over all that
        lies within one outline, so that the threshold says which particles there are and not how large they are.
        """
        return self._score(self.output_maps(image))

    def output_maps(self, image: FloatArray, progress: ProgressCallback | None = None) -> FloatArray:
        """Probabilities of the network's `hrtem_lab.particles.NETWORK_OUTPUTS`, and the distance from the outline.

        A network that knows the distance looks at coarser versions of the image as well (see `levels`).

        Args:
            image: Standardised, (rows, columns), of any size.
            progress: Called with (done, total) after every tile of the image.

        Returns:
            (1 to 3, rows, columns); the third is in pixels of the image, positive inside particles.
        """
        maps = predict_in_tiles(self._predict_tile, image, self.tiling, progress)
        if len(maps) <= DISTANCE:
            return maps
        return add_coarser_levels(maps, image, self._coarser_maps, self.threshold)

    def _coarser_maps(self, image: FloatArray) -> FloatArray:
        return predict_in_tiles(self._predict_tile, self.preprocessing.standardise(image, None), self.tiling)

    def _score(self, maps: FloatArray) -> FloatArray:
        if len(maps) <= DISTANCE:
            return maps[PARTICLE]
        return score_of_regions(maps[PARTICLE], maps[DISTANCE] > 0)

    def segment(self, micrograph: Micrograph, progress: ProgressCallback | None = None) -> Segmentation:
        """Find the particles of a micrograph; `progress` is called with (done, total) after every tile."""
        if self.load_second is None:
            return self._answer(micrograph, progress)
        first = None if self.preprocessing.keeps_pixels_of(micrograph) else self._answer(micrograph, progress)
        opinion = SecondOpinion()
        if first is not None and opinion.is_sure(first):
            return first
        assert self.second is not None
        second = self.second.segment(micrograph, progress)
        return second if first is None else opinion.choose(first, second)

    def _answer(self, micrograph: Micrograph, progress: ProgressCallback | None) -> Segmentation:
        """Find the particles of a micrograph by this network alone."""
        image = self.preprocessing(micrograph)
        segmentation = self._segment(micrograph, self.output_maps(image, progress))
        if segmentation.distance_nm is None or not self.preprocessing.keeps_pixels_of(micrograph):
            return segmentation
        if _median_diameter_px(segmentation) < SMALL_PX:
            segmentation = self._look_closer(micrograph, image, segmentation)
        if segmentation.expected_dice < LEAST_PROMISE:
            return segmentation._replace(instances=np.zeros_like(segmentation.instances))
        return segmentation.with_contrast(micrograph)

    def _look_closer(self, micrograph: Micrograph, image: FloatArray, segmentation: Segmentation) -> Segmentation:
        """Enlarge an image of small particles as long as that lets a higher Dice expect, and enough of one."""
        closest = segmentation
        for factor in ENLARGEMENTS:
            rows, columns = (factor * side for side in image.shape)
            if rows * columns > MAX_ENLARGED_PX:
                break
            closer = self._segment(micrograph, self.output_maps(resample(image, (rows, columns))))
            if closer.expected_dice <= closest.expected_dice:
                break
            closest = closer
        return closest if closest.expected_dice >= LEAST_PROMISE_CLOSER else segmentation

    def _segment(self, micrograph: Micrograph, maps: FloatArray) -> Segmentation:
        """Number the particles, on the grid of the micrograph."""
        size_nm = micrograph.pixel_size_nm
        probabilities = np.empty((min(len(maps), DISTANCE), *micrograph.image.shape), dtype=np.float32)
        for probability, probability_map in zip(probabilities, maps, strict=False):
            probability[:] = to_micrograph_grid(probability_map, micrograph)
        if len(maps) <= DISTANCE:
            del maps  # before the particles are separated, which takes most memory
            instances = self.label_instances(probabilities[0], size_nm, *probabilities[1:2])
            return Segmentation(probabilities, instances, threshold=self.threshold)
        map_pixel_nm = size_nm * micrograph.image.shape[0] / maps.shape[1]
        distance_nm = map_pixel_nm * resample(maps[DISTANCE], micrograph.image.shape)
        if micrograph.valid is not None:
            distance_nm = np.where(micrograph.valid, distance_nm, -DISTANCE_RANGE_PX * map_pixel_nm).astype(np.float32)
        score_map = score_of_regions(probabilities[PARTICLE], distance_nm > 0)
        instances = self.label_instances(score_map, size_nm, probabilities[CORE])
        return Segmentation(probabilities, instances, distance_nm, self.threshold)

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
            probability = hottest.output_maps(self.preprocessing(micrograph))[PARTICLE]
            clipped = np.clip(probability, PROBABILITY_CLIP, 1 - PROBABILITY_CLIP)
            logits.append(hottest.temperature * logit(clipped).ravel())
            truths.append(self.preprocessing.resample_instances(micrograph, micrograph.instances).ravel() > 0)
        return replace(self, temperature=fit_temperature(np.concatenate(logits), np.concatenate(truths)))

    def _predict_tile(self, tile: FloatArray) -> FloatArray:
        """Probabilities in one tile, and distances in pixels, (1 to 3, rows, columns)."""
        return average_over_orientations(self._outputs, tile) if self.tta else self._outputs(tile)

    def _outputs(self, tile: FloatArray) -> FloatArray:
        logits = self._logits(tile)
        probabilities = expit(logits[:DISTANCE] / self.temperature)
        return np.concatenate([probabilities, DISTANCE_RANGE_PX * logits[DISTANCE:]])

    def _logits(self, tile: FloatArray) -> FloatArray:
        images = np.ascontiguousarray(tile)[None, None]
        if isinstance(self.net, ExportedNet):
            return self.net(images)[0]
        from hrtem_lab.segmentation.device import run_network

        return run_network(self.net, images)[0]

    def save(self, folder: str | Path) -> None:
        """Write architecture, weights (safetensors, in half precision) and settings, none of which can run code.

        A second network goes into a folder of its own in the same one.

        Raises:
            InputError: The network is an exported one, which has no weights of torch.
        """
        if isinstance(self.net, ExportedNet):
            raise InputError("the network runs as ONNX; load its model with engine=torch to save it")
        write_network(self.net, Path(folder))
        write_settings(self._settings(), Path(folder))
        if self.second is not None:
            self.second.save(Path(folder) / SECOND)

    def export(self, folder: str | Path) -> float:
        """Write the network as ONNX and the settings beside it; `load` reads it and runs it by onnxruntime.

        Returns:
            The largest difference in probability from the network.

        Raises:
            InputError: As for `write_onnx`, or the network is an exported one.
        """
        from hrtem_lab.segmentation.onnx import write_onnx

        if isinstance(self.net, ExportedNet):
            raise InputError("the model is ONNX already; copy its folder")
        difference = write_onnx(self.net, Path(folder) / ONNX, self.stride)
        write_settings(self._settings(), Path(folder))
        return difference if self.second is None else max(difference, self.second.export(Path(folder) / SECOND))

    def _settings(self) -> dict[str, Any]:
        saved = {key: getattr(self, attribute) for key, attribute in SAVED.items()}
        return {"preprocessing": asdict(self.preprocessing), **saved}

    @classmethod
    def load(cls, folder: str | Path, engine: str | None = None, **overruled: Any) -> Self:
        """Read what `save` or `export` wrote.

        Args:
            folder: Folder of the model.
            engine: Engine of the network, as for `hrtem_lab.segmentation.engine.open_network`.
            overruled: Attributes that take other values than those that training chose.

        Raises:
            InputError: The folder holds no model or an incomplete one, or the engine cannot run it.
        """
        try:
            settings = read_settings(Path(folder))
            preprocessing = Preprocessing(**settings.pop("preprocessing"))
            arguments = {SAVED.get(key, key): value for key, value in settings.items()}
            net, reason = open_network(Path(folder), arguments["stride"], engine)
            arguments |= {"engine": f"{describe(net)}: {reason}", **overruled}
            if (Path(folder) / SECOND).is_dir():
                arguments["load_second"] = partial(cls.load, Path(folder) / SECOND, engine, **overruled)
            return cls(net=net, preprocessing=preprocessing, **arguments)
        except InputError:
            raise
        except Exception as error:
            reason = " ".join(str(error).split())
            raise InputError(f"{folder}: the model cannot be read ({reason}); train again or copy it whole") from error


def _median_diameter_px(segmentation: Segmentation) -> float:
    """Median equivalent diameter of the particles, in pixels of the micrograph; 0 without any."""
    areas = np.bincount(segmentation.instances.ravel())[1:]
    return float(np.sqrt(4 / np.pi * np.median(areas))) if len(areas) else 0.0
