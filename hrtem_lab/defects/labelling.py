"""Class of a predicted particle, from the true particles below its outline and what the image shows of them."""

from __future__ import annotations

import pandas as pd

from hrtem_lab.evaluation import overlaps
from hrtem_lab.micrograph import IntArray, LabelledMicrograph, ParticleClass

MIN_COVERED = 0.5
"""Fraction of a particle that another one has to cover to match it."""
MIN_AREA_RATIO = 0.25
"""Smallest ratio of the covered areas of two true particles at which an outline counts as both of them."""


def match_to_truth(predicted: IntArray, truth: LabelledMicrograph) -> pd.DataFrame:
    """Assign a class and a true particle to each predicted particle.

    * `agglomerate`: it covers half or more of at least two true particles whose lattices the image shows. A particle
      with less than a quarter of the largest covered area does not count. Where the image shows only one of the
      lattices, as of two particles that lie behind each other, nobody can see that there is another one;
    * `empty`: neither it nor a true particle covers half of the other;
    * otherwise what the image shows of the true particle that it is matched to: `fault`, `no_fault` or `no_fringe`.

    Args:
        predicted: Particle numbers, (rows, columns).
        truth: Labelled micrograph whose ground truth holds the column `label`.

    Returns:
        One row per number in `predicted`, indexed by it: `label`, one of `hrtem_lab.micrograph.CLASSES`, and `truth`,
        the number of the matched true particle: of those whose lattice is shown, or else of all, the one that shares
        most pixels; 0 where the class is `empty`.
    """
    pairs = overlaps(predicted, truth.instances)
    predicted_area = _areas(predicted)
    pairs["of_truth"] = pairs["pixels"] / pairs["truth"].map(_areas(truth.instances))
    pairs["of_predicted"] = pairs["pixels"] / pairs["predicted"].map(predicted_area)
    labels = truth.ground_truth["label"]
    matches = {number: _match_one(group, labels) for number, group in pairs.groupby("predicted")}
    rows = [matches.get(number, (ParticleClass.EMPTY.value, 0)) for number in predicted_area.index]
    return pd.DataFrame(rows, columns=["label", "truth"], index=predicted_area.index).astype({"label": object})


def _match_one(pairs: pd.DataFrame, labels: pd.Series) -> tuple[str, int]:
    """Class and true particle of one predicted particle, from its overlaps with true ones."""
    pairs = pairs.sort_values("pixels", ascending=False)
    covered = pairs[pairs["of_truth"] >= MIN_COVERED]
    large = covered[covered["pixels"] >= MIN_AREA_RATIO * covered["pixels"].max()]
    shown = large[large["truth"].map(labels) != ParticleClass.NO_FRINGE.value]
    best = (shown if len(shown) else pairs).iloc[0]
    number = int(best["truth"])
    if len(shown) > 1:
        return ParticleClass.AGGLOMERATE.value, number
    if max(best["of_truth"], best["of_predicted"]) < MIN_COVERED:
        return ParticleClass.EMPTY.value, 0
    return str(labels.loc[number]), number


def _areas(instances: IntArray) -> pd.Series:
    """Number of pixels of each particle, indexed by its number."""
    numbers = pd.Series(instances[instances > 0])
    return numbers.value_counts().sort_index()
