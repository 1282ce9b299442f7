"""Statistics of the spectrum of a standardised micrograph: background, spots, directions, drift, waves of the profile.

They tell what is wrong with a micrograph: a film that moved has stripes in its spectrum, too low a dose leaves no
structure but noise, the lattice of a crystal that fills the field is in every window, and a wrong pixel size moves
lattice spots and the resolution to other frequencies.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from hrtem_lab.analysis.power_spectrum import FLOOR, LEAST_LEVEL, Array, PowerSpectrum

BAND_EDGES_PER_NM = (0.3, 0.6, 1.0, 1.4, 1.8, 2.2, 2.6, 3.0, 3.4, 3.8, 4.2, 4.6, 5.0, 5.5, 6.5, 8.0, 10.0)
"""Edges of the bands of the background; above 5.5 nm^-1 is what a micrograph holds whose pixel is said too small."""
MEAN_BAND_PER_NM = (0.3, 5.5)
"""Band whose mean power is the unit; a pixel of 0.09 nm still resolves it."""
SPOT_EDGES_PER_NM = (0.6, 1.0, 1.4, 1.8, 2.4, 2.7, 3.1, 3.6, 4.1, 4.7, 5.5, 7.5, 10.0)
"""Edges of the bands in which spots are sought; lattices of CdSe begin at 2.4 nm^-1, those of metals at 4.1."""
LATTICE_BAND_PER_NM = (1.0, 5.5)
FILLED_QUANTILES = (0.0, 0.1, 0.25, 0.5)
"""Shares of the windows that may lack the spot of a lattice which fills the field."""
SPOT_LEVEL = 6.0
"""Power over the background from which a window shows a spot."""
DIRECTION_EDGES_PER_NM = (0.3, 0.6, 1.0, 1.4, 1.8, 2.6, 3.4, 5.5)
FILM_EDGES_PER_NM = (0.6, 3.4)
"""Band in which the directions of the film are added up."""
SECTORS = 12
"""Number of directions in half a turn."""
DRIFT_BANDS_PER_NM = ((0.35, 1.6), (0.35, 3.0))
DRIFTS_NM = np.array([0.4, 0.55, 0.75, 1.0, 1.3, 1.7])
DRIFT_ANGLES = np.arange(24) * np.pi / 24
MAX_DEVIATION = 1.5
"""Logarithm of the power over its ring's beyond which a sample is taken for a spot, and clipped."""
PROFILE_EDGES_PER_NM = tuple(np.round(np.arange(0.4, 3.7, 0.16), 2).tolist())

NAMES = (
    *(f"power_{low:g}_per_nm" for low in BAND_EDGES_PER_NM[:-1]),
    *(f"{kind}_{low:g}_per_nm" for kind in ("spots", "local_spots", "usual_spots") for low in SPOT_EDGES_PER_NM[:-1]),
    *(f"lattice_in_{1 - share:.0%}" for share in FILLED_QUANTILES),
    "lattice_share",
    "lattice_per_nm",
    *(f"direction_{low:g}_per_nm" for low in DIRECTION_EDGES_PER_NM[:-1]),
    "direction_of_film",
    *(f"drift_{kind}_{high:g}_per_nm" for _, high in DRIFT_BANDS_PER_NM for kind in ("strength", "fit", "contrast")),
    "scatter_in_rings",
    "profile_slope",
    "profile_bend",
    "profile_waves",
    "profile_rise",
    "profile_range",
    "profile_peak_per_nm",
    "profile_dip_per_nm",
)
"""Names of the statistics, in the order of `measure_spectrum`."""


def measure_spectrum(spectrum: PowerSpectrum) -> list[float]:
    """Compute the statistics called `NAMES` from windows of 128 pixels of 0.05 nm, or fewer."""
    total = spectrum.mean_power(*MEAN_BAND_PER_NM)
    background = spectrum.background(BAND_EDGES_PER_NM, total)
    return [
        *np.log(spectrum.levels(BAND_EDGES_PER_NM, total)),
        *_spots(spectrum, background),
        *_lattice(spectrum, background),
        *_directions(spectrum, total),
        *(value for band in DRIFT_BANDS_PER_NM for value in _drift(spectrum, total, *band)),
        _scatter(spectrum, total),
        *_profile(spectrum, total),
    ]


def _spots(spectrum: PowerSpectrum, background: Array) -> list[float]:
    """Strongest spots of each band over the background: of the mean, of the windows that has most, of the usual one.

    A spot of the mean spectrum is that of a lattice which fills the field; one of a single window may be a particle's.
    """
    spots, local, usual = [], [], []
    for ends in pairwise(SPOT_EDGES_PER_NM):
        inside = spectrum.band(*ends)
        strongest = (spectrum.smoothed[:, inside] / background[inside]).max(axis=1, initial=FLOOR)
        spots.append((spectrum.mean[inside] / background[inside]).max(initial=FLOOR))
        local.append(strongest.max())
        usual.append(np.median(strongest))
    return np.log([*spots, *local, *usual]).tolist()


