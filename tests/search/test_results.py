"""Table and plots of a study whose trials are known."""

import re
from pathlib import Path

import matplotlib as mpl
import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.study import StudyDirection
from optuna.trial import TrialState, create_trial

from hrtem_lab.search.plots import make_plots, study_for_plots, write_plots
from hrtem_lab.search.results import trials_table
from hrtem_lab.search.study import SharedStudy

SPACE = {"model.scheduler.max_lr": FloatDistribution(1e-4, 1e-2, log=True), "loss": CategoricalDistribution(["a", "b"])}


def make_study(path: Path, *values: list[float]) -> SharedStudy:
    n_objectives = max(map(len, values), default=1)
    study = SharedStudy(str(path / "a.journal"), "a <b>", [StudyDirection.MAXIMIZE] * n_objectives, {})
    for number, result in enumerate(values):
        params = {"model.scheduler.max_lr": 10 ** (-4 + number / 5), "loss": "ab"[number % 2]}
        study.optuna.add_trial(create_trial(values=result, params=params, distributions=SPACE))
    study.optuna.add_trial(create_trial(state=TrialState.FAIL, user_attrs={"error": "no"}))
    return study


@pytest.mark.parametrize(
    ("values", "names"),
    [
        ([[0.5], [0.9], [0.7], *[[0.6]] * 7], {"history", "parallel", "importances"}),
        ([[0.5], [0.9], [0.7], *[[0.6]] * 6], {"history", "parallel"}),  # too few to tell what matters
        ([[0.5]], {"history", "parallel"}),
        ([[0.5]] * 10, {"history", "parallel"}),
        (
            [[0.5, 3.0], [0.9, 1.0], *[[0.7, 2.0]] * 8],
            {"pareto", *(f"{k}_{g}" for k in ("history", "parallel", "importances") for g in ("val_dice", "seconds"))},
        ),
    ],
)
def test_plots_are_drawn_as_pictures_and_on_one_page(values: list[list[float]], names: set[str], tmp_path: Path):
    before = dict(mpl.rcParams)
    write_plots(make_study(tmp_path, *values), ["val/dice", "seconds"][: len(values[0])], tmp_path)
    assert {path.stem for path in (tmp_path / "figures").iterdir()} == names
    page = (tmp_path / "sweep.html").read_text()
    assert page.count("plotly-graph-div") >= len(names)
    assert "a &lt;b&gt;" in page
    assert "src=" not in "".join(re.findall(r"<script[^>]*>", page))  # it needs no network
    assert dict(mpl.rcParams) == before


def test_a_trial_has_the_same_number_in_table_and_plots(tmp_path: Path):
    study = make_study(tmp_path, [0.5])
    study.optuna.add_trial(create_trial(values=[0.9], params={"loss": "b"}, distributions={"loss": SPACE["loss"]}))
    copy = study_for_plots(study, [0])
    assert [(t.number, t.state.name) for t in copy.trials] == [(0, "COMPLETE"), (1, "FAIL"), (2, "COMPLETE")]
    assert copy.best_trial.number == study.best_trials()[0].number == 2
    plots = make_plots(study, ["val/dice"])
    shown = plots["history"](optuna.visualization).data[0]
    assert list(shown.x) == [0, 2]


def test_every_trial_has_a_row_in_the_table(tmp_path: Path):
    table = trials_table(make_study(tmp_path, [0.5], [0.9]), ["val/dice"])
    assert list(table["state"]) == ["complete", "complete", "fail"]
    assert list(table["loss"][:2]) == ["a", "b"]
    assert table["error"][2] == "no"
    assert table["val/dice"][1] == 0.9
    assert optuna.__version__ >= "4"
