"""Time and memory of the search for images of one field, and whether every planted one is found.

Run it with: OMP_NUM_THREADS=1 python benchmarks/duplicates.py [NUMBER OF IMAGES ...]
"""

import resource
import sys
import time
from collections.abc import Callable

import numpy as np
from report import machine
from scipy.ndimage import gaussian_filter, rotate, zoom

from hrtem_lab.evaluation.near_duplicates import find_near_duplicates, hash_image

SIZE, CHANGED = 220, 20
CHANGES: tuple[Callable[[np.ndarray], np.ndarray], ...] = (
    lambda image: image[60:, :-50],
    np.rot90,
    lambda image: rotate(image, 17, reshape=False, mode="reflect")[35:-35, 35:-35],
    lambda image: image[:, ::-1],
    lambda image: zoom(image, 0.7, order=1),
    lambda image: np.exp(0.3 * image) * 1000 + 5,
    lambda image: zoom(np.rot90(image[40:, :-40])[::-1], 1.3, order=1) * 3 - 7,
)
"""Shift, two rotations, reflection, scale, grey levels, and most of them at once."""


def field(seed: int) -> np.ndarray:
    """A granular film and a dark particle with fringes, in another place for every seed."""
    rng = np.random.default_rng(seed)
    row, column = np.mgrid[:SIZE, :SIZE]
    film = gaussian_filter(rng.normal(size=(SIZE, SIZE)), 1.5) * 4
    centre = rng.uniform(0.3 * SIZE, 0.7 * SIZE, 2)
    disc = np.hypot(row - centre[0], column - centre[1]) < 40
    return np.where(disc, film - 2 + np.cos(row / 2 + column), film).astype(np.float32)


def main(number: int) -> None:
    """Draw so many images and all changes of the first of them, and search."""
    started = time.process_time()
    hashes = [hash_image(field(seed)) for seed in range(number)]
    hashes += [hash_image(change(field(seed))) for seed in range(CHANGED) for change in CHANGES]
    hashed = time.process_time()
    found = {pair[:2] for pair in find_near_duplicates(hashes)}
    searched = time.process_time()
    planted = [(seed, number + seed * len(CHANGES) + way) for seed in range(CHANGED) for way in range(len(CHANGES))]
    seed_of = [*range(number), *(seed for seed in range(CHANGED) for _ in CHANGES)]
    print(
        f"{number} images: {hashed - started:.0f} s to draw and hash, {searched - hashed:.0f} s to search, "
        f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB; of {len(planted)} planted copies "
        f"{len(found.intersection(planted))} found, {sum(seed_of[i] != seed_of[j] for i, j in found)} false",
        flush=True,
    )


if __name__ == "__main__":
    for count in map(int, sys.argv[1:] or ["100", "1000", "10000"]):
        main(count)
    print(machine())
