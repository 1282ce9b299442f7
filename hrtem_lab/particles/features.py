"""What a classifier is told about a particle's lattice, whatever the size, turn and grey levels of its crop."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import skew

from hrtem_lab.micrograph import BoolArray, FloatArray, InputError, IntArray
from hrtem_lab.particles.crops import boxes, fullest
from hrtem_lab.particles.fringes import (
    amplitude_spread,
    dark_field_asymmetry,
    fringe_maps,
    opposition,
    phase_std_deg,
    phase_step,
)
from hrtem_lab.particles.halves import halves
from hrtem_lab.particles.measure import measure
from hrtem_lab.particles.peaks import (
    Peak,
    between_deg,
    broadening,
    find_peaks,
    fundamental,
    mirror_symmetry,
    same_ring,
    significance,
    spacing_error_nm,
    twin_misfit_deg,
)
from hrtem_lab.particles.seen import SEEN, seen_features
from hrtem_lab.particles.spectrum import BIN_PER_NM, Spectrum, bins_per_nm, depth, radial_profile, spectrum

SURROUND_NM = (0.3, 1.5)
"""Where the surround begins and ends, from the particle's edge: past the Fresnel fringe, short of the neighbours."""
LEAST_AREA_NM2 = 0.5
"""Of a window, below which its spectrum says nothing; a disc of 0.8 nm."""
MAPPED_PEAKS = 3
WINDOW_NM = 15.0
"""Edge of the largest window that is transformed: a particle of 12 nm with its surround. Of a larger one, the middle of
its thickest part stands for its lattice, else the cost would grow with its area."""

SHAPES = {
    "equivalent_diameter_nm": "diameter of the disc of the same area, nm",
    "solidity": "area over that of the convex hull",
    "aspect_ratio": "largest over smallest caliper",
    "circularity": "4 pi area over squared perimeter",
    "eccentricity": "of the ellipse of the same second moments",
}
INTENSITIES = {
    "contrast": "mean inside less mean of the surround, in standard deviations of the surround",
    "std_ratio": "standard deviation inside over that of the surround",
    "skewness": "of the intensity inside",
}
PROFILE = {
    f"power_{start:.2f}_per_nm": f"mean power from {start:.2f} to {start + BIN_PER_NM:.2f} nm^-1 over the surround's"
    for start in bins_per_nm()
}
PEAKS = {
    "peak_count": "significant Bragg peaks, at most 6, one of each opposite pair",
    "ring_peak_count": "of those, at the strongest one's distance from zero; one fcc zone gives 2 {111}, a twin 3, and "
    "a fault may split one",
    "peak1_contrast": "power of the strongest peak over the noise at its distance from zero, significant or not",
    "peak2_contrast": "the same of the second peak",
    "peak3_contrast": "the same of the third peak",
    "spacing_nm": "lattice spacing of the strongest peak, or of the one that it is a harmonic of, nm",
    "spacing_error_nm": "standard error of that spacing from noise alone, nm",
    "peak1_frequency_per_nm": "its inverse, nm^-1",
    "peak2_frequency_per_nm": "the same of the second significant peak, nm^-1",
    "peak2_ratio": "contrast of the second significant peak over that of the strongest",
    "peak_angle_deg": "angle between the two strongest peaks, 0 to 90 deg",
    "peak1_width_per_nm": "root mean square width of the strongest peak, nm^-1",
    "broadening_max": "largest width of a peak relative to a perfect lattice of this outline, three strongest peaks",
    "streak_max": "largest ratio of that broadening along its two principal directions, three strongest peaks",
    "twin_misfit_deg": "deviation of the best three peaks of one ring from an fcc twin's 70.5 deg, deg",
    "mirror_symmetry": "largest correlation of the spectrum with its mirror image about a peak of the ring",
}
MAPS = {
    "amplitude_cv_max": "standard deviation over mean of the local fringe amplitude, largest of three peaks",
    "amplitude_cv_min": "the same, smallest",
    "bimodality_max": "Sarle's coefficient of the fringe amplitude, largest of three peaks; 0.56 where evenly spread",
    "opposition": "how far two peaks of one ring are strong in different parts of the particle: the largest "
    "anticorrelation of their amplitudes, 1 for the two variants of a twin, -1 for peaks of one crystal",
    "asymmetry_max": "dark-field contrast between two sides of a line, (a - b) / (a + b), largest of three peaks",
    "asymmetry_min": "the same, smallest",
    "phase_std_max_deg": "circular standard deviation of the fringes' phase about a plane, largest of three peaks, deg",
    "phase_std_min_deg": "the same, smallest, deg",
    "step_deg": "jump of the phase across the line that explains most, 120 for an fcc stacking fault, deg",
    "step_gain": "coherence that this jump explains, 0 for a perfect lattice to 0.5",
    "step_normal_deg": "angle from that line's normal to the nearest other peak; 0 for a fault seen edge-on, deg",
}
HALVES = {
    "break_gain": "how much better two amplitudes on two sides of a line explain all reflections than one, in sigma",
    "break_share": "part of the reflections' power that this line explains, 0 for one crystal",
    "break_phase": "part of that by phases: 0 in a twin, about 0.4 for a stacking fault, 1 at most",
    "break_weaker": "strongest reflection on the weaker side of that line, in sigma",
    "break_normal_deg": "angle from that line's normal to the nearest peak; 0 for a fault seen edge-on, deg",
    "turns": "how surely one reflection is stronger on one side of a line and another one on the other, in sigma",
    "turns_share": "the weaker one's contrast between the sides, (a - b) / (a + b); 1 for the two variants of a twin",
    "turns_normal_deg": "angle from that line's normal to the nearest peak, deg",
    "fault_gain": "as break_gain, of lines along the planes of a peak, by the peaks of other planes, in sigma",
    "fault_share": "part of those peaks' power that the line explains",
    "fault_own_gain": "the same of the peak of these planes, which a fault on them does not break, in sigma",
    "fault_own_share": "part of that peak's power that the line explains",
    "mirror_turns": "how surely a peak and its mirror image about the normal of another one's planes take turns on a "
    "line along these planes, in sigma",
    "mirror_share": "the weaker one's contrast between the sides, 1 for a twin on these planes",
}
LATTICE = INTENSITIES | PROFILE | PEAKS | MAPS | HALVES
FAMILIES = {
    "shape": SHAPES,
    "intensity": INTENSITIES,
    "power": PROFILE,
    "peaks": PEAKS,
    "maps": MAPS,
    "halves": HALVES,
    "seen": SEEN,
}
"""Features that say much the same, under one name."""
FEATURES: dict[str, str] = SHAPES | LATTICE | SEEN
"""Every feature's name and what it says, in the order of the columns."""


