"""One micrograph: its particles found, measured and classified."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from hrtem_lab.analysis.quality import Quality, QualityReference, weights_fingerprint
from hrtem_lab.analysis.scale_check import SPACING, SPACING_ERROR, ScaleCheck, check_scale
from hrtem_lab.defects import Features, Forest
from hrtem_lab.files import ImageLike, to_micrograph
from hrtem_lab.micrograph import (
    CLASSES,
    OUTLINES,
    UNRESOLVED,
    FloatArray,
    InputError,
    IntArray,
    Micrograph,
    ParticleClass,
)
from hrtem_lab.particles import (
    Edge,
    FaultLine,
    choose_edges,
    draw_edges,
    find_fault_lines,
    half_contrast_edges,
    half_contrast_name,
    lattice_features,
    mask_edges,
    measure,
    measure_half_contrast,
    network_features,
    tabulate_fault_lines,
)
from hrtem_lab.particles.crops import check_shapes
from hrtem_lab.paths import MODELS
from hrtem_lab.progress import ProgressCallback, no_progress
from hrtem_lab.segmentation.network_segmenter import NetworkSegmenter
from hrtem_lab.segmentation.segmenter import Segmentation

if TYPE_CHECKING:
    from hrtem_lab.physics.material import Material

NOT_YET_JUDGED = Quality(judged=False)
SPACINGS = {"spacing_nm": SPACING, "spacing_error_nm": SPACING_ERROR}
"""Feature of a particle's lattice -> column of the table of particles."""
DEFAULT_MODEL = MODELS / "default"
"""Folder of the model that comes along."""


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """Particles of a micrograph, measured and classified.

    Attributes:
        micrograph: The micrograph.
        instances: Particle number at each pixel, (rows, columns), 0 = background; their borders are the chosen outline,
            and the geometric one of particles that have no other.
        probability: Probability of a particle at each pixel, (rows, columns).
        table: One row per particle, indexed by its number (`particle`): sizes and shapes of both outlines as from
            `hrtem_lab.particles.measure` and `measure_half_contrast`, `confidence`, and with a forest `class`, the
            probability `p_<class>` of each class, `lattice_spacing_nm` and its error.
        outline: Outline that was chosen, one of `hrtem_lab.micrograph.OUTLINES`.
        quality: Whether the micrograph can be trusted.
        scale: Check of the pixel size by lattice spacings; None where no material was named.
        fault_lines: Line of the fault, with the spots of the lattices on its two sides, of the particles that are
            called faulted, by their numbers; those are missing whose image does not say where it is.
    """

    micrograph: Micrograph
    instances: IntArray
    probability: FloatArray
    table: pd.DataFrame
    outline: str = OUTLINES[0]
    quality: Quality = NOT_YET_JUDGED
    scale: ScaleCheck | None = None
    fault_lines: Mapping[int, FaultLine] = field(default_factory=dict)

    @property
    def faults(self) -> pd.DataFrame:
        """One row per line of a fault, indexed by its particle's number; see `hrtem_lab.particles.FaultLine`."""
        return tabulate_fault_lines(self.fault_lines, self.micrograph.pixel_size_nm)

    @property
    def uncut(self) -> pd.DataFrame:
        """Rows of the particles that the edge of the image does not cut."""
        return self.table[~self.table["touches_edge"].astype(bool)]

    @property
    def diameters_nm(self) -> pd.Series:
        """Equivalent diameters of the chosen outline, of the particles that have it and that no edge cuts."""
        return self.uncut[diameter_column(self.outline)].dropna()

    @property
    def classes(self) -> pd.Series:
        """Class of each particle by its number; empty where there is no forest."""
        return self.table.get("class", pd.Series(dtype=object))


