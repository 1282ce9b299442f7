"""Whether a gain is real: intervals against SciPy, and what is told of them."""

import numpy as np
import pandas as pd
import pytest
from optuna.study import StudyDirection
from optuna.trial import TrialState
from scipy import stats

from hrtem_lab.search import finals
from hrtem_lab.search.worker import Worker
from tests.search.conftest import PlanMaker
from tests.search.test_worker import Line
from tests.search.toy import Toy

ROWS = pd.DataFrame({"seed": [1, 2, 3, 4], "best": [0.91, 0.93, 0.90, 0.92], "default": [0.90, 0.91, 0.90, 0.90]})


def test_intervals_are_those_of_the_t_test():
    found = finals.summary(ROWS)
    paired = stats.ttest_rel(ROWS["best"], ROWS["default"]).confidence_interval(0.95)
    assert (found["gain_low"], found["gain_high"]) == pytest.approx(tuple(paired))
    alone = stats.ttest_1samp(ROWS["best"], 0).confidence_interval(0.95)
    assert (found["best_low"], found["best_high"]) == pytest.approx(tuple(alone))
    assert np.isnan(finals.summary(ROWS[:1])["gain_low"])


@pytest.mark.parametrize(
    ("gain", "direction", "said"),
    [
        ((0.01, 0.005, 0.015), StudyDirection.MAXIMIZE, "the gain is real"),
        ((0.01, -0.005, 0.025), StudyDirection.MAXIMIZE, "no gain that could be told from chance"),
        ((0.01, np.nan, np.nan), StudyDirection.MAXIMIZE, "no gain that could be told from chance"),
        ((0.01, 0.005, 0.015), StudyDirection.MINIMIZE, "the default is better"),
        ((-0.01, -0.015, -0.005), StudyDirection.MINIMIZE, "the gain is real"),
    ],
)
def test_the_verdict_heeds_chance(gain, direction, said: str, capsys: pytest.CaptureFixture[str]):
    found = finals.summary(ROWS) | dict(zip(("gain", "gain_low", "gain_high"), gain, strict=True))
    finals.show("val/dice", direction, found, 4)
    assert said in " ".join(capsys.readouterr().out.split())


def test_best_and_default_are_trained_under_the_same_new_seeds_and_never_twice(planned: PlanMaker, store):
    plan = planned("n_trials=1", "~sweep.space.seed", "pruner=none", "seed=7", "data.library.seed=6")
    worker = Worker(plan, Line())
    trial = plan.take(worker.study)
    worker.study.tell(trial, [0.5], TrialState.COMPLETE)
    seen = []

    class Watched(Toy):
        def __call__(self, config, run, tell):
            assert config.data.library.seed == config.seed  # other specimens, wherever the experiment has its own
            seen.append((config.seed, config.start))
            return super().__call__(config, run, tell)

    rows = finals.finals(plan, worker.study, Watched(), 2)
    best = trial.params["start"]
    assert seen == [(8, best), (8, None), (9, best), (9, None)]
    assert list(rows["seed"]) == [8, 9]
    assert finals.finals(plan, worker.study, Watched(), 2).equals(rows)
    assert len(seen) == 4
    runs = store.search_runs([store.get_experiment_by_name("toy").experiment_id])
    assert sum("seed 8" in run.info.run_name for run in runs) == 2
