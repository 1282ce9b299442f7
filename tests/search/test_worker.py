"""A worker: what becomes of a trial in Optuna and in MLflow."""

from typing import Any

import mlflow
import optuna
import pytest
from optuna.trial import TrialState

from hrtem_lab.search.worker import Worker, settings
from tests.search.conftest import PlanMaker

UNPRUNED = "pruner=none"


class Line:
    """A line that keeps what is said, and has something to read after so many trials."""

    def __init__(self, trials: int = 1000) -> None:
        self.said: list[tuple[Any, ...]] = []
        self.trials = trials

    def send(self, words: tuple[Any, ...]) -> None:
        self.said.append(words)

    def poll(self) -> bool:
        return sum(what == "ended" for what, *_ in self.said) >= self.trials


def runs(store: mlflow.MlflowClient) -> dict[str, Any]:
    found = store.search_runs([store.get_experiment_by_name("toy").experiment_id])
    return {run.info.run_name: run for run in found}


def test_a_trial_is_a_child_run_with_the_usual_names(planned: PlanMaker, store: mlflow.MlflowClient):
    plan, line = planned("n_trials=2", UNPRUNED), Line()
    worker = Worker(plan, line)
    worker.work()
    trials = worker.study.trials()
    assert [trial.state for trial in trials] == [TrialState.COMPLETE] * 2
    found = runs(store)
    for trial in trials:
        run = found[f"trial {trial.number}"]
        assert trial.user_attrs["run"] == run.info.run_id
        assert run.data.tags["mlflow.parentRunId"] == plan.parent
        assert run.info.status == "FINISHED"
        assert run.data.params == {path: str(value) for path, value in trial.params.items()}
        assert run.data.metrics["val/dice"] == trial.values[0] == 1 - abs(trial.params["seed"] / 1e6 - 0.5)
        assert {"val/loss", "parameters"} <= set(run.data.metrics)
        text = mlflow.artifacts.load_text(f"{run.info.artifact_uri}/config.yaml")
        assert f"seed: {trial.params['seed']}" in text
    assert [what for what, *_ in line.said] == 2 * ["trial", "epoch", "epoch", "epoch", "ended"]


def test_a_pruned_trial_ends_clean(planned: PlanMaker, store: mlflow.MlflowClient):
    pruner = "pruner=none pruner._target_=optuna.pruners.ThresholdPruner +pruner.lower=0.5"
    worker = Worker(planned("n_trials=1", *pruner.split()), Line())
    worker.work()
    (trial,) = worker.study.trials()
    assert trial.state == TrialState.PRUNED
    assert trial.intermediate_values == {1: pytest.approx((1 - abs(trial.params["seed"] / 1e6 - 0.5)) / 3)}
    run = runs(store)["trial 0"]
    assert (run.info.status, run.data.tags["pruned"]) == ("FINISHED", "true")


@pytest.mark.parametrize(
    ("wrong", "said"), [("crash", "RuntimeError: b was not to be"), ("nan", "InputError: val/dice is nan: it is not")]
)
def test_a_trial_that_fails_does_not_end_the_others(
    wrong: str, said: str, planned: PlanMaker, store: mlflow.MlflowClient
):
    worker = Worker(planned("n_trials=3", f"+sweep.objective.{wrong}=true", "max_failures=50"), Line())
    worker.work()
    failed = worker.study.trials(TrialState.FAIL)
    assert len(worker.study.done()) == 3
    assert failed  # half of the trials do: three good ones before the first bad one would be chance's doing
    assert {trial.params["start"] for trial in failed} == {"b"}
    assert all(trial.user_attrs["error"].startswith(said) for trial in failed)
    run = runs(store)[f"trial {failed[0].number}"]
    assert run.info.status == "FAILED"
    assert run.data.tags["error"].startswith(said)


def test_more_than_max_failures_end_the_sweep(planned: PlanMaker):
    words = ("+sweep.space={start:{choices:[b]}}", "+sweep.objective.crash=true", "n_trials=9", "max_failures=2")
    worker = Worker(planned(*words), Line())
    worker.work()
    assert [trial.state for trial in worker.study.trials()] == [TrialState.FAIL] * 3


def test_told_to_stop_it_ends_after_its_trial(planned: PlanMaker):
    worker = Worker(planned("n_trials=9", UNPRUNED), Line(trials=2))
    worker.work()
    assert len(worker.study.trials()) == len(worker.study.done()) == 2


def test_several_goals_make_a_pareto_front(planned: PlanMaker):
    worker = Worker(planned("n_trials=12", "sweep.minimize=[parameters]", "sampler=nsga2"), Line())
    worker.work()
    done = worker.study.done()
    assert [trial.state for trial in done] == [TrialState.COMPLETE] * 12
    on_front = [
        t
        for t in done
        if not any(o.values[0] >= t.values[0] and o.values[1] <= t.values[1] and o.values != t.values for o in done)
    ]
    assert {t.number for t in worker.study.best()} == {t.number for t in on_front}


def test_a_grid_is_gone_through_once(planned: PlanMaker):
    space = "+sweep.space={seed:{low:0,high:8,step:4},start:{choices:[a,b]}}"
    worker = Worker(planned("~sweep.space.seed", "~sweep.space.start", space, "sampler=grid", "n_trials=50"), Line())
    worker.work()
    found = [(trial.params["seed"], trial.params["start"]) for trial in worker.study.trials()]
    assert sorted(found) == [(seed, start) for seed in (0, 4, 8) for start in "ab"]


@pytest.mark.parametrize("sampler", ["tpe", "cmaes", "gp", "nsga2", "random"])
def test_every_sampler_draws(sampler: str, planned: PlanMaker):
    more = ["sampler.n_startup_trials=2"] if sampler in ("tpe", "gp") else []
    worker = Worker(planned(f"sampler={sampler}", *more, UNPRUNED), Line())
    for _ in range(4):
        trial = worker.plan.take(worker.study)
        worker.study.tell(trial, [1 - abs(trial.params["seed"] / 1e6 - 0.5)], TrialState.COMPLETE)
    assert len({trial.params["seed"] for trial in worker.study.trials()}) == 4


@pytest.mark.parametrize("pruner", ["median", "halving", "hyperband", "none"])
def test_every_pruner_judges(pruner: str, planned: PlanMaker):
    worker = Worker(planned(f"pruner={pruner}", "n_trials=3"), Line())
    worker.work()
    assert len(worker.study.done()) == 3


def test_knobs_and_places_are_no_settings_of_a_study(planned: PlanMaker):
    base = settings(planned().config)
    same = ("workers=2", "n_trials=7", "sampler=random", "pruner=none", "data.library.root=/x", "data.workers=0")
    assert settings(planned(*same).config) == base
    assert settings(planned("++data.root=/a").config) != settings(planned("++data.root=/b").config)  # other labels
    other = settings(planned("data.samples=7").config)
    assert [key for key in base if base[key] != other[key]] == ["data"]
    assert optuna.__version__ >= "4"
