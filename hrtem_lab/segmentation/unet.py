"""The network in use: any micrograph, any size, without Lightning."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from scipy.special import expit, logit
from torch import nn

from hrtem_lab.atomic_write import write_text
from hrtem_lab.micrograph import BoolArray, FloatArray, InputError, LabelledMicrograph, Micrograph
from hrtem_lab.progress import ProgressCallback
from hrtem_lab.segmentation.groschner import Groschner2021
from hrtem_lab.segmentation.method import Found, Method, any_particle, returned
from hrtem_lab.segmentation.norms import InstanceNormUnet
from hrtem_lab.segmentation.onnx import ONNX, OnnxNet, write_onnx
from hrtem_lab.segmentation.preprocessing import Preprocessing
from hrtem_lab.segmentation.processor import autocast, device
from hrtem_lab.segmentation.smp import smp

SETTINGS = "segmenter.json"
SAVED = ("threshold", "min_diameter_nm", "tile", "overlap", "stride", "augmented", "temperature", "provenance")
TEMPERATURES = (0.1, 10.0)
"""Where a temperature is looked for: a network that makes no mistake on validation would ask for zero."""
OWN: dict[str, Any] = {"Groschner2021": Groschner2021, "InstanceNormUnet": InstanceNormUnet}
"""Networks of the house by the name that a saved model calls them."""
SUREST = 1e-6
"""Distance from 0 and 1 at which a probability in single precision still tells its logit."""


@dataclass(frozen=True, kw_only=True)
class UNet(Method):
    """A trained network as a segmentation method.

    A micrograph larger than a tile is cut into overlapping ones. A network that is local in use (convolutions, batch
    norm with the statistics of training) gives the same in tiles as in one piece, to 1e-2 in probability, as long as no
    more than three eighths of the overlap reach into it from a tile's edge (about 96 pixels in a ResNet-18 U-Net); and
    a window of a standardised image gives what the whole gives there, if it is shifted by a multiple of `stride`. By
    other shifts the network's down-sampling falls on other pixels, and its answer is its own. Instance norm and group
    norm take the statistics of each tile: neighbours differ with their contents, and are only blended smoothly.

    Attributes:
        net: (n, 1, h, w) standardised images -> (n, 1 or 2, h, w) logits of the first of
            `hrtem_lab.particles.NETWORK_OUTPUTS`; h and w are multiples of `stride`.
        tile: Edge of the tiles that a large image is cut into, in pixels of the model.
        overlap: How far neighbouring tiles reach into each other.
        stride: What the network's down-sampling divides the image by.
        augmented: Whether a probability is the mean over the eight turns and mirror images of the image (test-time
            augmentation), in eight times the time.
        temperature: What logits are divided by; above 1 the network is less sure than it was trained to be.
        provenance: Where the weights come from (run, commit, data), for people.
    """

    name: ClassVar[str] = "unet"
    net: nn.Module
    tile: int = 1024
    overlap: int = 256
    stride: int = 32
    augmented: bool = False
    temperature: float = 1.0
    provenance: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.tile % self.stride or not 0 <= self.overlap < self.tile:
            raise InputError(
                f"tile is {self.tile} and overlap {self.overlap}; expected a tile that is a multiple of {self.stride} "
                "and an overlap of at least 0 and less than the tile"
            )
        if not self.temperature > 0:
            raise InputError(f"temperature is {self.temperature}, expected a positive number")

    def candidates(self) -> Iterable[dict[str, Any]]:
        """Thresholds."""
        return ({"threshold": round(float(t), 2)} for t in np.arange(0.1, 0.95, 0.05))

    def evidence(self, image: FloatArray) -> FloatArray:
        """Probability of a particle; arguments as for `maps`."""
        return self.maps(image)[0]

    def maps(self, image: FloatArray, progress: ProgressCallback | None = None) -> FloatArray:
        """Probability of each of `hrtem_lab.particles.NETWORK_OUTPUTS` that the network tells, (1 or 2, rows, columns).

        Overlapping tiles are blended with Gaussian weights, so that no seam shows.

        Args:
            image: Standardised, (rows, columns), of any size.
            progress: Called with (done, total) after every tile.
        """
        rows, columns = image.shape
        padded = np.pad(image, [(0, self._padding(rows)), (0, self._padding(columns))], mode="symmetric")
        windows = list(self._windows(*padded.shape))
        weights = np.zeros_like(padded)
        for done, window in enumerate(windows, start=1):
            found = self._probability(padded[window])
            if done == 1:  # how many there are, the first tile tells
                totals = np.zeros((len(found), *padded.shape), dtype=np.float32)
            blend = _gaussian(*padded[window].shape)
            totals[:, *window] += blend * found
            weights[window] += blend
            if progress:
                progress(done, len(windows))
        totals /= weights
        return totals[:, :rows, :columns]

    def find(self, micrograph: Micrograph, progress: ProgressCallback | None = None) -> Found:
        """The particles of a micrograph, and the probability of a particle at each pixel; `progress` by the tile."""
        told = self.maps(self.preprocessing(micrograph), progress)
        maps = np.empty((len(told), *micrograph.image.shape), dtype=np.float32)
        for own, map_of_model in zip(maps, told, strict=True):
            own[:] = returned(map_of_model, micrograph)
        del told  # before particles are separated, which takes most memory
        return Found(maps, self.separated(maps[0], micrograph.pixel_size_nm, *maps[1:2]))

    def tune(self, validation: Sequence[LabelledMicrograph]) -> Self:
        """A copy with the temperature of the highest likelihood, then a threshold as every `Method.tune` has it."""
        return super(UNet, self._calibrated(validation)).tune(validation)

    def _calibrated(self, validation: Sequence[LabelledMicrograph]) -> Self:
        """A copy with its temperature fitted to micrographs (Guo et al., ICML 2017).

        Logits are read back from probabilities at the highest temperature, which saturate least: exact for a micrograph
        of one tile that is not augmented, near it for others. Without a particle the surest network would be the best
        one, and the temperature stays.
        """
        if not any_particle(validation):
            return self
        hot = replace(self, temperature=TEMPERATURES[1])
        logits, truths = [], []
        for micrograph in validation:
            image = self.preprocessing(micrograph)
            logits.append(hot.temperature * logit(np.clip(hot.evidence(image), SUREST, 1 - SUREST)).ravel())
            truths.append(self.preprocessing.truth(micrograph, micrograph.instances).ravel() > 0)
        return replace(self, temperature=fit_temperature(np.concatenate(logits), np.concatenate(truths)))

    def _probability(self, tile: FloatArray) -> FloatArray:
        """Probabilities in one tile, (1 or 2, rows, columns)."""
        views = DIHEDRAL if self.augmented else DIHEDRAL[:1]
        return np.mean([back(expit(self._logits(turned(tile)) / self.temperature)) for turned, back in views], axis=0)

    @torch.inference_mode()
    def _logits(self, tile: FloatArray) -> FloatArray:
        where = device()
        net = self.net.to(where).eval()
        with autocast():
            return net(torch.from_numpy(np.ascontiguousarray(tile))[None, None].to(where))[0].float().cpu().numpy()

    def _padding(self, length: int) -> int:
        return -length % self.stride

    def _windows(self, rows: int, columns: int) -> Iterator[tuple[slice, slice]]:
        for top in self._starts(rows):
            for left in self._starts(columns):
                yield slice(top, top + min(self.tile, rows)), slice(left, left + min(self.tile, columns))

    def _starts(self, length: int) -> list[int]:
        """Evenly spread starts of tiles that overlap by `overlap` or more.

        They are multiples of the stride where the overlap leaves room for it, so that the network's down-sampling falls
        on the same pixels in every tile.
        """
        if length <= self.tile:
            return [0]
        unit = self.stride if self.tile - self.overlap >= self.stride and length % self.stride == 0 else 1
        step = (self.tile - self.overlap) // unit * unit
        count = -(-(length - self.tile) // step) + 1
        return [unit * round(i * (length - self.tile) / unit / (count - 1)) for i in range(count)]

    def save(self, folder: str | Path) -> None:
        """Write weights (safetensors), architecture and settings; nothing in the folder can run code.

        Weights are written in half precision, which is finer than the bfloat16 that they are used in.
        """
        folder = Path(folder)
        net = deepcopy(self.net).cpu()
        for weight in net.parameters():
            weight.data = weight.data.half()
        net.save_pretrained(str(folder))  # type: ignore[operator]
        self._write_settings(folder)

    def export(self, folder: str | Path) -> float:
        """Write the network as ONNX, with the settings beside it; `load` reads it, and runs it by onnxruntime.

        Returns:
            The largest difference in probability from the network.

        Raises:
            InputError: As for `write_onnx`, or the network is one that was exported.
        """
        if isinstance(self.net, OnnxNet):
            raise InputError("the model is ONNX already; copy its folder")
        difference = write_onnx(self.net, Path(folder) / ONNX, self.stride)
        self._write_settings(Path(folder))
        return difference

    def _write_settings(self, folder: Path) -> None:
        settings = {
            "preprocessing": asdict(self.preprocessing),
            **{k: getattr(self, k) for k in SAVED},
        }
        # written last: a folder that holds it is whole
        write_text(folder / SETTINGS, json.dumps(settings, indent=2))

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read what `save` or `export` wrote.

        Raises:
            InputError: The folder holds no model, or not a whole one.
        """
        folder = Path(folder)
        if not (folder / SETTINGS).is_file():
            raise InputError(f"{folder} holds no {SETTINGS}; give a folder that training saved, or an MLflow URI")
        try:
            settings = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
            preprocessing = Preprocessing(**settings.pop("preprocessing"))
            return cls(net=_read_net(folder), preprocessing=preprocessing, **settings)
        except InputError:
            raise
        except Exception as error:
            reason = " ".join(str(error).split())
            raise InputError(f"{folder}: the model cannot be read ({reason}); train again or copy it whole") from error


