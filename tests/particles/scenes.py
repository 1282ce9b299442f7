"""Drawn scenes, of which the truth is known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from hrtem_lab.particles.fringe_maps import FringeMap, fringe_maps
from hrtem_lab.particles.peaks import Peak, detection_threshold, find_peaks
from hrtem_lab.particles.spectrum import Spectrum, compute_spectrum

AU_111_NM = 0.2355
AU_200_NM = 0.2039

Plane = Callable[[Any, Any], Any]
"""A function of (row_nm, column_nm), counted from the middle of the image."""


def turned(size_px, angle_deg, offset=(0.0, 0.0)):
    """Coordinates (along, across) of a frame turned by an angle around the middle of a square image."""
    row, column = np.mgrid[:size_px, :size_px] - (size_px - 1) / 2
    row, column = row - offset[0], column - offset[1]
    cosine, sine = np.cos(np.deg2rad(angle_deg)), np.sin(np.deg2rad(angle_deg))
    return column * cosine + row * sine, row * cosine - column * sine


def ellipse(long_px, short_px, angle_deg=0.0, offset=(0.0, 0.0), margin_px=8):
    """Mask of an ellipse with these axes; a disc where they are equal."""
    along, across = turned(int(long_px) + 2 * margin_px, angle_deg, offset)
    return (2 * along / long_px) ** 2 + (2 * across / short_px) ** 2 < 1


def rectangle(long_px, short_px, angle_deg=0.0, offset=(0.0, 0.0), margin_px=8):
    """Mask of a rectangle with these sides."""
    along, across = turned(int(np.hypot(long_px, short_px)) + 2 * margin_px, angle_deg, offset)
    return (np.abs(along) < long_px / 2) & (np.abs(across) < short_px / 2)


def discs(*circles, shape=(160, 240)):
    """Mask of the union of discs (row, column, radius)."""
    row, column = np.mgrid[: shape[0], : shape[1]]
    return np.any([np.hypot(row - r, column - c) <= radius for r, c, radius in circles], axis=0)


def instances_of(*masks):
    """Number masks that do not overlap."""
    instances = np.zeros(masks[0].shape, dtype=np.int32)
    for number, mask in enumerate(masks, start=1):
        instances[mask] = number
    return instances


def square(row, column, edge=40):
    """A square with this corner, on the canvas of `discs`."""
    mask = np.zeros((160, 240), dtype=bool)
    mask[row : row + edge, column : column + edge] = True
    return mask


def fringes(
    spacing_nm: float,
    azimuth_deg: float,
    amplitude: float = 0.3,
    phase: Plane | None = None,
    where: Plane | None = None,
) -> Plane:
    """Cosine fringes whose normal lies at an azimuth from columns towards rows."""
    across, down = np.cos(np.deg2rad(azimuth_deg)), np.sin(np.deg2rad(azimuth_deg))

    def wave(row: Any, column: Any) -> Any:
        turn = 2 * np.pi * (row * down + column * across) / spacing_nm + (phase(row, column) if phase else 0)
        return amplitude * np.cos(turn) * (where(row, column) if where else 1)

    return wave


def beyond(azimuth_deg: float, at_nm: float = 0.0) -> Plane:
    """True on the far side of a straight line with this normal."""
    across, down = np.cos(np.deg2rad(azimuth_deg)), np.sin(np.deg2rad(azimuth_deg))
    return lambda row, column: row * down + column * across > at_nm


def particle(*waves: Plane, pixel_size_nm=0.05, diameter_nm=5.0, noise=0.3, seed=0, margin_nm=1.8):
    """A round particle with fringes, darker than its noisy surround: image and instances."""
    size = round((diameter_nm + 2 * margin_nm) / pixel_size_nm)
    row, column = (np.mgrid[:size, :size] - (size - 1) / 2) * pixel_size_nm
    mask = np.hypot(row, column) < diameter_nm / 2
    image = 100 + np.random.default_rng(seed).normal(0, noise, mask.shape)
    return image + mask * (sum(wave(row, column) for wave in waves) - 0.2), mask.astype(np.int32)


def single(azimuth_deg=20.0):
    """An fcc crystal along <110>: two {111} and one {200}."""
    return (
        fringes(AU_111_NM, azimuth_deg),
        fringes(AU_111_NM, azimuth_deg + 70.53),
        fringes(AU_200_NM, azimuth_deg - 54.74, 0.2),
    )


def faulted(azimuth_deg=20.0, at_nm=0.3):
    """The same with a stacking fault on the first {111}: the others jump by a third of a turn."""
    far = beyond(azimuth_deg, at_nm)
    return (
        fringes(AU_111_NM, azimuth_deg),
        fringes(AU_111_NM, azimuth_deg + 70.53, phase=lambda r, c: far(r, c) * 2 * np.pi / 3),
        fringes(AU_200_NM, azimuth_deg - 54.74, 0.2, phase=lambda r, c: far(r, c) * -2 * np.pi / 3),
    )


def twinned(azimuth_deg=20.0):
    """Two halves that share the first {111} and mirror each other's second."""
    far = beyond(azimuth_deg)
    return (
        fringes(AU_111_NM, azimuth_deg),
        fringes(AU_111_NM, azimuth_deg + 70.53, where=far),
        fringes(AU_111_NM, azimuth_deg - 70.53, where=lambda r, c: ~far(r, c)),
    )


def drawn_spectrum(*waves: Plane, **scene: Any) -> Spectrum:
    """Spectrum of a `particle`."""
    image, instances = particle(*waves, **scene)
    return compute_spectrum(image, instances > 0, scene.get("pixel_size_nm", 0.05))


def significant_peaks(spectrum: Spectrum) -> list[Peak]:
    """Peaks that noise does not explain."""
    return [peak for peak in find_peaks(spectrum) if peak.contrast > detection_threshold(spectrum)]


def mapped(
    phase: Plane | None = None, where: Plane | None = None, spacing_nm: float = AU_111_NM, **scene: Any
) -> FringeMap:
    """Map of the only reflection of a particle."""
    spectrum = drawn_spectrum(fringes(spacing_nm, 90.0, phase=phase, where=where), **scene)
    return fringe_maps(spectrum, find_peaks(spectrum)[:1])[0]


def field_of_kinds(pixel_size_nm=0.05):
    """Image and instances of particles of all kinds and of several sizes, one of them cut by the border."""
    kinds = (single(), faulted(), twinned(), single()[:1], ())
    pieces = [
        particle(*kind, pixel_size_nm=pixel_size_nm, diameter_nm=diameter_nm, margin_nm=1.2, seed=seed)
        for seed, (kind, diameter_nm) in enumerate(zip(kinds * 2, np.linspace(2, 6.5, 10), strict=True))
    ]
    side = max(len(image) for image, _ in pieces)
    padded = [
        (np.pad(image, (0, side - len(image)), mode="reflect"), number * np.pad(mask, (0, side - len(mask))))
        for number, (image, mask) in enumerate(pieces, start=1)
    ]
    image, instances = (np.block([[piece[i] for piece in padded[r : r + 5]] for r in (0, 5)]) for i in (0, 1))
    return image[:-30], instances[:-30].astype(np.int32)
