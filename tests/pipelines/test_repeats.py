"""Seeds and folds: what differs between the trainings, their summary, and going on after a kill."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import mlflow
import pandas as pd
import pytest

from hrtem_lab.cli.compose import compose_config
from hrtem_lab.evaluation import t_interval
from hrtem_lab.micrograph import InputError
from hrtem_lab.pipelines import study
from hrtem_lab.pipelines.repeats import make_folds, make_seeds
from hrtem_lab.pipelines.trainings import run_trainings
from tests.pipelines.studies import make_train, read_metrics
from tests.small import TRAINING

DICE = {0: 0.90, 1: 0.92, 2: 0.97}


@pytest.fixture
def store(tmp_path: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch) -> mlflow.MlflowClient:
    shutil.copy(empty_store, tmp_path / "mlflow.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    return mlflow.MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")


def runs(store: mlflow.MlflowClient) -> dict[str, mlflow.entities.Run]:
    experiment = store.get_experiment_by_name("train")
    return {run.info.run_name: run for run in store.search_runs([experiment.experiment_id])}


def test_seeds_differ_in_the_seed_alone_and_labelled_micrographs_stay_on_their_side():
    configs = make_seeds(compose_config("train", ["seeds=3", "seed=4"]))
    assert list(configs) == ["seed_4", "seed_5", "seed_6"]
    assert [config.data.library.seed for config in configs.values()] == [4, 5, 6]
    assert all(config.seeds is None for config in configs.values())
    pinned = make_seeds(compose_config("train", ["seeds=3", "data.library.seed=9"]))
    assert {config.data.library.seed for config in pinned.values()} == {9}
    labelled = make_seeds(compose_config("train", ["seeds=2", "data=labelled", "data.root=x"]))
    assert {config.data.splitter.seed for config in labelled.values()} == {0}
    blocks = make_seeds(compose_config("train", ["seeds=2", "data=gold2022", "data.root=x"]))
    assert "seed" not in blocks["seed_0"].data.splitter
    with pytest.raises(InputError, match="seeds=1; expected the number of seeds, 2 or more"):
        make_seeds(compose_config("train", ["seeds=1"]))


def test_each_specimen_is_tested_in_one_fold():
    configs, ratio = make_folds(
        compose_config("train", ["group_folds=4", "data.library.count=30", "data.validation=6"])
    )
    tested = [number for c in configs.values() for number in range(c.data.first, c.data.first + c.data.test)]
    assert tested == list(range(30))
    assert ratio == pytest.approx(7.5 / 16)
    labelled, ratio = make_folds(compose_config("train", ["group_folds=5", "data=labelled", "data.root=x"]))
    assert [config.data.splitter.fold for config in labelled.values()] == [0, 1, 2, 3, 4]
    assert ratio == pytest.approx(1 / 3)
    with pytest.raises(InputError, match="leave nothing to train on"):
        make_folds(compose_config("train", ["group_folds=3", "data.library.count=9", "data.validation=6"]))
    with pytest.raises(InputError, match="group_folds=2; expected the number of folds, 3 or more"):
        make_folds(compose_config("train", ["group_folds=2"]))


def test_one_kind_of_study_at_a_time():
    with pytest.raises(InputError, match="seeds and matrix are given"):
        run_trainings(compose_config("train", ["seeds=3", "matrix=dose"]))


def test_the_parent_holds_the_mean_and_the_interval_under_the_names_of_a_training(
    tmp_path: Path, store: mlflow.MlflowClient, monkeypatch: pytest.MonkeyPatch
):
    trained: list[str] = []
    monkeypatch.setattr(study, "train", make_train(lambda config: DICE[config.seed], trained))
    config = compose_config("train", ["seeds=3", f"output={tmp_path / 'out'}"])
    summary = run_trainings(config)
    low, high = t_interval(list(DICE.values()))
    expected = {"test/dice": 0.93, "test/dice_low": low, "test/dice_high": high}
    assert summary == pytest.approx(expected)
    found = runs(store)
    parent = found.pop("out")
    assert {key: parent.data.metrics[key] for key in expected} == pytest.approx(expected)
    assert {run.data.tags["mlflow.parentRunId"] for run in found.values()} == {parent.info.run_id}
    assert {name: run.data.metrics["test/dice"] for name, run in found.items()} == {
        f"seed_{seed}": value for seed, value in DICE.items()
    }
    table = pd.read_csv(tmp_path / "out" / "comparison.csv", index_col="method")
    assert table.loc["unet", ["dice", "dice_low", "dice_high"]].tolist() == pytest.approx([0.93, low, high])
    assert table.loc["otsu", ["lead", "lead_low"]].tolist() == pytest.approx([0.43, low - 0.5])
    assert "lead_p" not in table
    assert len(pd.read_csv(tmp_path / "out" / "repeats.csv")) == 3
    assert (tmp_path / "out" / "figures" / "comparison.png").stat().st_size > 5000


def test_an_interrupted_study_goes_on_and_trains_no_seed_twice(
    tmp_path: Path, store: mlflow.MlflowClient, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    trained: list[str] = []

    def dice(config) -> float:
        if config.seed == 1 and len(trained) == 2:
            raise KeyboardInterrupt
        return DICE[config.seed]

    monkeypatch.setattr(study, "train", make_train(dice, trained))
    config = compose_config("train", ["seeds=3", f"output={tmp_path / 'out'}"])
    with pytest.raises(KeyboardInterrupt):
        run_trainings(config)
    assert capsys.readouterr().out.count("goes on from there") == 1
    assert run_trainings(config)["test/dice"] == pytest.approx(0.93)
    assert trained == ["seed_0", "seed_1", "seed_1", "seed_2"]
    found = runs(store)
    assert set(found) == {"out", "seed_0", "seed_1", "seed_2"}
    assert {run.info.status for run in found.values()} == {"FINISHED"}
    with pytest.raises(InputError, match="seed_0 holds a run with other settings: tuning_views is 1 there and 2 here"):
        run_trainings(compose_config("train", ["seeds=3", f"output={tmp_path / 'out'}", "tuning_views=2"]))


@pytest.mark.slow
def test_trainings_that_are_killed_go_on(tmp_path: Path, empty_store: Path):
    """The command itself, killed while it trains the second seed."""
    shutil.copy(empty_store, tmp_path / "mlflow.db")
    environment = os.environ | {"MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path / 'mlflow.db'}"}
    words = [*TRAINING, f"data.library.root={tmp_path / 'waves'}", "methods=[]", "references=[majority]"]
    words = [word for word in words if not word.startswith("references.")]
    call = [sys.executable, "-m", "hrtem_lab.train", *words, "seeds=2", f"output={tmp_path / 'out'}"]
    with subprocess.Popen(call, env=environment, cwd=tmp_path, stdout=subprocess.DEVNULL) as first:
        deadline = time.monotonic() + 1500
        while not (tmp_path / "out" / "seed_1" / "mlflow.json").is_file():
            assert first.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
        first.send_signal(signal.SIGKILL)
    ended = (tmp_path / "out" / "seed_0" / "metrics.json").stat().st_mtime_ns
    done = subprocess.run(call, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "seed_0: it has ended before" in done.stdout
    assert (tmp_path / "out" / "seed_0" / "metrics.json").stat().st_mtime_ns == ended
    seeds = [read_metrics(tmp_path / "out" / f"seed_{seed}")["test/dice"] for seed in (0, 1)]
    assert read_metrics(tmp_path / "out")["test/dice"] == pytest.approx(sum(seeds) / 2)
    found = runs(mlflow.MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}"))
    assert set(found) == {"out", "seed_0", "seed_1", "unet", "forest"}
    assert {run.info.status for run in found.values()} == {"FINISHED"}
