"""Repeated trainings: under other seeds, or on the folds of a cross-validation, with means and intervals over them."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd
from omegaconf import DictConfig, OmegaConf

from hrtem_lab.cli.compose import argument_names
from hrtem_lab.cli.progress import console, print_lines
from hrtem_lab.evaluation import summarise_repeats
from hrtem_lab.figures import methods as figures
from hrtem_lab.figures import tables
from hrtem_lab.figures.style import save
from hrtem_lab.micrograph import InputError
from hrtem_lab.paths import CONF
from hrtem_lab.pipelines.run_folder import open_run
from hrtem_lab.pipelines.study import copy_config, end_study, train_members
from hrtem_lab.pipelines.train import UNET
from hrtem_lab.tracking.comparison_view import store_comparison_view
from hrtem_lab.tracking.runs import Run

LEFT_OUT = ("lead_p", "lead_p_holm", "lead_effect")
"""Columns of a table of methods whose mean over runs means nothing."""


def train_repeatedly(config: DictConfig, parent_id: str | None = None) -> dict[str, float]:
    """Train under each of `seeds` seeds, or on each of `group_folds` folds, and summarise them in one parent run.

    Args:
        config: Configuration of `train`.
        parent_id: Run that the parent is shown below.

    Returns:
        Mean of every metric of a training under its name, and its interval over the trainings.

    Raises:
        InputError: There are too few seeds or folds, or anything that a training refuses.
    """
    configs, ratio = (make_seeds(config), 0.0) if config.get("seeds") else make_folds(config)
    kind = "seeds" if config.get("seeds") else "folds"
    with open_run(config, "train", parent_id) as (run, folder, uri):
        runs = pd.DataFrame(train_members(configs, folder, run)).T.rename_axis("run")
        summary = summarise_repeats(runs, ratio)
        run.log_metrics(summary)
        run.log_csv(folder / "repeats.csv", runs.reset_index())
        console.rule(f"{len(runs)} {kind}")
        _report_methods(list(configs), f"mean of {len(runs)} {kind} with 95 % intervals over them", ratio, folder, run)
        view = store_comparison_view(run)
        end_study(config, folder, run, summary, UNET)
    print_lines(tables.where_results_are(folder, uri, view))
    return summary


def make_seeds(config: DictConfig) -> dict[str, DictConfig]:
    """Configurations under consecutive seeds, by the names of their folders.

    With a seed change the weights to begin with, the order and conditions of the images and, unless their own seed is
    given, the simulated specimens. Labelled micrographs stay on their sides of the split.

    Raises:
        InputError: There is one seed or none.
    """
    if not isinstance(config.seeds, int) or config.seeds < 2:
        raise InputError(f"seeds={config.seeds}; expected the number of seeds, 2 or more, such as seeds=5")
    kept: dict[str, int] = {}
    splitter = config.data.get("splitter")
    if splitter is not None and "seed" in argument_names(splitter._target_):
        kept = {"data.splitter.seed": config.seed}
    seeds = range(config.seed, config.seed + config.seeds)
    return {f"seed_{seed}": copy_config(config, {"seed": seed} | kept) for seed in seeds}


def make_folds(config: DictConfig) -> tuple[dict[str, DictConfig], float]:
    """Configurations of the folds of a cross-validation, by the names of their folders.

    Each group (of simulated data: each specimen) is on the test side of one fold.

    Returns:
        The configurations, and the number of groups that a fold tests over that of those it trains on.

    Raises:
        InputError: There are fewer than three folds, or nothing would be left to train on.
    """
    folds = config.group_folds
    if not isinstance(folds, int) or folds < 3:
        raise InputError(f"group_folds={folds}; expected the number of folds, 3 or more, such as group_folds=5")
    changes, ratio = _label_folds(config, folds) if "splitter" in config.data else _specimen_folds(config, folds)
    return {f"fold_{fold}": copy_config(config, each) for fold, each in enumerate(changes)}, ratio


def _label_folds(config: DictConfig, folds: int) -> tuple[list[dict[str, Any]], float]:
    """Changes that each fold of labelled groups makes to the configuration, and the ratio of `make_folds`."""
    splitter = OmegaConf.load(CONF / "data" / "splitter" / "fold.yaml")
    by = config.data.splitter.get("by", splitter.by)
    changes = [
        {"data.splitter": OmegaConf.merge(splitter, {"folds": folds, "fold": fold, "by": by})} for fold in range(folds)
    ]
    return changes, 1 / (folds - 2)


def _specimen_folds(config: DictConfig, folds: int) -> tuple[list[dict[str, Any]], float]:
    """Changes that each fold of simulated specimens makes to the configuration, and the ratio of `make_folds`."""
    count, validation = config.data.library.count, config.data.validation
    bounds = [fold * count // folds for fold in range(folds + 1)]
    changes = [{"data.first": first, "data.test": after - first} for first, after in pairwise(bounds)]
    left = count - validation - max(change["data.test"] for change in changes)
    if count < folds or left < 1:
        raise InputError(
            f"group_folds={folds} of data.library.count={count} specimens, data.validation={validation} of them to "
            "tune on, leave nothing to train on; raise data.library.count, or lower data.validation"
        )
    return changes, count / folds / left


def _report_methods(names: list[str], title: str, ratio: float, folder: Path, run: Run) -> None:
    """Write, print and draw the tables of methods of all runs as one, with means and intervals over the runs.

    Args:
        names: Names of the runs, whose subfolders hold their tables.
        title: End of the title of the printed table.
        ratio: As for `hrtem_lab.evaluation.t_interval`.
        folder: Folder of all.
        run: Parent run.
    """
    for file in sorted((folder / names[0]).glob("comparison*.csv")):
        tables_of_runs = {name: pd.read_csv(folder / name / file.name, index_col="method") for name in names}
        runs = pd.concat(tables_of_runs, names=["run"]).drop(columns=list(LEFT_OUT), errors="ignore")
        summaries = {method: summarise_repeats(rows, ratio) for method, rows in runs.groupby("method")}
        comparison = pd.DataFrame(summaries).T.rename_axis("method").sort_values("dice", ascending=False)
        set_name = file.stem.removeprefix("comparison").removeprefix("_") or "test"
        console.print(tables.methods_table(comparison, f"{set_name.capitalize()} micrographs, {title}", UNET))
        run.log_csv(folder / file.name, comparison.reset_index())
        run.log_table(comparison.reset_index(), f"{file.stem}.json")
        dice = {str(method): rows["dice"].to_numpy() for method, rows in runs.groupby("method")}
        figure = figures.comparison(dice, comparison, "Dice of the particle class, each run a point")
        save(figure, folder / "figures" / f"{file.stem}.png")
