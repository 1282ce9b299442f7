"""Whether an interval of a percentile holds the truth: the table of this study.

    python experiments/sizing/coverage.py

Populations are log-normal, with a geometric standard deviation of 1.22 within a micrograph and, in half of them, of
1.11 between micrographs, so that the true percentiles are known. Compared are the interval that the report gives
(Student's t around the logarithm, with the bootstrap's standard error) and percentiles of the same bootstrap draws.
"""

from itertools import product

import numpy as np
import pandas as pd
from scipy.stats import norm

from hrtem_lab.cli.progress import track
from hrtem_lab.evaluation.size_statistics import STATISTICS, Sizes, draw_micrographs, estimate_sizes

WITHIN, BETWEEN = 0.2, (0.0, 0.1)
MICROGRAPHS, PARTICLES = (3, 4, 6, 12, 30), (3, 30)
POPULATIONS, RESAMPLES = 400, 300
PERCENTILES = {"d10": 0.1, "d50": 0.5, "d90": 0.9}


def main() -> None:
    """Simulate, and print."""
    designs = list(product(MICROGRAPHS, PARTICLES, BETWEEN))
    rows = [row for design in track(designs, "Simulating populations") for row in cover(*design)]
    table = pd.DataFrame(rows).pivot_table(
        index=["micrographs", "particles in each", "between"], columns=["interval", "percentile"], values="coverage"
    )
    print(table.to_string(float_format="{:.3f}".format))


def cover(micrographs: int, particles: int, between: float) -> list[dict[str, object]]:
    """Coverage of both kinds of intervals of every percentile in populations of one extent."""
    rng = np.random.default_rng([micrographs, particles, int(100 * between)])
    truth = {name: np.exp(norm.ppf(p) * np.hypot(WITHIN, between)) for name, p in PERCENTILES.items()}
    hits = dict.fromkeys(product(("Student's t", "percentiles"), PERCENTILES), 0)
    for seed in range(POPULATIONS):
        sizes = draw(micrographs, particles, between, rng)
        table = estimate_sizes(sizes, RESAMPLES, seed)
        draws = sizes.statistics(draw_micrographs(micrographs, RESAMPLES, seed))
        for name, true in truth.items():
            low, high = np.quantile(draws[:, STATISTICS.index(name)], [0.025, 0.975])
            hits["Student's t", name] += table.loc[name, "low"] <= true <= table.loc[name, "high"]
            hits["percentiles", name] += low <= true <= high
    design = {"micrographs": micrographs, "particles in each": particles, "between": between}
    return [
        {**design, "interval": kind, "percentile": name, "coverage": number / POPULATIONS}
        for (kind, name), number in hits.items()
    ]


def draw(micrographs: int, particles: int, between: float, rng: np.random.Generator) -> Sizes:
    """Draw a population; the number of particles of a micrograph is by chance, at least one."""
    which = np.repeat(np.arange(micrographs), 1 + rng.poisson(particles - 1, micrographs))
    values = np.exp(rng.normal(0, between, micrographs)[which] + rng.normal(0, WITHIN, len(which)))
    return Sizes(values, values**2, np.ones(len(values)), which)


if __name__ == "__main__":
    main()
