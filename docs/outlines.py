"""Draw the two outlines of a particle: a sphere's thickness across its edge, and a drawn particle with both.

Run it with: python docs/outlines.py
It writes docs/outlines.png.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from scipy.ndimage import gaussian_filter

from hrtem_lab.particles import geometric_edges, half_contrast_edges, measure, measure_half_contrast

RADIUS_NM, FIELD_NM, PIXEL_NM = 2.5, 8.0, 0.03
GEOMETRIC, HALF_CONTRAST = "tab:blue", "tab:red"


def main() -> None:
    """Draw both panels."""
    size = round(FIELD_NM / PIXEL_NM)
    row, column = (np.mgrid[:size, :size] - (size - 1) / 2) * PIXEL_NM
    distance = (RADIUS_NM - np.hypot(row, column)).astype(np.float32)
    thickness = np.sqrt(np.clip(1 - (np.hypot(row, column) / RADIUS_NM) ** 2, 0, None))
    fringes = 0.25 * thickness * np.sin(2 * np.pi * (0.8 * row + 0.6 * column) / 0.2355)
    noise = gaussian_filter(np.random.default_rng(0).normal(0, 0.25, thickness.shape), 1)
    image = (1 - 0.5 * thickness + fringes + noise).astype(np.float32)
    instances = (distance > 0).astype(np.int32)
    geometric = geometric_edges(instances, distance, PIXEL_NM)
    half_contrast = half_contrast_edges(image, instances, geometric, PIXEL_NM)
    sizes = measure(instances, PIXEL_NM, edges=geometric).join(measure_half_contrast(half_contrast, PIXEL_NM)).loc[1]

    figure, (profile, picture) = plt.subplots(1, 2, figsize=(9, 3.9), layout="constrained")
    radius = np.linspace(0, 1.4, 500)
    profile.plot(radius, np.sqrt(np.clip(1 - radius**2, 0, None)), color="black")
    for place, colour, name in (
        (1.0, GEOMETRIC, "geometric: the particle ends"),
        (0.866, HALF_CONTRAST, "half contrast"),
    ):
        profile.axvline(place, color=colour, label=name)
    profile.axhline(0.5, color=HALF_CONTRAST, lw=0.8, ls=":")
    profile.set(xlabel="distance from the middle, radii", ylabel="thickness of a sphere", xlim=(0, 1.4), ylim=(0, 1.25))
    profile.legend(loc="lower left", frameon=False)
    picture.imshow(image, cmap="gray", extent=(0, FIELD_NM, FIELD_NM, 0))
    for edges, colour, name in ((geometric, GEOMETRIC, ""), (half_contrast, HALF_CONTRAST, "_half_contrast")):
        (curve,) = edges[1].curves
        label = f"{sizes[f'equivalent_diameter{name}_nm']:.2f} nm"
        picture.plot(*(PIXEL_NM * (curve[:, ::-1].T + 0.5)), color=colour, lw=1.5, label=label)
    picture.set(xlabel="nm", ylabel="nm")
    picture.legend(loc="upper right")
    figure.savefig(Path(__file__).with_suffix(".png"), dpi=110)


if __name__ == "__main__":
    main()
