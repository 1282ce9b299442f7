"""Features of a particle's spectrum: of its Bragg peaks, and of the fringes that belong to them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hrtem_lab.particles.fault_features import fault_features
from hrtem_lab.particles.fringe_maps import (
    amplitude_spread,
    dark_field_asymmetry,
    fringe_maps,
    opposition,
    phase_std_deg,
)
from hrtem_lab.particles.peak_arrangement import line_angle_deg, mirror_symmetry, same_ring, twin_misfit_deg
from hrtem_lab.particles.peaks import (
    Peak,
    broadening,
    detection_threshold,
    find_peaks,
    fundamental,
    spacing_error_nm,
)
from hrtem_lab.particles.phase_step import phase_step
from hrtem_lab.particles.planar_break import planar_break
from hrtem_lab.particles.spectrum import Spectrum

MAPPED_PEAKS = 3
"""Number of the strongest peaks whose widths and fringe maps become features."""


def spectrum_features(spectrum: Spectrum) -> dict[str, float]:
    """Compute `PEAK_FEATURES`, `FRINGE_FEATURES`, `PLANAR_BREAK_FEATURES` and `FAULT_FEATURES`."""
    peaks = find_peaks(spectrum)
    threshold = detection_threshold(spectrum)
    values = {f"peak{n}_contrast": peak.contrast for n, peak in enumerate(peaks[:3], start=1)}
    significant = [peak for peak in peaks if peak.contrast > threshold]
    values["peak_count"] = float(len(significant))
    if not significant:
        return values
    return values | peak_features(spectrum, significant) | map_features(spectrum, significant)


def peak_features(spectrum: Spectrum, peaks: list[Peak]) -> dict[str, float]:
    """Compute those of `PEAK_FEATURES` that need at least one significant peak: positions and widths."""
    ring, first = same_ring(peaks), fundamental(peaks)
    widths, broad, streaks = np.transpose([broadening(spectrum, peak) for peak in peaks[:MAPPED_PEAKS]])
    values = {
        "ring_peak_count": float(len(ring)),
        "spacing_nm": 1 / first.frequency_per_nm,
        "spacing_error_nm": spacing_error_nm(spectrum, first),
        "peak1_frequency_per_nm": peaks[0].frequency_per_nm,
        "peak1_width_per_nm": float(widths[0]),
        "broadening_max": _largest(broad),
        "streak_max": _largest(streaks),
        "twin_misfit_deg": twin_misfit_deg(peaks),
        "mirror_symmetry": mirror_symmetry(spectrum, ring),
    }
    if len(peaks) > 1:
        values["peak2_frequency_per_nm"] = peaks[1].frequency_per_nm
        values["peak2_ratio"] = peaks[1].contrast / peaks[0].contrast
        values["peak_angle_deg"] = line_angle_deg(peaks[0].angle_deg, peaks[1].angle_deg)
    return values


def map_features(spectrum: Spectrum, peaks: list[Peak]) -> dict[str, float]:
    """Compute the features of the significant peaks' maps: `FRINGE_FEATURES` of the three strongest, the others of all.

    The others are `PLANAR_BREAK_FEATURES` and `FAULT_FEATURES`.
    """
    maps = fringe_maps(spectrum, peaks)
    if not maps:
        return {}
    mapped = list(zip(peaks, maps, strict=True))[:MAPPED_PEAKS]
    spread, bimodality = np.transpose([amplitude_spread(fringes) for _, fringes in mapped])
    asymmetry = np.array([dark_field_asymmetry(fringes) for _, fringes in mapped])
    steps = [phase_step(fringes) for _, fringes in mapped]
    phase_std = np.array([phase_std_deg(fringes) for _, fringes in mapped])
    best = int(np.argmax([step.gain for step in steps]))
    others = [peak.angle_deg for peak in peaks if peak is not mapped[best][0]]
    ring = same_ring(peaks)
    return (
        planar_break(spectrum, peaks, maps)
        | fault_features(spectrum, peaks, maps)
        | {
            "amplitude_cv_max": float(spread.max()),
            "amplitude_cv_min": float(spread.min()),
            "bimodality_max": _largest(bimodality),
            "opposition": opposition([fringes for peak, fringes in mapped if peak in ring]),
            "asymmetry_max": float(asymmetry.max()),
            "asymmetry_min": float(asymmetry.min()),
            "phase_std_max_deg": float(phase_std.max()),
            "phase_std_min_deg": float(phase_std.min()),
            "step_deg": steps[best].jump_deg,
            "step_gain": steps[best].gain,
            "step_normal_deg": min((line_angle_deg(steps[best].normal_deg, angle) for angle in others), default=np.nan),
        }
    )


def _largest(values: npt.NDArray[np.float64]) -> float:
    """The largest defined value, `nan` where there is none."""
    return float(np.max(values[~np.isnan(values)], initial=-np.inf)) if not np.isnan(values).all() else np.nan
