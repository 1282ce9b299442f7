"""Bias of both outlines in nm by condition, on simulated micrographs; and what labelled ones say.

Run it with: python benchmarks/outlines.py [MODEL] [FOLDER ...]

MODEL is models/default where none is given; `truth` gives the measurement the true outlines to start from: it shows
what the image alone is good for. 60 specimens of the segmenter's own kind on each support, seen by no model, are
simulated on first use (about five minutes on two cores). The first tables have, for each outline and condition, the
error of the equivalent diameter of found, uncut particles that overlap no other: number, quartiles, the fraction whose
edge lies within 0.25 nm, and how many truths are within one and two standard errors. FOLDERs hold labelled micrographs
with `outline` in their metadata.csv: they are reported, and nothing is chosen by them.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from hydra import compose, initialize_config_dir

from hrtem_lab.cli.progress import track
from hrtem_lab.evaluation import match, pixel_counts, ratios
from hrtem_lab.files import read_labelled
from hrtem_lab.micrograph import OUTLINES, LabelledMicrograph
from hrtem_lab.particles import (
    choose_edges,
    draw_edges,
    half_contrast_edges,
    measure,
    measure_half_contrast,
)
from hrtem_lab.paths import CONF
from hrtem_lab.pipelines.train import simulate_missing
from hrtem_lab.segmentation.network_segmenter import NetworkSegmenter
from hrtem_lab.segmentation.segmenter import Segmentation
from hrtem_lab.tracking.models import find_model

SUPPORTS = ("carbon", "silicon_nitride")
WORDS = [
    "+experiment=segmenter",
    "seed=31",
    "specimen.graphitic=0",
    "specimen.empty=0",
    "postprocessing.scale_bar=0",
    "data.library.count=62",
    "data.validation=1",
    "data.test=60",
]
BINS = {
    "defocus_nm": (-120, -80, -40, -15, 15, 40, 80, 120),
    "dose_e_per_nm2": (0, 1e4, 3e4, 1e5, 1e6),
    "pixel_size_nm": (0, 0.03, 0.045, 0.065, 0.11),
    "diameter_nm": (0, 2, 3, 5, 8, 20),
}
KINDS = ("support", "material", "shape")
EDGE_NM = 0.25


def main(model: str, folders: list[str]) -> None:
    """Print the table of bias, and the report of each folder."""
    segmenter = None if model == "truth" else NetworkSegmenter.load(find_model(model), "auto")
    rows = [row for m, support in track(list(simulated()), model) for row in errors(m, segmenter, support)]
    particles = pd.DataFrame(rows)
    for outline in OUTLINES:
        print(f"\n{outline}: error of the equivalent diameter, nm")
        print(bias_table(particles[particles["outline"] == outline]).to_string(float_format="{:.3f}".format))
    reasons = particles.loc[particles["outline"] == "half_contrast", "reason"].fillna("measured")
    print("\n" + reasons.value_counts().to_string())
    for folder in folders:
        if segmenter is not None:
            report(Path(folder), segmenter)


def simulated() -> Iterator[tuple[LabelledMicrograph, str]]:
    """Yield simulated micrographs, and the support of each."""
    for support in SUPPORTS:
        others = [f"~specimen.supports.{other}" for other in SUPPORTS if other != support]
        with initialize_config_dir(str(CONF), version_base="1.3"):
            data = simulate_missing(compose("train", overrides=[*WORDS, *others]))
        yield from ((micrograph, support) for micrograph in data.micrographs("test"))


def segment(micrograph: LabelledMicrograph, segmenter: NetworkSegmenter | None) -> Segmentation:
    """Particles of a micrograph; the true ones without a segmenter."""
    if segmenter is not None:
        return segmenter.segment(micrograph)
    return Segmentation(micrograph.mask[None].astype(np.float32), micrograph.instances)


def errors(micrograph: LabelledMicrograph, segmenter: NetworkSegmenter | None, support: str) -> Iterator[dict]:
    """Yield the error of each outline of each found particle."""
    pixel_nm, truth = micrograph.pixel_size_nm, micrograph.ground_truth
    segmentation = segment(micrograph, segmenter)
    edges = segmentation.find_edges(pixel_nm)
    half = half_contrast_edges(micrograph.image, segmentation.instances, edges, pixel_nm)
    table = measure(segmentation.instances, pixel_nm, edges=edges).join(measure_half_contrast(half, pixel_nm))
    true_sizes = {
        outline: 2 * pixel_nm * np.sqrt(np.bincount(instances.ravel(), minlength=1 + truth.index.max()) / np.pi)
        for outline, instances in zip(OUTLINES, (micrograph.instances, micrograph.half_contrast), strict=True)
    }
    cut = measure(micrograph.instances, pixel_nm)["touches_edge"]
    for pair in match(segmentation.instances, micrograph.instances).itertuples():
        found, facts = table.loc[pair.predicted], truth.loc[pair.truth]
        if cut[pair.truth] or found["touches_edge"] or facts["overlap"] > 0:
            continue
        known = {name: micrograph.metadata[name] for name in ("defocus_nm", "dose_e_per_nm2")}
        known |= {"pixel_size_nm": pixel_nm, "support": support}
        known |= {name: facts[name] for name in ("material", "shape", "diameter_nm")}
        for outline, name in zip(OUTLINES, ("", "_half_contrast"), strict=True):
            size = true_sizes[outline][pair.truth]
            error = found[f"equivalent_diameter{name}_nm"] - (size if size else np.nan)
            reason = found["half_contrast_reason"] if name else None
            yield known | {
                "outline": outline,
                "error": error,
                "se": found[f"equivalent_diameter{name}_se_nm"],
                "reason": reason,
            }


def bias_table(particles: pd.DataFrame) -> pd.DataFrame:
    """Number, quartiles and reach of the errors: of all particles, and by condition."""
    particles = particles.dropna(subset="error")
    groups = {("all", ""): particles}
    for name, edges in BINS.items():
        groups |= {
            (name, str(bin_)): part for bin_, part in particles.groupby(pd.cut(particles[name], edges), observed=True)
        }
    for name in KINDS:
        groups |= {(name, str(kind)): part for kind, part in particles.groupby(name)}
    return pd.DataFrame({key: describe(part) for key, part in groups.items()}).T.astype({"n": int})


def describe(part: pd.DataFrame) -> dict[str, float]:
    """One row of the table."""
    error, deviation = part["error"], (part["error"] / part["se"]).abs()
    quartiles = dict(zip(("q25", "median", "q75"), error.quantile([0.25, 0.5, 0.75]), strict=True))
    within = {"edge < 0.25": (error.abs() / 2 < EDGE_NM).mean(), "< 1 se": (deviation < 1).mean()}
    return {"n": len(part), **quartiles, **within, "< 2 se": (deviation < 2).mean(), "se": part["se"].median()}


def report(folder: Path, segmenter: NetworkSegmenter) -> None:
    """Print the Dice of each labelled micrograph by the outline of its label, and the ratio of the diameters."""
    scores, sizes = {}, []
    for micrograph in read_labelled(folder):
        pixel_nm, segmentation = micrograph.pixel_size_nm, segmenter.segment(micrograph)
        edges = segmentation.find_edges(pixel_nm)
        if micrograph.outline == "half_contrast":
            half = half_contrast_edges(micrograph.image, segmentation.instances, edges, pixel_nm, micrograph.valid)
            edges = choose_edges(edges, half)
        drawn = draw_edges(edges, micrograph.image.shape)
        scores[micrograph.name] = ratios(**pixel_counts(drawn > 0, micrograph.mask))["dice"]
        found, true = measure(segmentation.instances, pixel_nm, edges=edges), measure(micrograph.instances, pixel_nm)
        for pair in match(drawn, micrograph.instances).itertuples():
            if not (found.loc[pair.predicted, "touches_edge"] or true.loc[pair.truth, "touches_edge"]):
                both = found.loc[pair.predicted], true.loc[pair.truth]
                sizes.append([one["equivalent_diameter_nm"] for one in both])
    print(f"\n{folder.name}, Dice by the outline of the labels")
    print(pd.Series(scores).round(3).to_string(), f"\nmean {np.nanmean(list(scores.values())):.3f}")
    if sizes:
        pairs = np.array(sizes)
        draws = pairs[np.random.default_rng(0).integers(len(pairs), size=(2000, len(pairs)))].sum(axis=1)
        low, high = np.quantile(draws[:, 0] / draws[:, 1], [0.025, 0.975])
        ratio = pairs[:, 0].sum() / pairs[:, 1].sum()
        print(f"diameters of {len(pairs)} matched, particles over the labels': {ratio:.3f} ({low:.3f} to {high:.3f})")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "models/default", sys.argv[2:])
