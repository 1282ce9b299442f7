"""Pictures at the border of what counts as a visible fault: one twinned particle of gold on carbon, a condition a row.

Each row changes one thing and leaves the rest as it is on the left, where the twin is plain to see. Written over each
picture: what is changed, how far the strongest reflection and that of the fault's weaker side stand out of the noise,
and the label.

Run it with: python docs/visibility.py
It writes docs/visibility.png.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from ase import Atoms
from omegaconf import OmegaConf
from scipy.spatial.transform import Rotation

from hrtem_lab.cli.build import build
from hrtem_lab.image import resample_nearest, rescale_intensity
from hrtem_lab.paths import CONF
from hrtem_lab.physics import Crystal, Film, ImagingConditions, PlacedParticle, Plane, Specimen
from hrtem_lab.physics.exit_wave import multislice
from hrtem_lab.physics.microscope import expose, record
from hrtem_lab.physics.silhouettes import project_instances
from hrtem_lab.physics.visibility import EDGE_ON_DEG, RESOLVED, label

FIELD_NM, GPTS, PIXELS = 8.0, 256, 200
FILM_NM, DIAMETER_NM = 2.0, 5.0
EDGE_ON = Rotation.from_matrix([[0, 1, 0], [0, 0, 1], [1, 0, 0]])  # planes upright in the picture, seen along a row
GOOD = ImagingConditions(defocus_nm=8.0, dose_e_per_nm2=2e5, pixel_size_nm=FIELD_NM / PIXELS, focal_spread_nm=3.0)
COLOURS = {"fault": "tab:red", "no_fault": "tab:blue", "no_fringe": "dimgray"}  # which can be read on white


def tilt(degrees: float) -> str:
    """A tilt of the plane, and how wide it is in projection."""
    return f"{degrees:g}° ({DIAMETER_NM * np.sin(np.radians(degrees)):.2f} nm)"


ROWS: dict[str, tuple[str, Callable[[float], str], list[float]]] = {
    "away_deg": ("twin plane from edge-on", tilt, [0, 5, 10, 15, 19, 25]),
    "dose_e_per_nm2": ("electrons per nm²", "{:g}".format, [2e5, 2e4, 5e3, 2e3, 1e3, 3e2]),
    "focal_spread_nm": ("focal spread", "{:g} nm".format, [3, 10, 18, 26, 34, 42]),
    "off_zone_deg": ("off the zone axis, plane edge-on", "{:g}°".format, [0, 3, 6, 10, 15, 22]),
}
"""What is changed -> its name, how a value is written, and the values."""


def specimen(away_deg: float, off_zone_deg: float) -> Specimen:
    """The particle on its film, its plane so far from edge-on, then turned about the plane's normal."""
    rng = np.random.default_rng(0)
    gold = build(OmegaConf.load(CONF / "material" / "au.yaml"))
    crystal = Crystal(gold, DIAMETER_NM, "faceted", (Plane("twin", 0.1),))
    turn = Rotation.from_euler("x", away_deg, degrees=True) * Rotation.from_euler("y", off_zone_deg, degrees=True)
    rotation = (turn * EDGE_ON).as_matrix()
    points, numbers = crystal.sample_atoms(rng)
    points = points @ rotation.T
    centre = np.array([FIELD_NM / 2, FIELD_NM / 2, FILM_NM + 0.2 - points[:, 2].min()])
    points = points + centre + rng.normal(0, gold.rms_displacement_nm, points.shape)
    film, film_numbers = Film().sample(FIELD_NM, FILM_NM, rng)
    both = np.concatenate([film, points])
    atoms = Atoms(
        np.concatenate([film_numbers, numbers]),
        positions=10 * both,
        cell=10 * np.array([FIELD_NM, FIELD_NM, both[:, 2].max() + 0.3]),
        pbc=True,
    )
    return Specimen(atoms, np.repeat([0, 1], [len(film), len(points)]), (PlacedParticle(crystal, centre, rotation),))


@cache
def simulated(away_deg: float, off_zone_deg: float) -> tuple[Any, Any, tuple[PlacedParticle, ...]]:
    """Exit wave, outline on the camera's pixels, and the particle."""
    thing = specimen(away_deg, off_zone_deg)
    return multislice(thing, GPTS), resample_nearest(project_instances(thing, GPTS), (PIXELS, PIXELS)), thing.particles


def taken(away_deg: float = 0.0, off_zone_deg: float = 0.0, **changes: float) -> tuple[Any, Any, Any]:
    """Image, outline and the particle's row of facts, under the good condition but for the changes."""
    wave, instances, particles = simulated(away_deg, off_zone_deg)
    condition = replace(GOOD, **changes)
    expected = expose(wave, FIELD_NM / GPTS, condition)
    image = record(expected, condition, np.random.default_rng(1)).numpy()
    return image, instances, label(image, instances, condition.pixel_size_nm, particles).loc[1]


def main() -> None:
    """Write the figure."""
    torch.set_num_threads(1)
    columns = max(len(values) for *_, values in ROWS.values())
    figure, axes = plt.subplots(len(ROWS), columns, figsize=(2.0 * columns, 2.42 * len(ROWS)), layout="constrained")
    for line, (changed, (name, written, values)) in zip(axes, ROWS.items(), strict=True):
        for place, value in zip(line, values, strict=True):
            image, instances, facts = taken(**{changed: value})
            colour = COLOURS[facts["label"]]
            place.imshow(rescale_intensity(image, 0.005), cmap="gray", vmin=0, vmax=1)
            place.contour(instances, [0.5], colors=colour, linewidths=1)
            strengths = f"{facts['lattice_snr']:.0f}, {facts['fault_snr']:.0f}"
            place.set_title(f"{written(value)}\n{strengths}: {facts['label']}", fontsize=8, color=colour)
            place.set_xticks([])
            place.set_yticks([])
        line[0].set_ylabel(name, fontsize=8)
    figure.suptitle(
        f"Twin of gold, {DIAMETER_NM:g} nm, on {FILM_NM:g} nm of carbon: where the fault stops being visible "
        f"(up to {EDGE_ON_DEG:g}° from edge-on, both sides {RESOLVED:g} times above the noise)",
        fontsize=9,
    )
    figure.savefig(Path(__file__).with_suffix(".png"), dpi=90)


if __name__ == "__main__":
    main()
