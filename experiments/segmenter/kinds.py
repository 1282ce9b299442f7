"""Kinds of field side by side: the network beside the classical methods, each of these tuned on fields of the kind.

    python experiments/segmenter/kinds.py [MODEL]

The classical methods choose their settings on 20 fields of a kind and are scored on 40 others; the network is the model
as it is, the same for all kinds. Every method is scored against the geometric outline. "coarse" is drawn by code of its
own, below: no simulator of the training has a part in it. MODEL is models/default where none is given.
"""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
from crowds import found, taken
from scipy.ndimage import gaussian_filter, gaussian_laplace
from simulated import FRESH
from skimage.draw import ellipse, polygon

from hrtem_lab.cli.progress import track
from hrtem_lab.evaluation import score_masks
from hrtem_lab.micrograph import LabelledMicrograph
from hrtem_lab.physics import ImageSimulator, ImagingConditionRanges, Postprocessing, ProjectedBodies
from hrtem_lab.segmentation.classical import BandPass, Otsu, Watershed
from hrtem_lab.segmentation.network_segmenter import NetworkSegmenter
from hrtem_lab.segmentation.preprocessing import Preprocessing
from hrtem_lab.segmentation.segmenter import Segmenter
from hrtem_lab.tracking.models import find_model

TUNED, TESTED = 20, 40
COARSE = "coarse"
CDSE = [
    "+experiment=segmenter",
    "seed=8",
    *(f"~specimen.materials.{metal}" for metal in ("ag", "au", "pd", "pt")),
    "specimen.diameter_nm=[2.0,4.0]",
    "specimen.film_nm=[1.5,5.0]",
    "specimen.absorption=[0.0,0.03]",
    "specimen.coverage=[0.03,0.3]",
    "specimen.touching=0",
    "specimen.opposite=0",
    "specimen.empty=0",
    "specimen.graphitic=0",
    "data.library.count=62",
    "data.validation=1",
    "data.test=60",
]
BARE = [
    "+experiment=segmenter",
    "seed=9",
    "specimen.empty=1",
    "data.library.count=202",
    "data.validation=1",
    "data.test=200",
]
PLAIN = {"lattice": 0.0, "empty": 0.0}
BODIES = {
    "dark, plain": ProjectedBodies(size=60, seed=101, contrast=(0.15, 0.4), diameter_nm=(2.0, 6.0), **PLAIN),
    "high contrast": ProjectedBodies(size=60, seed=102, contrast=(0.5, 0.9), diameter_nm=(1.5, 8.0), **PLAIN),
    "thick": ProjectedBodies(size=60, seed=103, contrast=(0.3, 0.9), diameter_nm=(8.0, 13.0), **PLAIN),
    "dots of few pixels": ProjectedBodies(size=60, seed=104, contrast=(0.4, 0.9), diameter_nm=(0.4, 0.9), **PLAIN),
    "lattices without contrast": ProjectedBodies(
        size=60, seed=105, lattice=1.0, grey=1.0, empty=0.0, diameter_nm=(2.0, 6.0)
    ),
}


def main(model: str) -> None:
    """Score every kind, then CdSe and bare fields by the network alone."""
    unet = NetworkSegmenter.load(find_model(model), "auto")
    rows = []
    for kind, micrographs in kinds().items():
        tuned, tested = micrographs[:TUNED], micrographs[TUNED : TUNED + TESTED]
        for method in (unet, *(method.tune(tuned) for method in classical(kind))):
            found_masks = [method(micrograph) for micrograph in track(tested, f"{kind}, {method.name}")]
            scores = score_masks(found_masks, tested, min_diameter_nm=0.0)
            rows.append(
                {"kind": kind, "method": method.name, "dice": scores["dice"].mean(), "lowest": scores["dice"].min()}
            )
    print(pd.DataFrame(rows).pivot(index="kind", columns="method", values="dice").to_string(float_format="%.3f"))
    for name, words in {"CdSe": CDSE, "bare": BARE}.items():
        fields = taken(words)
        masks = [unet(field) for field in track(fields, name)]
        if name == "bare":
            print(f"{len(fields)} bare fields, {sum(mask.any() for mask in masks)} with anything false")
        else:
            pairs = zip(masks, fields, strict=True)
            particles = pd.concat([found(mask, field, unet.min_diameter_nm) for mask, field in pairs])
            print("CdSe", particles.groupby("sort")["found"].agg(["size", "sum", "mean"]).to_string(), sep="\n")


