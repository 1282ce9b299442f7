"""Coarse micrographs by kind: what a model finds where no lattice is resolved, and what it sees on bare film.

    python experiments/segmenter/coarse.py [MODEL]

Fields of 164 nm with bodies of 4 to 60 nm, dots of 4 to 9, faint bodies of 4 to 40 nm, and none at all, at 0.33 to 1 nm
a pixel; and the fields of `kinds.py` that other code draws, by other seeds. Thresholds of the program were chosen on
these fields, so this is no test; that is `kinds.py`.
"""

import sys

import numpy as np
import pandas as pd
from kinds import draw_coarse

from hrtem_lab.cli.progress import track
from hrtem_lab.evaluation import score_masks
from hrtem_lab.micrograph import LabelledMicrograph
from hrtem_lab.physics import ImageSimulator, ImagingConditionRanges, Postprocessing, ProjectedBodies
from hrtem_lab.segmentation.network_segmenter import NetworkSegmenter
from hrtem_lab.tracking.models import find_model

FIELDS, FIELD_NM = 16, 164.0
FAINT = {"contrast": (0.05, 0.3), "diameter_nm": (4.0, 40.0), "dose": (1e2, 3e3)}
KINDS = {
    "bodies": {"seed": 905, "contrast": (0.2, 0.9), "diameter_nm": (4.0, 60.0)},
    "dots": {"seed": 908, "contrast": (0.3, 0.9), "diameter_nm": (4.0, 9.0), "pixel_nm": (0.6, 1.0)},
    "faint": {"seed": 906, **FAINT},
    "bare": {"seed": 907, **FAINT, "empty": 1.0},
}


def main(model: str) -> None:
    """Print what is found of each kind, the mean of its fields."""
    unet = NetworkSegmenter.load(find_model(model), "auto")
    fields = {kind: [draw(index, **settings) for index in range(FIELDS)] for kind, settings in KINDS.items()}
    fields["other code"] = [draw_coarse(np.random.default_rng([206, 20 + index])) for index in range(FIELDS)]
    rows = []
    for kind, micrographs in fields.items():
        masks = [unet(micrograph) for micrograph in track(micrographs, kind)]
        scores = score_masks(masks, micrographs, min_diameter_nm=0.0)
        means = scores[["dice", "object_tp", "object_fp", "object_fn"]].mean()
        rows.append({"kind": kind, **means, "anything false": (scores["object_fp"] > 0).mean()})
    print(pd.DataFrame(rows).round(3).to_string(index=False))


def draw(
    index: int,
    seed: int,
    contrast: tuple[float, float],
    diameter_nm: tuple[float, float],
    dose: tuple[float, float] = (5e2, 1e4),
    pixel_nm: tuple[float, float] = (0.33, 0.8),
    empty: float = 0.0,
) -> LabelledMicrograph:
    """One image of bodies that are drawn from their projected thickness."""
    bodies = ProjectedBodies(
        size=60, seed=seed, field_nm=FIELD_NM, contrast=contrast, diameter_nm=diameter_nm, lattice=0.0, empty=empty
    )
    ranges = ImagingConditionRanges(defocus_nm=(-300.0, 300.0), dose_e_per_nm2=dose, pixel_size_nm=pixel_nm)
    simulator = ImageSimulator(ranges, Postprocessing(), max_pixel_size_nm=1.0)
    return simulator.simulate(bodies[index], np.random.default_rng([index, seed]), ground_truth=False)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "models/default")
