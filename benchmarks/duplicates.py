"""Time and memory of the search for images of one field, and whether every planted one is found.

Run it with: OMP_NUM_THREADS=1 python benchmarks/duplicates.py [NUMBER OF IMAGES ...]
"""

import resource
import sys
import time

from report import machine

from hrtem_lab.evaluation.near_duplicates import find_near_duplicates, hash_image
from tests.evaluation.test_near_duplicates import CHANGES as ALL_CHANGES
from tests.evaluation.test_near_duplicates import field

CHANGED = 20
"""Number of fields of which changed images are planted."""
CHANGES = [change for name, change in ALL_CHANGES.items() if name != "the same"]


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
