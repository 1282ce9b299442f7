"""The models that a sweep's trials kept, on labelled real micrographs.

    python experiments/sweep_nets/real.py outputs/sweep_nets/sweep_nets_nets/trials.csv tiles

Writes real.csv beside trials.csv, a row per trial: the Dice of each micrograph with more than 1 % particle, their mean,
and the false-positive rate of the others. Prints the settings' means over the seeds.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from hrtem_lab.cli.progress import quiet, track
from hrtem_lab.evaluation import score_masks
from hrtem_lab.files import read_labelled
from hrtem_lab.micrograph import LabelledMicrograph
from hrtem_lab.search.seed_comparison import compare_over_seeds
from hrtem_lab.segmentation.network_segmenter import NetworkSegmenter
from hrtem_lab.tracking.models import find_model


def main(table: Path, labelled: str) -> None:
    """Score the model of every complete trial."""
    quiet()
    trials = pd.read_csv(table)
    complete = trials[trials["state"] == "complete"]
    micrographs = read_labelled(labelled)
    rows = [score_model(run, micrographs) for run in track(list(complete["run"]), "Models")]
    columns = list(trials.columns)
    settings = columns[columns.index("state") + 2 : columns.index("seed")]  # between the value and the seed
    scores = complete[["trial", "state", *settings, "seed"]].reset_index(drop=True).join(pd.DataFrame(rows))
    scores.to_csv(table.with_name("real.csv"), index=False)
    print(compare_over_seeds(scores, "mean", settings).to_string(index=False, float_format="{:.3f}".format))


def score_model(run: str, micrographs: Sequence[LabelledMicrograph]) -> dict[str, float]:
    """Dice per micrograph, their mean, and the false positive rate of the micrographs with at most 1 % particle."""
    segmenter = NetworkSegmenter.load(find_model(f"runs:/{run}/model"))
    scores = score_masks([segmenter(micrograph) for micrograph in micrographs], micrographs).set_index("name")
    is_full = (scores["tp"] + scores["fn"]) / scores[["tp", "fp", "fn", "tn"]].sum(axis=1) > 0.01
    dice, empty = scores.loc[is_full, "dice"], scores[~is_full]
    false_positive_rate = empty["fp"].sum() / (empty["fp"] + empty["tn"]).sum()
    return {**dice.to_dict(), "mean": dice.mean(), "false_positive_rate": false_positive_rate}


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
