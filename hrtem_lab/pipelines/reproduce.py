"""The pipeline of `reproduce`: a recorded run is run again, and its numbers are compared with the new ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from omegaconf import DictConfig, OmegaConf

from hrtem_lab.cli.build import build, to_plain
from hrtem_lab.cli.progress import console, print_lines, quiet
from hrtem_lab.evaluation import compare_with_repeats
from hrtem_lab.figures import tables
from hrtem_lab.fingerprint import fingerprint
from hrtem_lab.micrograph import InputError
from hrtem_lab.paths import CONF
from hrtem_lab.pipelines.evaluate import evaluate
from hrtem_lab.pipelines.fit_forest import fit_forest
from hrtem_lab.pipelines.run_folder import open_run
from hrtem_lab.pipelines.study import read_ended
from hrtem_lab.pipelines.training_data import data_recipe
from hrtem_lab.pipelines.trainings import run_trainings
from hrtem_lab.saved_settings import current_settings
from hrtem_lab.tracking.provenance import provenance
from hrtem_lab.tracking.recorded import RecordedRun, describe_changes, read_run
from hrtem_lab.tracking.runs import Run

COMMANDS: dict[str, Callable[[DictConfig, str], dict[str, float]]] = {
    "train": run_trainings,
    "evaluate": lambda config, parent_id: evaluate(config, parent_id).metrics,
    "forest": fit_forest,
}
"""Name of a command -> its pipeline."""


def reproduce(config: DictConfig) -> pd.DataFrame:
    """Run again what a run did, and say which of its numbers agree with the new ones, and what else is another one.

    Args:
        config: Configuration of `reproduce`.

    Returns:
        Result of `hrtem_lab.evaluation.compare_with_repeats`.

    Raises:
        InputError: There is no such run, it did not end, or anything that its command refuses.
    """
    quiet()
    if not isinstance(config.repeats, int) or config.repeats < 1:
        raise InputError(f"repeats={config.repeats}; expected the number of runs, 1 or more")
    original = read_run(config.run)
    command = original.tags.get("command")
    if command not in COMMANDS or original.status != "FINISHED":
        kind = f"is of {command}" if command else "does not say of which command it is"
        raise InputError(
            f"run={original.id} {kind} and its status is {original.status}; expected a finished run of "
            f"{', '.join(COMMANDS)} that this version or a later one made"
        )
    again, changes = rebuild_config(original, command)
    changes += describe_changes(original.tags, provenance()) + describe_data(original, again)
    for line in changes or ["Code, versions, machine and data are those of the run"]:
        console.print(line, soft_wrap=True, highlight=False)
    parent = OmegaConf.create(
        {"name": again.name, "run": config.run, "repeats": config.repeats, "output": config.output}
    )
    with open_run(parent, "reproduce") as (run, folder, uri):
        run.set_tags({"reproduces": original.id, "changes": "; ".join(changes)})
        repeats = run_again(COMMANDS[command], again, original, config.repeats, folder, run)
        table = compare_with_repeats(original.metrics, repeats)
        run.log_csv(folder / "reproduction.csv", table)
        run.log_table(table, "reproduction.json")
        run.log_metrics({"agree": float((table["agrees"] == True).sum()), "compared": float(len(table))})  # noqa: E712
    for line in tables.reproduction_lines(table, len(repeats)):
        console.print(line, soft_wrap=True, highlight=False)
    print_lines(tables.where_results_are(folder, uri))
    return table


def rebuild_config(original: RecordedRun, command: str) -> tuple[DictConfig, list[str]]:
    """Rebuild the configuration of a run; a setting that is newer than the run has its default.

    Args:
        original: The run.
        command: Name of its command.

    Returns:
        The configuration, and a line for each of the newer settings.
    """
    config = OmegaConf.create(current_settings(original.config))
    defaults = to_plain(OmegaConf.load(CONF / f"{command}.yaml"))
    newer = {key: value for key, value in defaults.items() if key != "defaults" and key not in config}
    lines = [f"{key} is newer than the run, and has its default: {value}" for key, value in newer.items()]
    return OmegaConf.merge(config, newer), lines  # type: ignore[return-value]


def describe_data(original: RecordedRun, config: DictConfig) -> list[str]:
    """Say whether the data are others than those of a run: a line, or none where they are the same."""
    if "data.digest" not in original.tags:
        return []  # a run of several, each with data of its own
    data = build(config.data)
    found = {"data.digest": fingerprint(data_recipe(config, data)), "split.digest": fingerprint(dict(data.split))}
    names = {"data.digest": "the data", "split.digest": "the split"}
    return [
        f"{names[key]} are others: digest {original.tags[key]} there and {digest} here"
        for key, digest in found.items()
        if original.tags.get(key, digest) != digest
    ]


def run_again(
    pipeline: Callable[[DictConfig, str], dict[str, float]],
    config: DictConfig,
    original: RecordedRun,
    repeats: int,
    folder: Path,
    run: Run,
) -> pd.DataFrame:
    """Run a pipeline up to `repeats` times; once where that agrees with the original to the bit.

    Returns:
        A row per run, a column per metric.
    """
    rows: list[dict[str, float]] = []
    for number in range(1, repeats + 1):
        name = f"repeat_{number}"
        config.output = str(folder / name)
        ended = read_ended(config, folder / name)
        console.rule(f"{name}: it has ended before" if ended is not None else name)
        rows.append(pipeline(config, run.id) if ended is None else ended)
        defined = {key: value for key, value in rows[0].items() if not np.isnan(value)}
        if number == 1 and all(original.metrics.get(key) == value for key, value in defined.items()):
            break
    return pd.DataFrame(rows)
