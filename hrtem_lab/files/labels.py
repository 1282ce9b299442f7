"""Label images: which pixels somebody has marked as particles, and which of them belong together."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from PIL import Image
from scipy.ndimage import zoom

from hrtem_lab.files.errors import read_errors
from hrtem_lab.files.label_values import Label, LabelRule, Values, is_noise, one_hot_label, understand
from hrtem_lab.files.orientation import QUARTER_TURNS, turn
from hrtem_lab.files.pictures import open_picture, picture_orientation, read_deep_png
from hrtem_lab.files.tiff import is_inverted
from hrtem_lab.micrograph import InputError

ENDINGS = ("_label", "_mask")
"""Endings that follow a micrograph's name in that of its label."""
SUFFIXES = (".png", ".tif", ".tiff", ".jpg", ".jpeg")
MAX_COVERAGE = 0.95
"""Part of an image above which marking is questioned: it may be the background that is marked."""
_NAME = re.compile(rf"(?P<micrograph>.+)(?:{'|'.join(ENDINGS)})(?:_(?P<annotator>[^_]+))?")


def find_label(path: str | Path) -> Path | None:
    """Find the label image of a micrograph, `<stem>_label.png` or `<stem>_mask.png`, or None.

    Each may have another of `SUFFIXES`, in small or in capital letters.
    """
    path = Path(path)
    suffixes = (*SUFFIXES, *map(str.upper, SUFFIXES))
    candidates = (path.with_name(f"{path.stem}{ending}{suffix}") for ending in ENDINGS for suffix in suffixes)
    return next((candidate for candidate in candidates if candidate.is_file()), None)


def find_annotators(folder: Path) -> dict[str, dict[str, Path]]:
    """Find the labels of all annotators in a folder, `<stem>_label_<annotator>.png`, by micrograph and annotator."""
    found: dict[str, dict[str, Path]] = defaultdict(dict)
    for path in sorted(folder.iterdir()):
        match = _NAME.fullmatch(path.stem)
        if match is not None and match["annotator"] and path.suffix.lower() in SUFFIXES:
            found[match["micrograph"]][match["annotator"]] = path
    return found


def labelled_name(path: str | Path) -> str | None:
    """Name of the micrograph that a file of this name would be the label of, without suffix; None for other names."""
    match = _NAME.fullmatch(Path(path).stem)
    return None if match is None else match["micrograph"]


def read_label(
    path: str | Path, shape: tuple[int, int], metadata: Mapping[str, Any] | None = None, rule: LabelRule | None = None
) -> Label:
    """Read a label image.

    Every pixel that is not of the background value belongs to a particle. Where there is one other value, a particle is
    what hangs together by the sides of its pixels. Where there are several, and each is one piece, they are the numbers
    of particles, so that particles that touch stay apart; else they are kinds, and pieces of one kind are particles.
    Many values in tiny spots are what compression or resampling leaves of two values: they are cut at half.

    Args:
        path: A PNG, TIFF or JPEG file, grey, colour or with a palette; what is transparent is background. A TIFF may be
            one-hot, its two channels first or last, of which the second is the particles. The numbers of its particles
            may lie in `instances/<stem>.tif` beside it.
        shape: (rows, columns) of its micrograph.
        metadata: Metadata of its micrograph; `shape_in_file` and `orientation` say how a label of another shape is to
            be divided or turned.
        rule: Meaning of the values; black is the background by default.

    Raises:
        InputError: The file is missing or broken, has another shape, or no pixel is of the background value.
    """
    path, metadata, rule = Path(path), metadata or {}, rule or LabelRule()
    with read_errors(path):
        values, is_number = _read_values(path)
        if values.ndim == 3 and values.shape[0] == 2:
            values = np.moveaxis(values, 0, -1)
        if values.shape == (*shape, 2):
            return one_hot_label(values)
        values = _fit(values, tuple(shape), metadata)
    if values.shape != tuple(shape):
        raise InputError(f"{path.name}: the label has shape {values.shape}, its micrograph {tuple(shape)}")
    label = understand(values, is_number, rule, path.name)
    label = _with_numbers(label, path)
    covered = float(label.mask.mean())
    if covered > MAX_COVERAGE:
        marked_values, counts = np.unique(values[label.mask], return_counts=True)
        value = marked_values[counts.argmax()]
        note = f"{path.name} covers {covered:.0%} of the image; if that is background, give label.background={value:g}"
        label = replace(label, notes=(*label.notes, note))
    return label


