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
from hrtem_lab.figures.micrographs import contact_sheet
from hrtem_lab.figures.style import save
from hrtem_lab.files import GROSCHNER_PX, write_folder, write_groschner
from hrtem_lab.micrograph import InputError, LabelledMicrograph
from hrtem_lab.physics import ExitWaveLibrary, ImageSimulator
from hrtem_lab.physics.library import find_materials
from hrtem_lab.physics.workers import run
from hrtem_lab.plural import plural

CONTACT_SHEET_IMAGES = 24
MIN_PARALLEL_IMAGES = 32
"""Number of images below which other processes would not have started before this one is done."""


@dataclass(frozen=True)
class SimulatedImages:
    """Numbered images of a library, each under its own imaging conditions; a number always gives the same image.

    Attributes:
        library: Exit waves.
        imaging: Simulates the images.
        images_per_specimen: Number of images of each specimen.
        seed: Seed of all random numbers.
        side_px: Side length of a random square that is cut out of each image; None for the whole image.
    """

    library: ExitWaveLibrary
    imaging: ImageSimulator
    images_per_specimen: int
    seed: int
    side_px: int | None = None

    def __len__(self) -> int:
        return len(self.library) * self.images_per_specimen

    def simulate(self, number: int) -> LabelledMicrograph:
        """Simulate one image; the first `images_per_specimen` numbers are images of the first specimen."""
        index, view = divmod(number, self.images_per_specimen)
        rng = np.random.default_rng([self.seed, index, view])
        wave = self.library[index]
        micrograph = self.imaging.simulate(wave, rng, name=f"{wave.name}_{view}")
        return micrograph if self.side_px is None else cut_square(micrograph, self.side_px, rng)

    def simulate_all(self, title: str) -> Iterator[tuple[int, LabelledMicrograph]]:
        """Yield number and image of every image in the order in which they are ready, with a progress bar."""
        workers = self.library.workers if len(self) > MIN_PARALLEL_IMAGES else 0
        with progress_bar(title) as advance:
            advance(0, len(self))
            for done, numbered in enumerate(run(self.simulate, range(len(self)), workers), start=1):
                yield numbered
                advance(done, len(self))


def simulate(config: DictConfig) -> ExitWaveLibrary:
    """Simulate what is missing of the library, then draw the contact sheet and export images, if wanted."""
    for key in ("n", "images"):
        if not isinstance(config[key], int) or config[key] < 0:
            raise InputError(f"{key} is {config[key]}, expected a whole number of at least 0")
    if config.export not in (None, *EXPORTS):
        raise InputError(f"export is {config.export}, expected {' or '.join(EXPORTS)}")
    library: ExitWaveLibrary = build(config.library)
    imaging: ImageSimulator = build(config.imaging)
    check_pixels(library, imaging)
    images = SimulatedImages(library, imaging, config.images, config.seed)
    export = config.export and EXPORTS[config.export](images)  # refuses what cannot work before hours of simulation
    try:
        with progress_bar("Simulating exit waves") as advance:
            library.simulate(advance)
    except KeyboardInterrupt:
        done = len(library) - len(library.missing())
        console.print(
            f"{library.folder} holds {done} of {plural(len(library), 'specimen')}; the same command goes on from there",
            soft_wrap=True,
            highlight=False,
        )
        raise
    if config.preview:
        save(contact_sheet(select_preview(images)), library.folder / "preview.png")
    if export:
        export()
    print_files(library, config)
    return library


def check_pixels(library: ExitWaveLibrary, imaging: ImageSimulator) -> None:
    """Refuse pixels that are too large to show the lattice.

    Raises:
        InputError: The largest pixel is above half the largest lattice spacing of a material.
    """
    largest_nm = imaging.microscope.pixel_size_nm[1]
    for material in find_materials(library.specimen):
        spacing_nm = material.d_spacing_nm
        if largest_nm > spacing_nm / 2:
            raise InputError(
                f"microscope.pixel_size_nm goes to {largest_nm} nm: beyond its Nyquist frequency nothing is seen of "
                f"planes {spacing_nm:.3f} nm apart; give pixels of at most {spacing_nm / 2:.3f} nm"
            )


