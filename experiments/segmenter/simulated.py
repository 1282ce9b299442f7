"""The card's table: a model on simulated specimens that it has not seen, of all conditions and by condition.

    python experiments/segmenter/simulated.py [MODEL]

80 specimens of the segmenter's own kind, a third with soot, one micrograph each. MODEL is models/default where none is
given.
"""

import sys

import pandas as pd
from crowds import found, taken

from hrtem_lab.cli.progress import track
from hrtem_lab.evaluation import breakdown, ece, reliability_counts, score_masks, summarise
from hrtem_lab.particle_facts import MICROGRAPH_BINS
from hrtem_lab.pipelines.evaluate import micrograph_conditions
from hrtem_lab.segmentation.network_segmenter import NetworkSegmenter
from hrtem_lab.tracking.models import find_model

FRESH = [
    "+experiment=segmenter",
    "seed=7",
    "specimen.graphitic=0.35",
    "specimen.touching=0.25",
    "specimen.opposite=0.3",
    "data.library.count=82",
    "data.validation=1",
    "data.test=80",
]


def main(model: str) -> None:
    """Score, and print."""
    unet = NetworkSegmenter.load(find_model(model), "auto")
    micrographs = taken(FRESH)
    told = [unet.segment(micrograph) for micrograph in track(micrographs, model)]
    pairs = list(zip(told, micrographs, strict=True))
    scores = score_masks([one.instances for one in told], micrographs, min_diameter_nm=unet.min_diameter_nm)
    counts = [reliability_counts(one.particle_probability, micrograph.mask) for one, micrograph in pairs]
    particles = pd.concat([found(one.instances, m, unet.min_diameter_nm) for one, m in pairs if len(m.ground_truth)])
    full = scores[[micrograph.instances.any() for micrograph in micrographs]]
    bare = scores.drop(full.index)
    parts = {"all": scores, "with particles": full}
    print(pd.DataFrame({name: summarise(part) for name, part in parts.items()}).to_string(float_format="{:.3f}".format))
    print(f"calibration error {ece(pd.concat(counts).groupby('bin').sum()):.3f}")
    print(f"{len(bare)} bare fields, {(bare['fp'] > 0).sum()} with anything false")
    print(particles.groupby("sort")["found"].agg(["size", "sum", "mean"]).to_string())
    conditions = pd.DataFrame([micrograph_conditions(m) for m in micrographs]).loc[full.index]
    print(breakdown(full, conditions, MICROGRAPH_BINS).to_string(index=False, float_format="{:.3f}".format))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "models/default")
