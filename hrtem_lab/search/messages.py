"""Messages between worker processes and their pool."""

from __future__ import annotations

from dataclasses import dataclass

STOP = "stop"
"""Sent to a worker: end after the running trial."""


@dataclass(frozen=True)
class TrialStarted:
    """A worker has begun a trial.

    Attributes:
        trial: Number of the trial.
    """

    trial: int


@dataclass(frozen=True)
class EpochEnded:
    """An epoch of a trial was validated.

    Attributes:
        trial: Number of the trial.
        epoch: Epoch, from 1.
        n_epochs: Number of epochs of the trial.
        value: Value of the first objective; None if this epoch did not measure it.
    """

    trial: int
    epoch: int
    n_epochs: int
    value: float | None


@dataclass(frozen=True)
class TrialEnded:
    """A trial has ended.

    Attributes:
        trial: Number of the trial.
        state: Name of Optuna's state: COMPLETE, PRUNED or FAIL.
        values: Value of each objective if it is complete.
        seconds: Duration of the trial.
    """

    trial: int
    state: str
    values: list[float] | None
    seconds: float


WorkerMessage = TrialStarted | EpochEnded | TrialEnded
