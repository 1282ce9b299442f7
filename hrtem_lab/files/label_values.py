"""Values of a label image, and what they mean: which pixels are particles, and which of them belong together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from skimage.measure import label as connected_components

from hrtem_lab.micrograph import BoolArray, FloatArray, InputError, IntArray

MAX_NUMBER = 65535
"""Largest number of a particle that is kept as it is."""
MAX_LISTED = 5
"""Number of values that a message lists."""
_FULL_SCALES = (1.0, 255.0, 65535.0)
"""Greatest confidence in a soft label: of fractions, of bytes, of 16 bits."""
_TINY_PX = 4
"""Area up to which a spot of one value is noise rather than a particle."""
_FEW = 8
"""Number of such spots up to which they may be particles."""
_ONE_PIECE = 0.9
"""Share of the values that are one connected piece, from which the values are numbers of particles."""
_BETWEEN, _MOST = (0.2, 0.8), 0.5
"""Range between the lowest and the highest grey level, and the part of the pixels there that makes a picture."""
_AREA = np.ones((7, 7), np.uint8)
"""Smallest area that is one of a level, not the rim of another."""
_MIN_RANGE = 16
"""Fewest steps from the lowest to the highest grey level that tell a particle from the noise of a compression."""

Values = npt.NDArray[Any]


@dataclass(frozen=True)
class LabelRule:
    """Meaning of the values of a label image.

    Attributes:
        background: Value of the pixels that belong to no particle.
        ignore: Value of the pixels of which nobody can say whether they belong to one, such as unsure borders.
        soft: Whether grey levels are the confidence that a pixel belongs to a particle, from 0 to 1, 255 or 65535.

    Raises:
        InputError: The background or the value to ignore is no whole number of 0 or more, or they are the same.
    """

    background: int = 0
    ignore: int | None = None
    soft: bool = False

    def __post_init__(self) -> None:
        for name, value in (("background", self.background), ("ignore", self.ignore)):
            is_whole = isinstance(value, int) and not isinstance(value, bool) and value >= 0
            if not is_whole and not (name == "ignore" and value is None):
                raise InputError(f"label.{name}={value}: expected a whole number, 0 or more")
        if self.ignore == self.background:
            raise InputError(f"label.ignore={self.ignore} is label.background, too; give another value")


@dataclass(frozen=True)
class Label:
    """A label image as it was understood.

    Attributes:
        instances: Particle number per pixel, (rows, columns) int32, 0 = background.
        notes: Lines for the user about how it was understood.
        kind: Kind of label: `binary 0/255`, `numbers of particles`, `kinds of particles`, `one-hot`, `grey`, `soft` or
            `background alone`.
        ignored: True where nobody can say, (rows, columns); None where every pixel is known.
        soft: Confidence that a pixel belongs to a particle, from 0 to 1, (rows, columns); None for other labels.
    """

    instances: IntArray
    notes: tuple[str, ...] = ()
    kind: str = ""
    ignored: BoolArray | None = None
    soft: FloatArray | None = None

    @property
    def mask(self) -> BoolArray:
        """True where a particle is, (rows, columns)."""
        return self.instances > 0

    @property
    def particles(self) -> int:
        """Number of particles."""
        return int(np.unique(self.instances[self.instances > 0]).size)


def understand(values: Values, is_number: bool, rule: LabelRule, name: str) -> Label:
    """Find the particles in the values of a label.

    Args:
        values: (rows, columns), whole numbers where `is_number`.
        is_number: Whether values can be numbers of particles.
        rule: Meaning of the values.
        name: Name of the label in messages.

    Raises:
        InputError: No pixel is of the background value, or one is of no value (NaN).
    """
    if not np.isfinite(values).all():
        raise InputError(f"{name}: the label holds NaN; give what nobody knows a value of its own, and ignore that")
    if rule.soft:
        full_scale = next((scale for scale in _FULL_SCALES if values.max() <= scale), float(values.max()))
        return soft_label(values.astype(np.float32) / full_scale)
    if rule.ignore is None:
        return _understand_known(values, is_number, rule, name)
    ignored = values == rule.ignore
    label = _understand_known(np.where(ignored, rule.background, values), is_number, rule, name)
    return Label(label.instances, label.notes, label.kind, ignored if ignored.any() else None)


def soft_label(soft: FloatArray) -> Label:
    """The label of a confidence from 0 to 1, whose particles are cut at half; (rows, columns)."""
    return Label(_pieces(soft > 0.5), kind="soft", soft=soft.astype(np.float32))


def one_hot_label(channels: Values) -> Label:
    """The label of one channel per class, (rows, columns, 2), of which the last is the particles."""
    return Label(_pieces(channels[..., -1] > channels[..., 0]), kind="one-hot")


def _understand_known(values: Values, is_number: bool, rule: LabelRule, name: str) -> Label:
    """The particles where every pixel is known."""
    if not is_number or is_noise(values):
        half = (float(values.min()) + float(values.max())) / 2
        if is_number:
            _check_two_levels(values, rule.background > half, name)
        mask = values <= half if rule.background > half else values > half
        note = f"{name} holds grey levels that are no numbers of particles; it is cut at half, above {half:g}"
        return Label(_pieces(mask), (note,) if mask.any() else (), "grey")
    distinct = np.unique(values)
    if distinct.size and distinct[0] < 0:
        raise InputError(
            f"{name}: holds the number {distinct[0]}, expected 0 as background and positive numbers of particles"
        )
    if rule.background not in distinct and distinct.size:
        listed = ", ".join(map(str, distinct[:MAX_LISTED].tolist())) + (" ..." if distinct.size > MAX_LISTED else "")
        raise InputError(
            f"{name}: no pixel has the value {rule.background} of the background, only {listed}; if one of these "
            f"is no particle, give label.background={_likely_background(values)} (for training, "
            "data.layout.label.background)"
        )
    numbers = np.where(values == rule.background, 0, values + (rule.background > 0))  # 0 may be a particle's
    pieces = connected_components(numbers, background=0, connectivity=1)
    if distinct.size > 2 and _are_numbers(numbers, pieces):
        if numbers.max() > MAX_NUMBER:  # such as colours
            numbers = np.unique(numbers, return_inverse=True)[1].reshape(numbers.shape)
        return Label(numbers.astype(np.int32), kind="numbers of particles")
    kinds = {1: "background alone", 2: "binary " + "/".join(map(str, distinct.tolist()))}
    return Label(pieces.astype(np.int32), kind=kinds.get(distinct.size, "kinds of particles"))


def _pieces(mask: BoolArray) -> IntArray:
    """Numbers of what is connected by the sides of its pixels."""
    return np.asarray(connected_components(mask, connectivity=1), dtype=np.int32)


def is_noise(values: Values) -> bool:
    """Whether most pieces of one value are tiny: the rims of what was compressed or resampled."""
    if np.unique(values).size <= 2:
        return False
    areas = np.bincount(connected_components(values, background=-1, connectivity=2).ravel())[1:]
    return bool(np.count_nonzero(areas <= _TINY_PX) > max(areas.size / 2, _FEW))


def _check_two_levels(values: Values, background_is_high: bool, name: str) -> None:
    """Check that cutting whole numbers at half loses nothing: that they are two levels, with transitions between them.

    Raises:
        InputError: Most pixels lie between, as in a picture; whole areas lie on the side of the background, as the
            particles of a third level; or there are too few levels to tell noise from a particle.
    """
    low, high = float(values.min()), float(values.max())
    scaled = (values - low) / max(high - low, 1.0)
    scaled = 1 - scaled if background_is_high else scaled
    between = (scaled > _BETWEEN[0]) & (scaled < _BETWEEN[1])
    lost = cv2.morphologyEx((between & (scaled < 0.5)).astype(np.uint8), cv2.MORPH_OPEN, _AREA)
    if high - low < _MIN_RANGE:
        reason = f"its grey levels, {low:g} to {high:g}, are no more than the noise of a compression"
    elif between.mean() > _MOST:
        reason = f"most of its grey levels lie between those of background and particle ({low:g} and {high:g})"
    elif lost.any():
        reason = "it holds areas of a third grey level, which would be lost"
    else:
        return
    raise InputError(f"{name}: is no label of two levels: {reason}; export it as PNG or TIFF with 0 and 255")


def _likely_background(values: Values) -> int:
    """The value of most pixels along the border of a label."""
    border = np.concatenate([values[0], values[-1], values[:, 0], values[:, -1]])
    distinct, counts = np.unique(border, return_counts=True)
    return int(distinct[counts.argmax()])


def _are_numbers(numbers: Values, pieces: Values) -> bool:
    """Whether nearly every value is one piece."""
    inside = pieces > 0
    values = np.unique(numbers[inside])
    pairs = np.unique(np.stack([numbers[inside], pieces[inside]]), axis=1)
    _, counts = np.unique(pairs[0], return_counts=True)
    return bool(np.count_nonzero(counts == 1) >= _ONE_PIECE * values.size)
