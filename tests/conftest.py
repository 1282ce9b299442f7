"""What every test shares."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

PROJECT = Path(__file__).resolve().parents[1]
pytest_plugins = ["tests.command_line", "tests.browser"]

# no test, nor a process that it starts, asks a server whether a library has a newer version
os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"

# how long an example takes says how busy the machine is, and nothing of the code
settings.register_profile("hrtem_lab", deadline=None)
settings.load_profile("hrtem_lab")


def pytest_configure(config: pytest.Config) -> None:
    """Under xdist every worker is a process of its own: one thread each, or they fight for the processors."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        os.environ.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", NUMBA_NUM_THREADS="1")


@pytest.fixture(autouse=True, scope="session")
def tracking_store(tmp_path_factory: pytest.TempPathFactory):
    """Runs of a test are tracked in a folder of the test's, never in the project's store."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("mlflow")
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder / 'mlflow.db'}")
        yield folder / "mlflow.db"


@pytest.fixture
def samples() -> Path:
    """Files that only a real instrument writes; the project does without them, and so the test is skipped."""
    folder = PROJECT.parent / "shared" / "samples"
    if not folder.is_dir():
        pytest.skip(f"needs real micrographs in {folder}")
    return folder


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow store without a run, to be copied: to make its tables takes seconds."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    folder = tmp_path_factory.mktemp("empty_store")
    SqlAlchemyStore(f"sqlite:///{folder / 'mlflow.db'}", folder.as_uri())
    return folder / "mlflow.db"
