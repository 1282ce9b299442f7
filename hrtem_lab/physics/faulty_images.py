"""Simulated images that nobody should measure: what a check of the quality has to find.

Each function makes one from the exit wave of a specimen, under imaging conditions that are otherwise those of the
simulator.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

import cv2
import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter

from hrtem_lab.image import rescale_intensity
from hrtem_lab.micrograph import FloatArray, Micrograph
from hrtem_lab.physics.exit_wave import ExitWave
from hrtem_lab.physics.image_simulator import ImageSimulator

FaultyImage = Callable[[ExitWave, ImageSimulator, np.random.Generator], Micrograph]

DRIFT_NM = (0.5, 2.0)
BLUR_NM = (0.15, 0.4)
METAL_CONSTANTS_NM = (0.40786, 0.40862, 0.38898, 0.39231)
"""Lattice constants of gold, silver, palladium and platinum."""
CRYSTAL_ZONES = ((1, 1, 0), (1, 0, 0), (1, 1, 2))
"""Zone axes along which {111} or {200} planes stand upright; along others nothing is resolved."""


def simulate(wave: ExitWave, imaging: ImageSimulator, rng: np.random.Generator) -> Micrograph:
    """Simulate an image without a fault."""
    return imaging.simulate(wave, rng, ground_truth=False)


def drifted(wave: ExitWave, imaging: ImageSimulator, rng: np.random.Generator) -> Micrograph:
    """Simulate a specimen that moves by `DRIFT_NM` during the exposure."""
    return simulate(wave, replace(imaging, microscope=replace(imaging.microscope, drift_nm=DRIFT_NM)), rng)


def underexposed(wave: ExitWave, imaging: ImageSimulator, rng: np.random.Generator) -> Micrograph:
    """Simulate an image with a tenth of the lowest dose."""
    dose = imaging.microscope.dose_e_per_nm2[0] / 10
    return simulate(wave, replace(imaging, microscope=replace(imaging.microscope, dose_e_per_nm2=(dose, dose))), rng)


def blurred(wave: ExitWave, imaging: ImageSimulator, rng: np.random.Generator) -> Micrograph:
    """Simulate an image that is smoothed by a Gaussian of `BLUR_NM`, as by vibration or a wrong focus."""
    micrograph = simulate(wave, imaging, rng)
    sigma_px = rng.uniform(*BLUR_NM) / micrograph.pixel_size_nm
    return replace_image(micrograph, gaussian_filter(micrograph.image, sigma_px))


def miscalibrated(factor: float, wave: ExitWave, imaging: ImageSimulator, rng: np.random.Generator) -> Micrograph:
    """Simulate an image whose pixel size is said to be `factor` times the true one."""
    micrograph = simulate(wave, imaging, rng)
    return replace(micrograph, pixel_size_nm=factor * micrograph.pixel_size_nm)


def crystal(wave: ExitWave, imaging: ImageSimulator, rng: np.random.Generator) -> Micrograph:
    """Simulate a crystal of a metal that fills the field: a phase grating of its lowest reflections along a zone axis.

    Frequencies are rounded to those of the periodic field. In half of the images the film of the specimen lies on it.
    """
    size = len(wave.wave)
    zone = np.array(CRYSTAL_ZONES[rng.integers(len(CRYSTAL_ZONES))], dtype=np.float64)
    constant_nm = METAL_CONSTANTS_NM[rng.integers(len(METAL_CONSTANTS_NM))]
    across, down = _axes(zone, rng.uniform(0, 2 * np.pi))
    spectrum = np.zeros((size, size))
    for g in _reflections(zone):
        row, column = (round(float(g @ axis) / constant_nm * size * wave.sampling_nm) for axis in (down, across))
        spectrum[row % size, column % size] = np.exp(-0.06 * g @ g / constant_nm**2)  # falls as scattering factors do
    potential = np.fft.ifft2(spectrum).real
    phase = rng.uniform(0.4, 1.0) * potential / potential.std()
    film = wave.wave if rng.random() < 0.5 else 1.0
    return simulate(replace(wave, wave=(np.exp(1j * phase) * film).astype(np.complex64)), imaging, rng)


def diffraction_pattern(wave: ExitWave, imaging: ImageSimulator, rng: np.random.Generator) -> Micrograph:
    """Simulate the diffraction pattern of a specimen, as a camera or a screen shows it, with or without a beam stop."""
    power = np.abs(np.fft.fftshift(np.fft.fft2(wave.wave))) ** 2
    middle, side = len(power) // 2, int(rng.integers(300, 1024))
    half = int(rng.uniform(0.35, 0.65) * middle)
    part = power[middle - half : middle + half, middle - half : middle + half].astype(np.float32)
    spread = np.asarray(cv2.resize(gaussian_filter(part, rng.uniform(0.6, 1.5)), (side, side)))
    image = rng.poisson(np.maximum(spread, 0) / spread.sum() * 10 ** rng.uniform(6, 8)).astype(np.float32)
    if rng.random() < 0.5:
        row, column = np.mgrid[:side, :side] - side / 2
        image[np.hypot(row, column) < side * rng.uniform(0.02, 0.06)] = 0
    if rng.random() < 0.6:
        image = np.minimum(image, np.quantile(image, rng.uniform(0.99, 0.9999)))
    if rng.random() < 0.5:
        image = np.log1p(image)
    if rng.random() < 0.5:
        image = np.round(255 * rescale_intensity(image, 0.0))
    pixel_size_nm = float(rng.uniform(imaging.microscope.pixel_size_nm[0], imaging.max_pixel_size_nm))
    return Micrograph(image=np.asarray(image, dtype=np.float32), pixel_size_nm=pixel_size_nm, name=wave.name)


def photograph(wave: ExitWave, imaging: ImageSimulator, rng: np.random.Generator) -> Micrograph:
    """Simulate a photograph of a screen that shows a micrograph, with its frame, its pixels, perspective and glare."""
    micrograph = simulate(wave, imaging, rng)
    screen = _screen(rescale_intensity(micrograph.image, 0.01), rng)
    grid = np.ones((3, 3), np.float32)
    grid[-1], grid[:, -1] = 0.3, 0.3
    light = np.kron(screen.astype(np.float32) / 255, np.ones((3, 3), np.float32)) ** 2.2 * np.tile(grid, screen.shape)
    light = gaussian_filter(light, 0.8)
    picture = _perspective(light, int(rng.integers(700, 1100)), rng)
    row, column = np.mgrid[: len(picture), : len(picture)] / len(picture)
    glare = np.exp(-((column - rng.random()) ** 2 + (row - rng.random()) ** 2) / 0.02)
    picture = picture * (1 - rng.uniform(0.1, 0.5) * ((column - 0.5) ** 2 + (row - 0.5) ** 2))
    picture = np.clip(picture + rng.uniform(0, 0.3) * glare, 0, 1) ** (1 / 2.2) + rng.normal(0, 0.015, picture.shape)
    bytes_ = np.clip(255 * picture, 0, 255).astype(np.uint8)
    encoded = cv2.imencode(".jpg", bytes_, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(60, 92))])[1]
    return replace_image(micrograph, np.asarray(cv2.imdecode(encoded, cv2.IMREAD_GRAYSCALE)).astype(np.float32))


FAULTS: Mapping[str, FaultyImage] = {
    "drift": drifted,
    "low dose": underexposed,
    "blur": blurred,
    "crystal": crystal,
    "diffraction pattern": diffraction_pattern,
    "photograph": photograph,
    "pixel size too small": partial(miscalibrated, 0.5),
    "pixel size too large": partial(miscalibrated, 2.0),
    "pixel size ten times too small": partial(miscalibrated, 0.1),
    "pixel size ten times too large": partial(miscalibrated, 10.0),
}
"""Kinds of images that are out of the range of training, and what makes one."""


ON_ANYTHING = ("crystal", "diffraction pattern", "photograph")
"""Kinds that show also where the specimen has no particle; the others hide or distort what was there."""


OF_NO_FIELD = ("diffraction pattern", "photograph")
"""Kinds of which no tile is taken: what they show is no field of the specimen."""


def faults_of(wave: ExitWave) -> dict[str, FaultyImage]:
    """Select the faults that an image of a specimen can show: of one without a particle, those of `ON_ANYTHING`."""
    return {name: make for name, make in FAULTS.items() if name in ON_ANYTHING or wave.instances.any()}


def replace_image(micrograph: Micrograph, image: FloatArray) -> Micrograph:
    """Another image under the same name and pixel size, without the truth about the first one."""
    return Micrograph(image=image, pixel_size_nm=micrograph.pixel_size_nm, name=micrograph.name)


def _axes(zone: npt.NDArray[np.float64], turn: float) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Two directions of a crystal, perpendicular to a zone axis and to each other, turned by an angle."""
    beam = zone / np.linalg.norm(zone)
    first = np.cross(beam, [0.3, 0.5, 0.81])
    first /= np.linalg.norm(first)
    second = np.cross(beam, first)
    return np.cos(turn) * first + np.sin(turn) * second, np.cos(turn) * second - np.sin(turn) * first


