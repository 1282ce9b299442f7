"""The pipeline of `simulate`: a library of exit waves, a contact sheet, and images for other programs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from omegaconf import DictConfig
from rich.table import Table

from hrtem_lab.cli.build import build
from hrtem_lab.cli.progress import console, progress_bar
from hrtem_lab.figures import micrographs as pictures
from hrtem_lab.figures.style import save
from hrtem_lab.files import GROSCHNER_PX, write_folder, write_groschner
from hrtem_lab.micrograph import InputError, LabelledMicrograph
from hrtem_lab.physics import ExitWaveLibrary, ImageSimulator
from hrtem_lab.physics.library import find_materials
from hrtem_lab.physics.workers import run

SHEET = 24
FEW = 32
"""Images that are made before another process has started to make them."""


@dataclass(frozen=True)
class Exposures:
    """Images of a library, each under a condition of its own; the same number always is the same image.

    Attributes:
        library: Exit waves.
        imaging: Takes the images.
        each: Images per specimen.
        seed: Base of all chance.
        edge: Pixels that are cut out of an image along each edge; None for all of it.
    """

    library: ExitWaveLibrary
    imaging: ImageSimulator
    each: int
    seed: int
    edge: int | None = None

    def __len__(self) -> int:
        return len(self.library) * self.each

    def take(self, number: int) -> LabelledMicrograph:
        """One image; images 0 to `each` - 1 are of the first specimen."""
        index, view = divmod(number, self.each)
        rng = np.random.default_rng([self.seed, index, view])
        wave = self.library[index]
        micrograph = self.imaging.simulate(wave, rng, name=f"{wave.name}_{view}")
        return micrograph if self.edge is None else cut(micrograph, self.edge, rng)

    def all(self, title: str) -> Iterator[tuple[int, LabelledMicrograph]]:
        """Every image with its number, as they are ready, with a bar."""
        workers = self.library.workers if len(self) > FEW else 0
        with progress_bar(title) as advance:
            advance(0, len(self))
            for done, numbered in enumerate(run(self.take, range(len(self)), workers), start=1):
                yield numbered
                advance(done, len(self))


def simulate(config: DictConfig) -> ExitWaveLibrary:
    """Make what is missing of the library, and what is wanted of it."""
    for key in ("n", "images"):
        if not isinstance(config[key], int) or config[key] < 0:
            raise InputError(f"{key} is {config[key]}, expected a whole number of at least 0")
    if config.export not in (None, *EXPORTS):
        raise InputError(f"export is {config.export}, expected {' or '.join(EXPORTS)}")
    library: ExitWaveLibrary = build(config.library)
    imaging: ImageSimulator = build(config.imaging)
    check_pixels(library, imaging)
    exposures = Exposures(library, imaging, config.images, config.seed)
    export = config.export and EXPORTS[config.export](exposures)  # refuses what cannot be before hours of simulation
    try:
        with progress_bar("Simulating exit waves") as advance:
            library.simulate(advance)
    except KeyboardInterrupt:
        done = len(library) - len(library.missing())
        console.print(
            f"{done} of {len(library)} specimens are in {library.folder}; the same command goes on from there",
            soft_wrap=True,
            highlight=False,
        )
        raise
    if config.preview:
        save(pictures.contact_sheet(preview(exposures)), library.folder / "preview.png")
    if export:
        export()
    show(library, config)
    return library


def check_pixels(library: ExitWaveLibrary, imaging: ImageSimulator) -> None:
    """Refuse a camera that never sees the lattice."""
    coarsest = imaging.microscope.pixel_size_nm[1]
    for material in find_materials(library.specimen):
        plane = material.d_spacing_nm
        if coarsest > plane / 2:
            raise InputError(
                f"microscope.pixel_size_nm goes to {coarsest} nm: beyond its Nyquist frequency nothing is seen of "
                f"planes {plane:.3f} nm apart; give pixels of at most {plane / 2:.3f} nm"
            )


def preview(exposures: Exposures) -> list[LabelledMicrograph]:
    """Images of specimens spread over the library, a few of them empty, from overfocus to underfocus."""
    number = np.array([len(particles) for particles in exposures.library.particles()])
    full, bare = np.flatnonzero(number > 0), np.flatnonzero(number == 0)
    if len(number) == 0:
        return []
    empty = min(len(bare), SHEET // 8) if len(full) else SHEET
    views = replace(exposures, each=SHEET)
    picked = [*_spread(full, SHEET - empty), *_spread(bare, empty)]
    taken = [views.take(int(index) * SHEET + view) for view, index in enumerate(picked)]
    return sorted(taken, key=lambda micrograph: float(micrograph.metadata["defocus_nm"]))


def _spread(indices: npt.NDArray[np.int64], number: int) -> npt.NDArray[np.int64]:
    """So many of them, evenly; each as often as another where there are not enough."""
    if len(indices) >= number:
        return indices[np.arange(number) * len(indices) // max(number, 1)]
    return np.resize(indices, number)


def groschner(exposures: Exposures) -> Callable[[], None]:
    """Export as the published HDF5: 512 x 512 pixels at random of images that are at least as large."""
    field_nm, microscope = exposures.library.specimen.field_nm, exposures.imaging.microscope
    finest, coarsest = microscope.pixel_size_nm
    largest = field_nm / GROSCHNER_PX
    if finest > largest:
        raise InputError(
            f"export=groschner needs {GROSCHNER_PX} pixels along each edge; microscope.pixel_size_nm from {finest} "
            f"nm leaves {field_nm / finest:.0f} of a field of {field_nm} nm; give pixels from {largest:.3g} nm, "
            f"or specimen.field_nm of at least {finest * GROSCHNER_PX:.3g}"
        )
    microscope = replace(microscope, pixel_size_nm=(finest, min(coarsest, largest)))
    imaging = replace(exposures.imaging, microscope=microscope, max_pixel_size_nm=largest)
    cuts = replace(exposures, imaging=imaging, edge=GROSCHNER_PX)
    folder = exposures.library.folder / "groschner"
    return lambda: write_groschner(folder, cuts.all("Writing groschner/images.h5"), len(cuts))


def tiffs(exposures: Exposures) -> Callable[[], None]:
    """Export as a folder of TIFF and label images."""
    folder = exposures.library.folder / "images"
    return lambda: write_folder(folder, exposures.all("Writing images/"))


EXPORTS = {"groschner": groschner, "folder": tiffs}


def cut(micrograph: LabelledMicrograph, edge: int, rng: np.random.Generator) -> LabelledMicrograph:
    """Cut out a random square, with the ground truth of the particles in it."""
    row, column = (int(rng.integers(size - edge, endpoint=True)) for size in micrograph.image.shape)
    part = np.s_[row : row + edge, column : column + edge]
    instances = micrograph.instances[part]
    truth = micrograph.ground_truth.loc[micrograph.ground_truth.index.isin(np.unique(instances))]
    return replace(micrograph, image=micrograph.image[part], instances=instances, ground_truth=truth)


def show(library: ExitWaveLibrary, config: DictConfig) -> None:
    """Print what is where."""
    table = Table(title=f"{len(library)} specimens in {library.folder}", show_header=False)
    written = {
        "library.zarr": "exit waves and instances",
        "facts/": "a row per particle: pandas.read_parquet(folder)",
        "manifest.json": f"settings, versions, digest {library.digest}",
        "preview.png": f"{SHEET} images with the true outlines" if config.preview else "",
        "groschner/": "images.h5, metadata.csv, particles.parquet" if config.export == "groschner" else "",
        "images/": "TIFF, _label.png, metadata.csv, particles.parquet" if config.export == "folder" else "",
    }
    for name, what in written.items():
        if what:
            table.add_row(name, what)
    console.print(table)