@dataclass(frozen=True)
class Analyser:
    """A segmenter and the forest that goes with it, ready for any number of micrographs.

    Attributes:
        segmenter: Finds the particles.
        forest: Says what the image shows of a particle's lattice; None leaves classes out.
        features: Feature set that the forest reads.
        model: Where the two came from, for the summary.
        outline: Outline by which masks and summaries go, one of `hrtem_lab.micrograph.OUTLINES`; tables have both.
        reference: Judges the quality of micrographs; None leaves all unjudged.
        materials: Materials that the particles may be of, by which the scale is checked; none where they are unknown.

    Raises:
        InputError: There is no such outline.
    """

    segmenter: NetworkSegmenter
    forest: Forest | None
    features: Features
    model: Mapping[str, Any] = field(default_factory=dict)
    outline: str = OUTLINES[0]
    reference: QualityReference | None = None
    materials: tuple[Material, ...] = ()

    def __post_init__(self) -> None:
        check_outline(self.outline)

    @classmethod
    def load(
        cls,
        folder: str | Path = DEFAULT_MODEL,
        features: Features = lattice_features,
        *,
        engine: str = "auto",
        tta: bool = False,
        outline: str = OUTLINES[0],
        threshold: float | None = None,
        min_diameter_nm: float | None = None,
        materials: Sequence[Material] = (),
    ) -> Analyser:
        """Load a model that training saved.

        Args:
            folder: Folder of the model; by default that of the model that comes along.
            features: Feature set that its forest was trained on.
            engine: Engine of the network: `torch`, `openvino`, `onnxruntime`, or `auto`: torch on a GPU, else the
                fastest that is installed.
            tta: Average the segmenter over the eight turns and mirror images of a micrograph.
            outline: Outline by which masks and summaries go: `geometric` or `half_contrast`.
            threshold: Probability above which a pixel belongs to a particle, above 0 and below 1; by default the one
                that training chose on validation data.
            min_diameter_nm: Diameter of the disc of the same area below which a particle is left out; by default the
                model's.
            materials: Materials that the particles may be of; with one or more, the pixel size is checked by the
                spacings of their lattices.

        Raises:
            InputError: The folder holds no model, or a number is out of its range.
        """
        if threshold is not None and not 0 < threshold < 1:
            raise InputError(f"threshold is {threshold}, expected a number above 0 and below 1")
        if min_diameter_nm is not None and not 0 <= min_diameter_nm < np.inf:
            raise InputError(f"min_diameter_nm is {min_diameter_nm}, expected a number of nm, 0 or more")
        folder = Path(folder).expanduser()
        chosen: dict[str, Any] = {"threshold": threshold, "min_diameter_nm": min_diameter_nm, "tta": tta or None}
        overruled = {name: value for name, value in chosen.items() if value is not None}
        segmenter = NetworkSegmenter.load(folder, engine, **overruled)
        model: dict[str, Any] = {
            "folder": str(folder),
            "weights": weights_fingerprint(folder),
            "engine": segmenter.engine,
        }
        model |= {name: getattr(segmenter, name) for name in chosen}
        forest = Forest.load_if_present(folder)
        if forest is not None and forest.base_rates is not None:
            model |= {"base_rates": asdict(forest.base_rates)}
        return cls(
            segmenter,
            forest,
            features,
            {**model, **segmenter.provenance},
            outline,
            QualityReference.load_if_present(folder),
            tuple(materials),
        )

    def __call__(
        self,
        image: ImageLike,
        pixel_size_nm: float | None = None,
        *,
        instances: IntArray | None = None,
        progress: ProgressCallback = no_progress,
    ) -> Analysis:
        """Find, measure and classify the particles of an image.

        Args:
            image: A micrograph, an array (rows, columns), a HyperSpy signal, or the path of a file.
            pixel_size_nm: Side length of a pixel in nm, where the image does not say it; an array never does.
            instances: Particle numbers, (rows, columns), where the particles are outlined already: they are measured
                and classified as they are.
            progress: Called after every tile of the image.

        Raises:
            InputError: The pixel size is not known or too large for the model, or the image cannot be read.
        """
        micrograph = to_micrograph(image, pixel_size_nm)
        if self.forest is not None and self.segmenter.preprocessing.keeps_pixels_of(micrograph):
            limit_nm = self.segmenter.preprocessing.lattice_pixel_size_nm
            note = (
                f"a pixel of {micrograph.pixel_size_nm:.3g} nm resolves no lattice (Nyquist: at most {limit_nm:g} nm), "
                f"so particles are {UNRESOLVED} instead of with or without a fault"
            )
            micrograph = replace(micrograph, notes=(*micrograph.notes, note))
        segmentation = self.segmenter.segment(micrograph, progress)
        first_answer = segmentation.probabilities if segmentation.is_first_answer else None
        if instances is None:
            edges = segmentation.find_edges(micrograph.pixel_size_nm)
            table, outlined = self._measure(micrograph, segmentation.instances, edges)
        else:
            check_shapes(micrograph.image, instances)
            segmentation = segmentation._replace(instances=instances, notes=())
            table, outlined = self._measure(micrograph, instances, None)
        micrograph = replace(micrograph, notes=(*micrograph.notes, *segmentation.notes))
        confidence = network_features(segmentation.probabilities[:1], segmentation.instances)["seen_particle"]
        table["confidence"] = confidence
        if self.forest is not None and len(table):
            table = table.join(self._classify(self.forest, micrograph, segmentation))
        scale = check_scale(table, self.materials) if self.materials and SPACING in table else None
        return Analysis(
            micrograph=micrograph,
            instances=outlined,
            probability=segmentation.particle_probability,
            table=table,
            outline=self.outline,
            quality=self._judge(micrograph, first_answer, scale),
            scale=scale,
            fault_lines=_find_faults(micrograph, segmentation.instances, table),
        )

    def _judge(self, micrograph: Micrograph, first_answer: FloatArray | None, scale: ScaleCheck | None) -> Quality:
        """Judge a micrograph by its scale and the reference, which knows the answers of the first network alone."""
        preprocessing = self.segmenter.preprocessing
        if self.reference is None:
            quality = NOT_YET_JUDGED
        elif preprocessing.keeps_pixels_of(micrograph):
            quality = self.reference.judge_coarse(micrograph, preprocessing)
        else:
            quality = self.reference.judge(micrograph, preprocessing, first_answer)
        return quality.with_reason(scale.reason) if scale is not None else quality

    def _measure(
        self, micrograph: Micrograph, instances: IntArray, edges: dict[int, Edge] | None
    ) -> tuple[pd.DataFrame, IntArray]:
        """Measure both outlines of each particle, and draw the chosen one.

        Args:
            micrograph: The micrograph.
            instances: Particle numbers, (rows, columns).
            edges: Geometric edges; None where the pixels are all that is known of them.
        """
        image, pixel_size_nm, valid = micrograph.image, micrograph.pixel_size_nm, micrograph.valid
        geometric = mask_edges(instances) if edges is None else edges
        half_contrast = half_contrast_edges(image, instances, geometric, pixel_size_nm, valid)
        table = measure(instances, pixel_size_nm, valid, edges)
        table = table.join(measure_half_contrast(half_contrast, pixel_size_nm))
        if self.outline == "half_contrast":
            return table, draw_edges(choose_edges(geometric, half_contrast), instances.shape)
        return table, instances if edges is None else draw_edges(geometric, instances.shape)

    def _classify(self, forest: Forest, micrograph: Micrograph, segmentation: Segmentation) -> pd.DataFrame:
        """Class and probabilities of each particle; `unresolved` where the pixels are too coarse for any lattice."""
        if self.segmenter.preprocessing.keeps_pixels_of(micrograph):
            numbers = pd.Index(np.unique(segmentation.instances[segmentation.instances > 0]), name="particle")
            features = pd.DataFrame(np.nan, index=numbers, columns=list(SPACINGS))
            class_probabilities = pd.DataFrame(np.nan, index=numbers, columns=list(CLASSES))
            classes = pd.Series(UNRESOLVED, index=numbers)
        else:
            instances, probabilities = segmentation.instances, segmentation.probabilities
            features = self.features(micrograph.image, instances, micrograph.pixel_size_nm, probabilities)
            class_probabilities = forest.probabilities(features)
            classes = forest.classes(class_probabilities)
        spacings = features.filter(list(SPACINGS)).rename(columns=SPACINGS)
        return pd.concat([classes.rename("class"), class_probabilities.add_prefix("p_"), spacings], axis=1)


