"""The share of faulted particles of a population, corrected for the errors of the forest that classified them.

A count of what a forest calls faulted errs by what it misses and by its false alarms, and the more, the further the
population's share is from that of the training: a classifier draws every share towards the one that it has learned.
Calibrated probabilities say how well each particle fits each class, and the share under which all particles together
are most likely is found (Saerens, Latinne and Decaestecker 2002, Neural Comput. 14, 21). How often the training
particles of a size are faulted, or show no lattice, is part of what a probability says of one, and is divided out size
by size: a population of small particles would otherwise be taken for one with few faults. What is assumed is that the
odds of a fault that shows differ from those of the training by one factor at all sizes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
import scipy

from hrtem_lab.evaluation.intervals import MIN_GROUPS
from hrtem_lab.micrograph import CLASSES, ParticleClass

Floats = npt.NDArray[np.float64]
FAULT, NO_FAULT = ParticleClass.FAULT.value, ParticleClass.NO_FAULT.value
OTHER = tuple(each.value for each in ParticleClass if not each.shows_lattice)
"""Classes of outlines that cannot show a fault."""
PROBABILITY_COLUMNS = tuple(f"p_{name}" for name in CLASSES)
"""Columns of particles.csv with the probabilities of a forest."""
LOG_FACTORS = np.linspace(-9, 9, 91)
FACTORS = np.exp(LOG_FACTORS)
"""Factors by which the odds of a fault in the population may differ from those of the training."""
OTHER_FACTORS = np.exp(np.linspace(-5, 3, 41))
"""The same for outlines that cannot show a fault."""
PARTICLES_PER_KNOT, MAX_KNOTS = 100, 12


@dataclass(frozen=True)
class BaseRates:
    """How common faults are among the particles that a forest learned from, by diameter.

    Attributes:
        diameter_nm: Diameters between whose logarithms one interpolates, rising.
        fault: Share of these particles that are faulted.
        no_fault: Share that shows a lattice without a fault; the rest cannot show one.
    """

    diameter_nm: Sequence[float]
    fault: Sequence[float]
    no_fault: Sequence[float]

    @classmethod
    def of_training(cls, labels: pd.Series, diameter_nm: pd.Series) -> Self:
        """Count the classes in bins of about the same number of particles; half a particle is added to each class.

        Args:
            labels: True classes, (n,).
            diameter_nm: Diameters, (n,).
        """
        number = int(np.clip(len(labels) // PARTICLES_PER_KNOT, 1, MAX_KNOTS))
        bins = pd.qcut(diameter_nm.rank(method="first"), number, labels=False)
        counts = pd.DataFrame({name: labels == name for name in (FAULT, NO_FAULT)}).groupby(bins).sum() + 0.5
        shares = counts.div(bins.groupby(bins).size() + 1.5, axis=0)
        medians = diameter_nm.groupby(bins).median()
        return cls(medians.tolist(), shares[FAULT].tolist(), shares[NO_FAULT].tolist())

    def __call__(self, diameter_nm: npt.ArrayLike) -> Floats:
        """Shares of faulted, of unfaulted and of other particles of these diameters, (n, 3)."""
        knots, sizes = np.log(self.diameter_nm), np.log(np.asarray(diameter_nm, dtype=np.float64))
        fault, no_fault = (np.interp(sizes, knots, shares) for shares in (self.fault, self.no_fault))
        return np.column_stack([fault, no_fault, 1 - fault - no_fault])


def corrected_share(
    particles: pd.DataFrame, rates: BaseRates, diameter: str, groups: npt.ArrayLike | None = None
) -> dict[str, Any]:
    """Estimate the share of faulted particles among those that could show a fault.

    The likelihood has two unknowns: the factors by which the odds of a fault, and those of an outline that cannot show
    one, differ from those of the training. The interval holds the shares whose likelihood, at the best of the second
    factor, is within the quantile of Student's t of the largest. It is widened by the ratio of the variance of the
    micrographs' scores to that of independent particles (Chandler and Bate 2007, Biometrika 94, 167), if that is above
    1: particles of one micrograph resemble each other.

    Args:
        particles: A row per particle, with `PROBABILITY_COLUMNS`, a diameter and `weight`, the number of particles
            that each stands for. Those without probabilities do not count.
        rates: Base rates of the forest.
        diameter: Column of the diameter in nm.
        groups: Micrograph of each particle, (n,); by default all particles are independent.

    Returns:
        `could_show`, the expected number of particles that could show a fault; `fault_share`, `low` and `high`, `nan`
        without any, and the last two with fewer than `MIN_GROUPS` groups.
    """
    known = particles[[*PROBABILITY_COLUMNS, diameter, "weight"]].notna().all(axis=1).to_numpy()
    groups = np.arange(len(particles)) if groups is None else np.asarray(groups)
    particles, groups = particles[known], groups[known]
    if particles.empty:
        return {"could_show": 0.0, "fault_share": np.nan, "low": np.nan, "high": np.nan}
    weight = particles["weight"].to_numpy(dtype=np.float64) / particles["weight"].mean()
    fault, no_fault = (particles[f"p_{name}"].to_numpy(dtype=np.float64) for name in (FAULT, NO_FAULT))
    seen = np.column_stack([fault, no_fault, particles[[f"p_{name}" for name in OTHER]].sum(axis=1)])
    usual = rates(particles[diameter])
    likelihood, others = _profile(seen, usual, weight)
    best = int(likelihood.argmax())
    share = _shares(usual, weight, others)
    scores = weight * _scores(seen, usual, FACTORS[best], others[best])
    posterior = seen * [FACTORS[best], 1, others[best]]
    could_show = float((posterior[:, :2].sum(axis=1) / posterior.sum(axis=1)).sum())
    return {"could_show": could_show, **_interval(share, likelihood, scores, groups)}


def _profile(seen: Floats, usual: Floats, weight: Floats) -> tuple[Floats, Floats]:
    """Log-likelihood of each of `FACTORS` at the best of `OTHER_FACTORS`, and that one, (factors,) each.

    Args:
        seen: Probabilities of a fault, of none and of what can show none, (n, 3).
        usual: Base rates of these for each particle, (n, 3).
        weight: Weight of each particle, (n,).
    """
    log_likelihood = np.array(
        [weight @ np.log(_mixture(seen, other) / _mixture(usual, other)) for other in OTHER_FACTORS]
    )
    return log_likelihood.max(axis=0), OTHER_FACTORS[log_likelihood.argmax(axis=0)]


def _mixture(parts: Floats, others: float | Floats) -> Floats:
    """Sum of each particle's three parts, the first times `FACTORS`, the last times `others`, (n, factors)."""
    return parts[:, [0]] * FACTORS + parts[:, [1]] + parts[:, [2]] * others


