"""How often a perfect particle is called faulted, by its tilt from a zone axis, its thickness and the defocus.

    python experiments/defects/negative_control.py [MODEL]

Small perfect clusters can look twinned when they are tilted off a zone axis (Malm and O'Keefe 1997, Ultramicroscopy 68,
13). Single particles of all materials of 2 to 8 nm without any defect, under film and microscope of +experiment=defects
and seven defoci each, are found and classified by MODEL (models/default where none is given). Writes
negative_control.csv and negative_control.png beside this script, and prints the totals.
"""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from hydra import compose, initialize_config_dir
from matplotlib.figure import Figure

from hrtem_lab.cli.build import build
from hrtem_lab.cli.progress import track
from hrtem_lab.defects import Forest, tabulate_micrograph
from hrtem_lab.evaluation import wilson_interval
from hrtem_lab.figures.style import save
from hrtem_lab.micrograph import UNCERTAIN
from hrtem_lab.paths import CONF
from hrtem_lab.pipelines.training_data import simulate_waves
from hrtem_lab.segmentation.network_segmenter import NetworkSegmenter
from hrtem_lab.tracking.models import find_model

HERE = Path(__file__).parent
PERFECT = [
    "+experiment=defects",
    "seed=40",
    "specimen.field_nm=10.24",
    "data.library.gpts=320",
    "data.library.count=160",
    "data.test=158",
    "specimen.diameter_nm=[2.0,7.8]",
    "specimen.max_particles=1",
    "specimen.faulted=0",
    "specimen.shapes.decahedron=0",
    "specimen.shapes.icosahedron=0",
    "specimen.empty=0",
    "specimen.graphitic=0",
]
DEFOCI_NM = (-90, -60, -30, 0, 30, 60, 90)
TILTS_DEG = (0, 2, 5, 10, 90)
THICKNESSES_NM = (2, 3.5, 5.5, 12)


def main(model: str) -> None:
    """Image and classify the particles, and write the map."""
    particles = tabulate(model)
    forest = Forest.load_if_present(find_model(model))
    classes = forest.classes(forest.probabilities(particles))
    particles = particles.assign(answered=classes != UNCERTAIN, fault=classes == "fault")
    particles = particles[particles["label"].isin(["no_fault", "no_fringe"])].reset_index(drop=True)
    bins = {
        "thickness_nm": pd.cut(particles["true_diameter_nm"], THICKNESSES_NM, include_lowest=True),
        "tilt_deg": pd.cut(particles["zone_tilt_deg"], TILTS_DEG, include_lowest=True),
        "defocus_nm": particles["defocus_nm"].round().astype(int),
    }
    kinds = {
        "all": pd.Series(True, index=particles.index),
        "lattice shows": particles["label"] == "no_fault",
    }
    for kind, chosen in kinds.items():
        for answer, part in (("all", particles[chosen]), ("answered", particles[chosen & particles["answered"]])):
            faults = int(part["fault"].sum())
            low, high = wilson_interval(faults, len(part))
            print(f"{kind}, {answer}: {faults} of {len(part)}, {faults / len(part):.3f} ({low:.3f} to {high:.3f})")
    answered = particles[particles["answered"]]
    cells = answered.groupby([each[answered.index] for each in bins.values()], observed=False)["fault"]
    table = cells.agg(particles="size", called_faulted="sum").rename_axis(list(bins))
    table.to_csv(HERE / "negative_control.csv")
    save(plot(table), HERE / "negative_control.png")


def tabulate(model: str) -> pd.DataFrame:
    """Features of every outline that the segmenter of a model finds, with tilt, thickness and defocus."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("forest", overrides=PERFECT)
    data, features = build(config.data), build(config.features)
    simulate_waves(data)
    unet = NetworkSegmenter.load(find_model(model))
    tables = []
    for index in track(data.indices["test"], "Perfect particles"):
        wave = data.library[index]
        for defocus in DEFOCI_NM:
            microscope = replace(data.imaging.microscope, defocus_nm=(defocus, defocus))
            imaging = replace(data.imaging, microscope=microscope)
            micrograph = imaging.simulate(wave, np.random.default_rng([40, index]), name=f"{wave.name}_{defocus}")
            found = unet.segment(micrograph)
            table = tabulate_micrograph(micrograph, found.instances, found.probabilities, features)
            tables.append(table.assign(zone_tilt_deg=wave.ground_truth["zone_tilt_deg"].iloc[0]))
    return pd.concat([table for table in tables if len(table)])


def plot(table: pd.DataFrame) -> Figure:
    """A map of tilt and defocus for each range of thickness: the share called faulted, with the counts."""
    figure = Figure(figsize=(13, 3.6), layout="constrained")
    grid = figure.subplots(1, len(THICKNESSES_NM) - 1, sharey=True)
    for axes, (thickness, part) in zip(grid, table.groupby("thickness_nm", observed=False), strict=True):
        counts = part.droplevel("thickness_nm").unstack("defocus_nm")
        called, size = counts["called_faulted"], counts["particles"]
        share = called / size.where(size > 0)
        image = axes.imshow(share, cmap="OrRd", vmin=0, vmax=0.3, aspect="auto")
        for row, column in np.ndindex(*size.shape):
            text = f"{called.iat[row, column]}/{size.iat[row, column]}"
            axes.text(column, row, text, ha="center", va="center", fontsize=9)
        axes.set_xticks(range(share.shape[1]), share.columns)
        axes.set_yticks(range(len(share)), [f"{max(each.left, 0):.0f} to {each.right:.0f}" for each in share.index])
        axes.set(title=f"{max(thickness.left, 2):.1f} to {min(thickness.right, 8):.1f} nm thick", xlabel="defocus, nm")
    grid[0].set_ylabel("tilt from the nearest zone axis, deg")
    figure.colorbar(image, ax=grid, label="called faulted, of those that get a class")
    return figure


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "models/default")