def _lattice(spectrum: PowerSpectrum, background: Array) -> list[float]:
    """The strongest spot that at least so many windows have in common, their share, and its frequency."""
    inside = spectrum.band(*LATTICE_BAND_PER_NM)
    if not inside.any():
        return [0.0] * (len(FILLED_QUANTILES) + 2)
    over = spectrum.smoothed[:, inside] / background[inside]
    common = np.log(np.quantile(over, FILLED_QUANTILES, axis=0).max(axis=1) + FLOOR)
    strongest = over.mean(axis=0).argmax()
    share = (over[:, strongest] > SPOT_LEVEL).mean()
    return [*common.tolist(), float(share), float(spectrum.frequency_per_nm[inside][strongest])]


def _directions(spectrum: PowerSpectrum, total: float) -> list[float]:
    """Dependence of the background on the direction, in each band and over the film's: second harmonics of the log."""
    sector = (spectrum.azimuth * SECTORS).astype(int) % SECTORS
    harmonics, film = [], 0j
    for low, high in pairwise(DIRECTION_EDGES_PER_NM):
        inside = spectrum.band(low, high)
        parts = [spectrum.mean[inside & (sector == number)] for number in range(SECTORS)]
        levels = np.log([np.median(part) / total + LEAST_LEVEL if part.size else np.nan for part in parts])
        levels = np.where(np.isnan(levels), np.nanmean(levels) if np.isfinite(levels).any() else 0.0, levels)
        harmonic = np.fft.fft(levels)[1] / SECTORS
        harmonics.append(abs(harmonic))
        film += harmonic if FILM_EDGES_PER_NM[0] <= low < FILM_EDGES_PER_NM[1] else 0
    return [*harmonics, abs(film)]


def _drift(spectrum: PowerSpectrum, total: float, low: float, high: float) -> list[float]:
    """Resemblance to the spectrum of a specimen that moved: sinc^2 along one direction (Frank 1969, Optik 30, 171).

    Returns:
        Deviation of the logarithm of the power along the stripes of the drift and direction that fit best, its share of
        all deviation from the rings' means, and how much less that is in other directions.
    """
    inside = spectrum.band(low, high)
    ring, turn = spectrum.ring[inside], np.pi * spectrum.azimuth[inside]
    if len(ring) < SECTORS:
        return [0.0, 0.0, 0.0]
    along = spectrum.frequency_per_nm[inside] * np.cos(turn - DRIFT_ANGLES[:, None])
    stripes = _without_means(np.sinc(DRIFTS_NM[:, None, None] * along) ** 2, ring)
    deviation = _clipped_deviation(spectrum, total, inside)
    fit = stripes @ deviation / (np.linalg.norm(stripes, axis=-1) + FLOOR)
    size = np.linalg.norm(deviation) + FLOOR
    best = fit[np.unravel_index(fit.argmax(), fit.shape)[0]]
    return [best.max() / np.sqrt(len(ring)), best.max() / size, (best.max() - np.median(best)) / size]


def _scatter(spectrum: PowerSpectrum, total: float) -> float:
    """Deviation of the power from its ring's in units of that of noise; its logarithm is near 0 for noise alone."""
    inside = spectrum.band(*DRIFT_BANDS_PER_NM[-1])
    if not inside.any():
        return 0.0
    deviation = _clipped_deviation(spectrum, total, inside).std()
    return float(np.log(deviation * np.sqrt(len(spectrum.windows)) + 1e-3))


def _clipped_deviation(spectrum: PowerSpectrum, total: float, inside: npt.NDArray[np.bool_]) -> Array:
    """Logarithm of the power less its mean over the ring, of the samples inside, (n,), spots clipped."""
    ring = spectrum.ring[inside]
    level = np.log(spectrum.mean[inside] / total + LEAST_LEVEL)
    return _without_means(np.clip(_without_means(level, ring), -MAX_DEVIATION, MAX_DEVIATION), ring)


def _without_means(values: Array, ring: npt.NDArray[np.int64]) -> Array:
    """Subtract from values (..., n) their means over the samples of the same ring."""
    _, number = np.unique(ring, return_inverse=True)
    member = (number == np.arange(number.max() + 1)[:, None]).astype(np.float64)
    means = values @ (member / member.sum(axis=1, keepdims=True)).T
    centred: Array = values - means[..., number]
    return centred


def _profile(spectrum: PowerSpectrum, total: float) -> list[float]:
    """Shape of the rotational average: a parabola, what it leaves (Thon rings), its ends, and where it is extreme."""
    level = np.log(spectrum.levels(PROFILE_EDGES_PER_NM, total))
    middle = (np.array(PROFILE_EDGES_PER_NM[1:]) + PROFILE_EDGES_PER_NM[:-1]) / 2
    place = np.linspace(-1, 1, len(level))
    parabola = np.polynomial.polynomial.polyfit(place, level, 2)
    waves = level - np.polynomial.polynomial.polyval(place, parabola)
    return [
        parabola[1],
        parabola[2],
        float(np.log(waves.std() + 0.01)),
        float(level[:4].mean() - level[-6:].mean()),
        float(np.log(np.ptp(level) + 0.01)),
        float(middle[level.argmax()]),
        float(middle[level.argmin()]),
    ]
