"""How far the probabilities of methods can be believed: that a pixel is of a particle, and that a particle is one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from hrtem_lab.evaluation import aurc, brier, ece, reliability_counts, risk_coverage
from hrtem_lab.figures.reliability import plot_reliability, plot_risk_coverage
from hrtem_lab.figures.style import SERIES_COLOURS, save
from hrtem_lab.micrograph import LabelledMicrograph
from hrtem_lab.particles import network_features
from hrtem_lab.pipelines.scoring import Method, Scores
from hrtem_lab.tracking.runs import Run


def report_calibration(
    methods: Mapping[str, Method],
    scores: Mapping[str, Scores],
    micrographs: Sequence[LabelledMicrograph],
    set_name: str,
    folder: Path,
    run: Run,
) -> dict[str, dict[str, float]]:
    """Score, draw and log the probabilities of every method that gives some.

    The child run of a method gets the metrics `ece` and `brier` of its pixels, `particle_ece`, `particle_brier` and
    `particle_aurc` of the particles that it finds, and the bins as tables; the folder gets `calibration.csv` and
    figures.

    Args:
        methods: Methods by their names.
        scores: Scores on the micrographs by the method's name.
        micrographs: The micrographs.
        set_name: Name of the set of micrographs, under which metrics are logged.
        folder: Folder of the run.
        run: Parent run.

    Returns:
        Name of a method -> its metrics.
    """
    names = [name for name in scores if methods[name].gives_probabilities]
    pixels = {name: pixel_probabilities(scores[name], micrographs, methods[name].outline) for name in names}
    particles = {name: particle_probabilities(scores[name], micrographs) for name in names}
    metrics: dict[str, dict[str, float]] = {}
    tables: dict[tuple[str, str], pd.DataFrame] = {}
    for name in names:
        tables[name, "pixels"] = reliability_counts(*pixels[name])
        tables[name, "particles"] = reliability_counts(*particles[name])
        curve = risk_coverage(particles[name][0], ~particles[name][1])
        metrics[name] = {
            "ece": ece(tables[name, "pixels"]),
            "brier": brier(*pixels[name]),
            "particle_ece": ece(tables[name, "particles"]),
            "particle_brier": brier(*particles[name]),
            "particle_aurc": aurc(curve),
        }
        with run.child(name) as child:
            child.log_metrics(metrics[name], set_name)
            of_pixels, of_particles = (tables[name, unit].reset_index() for unit in ("pixels", "particles"))
            child.log_table(of_pixels.rename(columns={"count": "pixels", "positives": "particle"}), "calibration.json")
            named = of_particles.rename(columns={"count": "particles", "positives": "real"})
            child.log_table(named, "particle_calibration.json")
    if names:
        run.log_csv(folder / "calibration.csv", pd.concat(tables, names=["method", "of"]).reset_index())
        _draw(tables, {name: risk_coverage(p, ~real) for name, (p, real) in particles.items()}, folder / "figures")
    return metrics


def pixel_probabilities(
    scores: Scores, micrographs: Sequence[LabelledMicrograph], outline: str
) -> tuple[np.ndarray, np.ndarray]:
    """Probability that each pixel is of a particle, and whether it is; pixels of which nobody can say are left out.

    Args:
        scores: Scores of a method.
        micrographs: The micrographs.
        outline: Edge that the method's masks follow.

    Returns:
        Two arrays, (pixels,).
    """
    probabilities, truths = [], []
    for segmentation, micrograph in zip(scores.segmentations, micrographs, strict=True):
        known = np.ones(micrograph.image.shape, bool) if micrograph.valid is None else micrograph.valid
        if micrograph.ignored is not None:
            known = known & ~micrograph.ignored
        probabilities.append(segmentation.particle_probability[known])
        truths.append(micrograph.with_outline(outline).mask[known])
    return np.concatenate(probabilities), np.concatenate(truths)


def particle_probabilities(scores: Scores, micrographs: Sequence[LabelledMicrograph]) -> tuple[np.ndarray, np.ndarray]:
    """Probability that each found particle is one, and whether it is.

    The probability is the column `confidence` of `predict`, the mean over the pixels of the particle. A particle is one
    where it matches a true one at an IoU of 0.5.

    Returns:
        Two arrays, (found particles,).
    """
    confidences = {
        micrograph.name: network_features(segmentation.probabilities[:1], segmentation.instances)["seen_particle"]
        for segmentation, micrograph in zip(scores.segmentations, micrographs, strict=True)
    }
    found = scores.particles[scores.particles["predicted"] > 0]
    of_found = pd.concat(confidences, names=["micrograph"]).reindex(
        pd.MultiIndex.from_frame(found[["micrograph", "predicted"]])
    )
    return np.clip(of_found.to_numpy(dtype=np.float64), 0, 1), (found["truth"] > 0).to_numpy()


def _draw(tables: Mapping[tuple[str, str], pd.DataFrame], risk: Mapping[str, pd.DataFrame], folder: Path) -> None:
    """Draw the reliability of pixels and of particles, and the risk against the coverage of particles."""
    colours = dict(zip(risk, SERIES_COLOURS * len(risk), strict=False))
    for unit, name in (("pixels", "reliability"), ("particles", "particle_reliability")):
        figure = plot_reliability(
            {method: table for (method, of), table in tables.items() if of == unit},
            colours,
            items=unit,
            probability="probability of a particle" + ", mean over its pixels" * (unit == "particles"),
            fraction="fraction that is real" if unit == "particles" else "fraction that is particle",
            log=unit == "pixels",
        )
        save(figure, folder / f"{name}.png")
    figure = plot_risk_coverage(
        risk,
        colours,
        coverage="coverage: fraction of found particles that are kept",
        risk="fraction of false ones among them",
    )
    save(figure, folder / "particle_risk_coverage.png")