def _reflections(zone: npt.NDArray[np.float64]) -> list[npt.NDArray[np.float64]]:
    """Low reflections hkl of a face-centred lattice in a zone: all even or all odd, perpendicular to its axis."""
    grid = np.stack(np.meshgrid(*[np.arange(-3, 4)] * 3), axis=-1).reshape(-1, 3)
    alike = (grid % 2 == grid[:, :1] % 2).all(axis=1) & grid.any(axis=1) & (grid @ zone == 0)
    return list(grid[alike].astype(np.float64))


def _screen(picture: npt.NDArray[np.floating], rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """A program's window: a picture, some writing, and a plain ground around it."""
    side = int(rng.integers(500, 900))
    rows, columns = side + int(rng.integers(60, 300)), side + int(rng.integers(60, 400))
    screen = np.full((rows, columns), int(255 * rng.uniform(0.15, 0.9)), np.uint8)
    top, left = int(rng.integers(20, rows - side)), int(rng.integers(20, columns - side))
    screen[top : top + side, left : left + side] = cv2.resize((255 * picture).astype(np.uint8), (side, side))
    for _ in range(int(rng.integers(3, 12))):
        place = int(rng.integers(columns)), int(rng.integers(10, rows))
        colour, size = int(rng.choice([0, 255])), float(rng.uniform(0.4, 0.9))
        cv2.putText(screen, "Acquire 200 kV", place, cv2.FONT_HERSHEY_SIMPLEX, size, colour, 1, cv2.LINE_AA)
    return screen


def _perspective(light: FloatArray, side: int, rng: np.random.Generator) -> FloatArray:
    """A square picture of a surface, seen from somewhat beside."""
    rows, columns = light.shape
    corners = np.array([[0, 0], [columns, 0], [columns, rows], [0, rows]], np.float32)
    seen = (corners + rng.uniform(-0.08, 0.08, (4, 2)) * np.array([columns, rows])).astype(np.float32)
    target = np.array([[0, 0], [side, 0], [side, side], [0, side]], np.float32)
    matrix = cv2.getPerspectiveTransform(seen, target)
    return np.asarray(cv2.warpPerspective(light, matrix, (side, side), borderValue=0.03), dtype=np.float32)
