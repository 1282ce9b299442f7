"""Tiles of simulated micrographs: the small fields that people cut from large ones, and cameras see when zoomed in."""

from __future__ import annotations

import numpy as np

from hrtem_lab.micrograph import LabelledMicrograph, Micrograph

MIN_TILE_NM = 4.0
"""Side of the smallest tile: a common particle with some film beside it."""
MAX_COVERED = 0.8
"""Largest share of a tile that particles cover: of more, nobody could tell it from a crystal that fills the field."""
ATTEMPTS = 20
"""Number of tiles that are tried before the whole field is taken."""


def cut_tile(micrograph: Micrograph, field_nm: float, rng: np.random.Generator) -> Micrograph:
    """Cut a square tile at a random place, its side evenly distributed in the logarithm.

    Args:
        micrograph: A square micrograph; where its particles are known, a tile is not filled by them.
        field_nm: True side length of its field, whatever its pixel size is said to be.
        rng: Random number generator.

    Returns:
        The tile without ground truth; the whole field where no tile was found in `ATTEMPTS`.
    """
    pixels, chosen = len(micrograph.image), (slice(None), slice(None))
    covered = micrograph.instances > 0 if isinstance(micrograph, LabelledMicrograph) else np.zeros((pixels, pixels))
    for _ in range(ATTEMPTS):
        side = max(1, round(pixels * np.exp(rng.uniform(np.log(MIN_TILE_NM), np.log(field_nm))) / field_nm))
        top, left = rng.integers(0, pixels - side + 1, 2)
        tile = (slice(top, top + side), slice(left, left + side))
        if covered[tile].mean() <= MAX_COVERED:
            chosen = tile
            break
    return Micrograph(
        image=np.ascontiguousarray(micrograph.image[chosen]),
        pixel_size_nm=micrograph.pixel_size_nm,
        name=micrograph.name,
    )