def _read_net(folder: Path) -> nn.Module:
    """The network in a folder; its class is one of `OWN` or of segmentation-models-pytorch, whatever it is called."""
    if (folder / ONNX).is_file() and not (folder / "config.json").is_file():
        return OnnxNet(folder / ONNX)
    name = json.loads((folder / "config.json").read_text(encoding="utf-8"))["_model_class"]
    with contextlib.redirect_stdout(None):  # the hub's library prints where it reads from
        if name in OWN:
            return OWN[name].from_pretrained(str(folder), local_files_only=True)
        # no encoder_weights: those that training began with would be downloaded, only to be overwritten
        return smp.from_pretrained(str(folder), local_files_only=True, encoder_weights=None)


def fit_temperature(logits: FloatArray, truth: BoolArray) -> float:
    """The temperature, within `TEMPERATURES`, under which the truth is likeliest.

    Args:
        logits: (pixels,), of any scale.
        truth: (pixels,).
    """
    signed = np.where(truth, -logits, logits)  # the likelihood of a pixel is 1 / (1 + exp(signed / temperature))

    def cost(log_temperature: float) -> float:
        return float(np.logaddexp(0, signed / np.exp(log_temperature)).mean())

    return float(np.exp(minimize_scalar(cost, bounds=np.log(TEMPERATURES), method="bounded").x))


Change = Callable[[FloatArray], FloatArray]


def _turn(quarters: int, mirrored: bool) -> tuple[Change, Change]:
    """A turn of the last two axes by quarters, of the mirror image or not, and its inverse."""
    sense = -1 if mirrored else 1
    return (
        lambda image: np.rot90(image[..., ::sense], quarters, axes=(-2, -1)),
        lambda image: np.rot90(image, -quarters, axes=(-2, -1))[..., ::sense],
    )


DIHEDRAL = tuple(_turn(quarters, mirrored) for mirrored in (False, True) for quarters in range(4))
"""The eight ways to lay a square onto itself, as it is first, each with its inverse."""


def _gaussian(rows: int, columns: int) -> FloatArray:
    """Weights of a tile's pixels, (rows, columns): a Gaussian of a sixteenth of the side.

    So narrow that where two tiles meet, each counts next to nothing as far from its edge as the missing surroundings
    reach into a network.
    """
    row, column = (np.exp(-0.5 * (8 * np.linspace(-1, 1, n, dtype=np.float32)) ** 2) for n in (rows, columns))
    return row[:, None] * column[None, :]
