"""What more specimens bring: scores of forest and boosting that learn from more and more of them.

    python experiments/defects/learning_curve.py outputs/defects/study TABLES...

with the folder of a run of `forest` and the folders of its tables of particles (`tables=`, `more_tables=`). The run's
test particles are left out. A fifth of the other specimens is held out, and both classifiers learn from a sixteenth, an
eighth, ... and all of the rest. Writes learning_curve.csv and learning_curve.png beside this script; intervals are
95 %, bootstrap over the specimens held out.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from hydra import compose, initialize_config_dir
from matplotlib.figure import Figure

from hrtem_lab.cli.build import build
from hrtem_lab.defects import concat_tables, score
from hrtem_lab.figures.style import save
from hrtem_lab.paths import CONF

HERE = Path(__file__).parent
HALVINGS = 4
METRICS = {"balanced_accuracy": "balanced accuracy", "fault_f1": "F1 of a fault"}
COLOURS = {"forest": "#0072B2", "boosting": "#D55E00"}


def main(run: Path, folders: list[Path]) -> None:
    """Fit, score, write and draw."""
    particles = concat_tables([pd.read_parquet(path) for folder in folders for path in folder.glob("*_forest.parquet")])
    tested = pd.read_csv(run / "test_particles.csv")["group"]
    particles = particles[~particles["group"].isin(tested)]
    specimens = np.random.default_rng(0).permutation(np.sort(particles["group"].unique()))
    fifth = len(specimens) // 5
    held_out = particles[particles["group"].isin(specimens[:fifth])]
    rows = []
    for halvings in reversed(range(HALVINGS + 1)):
        learned = specimens[fifth : fifth + (len(specimens) - fifth) // 2**halvings]
        train = particles[particles["group"].isin(learned)]
        for name, trainer in trainers().items():
            fitted = trainer.fit(train)
            values = score(held_out["label"], fitted.probabilities(held_out), held_out["group"], trainer.costs)
            rows.append({**values, "classifier": name, "specimens": len(learned), "particles": len(train)})
            print({key: rows[-1][key] for key in ("classifier", "specimens", "particles", *METRICS)}, flush=True)
    table = pd.DataFrame(rows)
    kept = [f"{metric}{end}" for metric in ("accuracy", *METRICS) for end in ("", "_low", "_high")]
    table = table[["classifier", "specimens", "particles", *kept, "fault_roc_auc", "ece"]]
    table.to_csv(HERE / "learning_curve.csv", index=False, float_format="%.4f")
    save(plot(table), HERE / "learning_curve.png")


def trainers() -> dict:
    """The trainers of the experiment."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("forest", overrides=["+experiment=defects"])
    return {"forest": build(config.forest), "boosting": build(config.references.calibrated_boosting).recipe}


def plot(table: pd.DataFrame) -> Figure:
    """Both metrics over the number of particles, with their intervals."""
    figure = Figure(figsize=(9, 3.8), layout="constrained")
    for axes, (metric, label) in zip(figure.subplots(1, 2), METRICS.items(), strict=True):
        for name, part in table.groupby("classifier"):
            shift = {"forest": 0.98, "boosting": 1.02}[name]
            errors = [part[metric] - part[f"{metric}_low"], part[f"{metric}_high"] - part[metric]]
            style = {"fmt": "o-", "capsize": 3, "color": COLOURS[name], "label": name}
            axes.errorbar(part["particles"] * shift, part[metric], yerr=errors, **style)
        axes.set_xscale("log", base=2)
        ticks = sorted(set(table["particles"]))
        axes.set_xticks(ticks, [f"{number:,}" for number in ticks])
        axes.set(xlabel="particles learned from", ylabel=label)
        axes.legend(loc="lower right")
    return figure


if __name__ == "__main__":
    main(Path(sys.argv[1]), [Path(folder) for folder in sys.argv[2:]])
