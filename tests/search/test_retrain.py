"""Whether a gain is real: intervals against SciPy, and the verdict."""

import numpy as np
import pandas as pd
import pytest
from optuna.study import StudyDirection
from optuna.trial import TrialState
from scipy import stats

from hrtem_lab.search.retrain import retrain_best_and_default, show_gain, summarize
from hrtem_lab.tracking.runs import Run
from tests.search.conftest import WorkerMaker
from tests.search.toy import Toy

VALUES = pd.DataFrame({"seed": [1, 2, 3, 4], "best": [0.91, 0.93, 0.90, 0.92], "default": [0.90, 0.91, 0.90, 0.90]})


def test_intervals_are_those_of_the_t_test():
    summary = summarize(VALUES)
    paired = stats.ttest_rel(VALUES["best"], VALUES["default"]).confidence_interval(0.95)
    assert (summary["gain_low"], summary["gain_high"]) == pytest.approx(tuple(paired))
    alone = stats.ttest_1samp(VALUES["best"], 0).confidence_interval(0.95)
    assert (summary["best_low"], summary["best_high"]) == pytest.approx(tuple(alone))
    assert np.isnan(summarize(VALUES[:1])["gain_low"])


@pytest.mark.parametrize(
    ("gain", "direction", "verdict"),
    [
        ((0.01, 0.005, 0.015), StudyDirection.MAXIMIZE, "the gain is real"),
        ((0.01, -0.005, 0.025), StudyDirection.MAXIMIZE, "no gain that could be told from chance"),
        ((0.01, np.nan, np.nan), StudyDirection.MAXIMIZE, "no gain that could be told from chance"),
        ((0.01, 0.005, 0.015), StudyDirection.MINIMIZE, "the default is better"),
        ((-0.01, -0.015, -0.005), StudyDirection.MINIMIZE, "the gain is real"),
    ],
)
def test_the_verdict_heeds_chance(gain, direction, verdict: str, capsys: pytest.CaptureFixture[str]):
    summary = summarize(VALUES) | dict(zip(("gain", "gain_low", "gain_high"), gain, strict=True))
    show_gain("val/dice", direction, summary, 4)
    assert verdict in " ".join(capsys.readouterr().out.split())


def test_best_and_default_are_trained_under_the_same_new_seeds_and_never_twice(make_worker: WorkerMaker, store):
    worker = make_worker("n_trials=1", "~sweep.space.seed", "pruner=none", "seed=7", "data.library.seed=6")
    spec, study, run = worker.spec, worker.study, Run(worker.task.parent_run_id)
    trial = spec.ask(study)
    study.tell(trial, [0.5], TrialState.COMPLETE)
    trained = []

    class Watched(Toy):
        def __call__(self, config, run, report):
            assert config.data.library.seed == config.seed  # other specimens, wherever the experiment has its own
            trained.append((config.seed, config.start))
            return super().__call__(config, run, report)

    values = retrain_best_and_default(spec, study, Watched(), 2, run)
    best = trial.params["start"]
    assert trained == [(8, best), (8, None), (9, best), (9, None)]
    assert list(values["seed"]) == [8, 9]
    assert retrain_best_and_default(spec, study, Watched(), 2, run).equals(values)
    assert len(trained) == 4
    runs = store.search_runs([store.get_experiment_by_name("toy").experiment_id])
    assert sum("seed 8" in run.info.run_name for run in runs) == 2
