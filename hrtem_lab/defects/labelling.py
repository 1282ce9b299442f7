"""The class of a predicted particle: which true particles lie under it, and what the image shows of them."""

from __future__ import annotations

import pandas as pd

from hrtem_lab.evaluation import overlaps
from hrtem_lab.micrograph import IntArray, LabelledMicrograph, ParticleClass

COVERED = 0.5
SHARED = 0.25


def matched(predicted: IntArray, truth: LabelledMicrograph) -> pd.DataFrame:
    """Class of each predicted particle, and the true particle that it stands for.

    * `agglomerate`: it covers half of two or more true particles whose lattices the image shows. One counts that takes
      at least a quarter of what the largest takes; where the image shows the lattice of one alone, as of two that lie
      behind each other, nobody can see that there is another;
    * `empty`: no true particle and it cover half of one another, that is half of either one;
    * otherwise what the image shows of the true particle it stands for: `fault`, `no_fault`, `no_fringe`.

    Args:
        predicted: Particle numbers, (rows, columns).
        truth: Its ground truth holds the column `label`.

    Returns:
        One row per number in `predicted`, indexed by it: `label`, one of `hrtem_lab.micrograph.CLASSES`, and `truth`,
        the number of the true particle that it stands for: of those whose lattice is shown, or else of all, the one
        that it shares most pixels with; 0 where its class is `empty`.
    """
    shared = overlaps(predicted, truth.instances)
    predicted_area = _areas(predicted)
    shared["of_truth"] = shared["pixels"] / shared["truth"].map(_areas(truth.instances))
    shared["of_predicted"] = shared["pixels"] / shared["predicted"].map(predicted_area)
    found = {number: _one(pairs, truth.ground_truth["label"]) for number, pairs in shared.groupby("predicted")}
    rows = [found.get(n, (ParticleClass.EMPTY.value, 0)) for n in predicted_area.index]
    return pd.DataFrame(rows, columns=["label", "truth"], index=predicted_area.index).astype({"label": object})


def _one(pairs: pd.DataFrame, names: pd.Series) -> tuple[str, int]:
    pairs = pairs.sort_values("pixels", ascending=False)
    covered = pairs[pairs["of_truth"] >= COVERED]
    counted = covered[covered["pixels"] >= SHARED * covered["pixels"].max()]
    shown = counted[counted["truth"].map(names) != ParticleClass.NO_FRINGE.value]
    best = (shown if len(shown) else pairs).iloc[0]
    number = int(best["truth"])
    if len(shown) > 1:
        return ParticleClass.AGGLOMERATE.value, number
    if max(best["of_truth"], best["of_predicted"]) < COVERED:
        return ParticleClass.EMPTY.value, 0
    return str(names.loc[number]), number


def _areas(instances: IntArray) -> pd.Series:
    numbers = pd.Series(instances[instances > 0])
    return numbers.value_counts().sort_index()