def select_preview(images: SimulatedImages) -> list[LabelledMicrograph]:
    """Simulate images of specimens spread over the library, a few of them empty, in the order of their defocus."""
    counts = np.array([len(particles) for particles in images.library.particles()])
    filled, empty = np.flatnonzero(counts > 0), np.flatnonzero(counts == 0)
    if len(counts) == 0:
        return []
    empty_number = min(len(empty), CONTACT_SHEET_IMAGES // 8) if len(filled) else CONTACT_SHEET_IMAGES
    specimens = [*_spread(filled, CONTACT_SHEET_IMAGES - empty_number), *_spread(empty, empty_number)]
    views = replace(images, images_per_specimen=CONTACT_SHEET_IMAGES)
    micrographs = [views.simulate(int(index) * CONTACT_SHEET_IMAGES + view) for view, index in enumerate(specimens)]
    return sorted(micrographs, key=lambda micrograph: float(micrograph.metadata["defocus_nm"]))


def _spread(indices: npt.NDArray[np.int64], number: int) -> npt.NDArray[np.int64]:
    """Take a number of indices evenly; where there are fewer, repeat each equally often."""
    if len(indices) >= number:
        return indices[np.arange(number) * len(indices) // max(number, 1)]
    return np.resize(indices, number)


def export_groschner(images: SimulatedImages) -> Callable[[], None]:
    """Prepare the export as the published HDF5: random squares of 512 x 512 pixels.

    Raises:
        InputError: No image is that large.
    """
    field_nm, microscope = images.library.specimen.field_nm, images.imaging.microscope
    smallest_nm, largest_nm = microscope.pixel_size_nm
    limit_nm = field_nm / GROSCHNER_PX
    if smallest_nm > limit_nm:
        raise InputError(
            f"export=groschner needs {GROSCHNER_PX} pixels along each edge; microscope.pixel_size_nm from "
            f"{smallest_nm} nm leaves {field_nm / smallest_nm:.0f} of a field of {field_nm} nm; "
            f"give pixels from {limit_nm:.3g} nm, or specimen.field_nm of at least {smallest_nm * GROSCHNER_PX:.3g}"
        )
    microscope = replace(microscope, pixel_size_nm=(smallest_nm, min(largest_nm, limit_nm)))
    imaging = replace(images.imaging, microscope=microscope, max_pixel_size_nm=limit_nm)
    squares = replace(images, imaging=imaging, side_px=GROSCHNER_PX)
    folder = images.library.folder / "groschner"
    return lambda: write_groschner(folder, squares.simulate_all("Writing groschner/images.h5"), len(squares))


def export_folder(images: SimulatedImages) -> Callable[[], None]:
    """Prepare the export as a folder of TIFF and label images."""
    folder = images.library.folder / "images"
    return lambda: write_folder(folder, images.simulate_all("Writing images/"))


EXPORTS = {"groschner": export_groschner, "folder": export_folder}


def cut_square(micrograph: LabelledMicrograph, side_px: int, rng: np.random.Generator) -> LabelledMicrograph:
    """Cut out a random square, with the ground truth of the particles in it."""
    row, column = (int(rng.integers(size - side_px, endpoint=True)) for size in micrograph.image.shape)
    part = np.s_[row : row + side_px, column : column + side_px]
    instances = micrograph.instances[part]
    truth = micrograph.ground_truth.loc[micrograph.ground_truth.index.isin(np.unique(instances))]
    return replace(micrograph, image=micrograph.image[part], instances=instances, ground_truth=truth)


def print_files(library: ExitWaveLibrary, config: DictConfig) -> None:
    """Print the files of the library and their content."""
    table = Table(title=f"{plural(len(library), 'specimen')} in {library.folder}", show_header=False)
    written = {
        "library.zarr": "exit waves and instances",
        "facts/": "a row per particle: pandas.read_parquet(folder)",
        "manifest.json": f"settings, versions, digest {library.digest}",
        "preview.png": f"{CONTACT_SHEET_IMAGES} images with the true outlines" if config.preview else "",
        "groschner/": "images.h5, metadata.csv, particles.parquet" if config.export == "groschner" else "",
        "images/": "TIFF, _label.png, metadata.csv, particles.parquet" if config.export == "folder" else "",
    }
    for name, content in written.items():
        if content:
            table.add_row(name, content)
    console.print(table)
