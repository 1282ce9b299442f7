"""A matrix of domains: a network is trained on each, and each network is tested on all."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from omegaconf import DictConfig

from hrtem_lab.cli.build import build
from hrtem_lab.cli.progress import console, print_lines
from hrtem_lab.evaluation import holm_adjust
from hrtem_lab.figures import tables
from hrtem_lab.figures.matrix import plot_matrix
from hrtem_lab.figures.style import save
from hrtem_lab.micrograph import InputError
from hrtem_lab.pipelines.run_folder import open_run
from hrtem_lab.pipelines.scoring import compare, score_methods
from hrtem_lab.pipelines.study import copy_config, end_study, train_members
from hrtem_lab.pipelines.training_data import simulate_waves
from hrtem_lab.segmentation.data import SimulatedData, TrainingData
from hrtem_lab.segmentation.network_segmenter import NetworkSegmenter
from hrtem_lab.tracking.comparison_view import store_comparison_view
from hrtem_lab.tracking.runs import Run

GAP = {"lead": "gap", "lead_low": "gap_low", "lead_high": "gap_high", "lead_p": "gap_p"}
"""Columns of a table of methods whose reference is the domain's own network -> those of the matrix."""


def train_matrix(config: DictConfig, parent_id: str | None = None) -> dict[str, float]:
    """Train on each domain of `matrix` and test each network on all, in one parent run.

    Domains that differ in the imaging alone share their exit waves, and their test micrographs show the same specimens.

    Args:
        config: Configuration of `train`.
        parent_id: Run that the parent is shown below.

    Returns:
        `A_to_B/dice` and `A_to_B/gap` of each network A and domain B: the gap is how much less Dice it has there than
        the network that was trained there, paired by micrograph.

    Raises:
        InputError: There are fewer than two domains, or anything that a training refuses.
    """
    configs = make_domains(config)
    with open_run(config, "train", parent_id) as (run, folder, uri):
        train_members(configs, folder, run)
        console.rule("All networks on all domains")
        cells = score_matrix(configs, folder, run)
        metrics = {
            f"{row.trained_on}_to_{row.tested_on}/{name}": float(getattr(row, name))
            for row in cells.itertuples()
            for name in ("dice", "gap")
        }
        run.log_metrics(metrics)
        run.log_csv(folder / "matrix.csv", cells)
        run.log_table(cells, "matrix.json")
        console.print(tables.matrix_table(cells))
        save(plot_matrix(cells), folder / "figures" / "matrix.png")
        view = store_comparison_view(run, next(iter(configs)))
        end_study(config, folder, run, metrics)
    print_lines(tables.where_results_are(folder, uri, view))
    return metrics


def make_domains(config: DictConfig) -> dict[str, DictConfig]:
    """Configurations of the domains, by their names. A setting of a domain takes the place of the whole old value.

    Raises:
        InputError: There are fewer than two.
    """
    if len(config.matrix) < 2:
        raise InputError(f"matrix holds {len(config.matrix)} domain; expected two or more, as in conf/matrix/dose.yaml")
    return {
        str(name): copy_config(
            config,
            {f"{section}.{key}": value for section, values in sections.items() for key, value in values.items()},
        )
        for name, sections in config.matrix.items()
    }


def score_matrix(configs: dict[str, DictConfig], folder: Path, run: Run) -> pd.DataFrame:
    """Score the network of each domain on the test micrographs of all domains.

    Args:
        configs: Configurations of the trainings by the names of their domains.
        folder: Folder of all.
        run: Parent run; scores on domain B are logged as `B/...` to the run of each training.

    Returns:
        A row per pair of domains: `trained_on`, `tested_on`; the metrics of `hrtem_lab.evaluation.summarise`; and
        `gap`, `gap_low`, `gap_high`, `gap_p` and `gap_p_holm`, which is corrected for the number of cells.
    """
    networks = {name: NetworkSegmenter.load(folder / name / "model") for name in configs}
    columns = []
    for name, config in configs.items():
        data: TrainingData = build(config.data)
        if isinstance(data, SimulatedData):  # the others need no exit wave to be scored
            simulate_waves(data)
        scores = score_methods(networks, {name: data.micrographs("test")}, run)[name]
        comparison = compare(scores, name).rename(columns=GAP).rename_axis("trained_on").loc[list(networks)]
        columns.append(comparison.reset_index().assign(tested_on=name))
    cells = pd.concat(columns, ignore_index=True).drop(columns=["lead_p_holm", "lead_effect"])
    cells.loc[cells["trained_on"] == cells["tested_on"], "gap"] = 0.0
    first = ["trained_on", "tested_on"]
    return cells[first + [name for name in cells if name not in first]].assign(gap_p_holm=holm_adjust(cells["gap_p"]))