def kinds() -> dict[str, list[LabelledMicrograph]]:
    """Micrographs with particles of each kind, at least `TUNED + TESTED`."""
    multislice = [micrograph for micrograph in taken(FRESH) if micrograph.mask.any()]
    drawn = {kind: [draw_bodies(bodies, i) for i in range(len(bodies))] for kind, bodies in BODIES.items()}
    coarse = {COARSE: [draw_coarse(np.random.default_rng([106, i])) for i in range(TUNED + TESTED)]}
    return {"multislice": multislice, **drawn, **coarse}


def draw_bodies(bodies: ProjectedBodies, index: int) -> LabelledMicrograph:
    """One image of bodies under any conditions of the wide microscope that show bodies as dark."""
    ranges = ImagingConditionRanges(defocus_nm=(-100.0, 100.0), dose_e_per_nm2=(2e4, 5e5), pixel_size_nm=(0.03, 0.08))
    simulator = ImageSimulator(ranges, Postprocessing(), max_pixel_size_nm=0.1)
    return simulator.simulate(bodies[index], np.random.default_rng([index, bodies.seed]), ground_truth=False)


def draw_coarse(rng: np.random.Generator) -> LabelledMicrograph:
    """A bright-field micrograph of low magnification: bodies that absorb, blurred, with rims and noise.

    Pixels of 0.12 to 1 nm; particles of 8 to 120 pixels. A body stops electrons by its thickness, which is either
    that of an ellipsoid or even everywhere; a Laplacian of the image stands for defocus.
    """
    size = 512
    pixel_size_nm = float(np.exp(rng.uniform(np.log(0.12), np.log(1.0))))
    diameter = float(np.exp(rng.uniform(np.log(8), np.log(120))))
    stopped, instances = np.zeros((size, size)), np.zeros((size, size), dtype=np.int32)
    row, column = np.mgrid[:size, :size]
    for number in range(1, min(80, int(0.25 * size**2 / diameter**2)) + 2):
        centre, radii = rng.uniform(0, size, 2), diameter / 2 * np.exp(rng.normal(0, 0.15, 2))
        if rng.random() < 0.6:
            turn = rng.uniform(-np.pi, np.pi)
            inside = ellipse(*centre, *radii, shape=(size, size), rotation=turn)
        else:
            angles = np.sort(rng.uniform(0, 2 * np.pi) + 2 * np.pi * np.arange(6) / 6 + rng.normal(0, 0.1, 6))
            inside = polygon(
                centre[0] + radii[0] * np.sin(angles), centre[1] + radii[0] * np.cos(angles), shape=(size, size)
            )
        if len(inside[0]) == 0 or instances[inside].any():
            continue
        instances[inside] = number
        distance = np.hypot(row[inside] - centre[0], column[inside] - centre[1]) / radii.max()
        stopped[inside] = np.sqrt(np.maximum(1 - 0.9 * distance**2, 0.05)) if rng.random() < 0.7 else 0.8
    light = np.exp(-rng.uniform(0.25, 1.6) * stopped)
    light *= 1 + rng.uniform(0, 0.05) * gaussian_filter(rng.normal(size=(size, size)), 1.0) * 3
    blurred = gaussian_filter(light, rng.uniform(0.5, 1.2))
    blurred = np.maximum(blurred - rng.uniform(-0.5, 1.0) * gaussian_laplace(light, 1.2), 0)
    image = rng.poisson(rng.uniform(40, 1000) * blurred)
    return LabelledMicrograph(
        image=image.astype(np.float32), pixel_size_nm=pixel_size_nm, name="coarse", instances=instances, group="coarse"
    )


def classical(kind: str) -> list[Segmenter]:
    """The classical methods, untuned.

    They smooth by lengths in units of the preprocessing's pixel; coarse micrographs keep their own, where the lengths
    are 1, 2 and 4 pixels.
    """
    pixel_size_nm = 0.2 if kind == COARSE else Preprocessing().pixel_size_nm
    preprocessing = Preprocessing(pixel_size_nm=pixel_size_nm, max_pixel_size_nm=1.0)
    return [method(preprocessing=preprocessing) for method in (Otsu, Watershed, BandPass)]


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "models/default")
