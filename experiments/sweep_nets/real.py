"""The models that a sweep's trials kept, on labelled real micrographs.

    python experiments/sweep_nets/real.py outputs/sweep_nets/sweep_nets_nets/trials.csv tiles

Writes real.csv beside trials.csv, a row per trial: the Dice of each micrograph with more than 1 % particle, their mean,
and the false-positive rate of the others. Prints the settings' means over the seeds.
"""

import sys
from pathlib import Path

import pandas as pd

from hrtem_lab.cli.progress import quiet, track
from hrtem_lab.evaluation import score_masks
from hrtem_lab.files.labelled import read_labelled
from hrtem_lab.micrograph import LabelledMicrograph
from hrtem_lab.search.seed_comparison import compare_over_seeds
from hrtem_lab.segmentation.network_segmenter import NetworkSegmenter
from hrtem_lab.tracking.models import find_model


def main(table: Path, labelled: str) -> None:
    """Score every trial that came to its end."""
    quiet()
    trials = pd.read_csv(table)
    done = trials[trials["state"] == "complete"]
    micrographs = read_labelled(labelled)
    rows = [scored(run, micrographs) for run in track(list(done["run"]), "Models")]
    told = list(trials.columns)
    settings = told[told.index("state") + 2 : told.index("seed")]  # between the value and the seed
    found = done[["trial", "state", *settings, "seed"]].reset_index(drop=True).join(pd.DataFrame(rows))
    found.to_csv(table.with_name("real.csv"), index=False)
    print(compare_over_seeds(found, "mean", settings).to_string(index=False, float_format="{:.3f}".format))


def scored(run: str, micrographs: list[LabelledMicrograph]) -> dict[str, float]:
    """Dice per micrograph, mean, and false area of those that are all but empty."""
    unet = NetworkSegmenter.load(find_model(f"runs:/{run}/model"))
    scores = score_masks([unet(micrograph) for micrograph in micrographs], micrographs).set_index("name")
    full = (scores["tp"] + scores["fn"]) / scores[["tp", "fp", "fn", "tn"]].sum(axis=1) > 0.01
    dice, empty = scores.loc[full, "dice"], scores[~full]
    false = empty["fp"].sum() / (empty["fp"] + empty["tn"]).sum()
    return {**dice.to_dict(), "mean": dice.mean(), "false_positive_rate": false}


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
