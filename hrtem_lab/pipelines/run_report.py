"""The report of a run: `report.html` from the tables and figures in its folder, beside them and in MLflow."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from omegaconf import DictConfig

from hrtem_lab import __version__
from hrtem_lab.atomic_write import write_text
from hrtem_lab.cli.build import to_plain
from hrtem_lab.cli.compose import command_line
from hrtem_lab.cli.config_keys import drop_machine_keys
from hrtem_lab.evaluation import current_metric_name
from hrtem_lab.figures.report import render
from hrtem_lab.figures.run_report import RunTables, build_run_page
from hrtem_lab.fingerprint import fingerprint
from hrtem_lab.pipelines.fit_network import CURVES
from hrtem_lab.pipelines.report import REPORT
from hrtem_lab.pipelines.run_methods import describe_methods
from hrtem_lab.pipelines.training_data import DATA_NOTE
from hrtem_lab.tracking.provenance import provenance
from hrtem_lab.tracking.runs import Run


def write_run_report(
    config: DictConfig, folder: Path, run: Run, reference: str = "", metrics: Mapping[str, float] | None = None
) -> Path:
    """Write the report of a run from what its folder holds, and log it as an artifact of the run.

    Args:
        config: Configuration of the command.
        folder: Folder of the run, with its tables and figures.
        run: Run of the command.
        reference: Method that the others are compared with; empty where none was scored.
        metrics: Metrics of the run, with the names that they have in MLflow.
    """
    plain, made_by, data = to_plain(config), provenance(), _json(folder / DATA_NOTE)
    objective, trials = _trials(folder, plain)
    known = {name: value for name, value in (metrics or {}).items() if not np.isnan(value)}
    tables = RunTables(
        figures=folder / "figures",
        methods=describe_methods(plain, data, made_by, "forest/test/accuracy" in known, _count_finished(trials)),
        origin=_origin(plain, data, made_by, run),
        reference=reference,
        comparisons=_comparisons(folder, plain),
        micrographs=_table(folder / "micrographs.csv"),
        breakdown=_table(folder / "breakdown.csv"),
        by_size=_table(folder / "by_size.csv"),
        metrics=known,
        curves=read_curves(folder),
        trials=trials,
        objective=objective,
        repeats=_table(folder / "repeats.csv"),
        finals=_json(folder / "finals.json"),
    )
    made = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    title, subtitle = f"{config.name}: {folder.name}", f"hrtem_lab {__version__}, {made}"
    write_text(folder / REPORT, render(build_run_page(tables, title, subtitle, f"From the tables in {folder.name}.")))
    run.log_file(folder / REPORT)
    return folder / REPORT


def read_curves(folder: Path) -> pd.DataFrame:
    """Read the learning curves that Lightning wrote, those of a training that was gone on with in their order.

    Returns:
        A row per epoch; empty where nothing was trained.
    """
    parts = [pd.read_csv(path) for path in sorted((folder / CURVES).glob("*/metrics.csv"), key=_version)]
    return pd.concat(parts).groupby("epoch", as_index=False).last() if parts else pd.DataFrame()


def _comparisons(folder: Path, config: Mapping[str, Any]) -> dict[str, pd.DataFrame]:
    """Table of methods by the set of micrographs that was scored; a stage of the split comes first."""
    stage = str(config.get("stage", "test"))
    files = {stage: folder / "comparison.csv"}
    files |= {path.stem.removeprefix("comparison_"): path for path in sorted(folder.glob("comparison_*.csv"))}
    return {name: pd.read_csv(path) for name, path in files.items() if path.is_file()}


def _trials(folder: Path, config: Mapping[str, Any]) -> tuple[str, pd.DataFrame]:
    """Objective of a search, the first of several, and its trials, the best first; empty where nothing was searched."""
    trials = _table(folder / "trials.csv")
    if trials.empty:
        return "", trials
    maximize, minimize = (list(config["sweep"][direction]) for direction in ("maximize", "minimize"))
    objective = current_metric_name((maximize + minimize)[0])
    return objective, trials.sort_values(objective, ascending=not maximize, kind="stable")


def _count_finished(trials: pd.DataFrame) -> int:
    """Number of trials that were completed."""
    return int((trials["state"] == "complete").sum()) if len(trials) else 0


def _origin(
    config: Mapping[str, Any], data: Mapping[str, Any], made_by: Mapping[str, str], run: Run
) -> list[tuple[str, str]]:
    """Origin of the numbers: the command, the run, the commit and the digests."""
    changed = {"True": ", with changes since", "False": ""}.get(made_by["git.dirty"], "")
    rows = {
        "command": command_line(),
        "seed": str(config.get("seed", "")),
        "MLflow run": run.id,
        "commit": made_by["git.commit"] + changed,
        "digest of the configuration": fingerprint(drop_machine_keys(dict(config))),
        "digest of the data": data.get("data.digest", ""),
        "digest of the split": data.get("split.digest", ""),
        "machine": made_by["machine"],
    }
    return [(name, value) for name, value in rows.items() if value]


def _table(path: Path) -> pd.DataFrame:
    """A table; empty where there is none, or nothing in it."""
    return pd.read_csv(path) if path.is_file() and path.stat().st_size > 1 else pd.DataFrame()


def _json(path: Path) -> dict[str, Any]:
    """Content of a JSON file without the undefined; empty where there is none."""
    content = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return {key: value for key, value in content.items() if value is not None}


def _version(path: Path) -> int:
    """Number of the call that wrote a file of curves."""
    return int(path.parent.name.rpartition("_")[2])
