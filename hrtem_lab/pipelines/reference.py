"""The pipeline of `reference`: the statistics beside a model by which the quality of micrographs is judged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from omegaconf import DictConfig
from rich.table import Table

from hrtem_lab.analysis.distances import Floats
from hrtem_lab.analysis.fringes import measure_fringes
from hrtem_lab.analysis.image_statistics import measure_image
from hrtem_lab.analysis.output_statistics import measure_outputs
from hrtem_lab.analysis.quality import REFERENCE, WITHOUT_FAULT, shorter_side_nm, weights_fingerprint
from hrtem_lab.analysis.quality_fit import MeasuredImages, count_flagged, fit_reference, score_held_out
from hrtem_lab.cli.build import build
from hrtem_lab.cli.progress import console, progress_bar, track
from hrtem_lab.micrograph import InputError, Micrograph
from hrtem_lab.physics import ExitWave, ExitWaveLibrary, ImageSimulator, ProjectedBodies
from hrtem_lab.physics.faulty_images import FAULTS, OF_NO_FIELD, faults_of, miscalibrated, simulate
from hrtem_lab.physics.tiles import cut_tile
from hrtem_lab.physics.wave_sequence import WaveSequence
from hrtem_lab.plural import plural
from hrtem_lab.segmentation.network_segmenter import NetworkSegmenter
from hrtem_lab.tracking.models import find_model

COARSE_FACTOR = 10.0
"""Bodies without a lattice look the same at any scale: so many times larger, they are those of a coarse image."""
NETWORK_KINDS = (WITHOUT_FAULT, "crystal")
"""Kinds of images that the network is asked about; to the other faults it does not answer unusually."""
TILES = 0.5
"""Share of the images of which a tile is taken, so that small fields are known as well as large ones."""
TILE_STREAM = 7
"""Last word of the seed of the tiles, so that the images do not depend on them."""
MIN_SPECIMENS = 20
"""Least number of specimens: half of them are held out for the thresholds."""


@dataclass(frozen=True)
class SimulatedImages:
    """Images of specimens: good ones and one of each fault.

    Attributes:
        waves: Exit waves of the specimens.
        imaging: Simulates the images.
        segmenter: Segmenter whose preprocessing and network, without a second one, look at them.
        views: Number of good images of each specimen.
        seed: Seed of the imaging conditions.
    """

    waves: Sequence[ExitWave]
    imaging: ImageSimulator
    segmenter: NetworkSegmenter
    views: int
    seed: int

    def simulate(self, index: int) -> Iterator[tuple[str, Micrograph]]:
        """Yield kind and image of all images of a specimen, each whole or a tile of it."""
        wave = self.waves[index]
        makers = [*[(WITHOUT_FAULT, simulate)] * self.views, *faults_of(wave).items()]
        for number, (kind, make) in enumerate(makers):
            micrograph = make(wave, self.imaging, np.random.default_rng([self.seed, index, number]))
            rng = np.random.default_rng([self.seed, index, number, TILE_STREAM])
            if kind not in OF_NO_FIELD and rng.random() < TILES:
                micrograph = cut_tile(micrograph, len(wave.wave) * wave.sampling_nm, rng)
            yield kind, micrograph

    def measure(self, index: int) -> list[tuple[str, float, float, Floats, Floats]]:
        """Measure all images of a specimen.

        Returns:
            Kind, pixel size, shorter side of the field in nm, statistics, and those of the network's outputs for
            `NETWORK_KINDS`.
        """
        rows = []
        for kind, micrograph in self.simulate(index):
            if micrograph.pixel_size_nm > self.segmenter.preprocessing.max_pixel_size_nm:
                continue  # refused before it can be judged
            image = self.segmenter.preprocessing(micrograph)
            outputs = np.zeros(0)
            if kind in NETWORK_KINDS:
                outputs = measure_outputs(self.segmenter.segment(micrograph).probabilities)
            statistics = measure_image(micrograph, image, self.segmenter.preprocessing)
            rows.append((kind, micrograph.pixel_size_nm, shorter_side_nm(micrograph), statistics, outputs))
        return rows


def reference(config: DictConfig) -> None:
    """Simulate what is missing of the library, measure good and faulty images, and write the reference."""
    if not isinstance(config.n, int) or config.n < MIN_SPECIMENS:
        raise InputError(f"n is {config.n}, expected a whole number of specimens, {MIN_SPECIMENS} or more")
    if not isinstance(config.views, int) or config.views < 1:
        raise InputError(f"views is {config.views}, expected a whole number of at least 1")
    folder = find_model(config.model)
    library: ExitWaveLibrary = build(config.library)
    with progress_bar("Simulating exit waves") as advance:
        library.simulate(advance)
    bodies: ProjectedBodies | None = build(config.bodies)
    waves = interleave(library, bodies)
    segmenter = replace(NetworkSegmenter.load(folder), load_second=None)
    images = SimulatedImages(waves, build(config.imaging), segmenter, config.views, config.seed)
    measured = measure_images(images, range(len(waves)))
    made = {"specimens": len(waves), "views": config.views, "seed": config.seed, "library": library.digest}
    fringes = [] if bodies is None else measure_coarse(replace(images, waves=replace(bodies, lattice=0.0)))
    scores = score_held_out(measured)
    fitted = fit_reference(measured, scores, fringes, weights_fingerprint(folder), made)
    fitted.save(folder)
    print_flagged(count_flagged(measured, scores, fitted))
    images_read = f"{plural(int(measured.good.sum()), 'image')} and {plural(len(FAULTS), 'fault')}"
    console.print(f"{folder / REFERENCE}: from {images_read}", markup=False, soft_wrap=True)


def print_flagged(table: pd.DataFrame) -> None:
    """Print the share of each kind of image that is called doubtful by what was fitted to other specimens."""
    shown = Table(title="Called doubtful, of specimens held out")
    for column in ("Kind", "Images", "Share", "95 % interval"):
        shown.add_column(column, justify="left" if column == "Kind" else "right")
    for row in table.to_dict("records"):
        shown.add_row(row["kind"], str(row["images"]), f"{row['share']:.3f}", f"{row['low']:.2f} to {row['high']:.2f}")
    console.print(shown)


def interleave(library: ExitWaveLibrary, bodies: ProjectedBodies | None) -> Sequence[ExitWave]:
    """Specimens of a library, each followed by a field of bodies where there are any."""
    if bodies is None:
        return library
    return Alternating(library, bodies)


@dataclass(frozen=True)
class Alternating(WaveSequence):
    """Exit waves of two sources in turns, each made when it is asked for.

    Attributes:
        first: One source.
        second: Another one, at least as long.
    """

    first: Sequence[ExitWave]
    second: Sequence[ExitWave]

    def __len__(self) -> int:
        return 2 * len(self.first)

    def _wave(self, index: int) -> ExitWave:
        return (self.first, self.second)[index % 2][index // 2]


def measure_coarse(images: SimulatedImages) -> list[float]:
    """Strength of fringes in images of specimens without a lattice, said to be `COARSE_FACTOR` times as large."""
    strengths = []
    for index in track(range(len(images.waves)), "Measuring coarse images"):
        for view in range(images.views):
            rng = np.random.default_rng([images.seed, index, view])
            micrograph = miscalibrated(COARSE_FACTOR, images.waves[index], images.imaging, rng)
            strengths.append(measure_fringes(micrograph, images.segmenter.preprocessing))
    return strengths


def measure_images(images: SimulatedImages, indices: range) -> MeasuredImages:
    """Measure all images of some specimens of a library."""
    rows: list[tuple[Any, ...]] = []
    for index in track(indices, "Measuring good and faulty images"):
        rows += [(*row, index) for row in images.measure(index)]
    kinds, pixel_sizes, sides, statistics, network, specimens = zip(*rows, strict=True)
    not_asked = np.full(max(map(len, network)), np.nan)
    return MeasuredImages(
        statistics=np.stack(statistics),
        network=np.stack([row if len(row) else not_asked for row in network]),
        kinds=np.array(kinds),
        specimens=np.array(specimens),
        pixel_sizes_nm=np.array(pixel_sizes),
        sides_nm=np.array(sides),
    )
