"""Draw images at the border of a visible fault: one twinned particle of gold on carbon, one varied quantity per row.

On the left of each row the twin is plain to see. The title of each image gives the value that is varied, the
signal-to-noise ratio of the strongest reflection and of the fault's weaker side, and the label.

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
from matplotlib.axes import Axes
from omegaconf import OmegaConf
from scipy.spatial.transform import Rotation

from hrtem_lab.cli.build import build
from hrtem_lab.image import resample_nearest, rescale_intensity
from hrtem_lab.paths import CONF
from hrtem_lab.physics import Crystal, Film, ImagingConditions, PlacedParticle, Plane, Specimen
from hrtem_lab.physics.exit_wave import multislice
from hrtem_lab.physics.microscope import expose, record
from hrtem_lab.physics.silhouettes import project_instances
from hrtem_lab.physics.visibility import EDGE_ON_DEG, RESOLVED, label_particles

FIELD_NM, GPTS, PIXELS = 8.0, 256, 200
FILM_NM, DIAMETER_NM = 2.0, 5.0
EDGE_ON = Rotation.from_matrix([[0, 1, 0], [0, 0, 1], [1, 0, 0]])  # planes upright in the image, seen along a row
GOOD = ImagingConditions(defocus_nm=8.0, dose_e_per_nm2=2e5, pixel_size_nm=FIELD_NM / PIXELS, focal_spread_nm=3.0)
COLOURS = {"fault": "tab:red", "no_fault": "tab:blue", "no_fringe": "dimgray"}  # legible on white


def tilt(degrees: float) -> str:
    """Write a tilt of the plane, and its width in projection."""
    return f"{degrees:g}° ({DIAMETER_NM * np.sin(np.radians(degrees)):.2f} nm)"


ROWS: dict[str, tuple[str, Callable[[float], str], list[float]]] = {
    "plane_tilt_deg": ("twin plane from edge-on", tilt, [0, 5, 10, 15, 19, 25]),
    "dose_e_per_nm2": ("electrons per nm²", "{:g}".format, [2e5, 2e4, 5e3, 2e3, 1e3, 3e2]),
    "focal_spread_nm": ("focal spread", "{:g} nm".format, [3, 10, 18, 26, 34, 42]),
    "zone_tilt_deg": ("off the zone axis, plane edge-on", "{:g}°".format, [0, 3, 6, 10, 15, 22]),
}
"""Varied quantity -> its name, format of a value, and the values."""


def make_specimen(plane_tilt_deg: float, zone_tilt_deg: float) -> Specimen:
    """Make the particle on its film, its plane tilted from edge-on, then turned about the plane's normal."""
    rng = np.random.default_rng(0)
    gold = build(OmegaConf.load(CONF / "material" / "au.yaml"))
    crystal = Crystal(gold, DIAMETER_NM, "faceted", (Plane("twin", 0.1),))
    tilts = Rotation.from_euler("x", plane_tilt_deg, degrees=True) * Rotation.from_euler(
        "y", zone_tilt_deg, degrees=True
    )
    rotation = (tilts * EDGE_ON).as_matrix()
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
    particle_ids = np.repeat([0, 1], [len(film), len(points)])
    return Specimen(atoms, particle_ids, (PlacedParticle(crystal, centre, rotation),))


@cache
def simulate_specimen(plane_tilt_deg: float, zone_tilt_deg: float) -> tuple[Any, Any, tuple[PlacedParticle, ...]]:
    """Return exit wave, instance map on the camera's pixels, and the particle."""
    specimen = make_specimen(plane_tilt_deg, zone_tilt_deg)
    instances = resample_nearest(project_instances(specimen, GPTS), (PIXELS, PIXELS))
    return multislice(specimen, GPTS), instances, specimen.particles


def simulate_image(
    plane_tilt_deg: float = 0.0, zone_tilt_deg: float = 0.0, **conditions: float
) -> tuple[Any, Any, Any]:
    """Return image, instance map and the particle's ground truth, under `GOOD` conditions but for the given ones."""
    wave, instances, particles = simulate_specimen(plane_tilt_deg, zone_tilt_deg)
    changed = replace(GOOD, **conditions)
    image = record(expose(wave, FIELD_NM / GPTS, changed), changed, np.random.default_rng(1)).numpy()
    return image, instances, label_particles(image, instances, changed.pixel_size_nm, particles).loc[1]


def draw_image(axes: Axes, image: Any, instances: Any, truth: Any, value: str) -> None:
    """Draw an image with the outline and the values of its particle."""
    colour = COLOURS[truth["label"]]
    axes.imshow(rescale_intensity(image, 0.005), cmap="gray", vmin=0, vmax=1)
    axes.contour(instances, [0.5], colors=colour, linewidths=1)
    snr = f"{truth['lattice_snr']:.0f}, {truth['fault_snr']:.0f}"
    axes.set_title(f"{value}\n{snr}: {truth['label']}", fontsize=8, color=colour)
    axes.set_xticks([])
    axes.set_yticks([])


def main() -> None:
    """Write the figure."""
    torch.set_num_threads(1)
    columns = max(len(values) for *_, values in ROWS.values())
    figure, axes = plt.subplots(len(ROWS), columns, figsize=(2.0 * columns, 2.42 * len(ROWS)), layout="constrained")
    for row, (quantity, (name, write, values)) in zip(axes, ROWS.items(), strict=True):
        for place, value in zip(row, values, strict=True):
            draw_image(place, *simulate_image(**{quantity: value}), write(value))
        row[0].set_ylabel(name, fontsize=8)
    figure.suptitle(
        f"Twin of gold, {DIAMETER_NM:g} nm, on {FILM_NM:g} nm of carbon: where the fault stops being visible "
        f"(up to {EDGE_ON_DEG:g}° from edge-on, both sides {RESOLVED:g} times above the noise)",
        fontsize=9,
    )
    figure.savefig(Path(__file__).with_suffix(".png"), dpi=90)


if __name__ == "__main__":
    main()