def lattice_features(
    image: npt.NDArray[Any], instances: IntArray, pixel_size_nm: float, maps: FloatArray | None = None
) -> pd.DataFrame:
    """Describes every particle for the classification of its lattice.

    Shape and intensity are those of the whole particle. `PROFILE`, `PEAKS` and `MAPS` are those of a window of 15 nm
    where a particle is wider than 12 nm (see `WINDOW_NM`).

    Args:
        image: (rows, columns), in any unit; a x image + b with a > 0 gives the same features.
        instances: The same shape, 0 = background; numbers may have gaps.
        pixel_size_nm: Edge of a pixel.
        maps: What a network told of every pixel, as for `seen_features`.

    Returns:
        One row per particle, indexed by `particle`, with the columns `FEATURES`; `nan` where a feature is undefined:
        above the Nyquist frequency, without a significant peak, in a particle too small or without contrast, and where
        no network told of it.

    Raises:
        InputError: The shapes differ, or the pixel size is not positive.
    """
    if image.shape != instances.shape:
        raise InputError(f"the image has shape {image.shape}, its instances {instances.shape}; expected the same")
    shapes = measure(instances, pixel_size_nm)[list(SHAPES)]
    margin_px = int(np.ceil(SURROUND_NM[1] / pixel_size_nm)) + 1
    rows = {
        particle: particle_features(image[box], instances[box], particle, pixel_size_nm)
        for particle, box in boxes(instances, margin_px)
    }
    found = pd.DataFrame.from_dict(rows, orient="index", columns=list(LATTICE), dtype=float)
    return shapes.join([found, seen_features(maps, instances)])[list(FEATURES)].astype(np.float64)


def particle_features(
    image: npt.NDArray[Any], instances: IntArray, particle: int, pixel_size_nm: float
) -> dict[str, float]:
    """Features of one particle from a crop with a margin; those of `LATTICE` that are defined."""
    mask = instances == particle
    inside = image[mask].astype(np.float64)
    if not (np.isfinite(inside).all() and np.ptp(inside) > 1e-9 * np.abs(inside).max()):
        return {}
    around = surround(instances, particle, pixel_size_nm) & np.isfinite(image)
    values = intensities(inside, image[around].astype(np.float64))
    edge_px = _edge_px(pixel_size_nm)
    box = fullest(depth(mask), edge_px) if max(mask.shape) > edge_px else np.s_[:, :]
    own = spectrum(image[box], mask[box], pixel_size_nm)
    if own.energy * pixel_size_nm**2 < LEAST_AREA_NM2 or len(bins_per_nm(pixel_size_nm)) == 0:
        return values
    return values | power_profile(own, image, around) | lattice(own)


def surround(instances: IntArray, particle: int, pixel_size_nm: float) -> BoolArray:
    """Background from 0.3 to 1.5 nm around a particle."""
    distance_nm = depth(instances != particle) * pixel_size_nm
    free: BoolArray = (instances == 0) & (distance_nm > SURROUND_NM[0]) & (distance_nm <= SURROUND_NM[1])
    return free


