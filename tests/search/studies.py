"""Studies of one parameter, as several test files use them."""

import optuna
from optuna.distributions import FloatDistribution
from optuna.study import StudyDirection
from optuna.trial import Trial

from hrtem_lab.search.study import SharedStudy, sampler_factory

SPACE = {"x": FloatDistribution(0.0, 1.0)}
MAXIMIZE = [StudyDirection.MAXIMIZE]


def open_study(storage: object, **settings: object) -> SharedStudy:
    return SharedStudy(str(storage), "one", MAXIMIZE, settings)


def ask(study: SharedStudy, n_trials: int = 100, sampler: type = optuna.samplers.RandomSampler) -> Trial | None:
    return study.ask(n_trials, sampler_factory(sampler, 0, None), optuna.pruners.NopPruner(), SPACE)


def change_owner(study: SharedStudy, trial: Trial, **changes: object) -> None:
    trial.set_user_attr("owner", study.trials()[trial.number].user_attrs["owner"] | changes)
