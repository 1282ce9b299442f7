"""The data contract: what every subpackage takes and returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int32]
BoolArray = npt.NDArray[np.bool_]


class ParticleClass(StrEnum):
    """Class of a segmented particle, in the order of every probability vector and confusion matrix."""

    FAULT = "fault"
    NO_FAULT = "no_fault"
    NO_FRINGE = "no_fringe"
    AGGLOMERATE = "agglomerate"
    EMPTY = "empty"

    @property
    def is_particle(self) -> bool:
        """Whether the outline is one particle, so that its size and shape are those of a particle."""
        return self not in (ParticleClass.AGGLOMERATE, ParticleClass.EMPTY)

    @property
    def shows_lattice(self) -> bool:
        """Whether the image shows the particle's lattice, so that a fault in it would be seen."""
        return self in (ParticleClass.FAULT, ParticleClass.NO_FAULT)


CLASSES = tuple(each.value for each in ParticleClass)
"""Values of `ParticleClass` as plain strings: labels, and columns of tables of probabilities."""
UNCERTAIN = "uncertain"
"""Predicted instead of a class where no class is probable enough."""
UNRESOLVED = "unresolved"
"""Given instead of a class where the pixels are too coarse for any lattice."""


OUTLINES = ("geometric", "half_contrast")
"""Edges that a label may follow: where the particle ends (the outermost fringe), or half of its contrast."""


class InputError(ValueError):
    """A mistake in what the user gave. The message is one line: what was given, what is expected, what to do."""


@dataclass(frozen=True, kw_only=True)
class Micrograph:
    """One image of one field of view.

    Attributes:
        image: Intensity, (rows, columns), float32, in any unit, finite.
        pixel_size_nm: Side length of a square pixel in nm.
        name: Unique within a batch, without folder and suffix.
        metadata: Everything else that the file says (`voltage_kV`, `instrument`, ...); never needed for a result.
        pixel_size_from: Source of the pixel size: the file, a line of a table, or the user.
        pixel_sizes_unused: Other pixel sizes in nm that were given, by what said them.
        notes: Lines for the user about how the image was read: what was left out, and what was not used.
        valid: True where the image shows the specimen, (rows, columns); False in borders left empty by an alignment,
            and in banners. None where it shows it everywhere.

    Raises:
        InputError: The image is not 2-D, is empty or holds NaN or infinity, the pixel size is not positive, or `valid`
            has another shape or is False everywhere.
    """

    image: FloatArray
    pixel_size_nm: float
    name: str
    metadata: Mapping[str, Any] = field(default_factory=dict)
    pixel_size_from: str = ""
    pixel_sizes_unused: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    valid: BoolArray | None = None

    def __post_init__(self) -> None:
        if self.image.ndim != 2 or 0 in self.image.shape:
            raise InputError(f"{self.name}: the image has shape {self.image.shape}, expected (rows, columns)")
        if not np.isfinite(self.image).all():
            bad = int(np.count_nonzero(~np.isfinite(self.image)))
            raise InputError(f"{self.name}: NaN or infinite pixels: {bad}; replace them, or export the file again")
        if not (np.isfinite(self.pixel_size_nm) and self.pixel_size_nm > 0):
            raise InputError(f"{self.name}: pixel_size_nm is {self.pixel_size_nm}, expected a positive number of nm")
        if self.valid is not None and (self.valid.shape != self.image.shape or not self.valid.any()):
            raise InputError(f"{self.name}: the mask of valid pixels is {self.valid.shape} and has to hold some")

    @property
    def field_nm2(self) -> float:
        """Area of the specimen that is shown, in nm^2."""
        pixels = self.image.size if self.valid is None else int(np.count_nonzero(self.valid))
        return float(pixels * self.pixel_size_nm**2)

    @property
    def field_box(self) -> tuple[int, int]:
        """Rows and columns of the smallest box around what is shown, in pixels."""
        if self.valid is None:
            return self.image.shape[0], self.image.shape[1]
        row, column = (np.flatnonzero(self.valid.any(axis=axis)) for axis in (1, 0))
        return int(row[-1] - row[0] + 1), int(column[-1] - column[0] + 1)

    def leave_out(self, region: BoolArray, note: str = "a region is left out") -> Self:
        """Copy the micrograph without a region: nothing is found there, and its area does not count.

        Args:
            region: True where the micrograph is left out, (rows, columns).
            note: Line for the user.

        Raises:
            InputError: The region has another shape, or nothing would be left.
        """
        if region.shape != self.image.shape:
            raise InputError(f"{self.name}: what is left out is {region.shape}, the image {self.image.shape}")
        valid = ~region if self.valid is None else self.valid & ~region
        if not valid.any():
            raise InputError(f"{self.name}: all of the image is left out; draw around a part of it")
        return replace(self, valid=valid, notes=(*self.notes, note))


@dataclass(frozen=True, kw_only=True)
class LabelledMicrograph(Micrograph):
    """A micrograph with its truth.

    Attributes:
        instances: Particle number per pixel, (rows, columns), int32, 0 = background.
        group: Name of the unit that a split may never divide: the specimen, the micrograph or the session that this
            image came from.
        outline: Edge that the mask follows, one of `OUTLINES`.
        half_contrast: Particle number per pixel of the half-contrast outlines, where these are known besides the
            geometric ones of `instances`; a particle that has none is missing.
        ignored: True where nobody can say whether a particle is there, (rows, columns); no score counts these pixels
            and nothing is learned from them. They belong to no particle. None where every pixel is known.
        soft: Share of the annotators, or their confidence, that a pixel belongs to a particle, from 0 to 1,
            (rows, columns) float32; None where the mask says it.
        annotators: Particle numbers per pixel of each annotator by name, where several have labelled this image.
        ground_truth: Facts about the particles: one row each, indexed by its number in `instances`; empty where
            nothing but the mask is known. Column `label`, where present, is one of `CLASSES`.

    Raises:
        InputError: As for `Micrograph`, an array has another shape than the image, or the outline has another name.
    """

    instances: IntArray
    group: str
    outline: str = OUTLINES[0]
    half_contrast: IntArray | None = None
    ignored: BoolArray | None = None
    soft: FloatArray | None = None
    annotators: Mapping[str, IntArray] = field(default_factory=dict)
    ground_truth: pd.DataFrame = field(default_factory=pd.DataFrame)

    def __post_init__(self) -> None:
        super().__post_init__()
        for array in (self.instances, self.half_contrast, self.ignored, self.soft, *self.annotators.values()):
            if array is not None and array.shape != self.image.shape:
                raise InputError(f"{self.name}: the mask is {array.shape}, its image {self.image.shape}")
        if self.outline not in OUTLINES:
            raise InputError(f"{self.name}: outline is '{self.outline}'; expected {' or '.join(OUTLINES)}")

    @property
    def mask(self) -> BoolArray:
        """True where a particle is, (rows, columns)."""
        return self.instances > 0

    def with_outline(self, outline: str) -> Self:
        """The micrograph with the truth of this outline, where it is known; else with the one that it has.

        A particle that has no half-contrast outline keeps its geometric one.
        """
        if outline == self.outline or self.half_contrast is None:
            return self
        found = np.isin(self.instances, np.unique(self.half_contrast))
        instances = np.where(found | (self.half_contrast > 0), self.half_contrast, self.instances)
        return replace(self, instances=instances.astype(np.int32), outline=outline, half_contrast=None)
