"""Values of a label image, and what they mean: which pixels are particles, and which of them belong together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

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
        InputError: No pixel is of the background value.
    """
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
        mask = values <= half if rule.background > half else values > half
        note = f"{name} holds grey levels that are no numbers of particles; it is cut at half, above {half:g}"
        return Label(_pieces(mask), (note,) if mask.any() else (), "grey")
    distinct = np.unique(values)
    if rule.background not in distinct and distinct.size:
        listed = ", ".join(map(str, distinct[:MAX_LISTED].tolist())) + (" ..." if distinct.size > MAX_LISTED else "")
        raise InputError(
            f"{name}: no pixel has the value {rule.background} of the background, only {listed}; if one of these "
            f"is no particle, give label.background={distinct[0]} (data.layout.label.background for training)"
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


def _are_numbers(numbers: Values, pieces: Values) -> bool:
    """Whether nearly every value is one piece."""
    inside = pieces > 0
    values = np.unique(numbers[inside])
    pairs = np.unique(np.stack([numbers[inside], pieces[inside]]), axis=1)
    _, counts = np.unique(pairs[0], return_counts=True)
    return bool(np.count_nonzero(counts == 1) >= _ONE_PIECE * values.size)
