"""Where a study is kept: a journal file or a PostgreSQL database, each with a lock that works across machines."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol

from filelock import FileLock
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from hrtem_lab.micrograph import InputError

ADVISORY_LOCK = 0x68727465
"""Number of this program's lock among the advisory locks of a PostgreSQL database."""
DRIVER = "psycopg"
"""Python package that connects to PostgreSQL."""


class StudyBackend(Protocol):
    """Keeps studies for several processes at a time."""

    def open(self) -> BaseStorage:
        """Open Optuna's storage, and create it on first use."""

    def lock(self) -> AbstractContextManager[Any]:
        """Exclude every other process on every machine while the context lasts."""


class JournalBackend:
    """Optuna's journal in a file on a disk that all workers share.

    Args:
        path: The file. Its folder is created.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path).expanduser().absolute()
        self.path.parent.mkdir(parents=True, exist_ok=True)

    def open(self) -> BaseStorage:
        """Open the journal, and create it on first use.

        Raises:
            InputError: The file is something else.
        """
        try:
            return JournalStorage(JournalFileBackend(str(self.path), self._journal_lock()))
        except (ValueError, KeyError, UnicodeDecodeError) as error:
            raise InputError(f"storage={self.path} is no journal of Optuna ({error}); give another file") from error

    def _journal_lock(self) -> JournalFileOpenLock | None:
        """Lock that Optuna takes to write: its own choice, except on Windows, where few users may make its symlink."""
        return JournalFileOpenLock(str(self.path)) if sys.platform == "win32" else None

    def lock(self) -> AbstractContextManager[Any]:
        """Lock a file beside the journal; the operating system releases it when the process dies."""
        return FileLock(f"{self.path}.turn")


class PostgresBackend:
    """A PostgreSQL database.

    Args:
        url: `postgresql://USER@HOST/DATABASE`.

    Raises:
        InputError: The driver is not installed.
    """

    def __init__(self, url: str) -> None:
        if importlib.util.find_spec(DRIVER) is None:
            raise InputError(
                f"storage={url} needs the PostgreSQL driver: install it with pip install 'hrtem_lab[postgres]'"
            )
        self.url = make_url(url).set(drivername=f"postgresql+{DRIVER}")
        self.engine = create_engine(self.url, poolclass=NullPool, isolation_level="AUTOCOMMIT")

    def open(self) -> BaseStorage:
        """Open the database, and create Optuna's tables on first use."""
        # no connection is held while a trial runs: a server allows few, and a firewall cuts idle ones
        return RDBStorage(self.url.render_as_string(hide_password=False), engine_kwargs={"poolclass": NullPool})

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Take an advisory lock; the server releases it when the connection ends.

        Raises:
            InputError: No server answers.
        """
        try:
            connection = self.engine.connect()
        except OperationalError as error:
            reason = str(error.orig).splitlines()[0]
            raise InputError(f"storage={self.url}: no database answers there ({reason}); check the URL") from error
        with connection:
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": ADVISORY_LOCK})
            try:
                yield
            finally:
                connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": ADVISORY_LOCK})


def open_backend(storage: str) -> StudyBackend:
    """Choose the backend for a value of `storage=`.

    Raises:
        InputError: The value is neither a file nor a PostgreSQL database.
    """
    scheme, separator, _ = storage.partition("://")
    if not separator:
        return JournalBackend(storage)
    if scheme.partition("+")[0] in ("postgresql", "postgres"):
        return PostgresBackend(storage.replace("postgres://", "postgresql://"))
    reason = "SQLite loses trials when several processes write to it" if "sqlite" in scheme else "it is not supported"
    raise InputError(f"storage={storage}: {reason}; give FILE.journal or postgresql://USER@HOST/DATABASE")
