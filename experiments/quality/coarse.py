"""Share of micrographs that are found to have a finer pixel than they are said to, where that resolves no lattice.

    python experiments/quality/coarse.py KEY=VALUE ...

KEY=VALUE are the settings that the reference was made with; the imaging conditions here are others.
"""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pandas as pd
from hydra import compose, initialize_config_dir

import hrtem_lab
from hrtem_lab.analysis.quality import DOUBTFUL
from hrtem_lab.cli.build import build
from hrtem_lab.paths import CONF
from hrtem_lab.physics.faulty_images import simulate

FACTORS = (2.0, 10.0)
SPECIMENS, SEED = 40, 99


def main(overrides: list[str]) -> None:
    """Judge, and print the share of each factor and kind of specimen."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("reference", overrides=overrides)
    analyser, imaging = hrtem_lab.load(), build(config.imaging)
    assert analyser.reference is not None
    preprocessing, rows = analyser.segmenter.preprocessing, []
    for kind, number in (("library", 0), ("bodies", 1)):
        waves = build(config[kind])
        for index in range(SPECIMENS):
            if not waves[index].instances.any():
                continue
            micrograph = simulate(waves[index], imaging, np.random.default_rng([SEED, 2 * index + number]))
            for factor in FACTORS:
                said = replace(micrograph, pixel_size_nm=factor * micrograph.pixel_size_nm)
                if preprocessing.keeps_pixels_of(said):
                    quality = analyser.reference.judge_coarse(said, preprocessing)
                    rows.append({"specimens": kind, "factor": factor, "found": quality.value == DOUBTFUL})
    print(pd.DataFrame(rows).groupby(["factor", "specimens"])["found"].agg(["sum", "size", "mean"]).round(2))


if __name__ == "__main__":
    main(sys.argv[1:])
