"""How often a 95 % interval of the share of faulted particles holds the truth, by the way of counting.

    python experiments/defects/share.py outputs/defects/study

with the folder of a run of `forest`. Populations are drawn from its scored test particles: 50 that could show a fault,
of which a known share is faulted, and as many outlines that cannot as there are in the test particles. Outlines called
agglomerate or empty are left out, as in a prediction. Writes share.csv beside this script.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from hrtem_lab.defects import Forest
from hrtem_lab.evaluation import wilson_interval
from hrtem_lab.evaluation.fault_share import BaseRates, corrected_share
from hrtem_lab.evaluation.intervals import estimate
from hrtem_lab.evaluation.populations import DIAMETER, LATTICE_VISIBLE, NON_PARTICLE, fault_shares

HERE = Path(__file__).parent
POPULATIONS, PARTICLES, HIGHEST_SHARE = 200, 50, 0.6
MICROGRAPHS = 10
Result = tuple[float, float, float]


def main(run: Path) -> None:
    """Draw the populations of every case, count, and write and print the table."""
    particles = pd.read_csv(run / "test_particles.csv").assign(weight=1.0)
    particles = particles[~particles["class"].isin(NON_PARTICLE)].reset_index(drop=True)
    rates = Forest.load_if_present(run / "model").base_rates
    cases = {"all": particles, "all, ten micrographs that differ": particles}
    cases |= {str(name): part for name, part in particles.groupby("true_material")}
    sizes = pd.qcut(particles[DIAMETER], 3)
    cases |= {f"{each.left:.1f} to {each.right:.1f} nm": particles[sizes == each] for each in sizes.cat.categories}
    doses = pd.qcut(particles["dose_e_per_nm2"], 2, labels=["lower dose", "higher dose"])
    cases |= {name: particles[doses == name] for name in doses.cat.categories}
    tables = {name: study(part, rates, "differ" in name, "all" in name) for name, part in cases.items()}
    table = pd.concat(tables, names=["case"])
    table.reset_index().to_csv(HERE / "share.csv", index=False, float_format="%.3f")
    print(table.round(3).to_string())


def study(particles: pd.DataFrame, rates: BaseRates, differ: bool, bootstraps: bool) -> pd.DataFrame:
    """Coverage, mean error and mean width of the intervals, by the way of counting; bootstraps take minutes."""
    rng = np.random.default_rng(0)
    shares = np.linspace(0, HIGHEST_SHARE, POPULATIONS)
    drawn = [draw(particles, share, differ, rng) for share in shares]
    ways: dict[str, Callable[[pd.DataFrame], Result]] = {
        "count, Wilson": count_plainly,
        "corrected": lambda population: take(corrected_share(population, rates, DIAMETER, population["micrograph"])),
    }
    if bootstraps:
        ways["count, over micrographs"] = lambda population: last_row(fault_shares(population, None, resamples=500))
        ways["sum of probabilities"] = sum_probabilities
    rows = {}
    for name, count in ways.items():
        value, low, high = np.array([count(population) for population in drawn]).T
        held = (low <= shares + 1e-9) & (shares <= high + 1e-9)
        few, many = (np.mean((value - shares)[part]) for part in (shares < 0.2, shares > 0.4))
        rows[name] = {
            "holds": held.mean(),
            "error below 0.2": few,
            "error above 0.4": many,
            "width": (high - low).mean(),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("counted by")


def draw(particles: pd.DataFrame, share: float, differ: bool, rng: np.random.Generator) -> pd.DataFrame:
    """Draw a population; each particle is of a micrograph of its own, or of one of ten whose shares scatter."""
    label = particles["label"]
    pools = [np.flatnonzero(part) for part in (label == "fault", label == "no_fault", ~label.isin(LATTICE_VISIBLE))]
    micrographs = MICROGRAPHS if differ else 1
    each = 2 * PARTICLES // micrographs if differ else PARTICLES
    rows = []
    for micrograph in range(micrographs):
        own = rng.beta(5 * share, 5 * (1 - share)) if differ and share > 0 else share
        faults = rng.binomial(each, own)
        others = rng.poisson(each * len(pools[2]) / (len(pools[0]) + len(pools[1])))
        numbers = (faults, each - faults, others if len(pools[2]) else 0)
        chosen = np.concatenate([rng.choice(pool, number) for pool, number in zip(pools, numbers, strict=True)])
        rows.append(particles.iloc[chosen].assign(micrograph=micrograph))
    population = pd.concat(rows, ignore_index=True)
    return population if differ else population.assign(micrograph=population.index)


def count_plainly(population: pd.DataFrame) -> Result:
    """Share of those called faulted, with Wilson's interval."""
    called = population["class"][population["class"].isin(LATTICE_VISIBLE)] == "fault"
    return float(called.mean()), *wilson_interval(int(called.sum()), len(called))


def sum_probabilities(population: pd.DataFrame) -> Result:
    """Sum of the probabilities of a fault over that of a visible lattice, with a bootstrap over micrographs."""
    rows = population[["p_fault", "p_no_fault"]].to_numpy()
    ratio = estimate(
        lambda part: np.array([part[:, 0].sum() / part.sum()]), rows, population["micrograph"], resamples=500
    )
    return tuple(ratio.loc[0, ["value", "low", "high"]])


def last_row(table: pd.DataFrame) -> Result:
    """The total."""
    return take(table.iloc[-1])


def take(row: pd.Series | dict[str, float]) -> Result:
    """Share and interval."""
    return row["fault_share"], row["low"], row["high"]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
