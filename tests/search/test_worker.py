"""A worker: what becomes of a trial in Optuna and in MLflow."""

from typing import Any

import mlflow
import optuna
import pytest
from optuna.trial import TrialState

from hrtem_lab.search.messages import EpochEnded, TrialEnded, TrialStarted
from tests.search.conftest import WorkerMaker

UNPRUNED = "pruner=none"


def runs_by_name(store: mlflow.MlflowClient) -> dict[str, Any]:
    runs = store.search_runs([store.get_experiment_by_name("toy").experiment_id])
    return {run.info.run_name: run for run in runs}


def test_a_trial_is_a_child_run_with_the_usual_names(make_worker: WorkerMaker, store: mlflow.MlflowClient):
    worker = make_worker("n_trials=2", UNPRUNED)
    worker.run()
    trials = worker.study.trials()
    assert [trial.state for trial in trials] == [TrialState.COMPLETE] * 2
    runs = runs_by_name(store)
    for trial in trials:
        run = runs[f"trial {trial.number}"]
        assert trial.user_attrs["run"] == run.info.run_id
        assert run.data.tags["mlflow.parentRunId"] == worker.task.parent_run_id
        assert run.info.status == "FINISHED"
        assert run.data.params == {path: str(value) for path, value in trial.params.items()}
        assert run.data.metrics["val/dice"] == trial.values[0] == 1 - abs(trial.params["seed"] / 1e6 - 0.5)
        assert {"val/loss", "parameters"} <= set(run.data.metrics)
        text = mlflow.artifacts.load_text(f"{run.info.artifact_uri}/config.yaml")
        assert f"seed: {trial.params['seed']}" in text
    kinds = [type(message) for message in worker.connection.messages]
    assert kinds == 2 * [TrialStarted, EpochEnded, EpochEnded, EpochEnded, TrialEnded]


def test_a_pruned_trial_ends_clean(make_worker: WorkerMaker, store: mlflow.MlflowClient):
    pruner = "pruner=none pruner._target_=optuna.pruners.ThresholdPruner +pruner.lower=0.5"
    worker = make_worker("n_trials=1", *pruner.split())
    worker.run()
    (trial,) = worker.study.trials()
    assert trial.state == TrialState.PRUNED
    assert trial.intermediate_values == {1: pytest.approx((1 - abs(trial.params["seed"] / 1e6 - 0.5)) / 3)}
    run = runs_by_name(store)["trial 0"]
    assert (run.info.status, run.data.tags["pruned"]) == ("FINISHED", "true")


@pytest.mark.parametrize(
    ("fault", "message"),
    [("crash", "RuntimeError: b was not to be"), ("nan", "InputError: val/dice is nan: it is not")],
)
def test_a_trial_that_fails_does_not_end_the_others(
    fault: str, message: str, make_worker: WorkerMaker, store: mlflow.MlflowClient
):
    worker = make_worker("n_trials=3", f"+sweep.objective.{fault}=true", "max_failures=50")
    worker.run()
    failed = worker.study.trials(TrialState.FAIL)
    assert len(worker.study.finished_trials()) == 3
    assert failed  # half of the trials do: three good ones before the first bad one would be chance
    assert {trial.params["start"] for trial in failed} == {"b"}
    assert all(trial.user_attrs["error"].startswith(message) for trial in failed)
    run = runs_by_name(store)[f"trial {failed[0].number}"]
    assert run.info.status == "FAILED"
    assert run.data.tags["error"].startswith(message)


def test_more_than_max_failures_end_the_sweep(make_worker: WorkerMaker):
    space = "+sweep.space={start:{choices:[b]}}"
    worker = make_worker(space, "+sweep.objective.crash=true", "n_trials=9", "max_failures=2")
    worker.run()
    assert [trial.state for trial in worker.study.trials()] == [TrialState.FAIL] * 3


def test_a_worker_that_is_told_to_stop_ends_after_its_trial(make_worker: WorkerMaker):
    worker = make_worker("n_trials=9", UNPRUNED, stop_after=2)
    worker.run()
    assert len(worker.study.trials()) == len(worker.study.finished_trials()) == 2


def test_a_worker_whose_pool_has_died_ends_after_its_trial(make_worker: WorkerMaker, monkeypatch: pytest.MonkeyPatch):
    def end_of_file() -> str:
        raise EOFError

    worker = make_worker("n_trials=9", UNPRUNED, stop_after=1)
    monkeypatch.setattr(worker.connection, "recv", end_of_file)
    worker.run()
    assert len(worker.study.finished_trials()) == 1


def test_several_objectives_make_a_pareto_front(make_worker: WorkerMaker):
    worker = make_worker("n_trials=12", "sweep.minimize=[parameters]", "sampler=nsga2")
    worker.run()
    finished = worker.study.finished_trials()
    assert [trial.state for trial in finished] == [TrialState.COMPLETE] * 12
    on_front = [
        t
        for t in finished
        if not any(o.values[0] >= t.values[0] and o.values[1] <= t.values[1] and o.values != t.values for o in finished)
    ]
    assert {t.number for t in worker.study.best_trials()} == {t.number for t in on_front}


def test_a_grid_is_gone_through_once(make_worker: WorkerMaker):
    space = "+sweep.space={seed:{low:0,high:8,step:4},start:{choices:[a,b]}}"
    worker = make_worker("~sweep.space.seed", "~sweep.space.start", space, "sampler=grid", "n_trials=50")
    worker.run()
    combinations = [(trial.params["seed"], trial.params["start"]) for trial in worker.study.trials()]
    assert sorted(combinations) == [(seed, start) for seed in (0, 4, 8) for start in "ab"]


@pytest.mark.parametrize("sampler", ["tpe", "cmaes", "gp", "nsga2", "random"])
def test_every_sampler_suggests_values(sampler: str, make_worker: WorkerMaker):
    more = ["sampler.n_startup_trials=2"] if sampler in ("tpe", "gp") else []
    worker = make_worker(f"sampler={sampler}", *more, UNPRUNED)
    for _ in range(4):
        trial = worker.spec.ask(worker.study)
        worker.study.tell(trial, [1 - abs(trial.params["seed"] / 1e6 - 0.5)], TrialState.COMPLETE)
    assert len({trial.params["seed"] for trial in worker.study.trials()}) == 4


@pytest.mark.parametrize("pruner", ["median", "halving", "hyperband", "none"])
def test_every_pruner_takes_part(pruner: str, make_worker: WorkerMaker):
    worker = make_worker(f"pruner={pruner}", "n_trials=3")
    worker.run()
    assert len(worker.study.finished_trials()) == 3
    assert optuna.__version__ >= "4"
