"""Sizes of a population as particle metrology reports them, with intervals over micrographs.

Quantities and percentiles are those of ISO 21363:2020 (particle size distributions by TEM) and of the NanoDefine
project: D10, D50 and D90 of the minimal Feret diameter and of the equivalent diameter, by number.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd
import scipy
from scipy.special import ndtr, stdtrit

from hrtem_lab.evaluation.weighted import Floats

QUANTILES = {"d10": 0.1, "d50": 0.5, "d90": 0.9}
"""Percentiles by number, and by area with the prefix `area_weighted_`."""
STATISTICS = (
    *QUANTILES,
    "mean",
    "area_weighted_mean",
    "area_weighted_d50",
    "sd",
    "geometric_mean",
    "geometric_sd",
)
"""Statistics of `Sizes.statistics`, in order."""
MIN_MICROGRAPHS = 3
"""Least number of micrographs for an interval: with fewer, Student's t has one degree of freedom, and an interval is
too wide to say anything."""
MIN_COVERAGE = 0.9
"""Simulated coverage below which an interval of nominally 95 % is not given."""
RESAMPLES = 2000
BLOCK = 2**22
"""Number of cumulative weights that are held at once."""


@dataclass(frozen=True)
class Sizes:
    """Sizes of particles, the weight of each, and its micrograph.

    Attributes:
        values: Size of each particle, (n,), above 0.
        areas: Area of each particle, (n,).
        weights: Number of particles that each represents, (n,).
        micrographs: Number of each particle's micrograph, (n,), from 0 without gaps.
    """

    values: Floats
    areas: Floats
    weights: Floats
    micrographs: npt.NDArray[np.intp]

    @classmethod
    def of_table(cls, uncut: pd.DataFrame, quantity: str) -> Sizes:
        """Take a column of a table of `select_uncut_particles`, without the particles that have no such size."""
        known = uncut[uncut[quantity].notna()]
        values, areas, weights = known[[quantity, "area_nm2", "weight"]].to_numpy(dtype=np.float64).T
        return cls(values, areas, weights, pd.factorize(known["micrograph"])[0].astype(np.intp))

    @property
    def number_of_micrographs(self) -> int:
        """Number of micrographs that show a particle."""
        return int(self.micrographs.max()) + 1 if len(self.micrographs) else 0

    def statistics(self, draws: Floats | None = None) -> Floats:
        """Compute `STATISTICS`, (draws, 9); `nan` where undefined.

        Args:
            draws: Number of times that each micrograph counts, (draws, micrographs); once each by default.
        """
        if not len(self.values):
            return np.full((1 if draws is None else len(draws), len(STATISTICS)), np.nan)
        draws = np.ones((1, self.number_of_micrographs)) if draws is None else draws
        by_area = self._sums(np.stack([self.areas, self.areas * self.values]), draws)
        mean, sd = self._moments(self.values, draws)
        geometric_mean, geometric_sd = np.exp(self._moments(np.log(self.values), draws))
        quantiles = self.quantiles(tuple(QUANTILES.values()), draws)
        area_median = replace(self, weights=self.weights * self.areas).quantiles((0.5,), draws)
        rest = (mean, by_area[1] / by_area[0], area_median[:, 0], sd, geometric_mean, geometric_sd)
        return np.column_stack([quantiles, *rest])

    def quantiles(self, probabilities: tuple[float, ...], draws: Floats) -> Floats:
        """Compute quantiles, (draws, probabilities): the smallest value that this share of the weight does not exceed.

        Args:
            probabilities: Shares, from 0 to 1.
            draws: Number of times that each micrograph counts, (draws, micrographs).
        """
        values, weights, micrographs = (each[self._order] for each in (self.values, self.weights, self.micrographs))
        results = []
        for block in _split(draws, len(values)):
            cumulative = np.cumsum(weights * block[:, micrographs], axis=1)
            total = cumulative[:, -1:]
            below = [(cumulative < p * total * (1 - 1e-12)).sum(axis=1) for p in probabilities]
            results.append(values[np.stack(below, axis=1)])
        return np.concatenate(results)

    def cumulative(self, values: Floats, draws: Floats) -> Floats:
        """Compute the share of the weight up to each value (k,), (draws, k).

        Args:
            values: Sizes in rising order.
            draws: Number of times that each micrograph counts, (draws, micrographs).
        """
        place = np.searchsorted(values, self.values, side="left")
        counts = np.zeros((self.number_of_micrographs, len(values) + 1))
        np.add.at(counts, (self.micrographs, place), self.weights)
        totals = draws @ np.cumsum(counts, axis=1)
        shares: Floats = totals[:, :-1] / totals[:, -1:]
        return shares

    @cached_property
    def _order(self) -> npt.NDArray[np.intp]:
        return np.argsort(self.values, kind="stable")

    def _sums(self, columns: Floats, draws: Floats) -> Floats:
        """Weighted sums of columns (k, n) in every draw, (k, draws)."""
        number = self.number_of_micrographs
        sums = np.stack([np.bincount(self.micrographs, self.weights * column, number) for column in columns])
        return sums @ draws.T

    def _moments(self, values: Floats, draws: Floats) -> tuple[Floats, Floats]:
        """Mean and standard deviation of values (n,) in every draw, by Kish's effective number of particles."""
        centre = values.mean()  # else the difference of two large squares would lose digits
        off = values - centre
        total, squares, first, second = self._sums(np.stack([np.ones_like(off), self.weights, off, off**2]), draws)
        number = total**2 / squares
        variance = np.maximum(second / total - (first / total) ** 2, 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            sd = np.where(number > 1 + 1e-9, np.sqrt(variance * number / (number - 1)), np.nan)
        return centre + first / total, sd


def estimate_sizes(sizes: Sizes, resamples: int = RESAMPLES, seed: int = 0) -> pd.DataFrame:
    """Compute `STATISTICS` with 95 % intervals over micrographs.

    Whole micrographs are drawn with replacement (the cluster bootstrap). The standard deviation of the logarithm of a
    statistic over the draws, times sqrt(n / (n - 1)) for n micrographs, is its relative standard error; the interval is
    that of Student's t with n - 1 degrees of freedom around the logarithm. In simulated populations it covers the truth
    more evenly than percentiles of the draws do, medians and few micrographs included (`experiments/sizing`).

    Returns:
        `value`, `low`, `high` and `relative_error`, indexed by statistic; all but the value are `nan` with fewer than
        `MIN_MICROGRAPHS` micrographs.
    """
    number = sizes.number_of_micrographs
    table = pd.DataFrame({"value": sizes.statistics()[0]}, index=pd.Index(STATISTICS, name="statistic"))
    error = np.full(len(STATISTICS), np.nan)
    if number >= MIN_MICROGRAPHS:
        error = _relative_error(sizes.statistics(draw_micrographs(number, resamples, seed)), number)
    half = half_interval(error, max(number, 2))
    return table.assign(low=table["value"] * np.exp(-half), high=table["value"] * np.exp(half), relative_error=error)


def half_interval(error: Floats | float, number: int) -> Floats | float:
    """Half of the 95 % interval of a logarithm by Student's t, from its standard error over a number of micrographs."""
    return stdtrit(number - 1, 0.975) * error


def draw_micrographs(number: int, resamples: int, seed: int = 0) -> Floats:
    """Draw micrographs with replacement: how often each counts, (resamples, number)."""
    return np.random.default_rng(seed).multinomial(number, np.full(number, 1 / number), resamples).astype(np.float64)


def _relative_error(values: Floats, number: int) -> Floats:
    """Relative standard error of each statistic (k,) from its values in the draws (draws, k); `nan` where undefined."""
    defined = np.isfinite(values) & (values > 0)
    enough = defined.mean(axis=0) > 0.9
    logarithms = np.log(np.where(defined, values, 1.0))
    spread = np.std(logarithms, axis=0, where=defined | ~enough)
    return np.where(enough, np.sqrt(number / (number - 1)) * spread, np.nan)


def simulate_coverage(sizes: Sizes, populations: int = 300, resamples: int = 200, seed: int = 0) -> float:
    """Simulate how often the 95 % interval of the median holds the truth, for data of this extent.

    Populations are log-normal between and within micrographs, with the variances of the data (`variance_components`),
    and as many particles in each micrograph. `nan` with fewer than `MIN_MICROGRAPHS` micrographs.
    """
    number = sizes.number_of_micrographs
    if number < MIN_MICROGRAPHS:
        return np.nan
    between, within = variance_components(sizes)
    rng = np.random.default_rng(seed)
    hits = 0
    for _ in range(populations):
        shift = rng.normal(0, np.sqrt(between), number)[sizes.micrographs]
        drawn = replace(sizes, values=np.exp(shift + rng.normal(0, np.sqrt(within), len(shift))))
        medians = drawn.quantiles((0.5,), draw_micrographs(number, resamples, int(rng.integers(2**32))))
        half = half_interval(_relative_error(medians, number)[0], number)
        median = drawn.quantiles((0.5,), np.ones((1, number)))[0, 0]
        hits += abs(np.log(median)) <= half  # the true median is 1
    return hits / populations


def variance_components(sizes: Sizes) -> tuple[float, float]:
    """Variances of the logarithm of the size between and within micrographs, by analysis of variance.

    For unequal numbers n_i of particles the mean square between k micrographs expects within + m between, with
    m = (n - sum n_i^2 / n) / (k - 1) (Searle, Casella and McCulloch, "Variance Components", 1992, section 3.6).
    """
    logarithms = np.log(sizes.values)
    counts = np.bincount(sizes.micrographs)
    means = np.bincount(sizes.micrographs, logarithms) / counts
    k, n = len(counts), len(logarithms)
    within = float(((logarithms - means[sizes.micrographs]) ** 2).sum() / (n - k)) if n > k else 0.0
    if k < 2:
        return 0.0, within
    between = float((counts * (means - logarithms.mean()) ** 2).sum() / (k - 1))
    m = (n - (counts**2).sum() / n) / (k - 1)
    return max((between - within) / m, 0.0), within


def lognormal_fit(sizes: Sizes, simulations: int = 499, seed: int = 0) -> dict[str, float]:
    """Test whether the sizes are log-normal.

    Returns:
        `distance`, the largest difference between the weighted distribution and the log-normal one of greatest
        likelihood (Kolmogorov and Smirnov's); `anderson_darling`, the statistic of that test of the sizes without their
        weights, and `p`, its p value from simulated samples with the parameters fitted anew (Stephens 1974, J. Am.
        Stat. Assoc. 69, 730). Particles of one micrograph resemble each other, so that p is rather too small. `nan`
        below 8 particles or where all are of one size.
    """
    values, weights = (each[np.argsort(sizes.values)] for each in (sizes.values, sizes.weights))
    if len(values) < 8 or values[0] == values[-1]:
        return dict.fromkeys(("distance", "anderson_darling", "p"), np.nan)
    logarithms = np.log(values)
    mean = np.average(logarithms, weights=weights)
    expected = ndtr((logarithms - mean) / np.sqrt(np.average((logarithms - mean) ** 2, weights=weights)))
    share = np.cumsum(weights) / weights.sum()
    distance = max(np.max(share - expected), np.max(expected - share + weights / weights.sum()))
    rng = np.random.default_rng(seed)
    test = scipy.stats.goodness_of_fit(scipy.stats.norm, logarithms, statistic="ad", n_mc_samples=simulations, rng=rng)
    return {"distance": float(distance), "anderson_darling": float(test.statistic), "p": float(test.pvalue)}


def _split(draws: Floats, particles: int) -> Iterator[Floats]:
    """Yield draws in blocks that fit into memory."""
    step = max(BLOCK // max(particles, 1), 1)
    for start in range(0, len(draws), step):
        yield draws[start : start + step]
