"""The command in small: what it refuses, what it leaves behind."""

import json
from pathlib import Path

import mlflow
import pandas as pd
import pytest

from tests.search.toy import OVERRIDES
from tests.small import TRAINING

TOY = [*OVERRIDES, "name=toy", "pruner=none", "sampler=random"]
SETTINGS = {"cue", "sigma_nm", "low", "high", "separability", "min_diameter_nm"}


def only(store: mlflow.MlflowClient, name: str) -> mlflow.entities.Run:
    """The parent run of an experiment."""
    found = store.search_runs([store.get_experiment_by_name(name).experiment_id])
    (parent,) = [run for run in found if "mlflow.parentRunId" not in run.data.tags]
    return parent


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            [],
            "what is to be searched is missing: give +sweep=NAME, one of bandpass, forest, losses, nets, otsu, unet, "
            "watershed",
        ),
        (["+sweep=unet", "+sweep.space={model.scheduler.max_rl:{low:0.1}}"], "did you mean model.scheduler.max_lr?"),
        (["+sweep=unet", "sweep.maximize=[test/dice]"], "test/dice is not a validation metric of this sweep"),
        (["+sweep=unet", "sweep.maximize=[]"], "sweep.maximize and sweep.minimize are empty"),
        (["+sweep=unet", "sampler=grid"], "has no end of values; give it a step or choices"),
        (["+sweep=unet", "sampler=nsga2", "sampler.population_size=1"], "the sampler cannot be made"),
        (["+sweep=unet", "pruner._target_=optuna.pruners.HyperbandPruner"], "the pruner cannot be made"),
        (["+sweep=unet", "workers=0"], "workers is 0, expected a whole number of at least 1"),
        (["+sweep=unet", "storage=sqlite:///a.db"], "SQLite loses trials"),
        (["+sweep=unet", "finalize=true", "sweep.minimize=[parameters]"], "finalize=true needs one objective"),
        (
            ["+sweep=nets", "finalize=true"],
            "finalize=true trains under seeds of its own, and seed is part of the space",
        ),
    ],
)
def test_a_sweep_that_could_not_work_is_refused_before_the_first_trial(
    overrides: list[str], message: str, call_sweep, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert call_sweep(*overrides) == 2
    shown = capsys.readouterr().err
    assert message in shown
    assert shown.count("\n") == 1
    assert not (tmp_path / "out" / "study.journal").exists()


@pytest.mark.slow
def test_a_small_sweep_of_the_watershed(call_sweep, store, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    overrides = [
        *TRAINING,
        "+sweep=watershed",
        "name=small",
        f"data.library.root={tmp_path / 'waves'}",
        "sampler=random",
    ]
    assert call_sweep(*overrides, "n_trials=4") == 0
    out = tmp_path / "out"
    trials = pd.read_csv(out / "trials.csv")
    assert list(trials["trial"]) == [0, 1, 2, 3]
    assert {"state", "val/dice", "seconds", *(f"methods.watershed.{name}" for name in SETTINGS)} <= set(trials)
    best = json.loads((out / "best.json").read_text())["best"][0]
    assert best["values"]["val/dice"] == pytest.approx(trials["val/dice"].max())
    parent = only(store, "small")
    assert parent.info.status == "FINISHED"
    assert parent.data.metrics["best/val/dice"] == pytest.approx(trials["val/dice"].max())
    assert parent.data.tags["best.methods.watershed.low"] == str(best["params"]["methods.watershed.low"])
    assert parent.data.params["data.library.count"] == "10"
    files = {file.path for file in store.list_artifacts(parent.info.run_id)}
    assert {"trials.csv", "trials.json", "best.json", "sweep.html", "config.yaml", "figures"} <= files
    pictures = {file.path for file in store.list_artifacts(parent.info.run_id, "figures")}
    assert pictures == {f"figures/{name}.png" for name in ("history", "parallel")}
    output = capsys.readouterr().out
    assert "python -m hrtem_lab.train" in output
    assert f"++methods.watershed.low={best['params']['methods.watershed.low']}" in output

    # a changed space is refused, a larger n_trials goes on, and new seeds judge the best settings
    assert call_sweep(*overrides, "sweep.space={methods.watershed.low:{low:0.3,high:0.4}}", "n_trials=5") == 2
    assert "sweep.space.methods.watershed.low.low is 0.2 there and 0.3 here" in capsys.readouterr().err
    assert call_sweep(*overrides, "n_trials=5", "finalize=true", "repeats=2") == 0
    assert "Going on with study small_watershed: 4 of 5 trials are done" in capsys.readouterr().out
    assert list(pd.read_csv(out / "trials.csv")["trial"]) == [0, 1, 2, 3, 4]
    finals = pd.read_csv(out / "finals.csv")
    assert list(finals["seed"]) == [1, 2]
    metrics = only(store, "small").data.metrics
    assert metrics["final/gain"] == pytest.approx((finals["best"] - finals["default"]).mean())


def test_settings_under_several_seeds_are_compared_by_their_mean(call_sweep, capsys: pytest.CaptureFixture[str]):
    overrides = [override for override in TOY if not override.startswith(("+sweep.space=", "sampler="))]
    space = "+sweep.space={seed:{choices:[0,500000]},start:{choices:[a,b]}}"
    assert call_sweep(*overrides, space, "sampler=grid", "n_trials=4") == 0
    assert "Best mean: start=a, val/dice 0.75 (" in capsys.readouterr().out


def test_too_many_failures_end_it_in_one_line(call_sweep, capsys: pytest.CaptureFixture[str]):
    overrides = [
        *TOY,
        "+sweep.space={start:{choices:[b]}}",
        "+sweep.objective.crash=true",
        "n_trials=9",
        "max_failures=1",
    ]
    assert call_sweep(*overrides) == 2
    shown = capsys.readouterr().err
    assert "2 trials failed, more than max_failures=1; the last: RuntimeError: b was not to be" in shown
    assert shown.count("\n") == 1
