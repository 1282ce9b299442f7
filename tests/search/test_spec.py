"""The definition of a study: what it has to have in common with an earlier call, and how its trials are repeated."""

from hrtem_lab.search.spec import StudySpec
from tests.search.toy import OVERRIDES


def make_spec(*overrides: str) -> StudySpec:
    return StudySpec((*OVERRIDES, "name=toy", *overrides), "study.journal", "toy")


def test_budget_and_machine_are_no_settings_of_a_study():
    base = make_spec().settings()
    same = ("workers=2", "n_trials=7", "sampler=random", "pruner=none", "data.library.root=/x", "data.workers=0")
    assert make_spec(*same).settings() == base
    # other labels
    assert make_spec("++data.root=/a").settings() != make_spec("++data.root=/b").settings()
    other = make_spec("data.samples=7").settings()
    assert [key for key in base if base[key] != other[key]] == ["data"]


def test_a_trial_can_be_trained_with_the_overrides_of_the_sweep():
    spec = make_spec("n_trials=3", "sampler=random", "data.samples=7", "start=c", "+experiment=quickstart")
    kept = ["name=toy", "data.samples=7", "+experiment=quickstart"]
    assert spec.train_overrides({"start": "b", "seed": 3}) == [*kept, '++start="b"', "++seed=3"]


def test_metrics_of_earlier_versions_can_be_objectives():
    spec = make_spec("sweep.maximize=[val/dice]", "sweep.minimize=[val/false_area,train_seconds]")
    assert spec.objective_names == ["val/dice", "val/false_positive_rate", "train_seconds"]