def _shares(usual: Floats, weight: Floats, others: Floats) -> Floats:
    """Share of faults among particles that could show one at each of `FACTORS`, (factors,): 0 and 1 at its ends."""
    total = _mixture(usual, others)
    faulted = weight @ (usual[:, [0]] * FACTORS / total)
    share: Floats = faulted / (faulted + weight @ (usual[:, [1]] / total))
    share[[0, -1]] = 0, 1
    return share


def _scores(seen: Floats, usual: Floats, factor: float, other: float) -> Floats:
    """Derivative of each particle's log-likelihood with respect to the logarithm of the factor, (n,)."""
    posterior, prior = seen * [factor, 1, other], usual * [factor, 1, other]
    score: Floats = posterior[:, 0] / posterior.sum(axis=1) - prior[:, 0] / prior.sum(axis=1)
    return score


def _interval(share: Floats, likelihood: Floats, scores: Floats, groups: npt.NDArray[Any]) -> dict[str, float]:
    """The most likely share, and the lowest and the highest in the 95 % interval.

    Args:
        share: Shares, rising, (factors,).
        likelihood: Log-likelihood of each, (factors,).
        scores: Weighted scores of the particles at the largest likelihood, (n,).
        groups: Micrograph of each particle, (n,).
    """
    fine = np.linspace(LOG_FACTORS[0], LOG_FACTORS[-1], 40 * len(LOG_FACTORS))
    likelihood = scipy.interpolate.CubicSpline(LOG_FACTORS, likelihood)(fine)
    share = np.interp(fine, LOG_FACTORS, share)
    scores = scores - scores.mean()  # their sum is 0 but at the ends
    sums = pd.Series(scores).groupby(groups).sum().to_numpy()
    number = len(sums)
    low = high = np.nan
    if number >= MIN_GROUPS:
        widening = number / (number - 1) * float(sums @ sums) / max(float(scores @ scores), 1e-300)
        furthest = max(widening, 1.0) * float(scipy.special.stdtrit(number - 1, 0.975)) ** 2
        low, high = share[2 * (likelihood.max() - likelihood) <= furthest][[0, -1]].tolist()
    return {"fault_share": float(share[likelihood.argmax()]), "low": low, "high": high}
