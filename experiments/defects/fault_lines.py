"""Where the lines of faults lie, against the planes of simulated particles: the table and the figure of this study.

    python experiments/defects/fault_lines.py FIRST END [OVERRIDE ...]

Every particle of the specimens FIRST to END - 1 whose fault the image shows (label `fault`, true outlines, one view) is
asked for its line. A line is right where it lies within 0.3 nm and 5 degrees of a true plane, at the middle of its part
within the outline. The thresholds of the program were set on specimens 0 to 269.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from hrtem_lab.cli.build import build
from hrtem_lab.cli.compose import compose_config
from hrtem_lab.cli.progress import track
from hrtem_lab.figures.style import save
from hrtem_lab.micrograph import LabelledMicrograph, ParticleClass
from hrtem_lab.particles import FaultLine, find_fault_lines
from hrtem_lab.particles.fault_line import NEAR_DEG, NEAR_NM
from hrtem_lab.particles.peak_arrangement import line_angle_deg
from hrtem_lab.physics.placed_particle import PlacedParticle
from hrtem_lab.physics.plane_traces import plane_traces

SPECIMENS = ["+experiment=defects", "seed=30", "data.library.count=400"]
PICTURE = Path(__file__).with_name("fault_lines.png")


def main(first: int, end: int, overrides: list[str]) -> None:
    """Simulate, find the lines, and print how many are right."""
    data = build(compose_config("forest", [*SPECIMENS, *overrides]).data)
    rows = [row for index in track(range(first, end), "Finding lines") for row in examine(data, index)]
    table = pd.DataFrame(rows)
    given = table[table["found"]].assign(right=is_right)
    print(f"{len(table)} faulted particles, a line in {len(given)}, right in {given['right'].mean():.3f} of these")
    print(f"mean confidence {given['confidence'].mean():.3f}")
    for least in (0.6, 0.8, 0.84):
        sure = given[given["confidence"] > least]
        print(f"confidence above {least}: {len(sure)} lines, right in {sure['right'].mean():.3f}")
    for name in ("kind", "planes", "material"):
        print(given.groupby(name)["right"].agg(["size", "mean"]).round(3).to_string())
    print(pd.crosstab(given["planes"], given["kind"]).to_string())
    print(given[["away_nm", "turned_deg"]].quantile([0.5, 0.9]).round(3).to_string())
    save(draw(given), PICTURE)


def examine(data, index: int) -> list[dict[str, object]]:
    """One row per faulted particle of a micrograph of a specimen."""
    wave = data.library[index]
    micrograph = data.imaging.simulate(wave, np.random.default_rng([data.seed, index, 7]))
    truth = micrograph.ground_truth
    faulted = truth.index[truth["label"] == ParticleClass.FAULT]
    lines = find_fault_lines(micrograph.image, micrograph.instances, faulted, micrograph.pixel_size_nm)
    field_nm = len(wave.wave) * wave.sampling_nm
    rows = []
    for number in faulted:
        particle = wave.particles[truth.loc[number, "particle_of_specimen"] - 1]
        row = {"found": number in lines, "material": truth.loc[number, "material"], "planes": name_planes(particle)}
        if number in lines:
            row |= {"kind": lines[number].kind, "confidence": lines[number].confidence}
            row |= compare(lines[number], particle, micrograph, field_nm)
        rows.append(row)
    return rows


def name_planes(particle: PlacedParticle) -> str:
    """The kind of the only plane that stands edge-on, or that there are several."""
    traces = plane_traces(particle)
    return traces[0].kind if len(traces) == 1 else "several" if particle.crystal.planes else "multiply twinned"


def compare(
    line: FaultLine, particle: PlacedParticle, micrograph: LabelledMicrograph, field_nm: float
) -> dict[str, float]:
    """Distance and angle of a line from the nearest true one, at the line's middle, in the periodic field."""
    away = (np.array([line.row_px, line.column_px]) + 0.5) * micrograph.pixel_size_nm - particle.centre_nm[:2]
    away -= field_nm * np.round(away / field_nm)
    errors = []
    for trace in plane_traces(particle):
        angle = np.radians(trace.normal_deg)
        distance_nm = abs(away @ [np.sin(angle), np.cos(angle)] - trace.distance_nm)
        errors.append((distance_nm, line_angle_deg(trace.normal_deg, line.normal_deg)))
    nearest = min(errors, key=lambda pair: max(pair[0] / NEAR_NM, pair[1] / NEAR_DEG))
    return dict(zip(("away_nm", "turned_deg"), nearest, strict=True))


def is_right(table: pd.DataFrame) -> pd.Series:
    """Whether lines are within the tolerances."""
    return (table["away_nm"] < NEAR_NM) & (table["turned_deg"] < NEAR_DEG)


def draw(given: pd.DataFrame) -> Figure:
    """Errors of position and direction of each line, and the fraction that is right by confidence."""
    figure = Figure(figsize=(9, 4), layout="constrained")
    errors, reliability = figure.subplots(1, 2)
    for name, group in given.groupby("planes"):
        errors.scatter(group["away_nm"].clip(upper=1.5), group["turned_deg"].clip(upper=45), s=14, label=name)
    errors.axvline(NEAR_NM, color="grey", lw=1)
    errors.axhline(NEAR_DEG, color="grey", lw=1)
    errors.set(xlabel="distance from the true line, nm", ylabel="angle from the true line, deg")
    errors.set_yscale("symlog", linthresh=1)
    errors.set_ylim(-0.1, 60)
    errors.legend(title="true planes", fontsize=8, loc="center right")
    bins = pd.cut(given["confidence"], np.linspace(0, 1, 6))
    right = given.groupby(bins, observed=True)[["confidence", "right"]].mean()
    reliability.plot([0, 1], [0, 1], color="grey", lw=1)
    reliability.plot(right["confidence"], right["right"], marker="o")
    reliability.set(xlabel="confidence", ylabel="fraction that is right", xlim=(0, 1), ylim=(0, 1.02))
    return figure


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
