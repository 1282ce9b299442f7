"""A study that processes and machines work on together: who takes which trial, and what becomes of a dead one's."""

from __future__ import annotations

import importlib.util
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import optuna
import psutil
from filelock import FileLock
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, Trial, TrialState
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from hrtem_lab.micrograph import InputError

BEAT_S, SILENCE_S = 15.0, 90.0
"""How often a worker gives a sign of life, and after how long without one another machine takes it for dead."""
LOCK = 0x68727465
"""Number of our lock among those of a PostgreSQL database."""
DRIVER = "psycopg"

DONE = (TrialState.COMPLETE, TrialState.PRUNED)


class Place(Protocol):
    """Where studies are kept."""

    def storage(self) -> BaseStorage:
        """For Optuna."""

    def lock(self) -> Any:
        """A context in which no other process on any machine is."""


class JournalFile:
    """Optuna's journal in a file, on a disk that all workers see."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path).expanduser().absolute()
        self.path.parent.mkdir(parents=True, exist_ok=True)

    def storage(self) -> BaseStorage:
        """Opened; made where it is not there."""
        try:
            return JournalStorage(JournalFileBackend(str(self.path)))
        except (ValueError, KeyError, UnicodeDecodeError) as error:
            raise InputError(f"storage={self.path} is no journal of Optuna ({error}); give another file") from error

    def lock(self) -> Any:
        """Of a file beside it: the system frees it when a process dies."""
        return FileLock(f"{self.path}.turn")


class Postgres:
    """A PostgreSQL database."""

    def __init__(self, url: str) -> None:
        if importlib.util.find_spec(DRIVER) is None:
            raise InputError(
                f"storage={url} needs the PostgreSQL driver: install it with pip install 'hrtem_lab[postgres]'"
            )
        self.url = make_url(url).set(drivername=f"postgresql+{DRIVER}")
        self.engine = create_engine(self.url, poolclass=NullPool, isolation_level="AUTOCOMMIT")

    def storage(self) -> BaseStorage:
        """Opened; its tables are made where they are not there."""
        # no connection is held while a trial runs: a server has few of them, and a firewall cuts what is silent
        return RDBStorage(self.url.render_as_string(hide_password=False), engine_kwargs={"poolclass": NullPool})

    @contextmanager
    def lock(self) -> Iterator[None]:
        """An advisory lock: the server frees it when the connection ends."""
        try:
            connection = self.engine.connect()
        except OperationalError as error:
            reason = str(error.orig).splitlines()[0]
            raise InputError(f"storage={self.url}: no database answers there ({reason}); check the URL") from error
        with connection:
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": LOCK})
            try:
                yield
            finally:
                connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": LOCK})


def place(storage: str) -> Place:
    """The place that `storage=` names.

    Raises:
        InputError: It is neither a file nor a PostgreSQL database.
    """
    scheme, colon, _ = storage.partition("://")
    if not colon:
        return JournalFile(storage)
    if scheme.partition("+")[0] in ("postgresql", "postgres"):
        return Postgres(storage.replace("postgres://", "postgresql://"))
    why = "SQLite loses trials when several processes write to it" if "sqlite" in scheme else "it is not supported"
    raise InputError(f"storage={storage}: {why}; give FILE.journal or postgresql://USER@HOST/DATABASE")


class SharedStudy:
    """One study, by name; made with the first call.

    Args:
        where: Its storage.
        name: In the storage.
        directions: One per goal.
        settings: What its trials have in common: a study with others is refused.
        mourn: Called with every trial that is found dead.

    Raises:
        InputError: The storage holds another study of this name.
    """

    def __init__(
        self,
        where: str,
        name: str,
        directions: Sequence[StudyDirection],
        settings: Mapping[str, Any],
        mourn: Callable[[FrozenTrial], None] = lambda trial: None,
    ) -> None:
        self.mourn = mourn
        logging.getLogger("optuna").setLevel(logging.ERROR)
        self.place, self.name = place(where), name
        with self.place.lock():  # several processes at once would make the tables of a fresh database twice
            self.storage = self.place.storage()
            try:
                self.optuna = optuna.load_study(study_name=name, storage=self.storage)
            except KeyError:
                self.optuna = optuna.create_study(storage=self.storage, study_name=name, directions=list(directions))
                self.optuna.set_user_attr("settings", dict(settings))
        there = self.optuna.user_attrs.get("settings", {})
        if there != dict(settings):
            from hrtem_lab.physics.manifest import differences  # whose room takes seconds to import

            changed = differences({"recipe": there}, dict(settings))
            raise InputError(
                f"study {name} in {where} has other settings: {changed}; go on with those that are there, or begin "
                "another with study=NAME"
            )
        self._heard: dict[int, tuple[Any, float]] = {}

    def trials(self, *states: TrialState) -> list[FrozenTrial]:
        """All trials, or those in the given states."""
        return self.optuna.get_trials(deepcopy=False, states=states or None)

    def failures(self) -> int:
        """Trials that failed and were not tried again."""
        retried = sum("retry_of" in trial.user_attrs for trial in self.trials())
        return len(self.trials(TrialState.FAIL)) - retried

    def done(self) -> list[FrozenTrial]:
        """Trials that have ended well, be it early."""
        return self.trials(*DONE)

    def best(self) -> list[FrozenTrial]:
        """The best trial, or those of the Pareto front; none before a trial has come to its end."""
        best = self.optuna.best_trials if self.trials(TrialState.COMPLETE) else []
        return best if len(self.optuna.directions) > 1 else best[:1]  # of equals the first

    def left(self, n_trials: int) -> int:
        """Trials that nobody has taken yet."""
        return n_trials - len(self.trials(*DONE, TrialState.RUNNING))

    def take(
        self,
        n_trials: int,
        sampler: Callable[[int], BaseSampler],
        pruner: optuna.pruners.BasePruner,
        space: dict[str, BaseDistribution],
    ) -> Trial | None:
        """A trial that nobody else has; None where the study has all that it needs.

        What it draws depends on its number and on the trials before it, not on who takes it: a sweep that was stopped
        goes on as if it had not been.

        Args:
            n_trials: How many the study needs.
            sampler: Made for the number of a trial.
            pruner: Of the trial.
            space: Drawn from.
        """
        with self.place.lock():
            self._bury()
            if self.left(n_trials) <= 0:
                return None
            number = len(self.trials())
            study = optuna.load_study(
                study_name=self.name, storage=self.storage, sampler=sampler(number), pruner=pruner
            )
            trial = study.ask(space)
            me = psutil.Process()
            trial.set_user_attr("owner", {"host": socket.gethostname(), "pid": me.pid, "begun": me.create_time()})
            return trial

    def tell(self, trial: Trial, values: Sequence[float] | None, state: TrialState) -> None:
        """How a trial ended; nothing, where it was given up for dead meanwhile."""
        self.optuna.tell(trial.number, values, state, skip_if_finished=True)

    def bury(self) -> list[FrozenTrial]:
        """Fail the trials that dead workers left running, and put each in line once more; the dead ones."""
        with self.place.lock():
            return self._bury()

    def _bury(self) -> list[FrozenTrial]:
        dead = [trial for trial in self.trials(TrialState.RUNNING) if not self._lives(trial)]
        for trial in dead:
            self.optuna.tell(trial.number, state=TrialState.FAIL, skip_if_finished=True)
            if "retry_of" not in trial.user_attrs:
                self.optuna.enqueue_trial(trial.params, user_attrs={"retry_of": trial.number})
            self.mourn(trial)
        return dead

    def _lives(self, trial: FrozenTrial) -> bool:
        """Whether the process of a running trial is there: by its number on this machine, else by its signs of life."""
        owner = trial.user_attrs.get("owner")
        if owner is None:  # it died while it took the trial: the lock is ours
            return False
        if owner["host"] == socket.gethostname():
            return _runs(owner["pid"], owner["begun"])
        beat, now = trial.user_attrs.get("beat"), time.monotonic()
        before, since = self._heard.setdefault(trial.number, (beat, now))
        if before != beat:
            self._heard[trial.number] = beat, now
            return True
        return now - since < SILENCE_S


def _runs(pid: int, begun: float) -> bool:
    """Whether it is the process that began then, and not a zombie."""
    try:
        process = psutil.Process(pid)
        return abs(process.create_time() - begun) < 1 and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@contextmanager
def beating(trial: Trial) -> Iterator[None]:
    """Signs of life of a trial while this lasts."""
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(BEAT_S):
            try:
                trial.set_user_attr("beat", time.time())
            except Exception as error:  # the storage is away, or the trial was given up: its end will tell
                logging.getLogger(__name__).warning("no sign of life could be given: %s", error)

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def seeded(
    make: Callable[..., BaseSampler], seed: int, grid: Mapping[str, Sequence[Any]] | None
) -> Callable[[int], BaseSampler]:
    """A sampler for the number of a trial, with chance of its own.

    Args:
        make: Takes a seed.
        seed: Base of all chance.
        grid: Values of each path, where the sampler goes through them all; its order is then one for all trials.
    """
    if grid is not None:
        return lambda number: make(search_space=grid, seed=seed)
    return lambda number: make(seed=int(np.random.SeedSequence([seed, number]).generate_state(1)[0]))
