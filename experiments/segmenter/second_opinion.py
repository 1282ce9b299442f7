"""When a second network is asked, and whose answer is believed: what `SecondOpinion` was chosen by.

    python experiments/segmenter/second_opinion.py [MODEL]

80 multislice specimens that no network has seen, a field of each, and 20 fields of each kind of drawn bodies (others
than those of kinds.py). Prints the mean Dice of the fields with particles by kind, for each network alone, for the two
with each setting, and for whoever knew which one is right; and how many bare fields hold anything false. MODEL is
models/default where none is given.
"""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pandas as pd
from crowds import taken
from kinds import BODIES, draw_bodies
from simulated import FRESH

from hrtem_lab.cli.progress import track
from hrtem_lab.evaluation import pixel_counts, ratios
from hrtem_lab.micrograph import LabelledMicrograph
from hrtem_lab.segmentation.network_segmenter import NetworkSegmenter
from hrtem_lab.segmentation.second_opinion import SecondOpinion
from hrtem_lab.segmentation.segmenter import Segmentation
from hrtem_lab.tracking.models import find_model

SPECIMENS = [word.replace("seed=7", "seed=14") for word in FRESH]
FIELDS = 20
RULES = {
    f"sure {sure}, lead {lead}, least {least}": SecondOpinion(sure=sure, lead=lead, least=least)
    for sure, lead, least in (
        *((sure, 0.03, 0.3) for sure in (0.8, 0.85, 0.9, 1.0)),
        *((0.85, lead, 0.3) for lead in (0.0, 0.05, 0.1)),
        *((0.85, 0.03, least) for least in (0.0, 0.4, 0.5)),
    )
}


def main(model: str) -> None:
    """Ask both networks about every field, then try the rules."""
    both = NetworkSegmenter.load(find_model(model), "auto")
    first, second = replace(both, load_second=None), both.second
    if second is None:
        sys.exit(f"{model} has no second network; give a model with a folder `second`")
    rows = []
    for kind, micrograph in track(fields(), model):
        answers = {"first": first.segment(micrograph), "second": second.segment(micrograph)}
        answers |= {name: believed(rule, **answers) for name, rule in RULES.items()}
        kind_of_field = kind if micrograph.mask.any() else "bare"
        rows += [{"kind": kind_of_field, "method": name, **score(each, micrograph)} for name, each in answers.items()]
    table = pd.DataFrame(rows)
    bare = table["kind"] == "bare"
    dice = table[~bare].pivot_table("dice", "method", "kind", sort=False)
    alone = table[table["method"].isin(["first", "second"]) & ~bare]
    best = alone.groupby(["kind", "field"], sort=False)["dice"].max().groupby("kind").mean().rename("the better one")
    dice = pd.concat([dice, best.to_frame().T])
    dice["mean of kinds"] = dice.mean(axis=1)
    false = table[bare].groupby("method", sort=False)["found"].agg(["sum", "size"])
    print(dice.join(false["sum"].rename(f"bare, of {false['size'].max()}")).to_string(float_format="%.3f"))


def fields() -> list[tuple[str, LabelledMicrograph]]:
    """Kind and micrograph of every field."""
    bodies = {kind: replace(each, size=FIELDS, seed=each.seed + 1000) for kind, each in BODIES.items()}
    drawn = [(kind, draw_bodies(each, i)) for kind, each in bodies.items() for i in range(FIELDS)]
    return [*(("multislice", micrograph) for micrograph in taken(SPECIMENS)), *drawn]


def believed(rule: SecondOpinion, first: Segmentation, second: Segmentation) -> Segmentation:
    """Answer that a rule believes."""
    return first if rule.is_sure(first) else rule.choose(first, second)


def score(segmentation: Segmentation, micrograph: LabelledMicrograph) -> dict[str, object]:
    """Dice of an answer, and whether it holds anything; `field` tells fields apart."""
    dice = ratios(**pixel_counts(segmentation.instances > 0, micrograph.mask))["dice"]
    return {"field": f"{micrograph.name} {id(micrograph)}", "dice": dice, "found": bool(np.any(segmentation.instances))}


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "models/default")