def _find_faults(micrograph: Micrograph, instances: IntArray, table: pd.DataFrame) -> dict[int, FaultLine]:
    """Find the lines of the particles that a table calls faulted; none where it has no classes."""
    faulted = table.index[table["class"] == ParticleClass.FAULT].tolist() if "class" in table else []
    return find_fault_lines(micrograph.image, instances, faulted, micrograph.pixel_size_nm)


def measure_mask(micrograph: Micrograph, instances: IntArray) -> Analysis:
    """Measure particles that are outlined already, without a model: nothing is said of their classes.

    Args:
        micrograph: The micrograph, or its mask.
        instances: Particle numbers, (rows, columns), 0 = background.
    """
    table = measure(instances, micrograph.pixel_size_nm, micrograph.valid)
    probability = (instances > 0).astype(np.float32)
    return Analysis(micrograph=micrograph, instances=instances, probability=probability, table=table)


def analyse(image: ImageLike, pixel_size_nm: float | None = None) -> Analysis:
    """Find, measure and classify the particles of an image with the model that comes along.

    The model is loaded once and kept. For another one, or for other settings, load it by `hrtem_lab.load`.

    Args:
        image: A micrograph, an array (rows, columns), a HyperSpy signal, or the path of a file.
        pixel_size_nm: Side length of a pixel in nm, where the image does not say it; an array never does.

    Raises:
        InputError: The pixel size is not known or too large for the model, or the image cannot be read.
    """
    return _default_analyser()(image, pixel_size_nm)


@cache
def _default_analyser() -> Analyser:
    """The model that comes along, loaded once."""
    return Analyser.load()


def check_outline(outline: str) -> None:
    """Raise InputError where there is no such outline."""
    if outline not in OUTLINES:
        raise InputError(f"outline is {outline}, expected {' or '.join(OUTLINES)}")


def diameter_column(outline: str) -> str:
    """Name of the column with the equivalent diameter of an outline."""
    name = "equivalent_diameter_nm"
    return name if outline == "geometric" else half_contrast_name(name)


def no_particles() -> pd.DataFrame:
    """The table of no particles, with the columns and types of any other."""
    empty = measure(np.zeros((1, 1), dtype=np.int32), 1.0).join(measure_half_contrast({}, 1.0))
    empty = empty.assign(**{"confidence": [], "class": []})
    return empty.assign(**{name: [] for name in (*(f"p_{name}" for name in CLASSES), *SPACINGS.values())})