def intensities(inside: npt.NDArray[np.float64], outside: npt.NDArray[np.float64]) -> dict[str, float]:
    """The features `INTENSITIES` from the values inside and around a particle, (n,) and (m,)."""
    values = {"skewness": float(skew(inside))}
    if outside.size and outside.std() > 1e-9 * np.abs(inside).max():
        values["contrast"] = float((inside.mean() - outside.mean()) / outside.std())
        values["std_ratio"] = float(inside.std() / outside.std())
    return values


def power_profile(own: Spectrum, image: npt.NDArray[Any], around: BoolArray) -> dict[str, float]:
    """The features `PROFILE`: 1 at every frequency where the particle has only the noise of its surround."""
    if np.count_nonzero(around) == 0:
        return {}
    box = fullest(around, _edge_px(own.pixel_size_nm))
    noise = spectrum(np.where(around, image, 0)[box], around[box], own.pixel_size_nm, padded=1)
    level = radial_profile(noise)
    if noise.energy * own.pixel_size_nm**2 < LEAST_AREA_NM2 or not np.nanmin(level) > 0:
        return {}
    return dict(zip(PROFILE, (radial_profile(own) / level).tolist(), strict=True))


def lattice(own: Spectrum) -> dict[str, float]:
    """The features `PEAKS`, `MAPS` and `HALVES`."""
    peaks = find_peaks(own)
    least = significance(own)
    values = {f"peak{n}_contrast": peak.contrast for n, peak in enumerate(peaks[:3], start=1)}
    strong = [peak for peak in peaks if peak.contrast > least]
    values["peak_count"] = float(len(strong))
    return values | (arrangement(own, strong) | fringes(own, strong) if strong else {})


def arrangement(own: Spectrum, peaks: list[Peak]) -> dict[str, float]:
    """Where the significant peaks are and how sharp; the features `PEAKS` that need one at least."""
    ring, first = same_ring(peaks), fundamental(peaks)
    widths, broad, streaks = np.transpose([broadening(own, peak) for peak in peaks[:MAPPED_PEAKS]])
    values = {
        "ring_peak_count": float(len(ring)),
        "spacing_nm": 1 / first.frequency_per_nm,
        "spacing_error_nm": spacing_error_nm(own, first),
        "peak1_frequency_per_nm": peaks[0].frequency_per_nm,
        "peak1_width_per_nm": float(widths[0]),
        "broadening_max": _largest(broad),
        "streak_max": _largest(streaks),
        "twin_misfit_deg": twin_misfit_deg(peaks),
        "mirror_symmetry": mirror_symmetry(own, ring),
    }
    if len(peaks) > 1:
        values["peak2_frequency_per_nm"] = peaks[1].frequency_per_nm
        values["peak2_ratio"] = peaks[1].contrast / peaks[0].contrast
        values["peak_angle_deg"] = between_deg(peaks[0].angle_deg, peaks[1].angle_deg)
    return values


def fringes(own: Spectrum, peaks: list[Peak]) -> dict[str, float]:
    """The features `HALVES` of the significant peaks, and `MAPS` of the three strongest of them."""
    maps = fringe_maps(own, peaks)
    if not maps:
        return {}
    broken = halves(own, peaks, maps)
    mapped = list(zip(peaks, maps, strict=True))[:MAPPED_PEAKS]
    spread, bimodality = np.transpose([amplitude_spread(fringe) for _, fringe in mapped])
    asymmetry = np.array([dark_field_asymmetry(fringe) for _, fringe in mapped])
    steps = [phase_step(fringe) for _, fringe in mapped]
    phase_std = np.array([phase_std_deg(fringe) for _, fringe in mapped])
    best = int(np.argmax([step.gain for step in steps]))
    others = [p.angle_deg for p in peaks if p is not mapped[best][0]]
    ring = same_ring(peaks)
    return broken | {
        "amplitude_cv_max": float(spread.max()),
        "amplitude_cv_min": float(spread.min()),
        "bimodality_max": _largest(bimodality),
        "opposition": opposition([fringe for peak, fringe in mapped if peak in ring]),
        "asymmetry_max": float(asymmetry.max()),
        "asymmetry_min": float(asymmetry.min()),
        "phase_std_max_deg": float(phase_std.max()),
        "phase_std_min_deg": float(phase_std.min()),
        "step_deg": steps[best].jump_deg,
        "step_gain": steps[best].gain,
        "step_normal_deg": min((between_deg(steps[best].normal_deg, angle) for angle in others), default=np.nan),
    }


def _edge_px(pixel_size_nm: float) -> int:
    """Edge of the largest window, with the pixel that `lattice_features` adds on either side."""
    return int(np.ceil(WINDOW_NM / pixel_size_nm)) + 4


def _largest(values: npt.NDArray[np.float64]) -> float:
    """The largest defined value, `nan` where there is none."""
    return float(np.max(values[~np.isnan(values)], initial=-np.inf)) if not np.isnan(values).all() else np.nan
