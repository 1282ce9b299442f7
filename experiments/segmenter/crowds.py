"""Whether crowded particles are told apart and counted: a model on simulated crowds that it has not seen.

    python experiments/segmenter/crowds.py [MODEL]

All materials, three to six tenths of a field covered, every second particle laid against another; once under the
conditions of one good day (those of the quickstart), once under all of microscope=wide. Prints the scores, and which
particles were found. MODEL is models/default where none is given.
"""

import sys

import numpy as np
import pandas as pd
from hydra import compose, initialize_config_dir

from hrtem_lab.cli.progress import track
from hrtem_lab.evaluation import match, score_masks, summarise
from hrtem_lab.micrograph import IntArray, LabelledMicrograph
from hrtem_lab.particles.separate import disc_area_px
from hrtem_lab.paths import CONF
from hrtem_lab.physics.visibility import RESOLVED
from hrtem_lab.pipelines.training_data import simulate_missing
from hrtem_lab.segmentation.network_segmenter import NetworkSegmenter
from hrtem_lab.tracking.models import find_model

CROWDS = [
    "+experiment=segmenter",
    "seed=10",
    "specimen.coverage=[0.3,0.6]",
    "specimen.touching=0.5",
    "specimen.empty=0",
    "specimen.graphitic=0",
    "data.library.count=122",
    "data.validation=1",
    "data.test=120",
]
SESSIONS = {
    "good day": [
        "microscope=tem_300kV",
        "microscope.defocus_nm=[-80.0,80.0]",
        "microscope.dose_e_per_nm2=[2.0e4,3.0e5]",
        "postprocessing.shrunk=0.4",
    ],
    "wide": [],
}
SHOWN = (
    "dice",
    "object_precision",
    "object_recall",
    "object_f1",
    "object_f1_low",
    "object_f1_high",
    "count_relative_error",
)


def main(model: str) -> None:
    """Score each session."""
    unet = NetworkSegmenter.load(find_model(model), "auto")
    scores, particles = {}, []
    for session, words in SESSIONS.items():
        crowds = taken([*CROWDS, *words])
        masks = [unet(crowd) for crowd in track(crowds, session)]
        summary = summarise(score_masks(masks, crowds, min_diameter_nm=unet.min_diameter_nm))
        scores[session] = {name: summary[name] for name in SHOWN}
        for mask, crowd in zip(masks, crowds, strict=True):
            particles.append(found(mask, crowd, unet.min_diameter_nm).assign(session=session))
    print(pd.DataFrame(scores).to_string(float_format="{:.3f}".format))
    print(pd.concat(particles).groupby(["session", "sort"])["found"].agg(["size", "sum", "mean"]))


def taken(words: list[str]) -> list[LabelledMicrograph]:
    """The test micrographs of a training with these settings."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        data = simulate_missing(compose("train", overrides=words))
    return data.micrographs("test")


def found(mask: IntArray, crowd: LabelledMicrograph, least_nm: float) -> pd.DataFrame:
    """The true particles that anyone was asked to find: their sort, and whether they were."""
    areas = np.bincount(crowd.instances.ravel())[crowd.ground_truth.index]
    particles = crowd.ground_truth.assign(found=crowd.ground_truth.index.isin(match(mask, crowd.instances)["truth"]))
    particles["sort"] = np.select(
        [particles["lattice_snr"] < RESOLVED, particles["overlap"] > 0],
        ["no lattice shows", "overlaps another"],
        "shows, alone",
    )
    return particles.loc[areas >= disc_area_px(least_nm / crowd.pixel_size_nm), ["sort", "found"]]


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "models/default")
