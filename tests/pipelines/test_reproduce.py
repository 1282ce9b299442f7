"""A run is run again: to the bit, within the scatter of its repetitions, or not at all."""

import shutil
from dataclasses import replace
from pathlib import Path

import mlflow
import pandas as pd
import pytest
from omegaconf import DictConfig

from hrtem_lab.cli.compose import compose_config
from hrtem_lab.micrograph import InputError
from hrtem_lab.pipelines import reproduce as module
from hrtem_lab.pipelines.reproduce import reproduce
from hrtem_lab.tracking.recorded import describe_changes
from tests.pipelines.studies import make_train


@pytest.fixture
def store(tmp_path: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch) -> mlflow.MlflowClient:
    shutil.copy(empty_store, tmp_path / "mlflow.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    return mlflow.MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")


class Training:
    """A training whose Dice are given, one for each time that it runs."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *dice: float) -> None:
        self.trained: list[str] = []
        self.configs: list[DictConfig] = []
        values = iter(dice)

        def next_dice(config: DictConfig) -> float:
            self.configs.append(config.copy())
            return next(values)

        self.train = make_train(next_dice, self.trained)
        monkeypatch.setitem(module.COMMANDS, "train", self.train)
        for name in ("reproduce", "run_folder"):  # the files of a checkout may have been changed, or not
            monkeypatch.setattr(f"hrtem_lab.pipelines.{name}.provenance", lambda: {"git.commit": "a"})

    def record(self, folder: Path, store: mlflow.MlflowClient) -> str:
        """Identifier of a first run."""
        self.train(compose_config("train", ["seed=3", "name=study", f"output={folder / 'first'}"]))
        experiment = store.get_experiment_by_name("study")
        return store.search_runs([experiment.experiment_id])[0].info.run_id


def run_again(run: str, folder: Path, **settings: object) -> pd.DataFrame:
    words = [f"run={run}", f"output={folder / 'again'}", *(f"{key}={value}" for key, value in settings.items())]
    return reproduce(compose_config("reproduce", words)).set_index("metric")


def test_what_agrees_to_the_bit_is_run_once(tmp_path: Path, store, monkeypatch, capsys):
    training = Training(monkeypatch, 0.1 + 0.2, 0.1 + 0.2)
    run = training.record(tmp_path, store)
    table = run_again(run, tmp_path)
    assert training.trained == ["first", "repeat_1"]
    assert training.configs[1].seed == 3
    assert table["agrees"].all()
    printed = capsys.readouterr().out
    assert "All 3 numbers agree to the bit" in printed
    assert "Code, versions, machine and data are those of the run" in printed
    found = {each.info.run_name: each for each in store.search_runs(["1"])}
    assert found["again"].data.tags["reproduces"] == run
    assert found["repeat_1"].data.tags["mlflow.parentRunId"] == found["again"].info.run_id


def test_the_scatter_of_the_repetitions_is_the_tolerance(tmp_path: Path, store, monkeypatch, capsys):
    training = Training(monkeypatch, 0.91, 0.90, 0.92, 0.905)
    run = training.record(tmp_path, store)
    table = run_again(run, tmp_path)
    assert training.trained == ["first", "repeat_1", "repeat_2", "repeat_3"]
    assert table["agrees"].all()
    assert 0 < table.loc["test/dice", "tolerance"] < 0.1
    assert run_again(run, tmp_path).equals(table)  # repetitions that have ended are not run again
    assert len(training.trained) == 4
    assert "3 of 3 numbers agree within the 95 % tolerance of 3 repetitions, 2 of them to the bit" in (
        capsys.readouterr().out.replace("\n", " ")
    )


def test_a_number_that_does_not_agree_is_named(tmp_path: Path, store, monkeypatch, capsys):
    run = Training(monkeypatch, 0.99, 0.90, 0.901, 0.902).record(tmp_path, store)
    assert not run_again(run, tmp_path).loc["test/dice", "agrees"]
    assert "test/dice: 0.99 there, 0.901 here, difference 0.089, tolerance" in capsys.readouterr().out.replace(
        "\n", " "
    )


def test_one_repetition_alone_has_no_tolerance(tmp_path: Path, store, monkeypatch, capsys):
    run = Training(monkeypatch, 0.91, 0.90).record(tmp_path, store)
    assert run_again(run, tmp_path, repeats=1).loc["test/dice", "agrees"] is None
    assert "one repetition cannot say" in capsys.readouterr().out.replace("\n", " ")


def test_a_setting_that_is_newer_than_the_run_has_its_default(tmp_path: Path, store, monkeypatch, capsys):
    training = Training(monkeypatch, 0.9, 0.9)
    run = training.record(tmp_path, store)
    recorded = module.read_run(run)
    older = {key: value for key, value in recorded.config.items() if key != "tuning_views"}
    monkeypatch.setattr(module, "read_run", lambda run_id: replace(recorded, config=older))
    run_again(run, tmp_path)
    assert training.configs[1].tuning_views == 1
    assert "tuning_views is newer than the run, and has its default: 1" in capsys.readouterr().out


def test_what_cannot_be_run_again_is_refused(tmp_path: Path, store, monkeypatch):
    run = Training(monkeypatch, 0.91).record(tmp_path, store)
    with pytest.raises(InputError, match="holds no such run"):
        run_again("f" * 32, tmp_path)
    with pytest.raises(InputError, match="repeats=0; expected"):
        run_again(run, tmp_path, repeats=0)
    store.set_tag(run, "command", "predict")
    with pytest.raises(InputError, match=f"run={run} is of predict and its status is FINISHED"):
        run_again(run, tmp_path)
    child = store.create_run("1", run_name="unet").info.run_id
    with pytest.raises(InputError, match=r"holds no config\.yaml"):
        run_again(child, tmp_path)


def test_other_data_are_said_before_anything_runs(tmp_path: Path, store, monkeypatch, capsys):
    run = Training(monkeypatch, 0.9, 0.9).record(tmp_path, store)
    store.set_tag(run, "data.digest", "another")
    run_again(run, tmp_path)
    assert "the data are others: digest another there and" in capsys.readouterr().out.replace("\n", " ")


def test_changes_of_the_environment_are_named():
    then = {"git.commit": "a", "git.dirty": "True", "version.torch": "2.9", "python": "3.12"}
    now = {"git.commit": "b", "git.dirty": "True", "version.torch": "2.9", "python": "3.12", "version.new": "1"}
    assert describe_changes(then, now) == [
        "git.commit was a, and is b",
        "files of the run had been changed after its commit: nobody can bring them back",
    ]