def _with_numbers(label: Label, path: Path) -> Label:
    """The label with the numbers of particles that a simulation wrote beside it, where these are of the same pixels."""
    beside = path.parent / "instances" / f"{labelled_name(path)}.tif"
    if not beside.is_file():
        return label
    with read_errors(beside):
        numbers = tifffile.imread(beside)
    if numbers.shape == label.instances.shape and np.array_equal(numbers > 0, label.mask):
        return replace(label, instances=numbers.astype(np.int32), kind="numbers of particles")
    note = f"{beside.parent.name}/{beside.name} has other pixels than {path.name}, and is not used"
    return replace(label, notes=(*label.notes, note))


def _fit(values: Values, shape: tuple[int, ...], metadata: Mapping[str, Any]) -> Values:
    """A label of the shape that the micrograph has in its file, turned and divided as that was."""
    orientation = metadata.get("orientation", 1)
    if (
        orientation in QUARTER_TURNS
        and values.shape != shape
        and values.shape[::-1]
        in (
            shape,
            metadata.get("shape_in_file"),
        )
    ):
        values = turn(values, orientation)
    if values.shape == metadata.get("shape_in_file"):
        finer = [now / before for now, before in zip(shape, values.shape, strict=True)]
        values = zoom(values, finer, order=0, mode="nearest", grid_mode=True)
    return values


def _read_values(path: Path) -> tuple[Values, bool]:
    """The values of a label image, (rows, columns), and whether they can be numbers of particles."""
    values = _read_tiff(path) if path.suffix.lower() in (".tif", ".tiff") else _read_picture(path)
    if values.dtype.kind == "f":
        finite = np.nan_to_num(values)
        return (finite.astype(np.int64), True) if np.array_equal(finite, np.round(finite)) else (finite, False)
    return values.astype(np.int64), True


def _read_picture(path: Path) -> Values:
    with open_picture(path) as picture:
        orientation = picture_orientation(picture)
        pixels, alpha = _pixels_and_alpha(picture, path)
    values = _merge_channels(np.moveaxis(pixels, -1, 0)) if pixels.ndim == 3 else pixels
    if alpha is not None and alpha.any():
        values = np.where(alpha > 0, values, 0)
        if not alpha.all() and not values.any():  # black on nothing
            values = (alpha > 0).astype(np.uint8)
    return turn(values, orientation)


def _pixels_and_alpha(picture: Image.Image, path: Path) -> tuple[Values, Values | None]:
    """Grey or colours of an open picture, and its transparency, if any."""
    deep = read_deep_png(path)
    if deep is not None:
        return deep[..., :3], deep[..., 3] if deep.shape[-1] == 4 else None
    has_alpha = picture.mode in ("LA", "PA", "RGBA") or "transparency" in picture.info
    alpha = np.asarray(picture.convert("RGBA").getchannel("A")) if has_alpha else None
    if picture.mode in ("P", "PA", "LA", "RGBA"):
        picture = picture.convert("L" if picture.mode == "LA" else "RGB")
    return np.asarray(picture), alpha


def _read_tiff(path: Path) -> Values:
    with tifffile.TiffFile(path) as tiff:
        series = tiff.series[0]
        page, pixels, axes = series.keyframe, series.asarray(), series.axes
        is_imagej = tiff.is_imagej
    if page.photometric == tifffile.PHOTOMETRIC.PALETTE and page.colormap is not None:
        pixels = _merge_channels((page.colormap >> 8)[:, pixels])
    elif "S" in axes:
        channels = np.moveaxis(pixels, axes.index("S"), 0)
        pixels = _merge_channels(channels[: 3 if len(channels) >= 3 else 1])
    elif is_inverted(page) and not is_imagej:  # in ImageJ 255 is marked, and looks black
        pixels = (2 ** int(page.bitspersample) - 1) - pixels.astype(np.int64)
    orientation = page.tags.valueof(274)
    return turn(pixels, orientation if orientation in range(1, 9) else 1)


def _merge_channels(channels: Values) -> Values:
    """One value per colour, (channels, rows, columns) -> (rows, columns): the grey where all are grey, 0 for black."""
    channels = channels[:3].astype(np.int64)
    if len(channels) < 3 or (np.array_equal(channels[0], channels[1]) and np.array_equal(channels[0], channels[2])):
        return channels[0]
    if len(np.unique(channels.reshape(3, -1), axis=1).T) > 2 and is_noise(channels.max(axis=0)):
        return channels.max(axis=0)  # colours that went through compression: how bright they are
    base = int(channels.max()) + 1
    return (channels[0] * base + channels[1]) * base + channels[2]
