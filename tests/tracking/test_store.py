"""Stores that are not there, or no longer what they were."""

import contextlib
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import mlflow
import pytest
from filelock import FileLock

from hrtem_lab.cli.command import MISTAKE
from hrtem_lab.cli.progress import quiet
from hrtem_lab.micrograph import InputError
from hrtem_lab.tracking import store
from hrtem_lab.tracking.models import find_model
from hrtem_lab.tracking.promotion import promote
from hrtem_lab.tracking.recorded import read_run
from hrtem_lab.tracking.store import check_server, connect


def test_an_experiment_that_was_deleted_is_named_with_the_way_out(
    tmp_path: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch
):
    shutil.copy(empty_store, tmp_path / "mlflow.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    connect("study")
    number = mlflow.get_experiment_by_name("study").experiment_id
    mlflow.MlflowClient().delete_experiment(number)
    with pytest.raises(InputError, match=f"study was deleted: .* restore --experiment-id {number}"):
        connect("study")
    mlflow.MlflowClient().restore_experiment(number)
    connect("study")


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of a server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def test_a_server_that_does_not_answer_ends_in_one_line(silent: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(store, "SERVER_TIMEOUT_S", 0.5)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", silent)
    started = time.perf_counter()
    with pytest.raises(InputError, match=r"no tracking server answers there .*timed out") as raised:
        connect("study")
    assert time.perf_counter() - started < 5
    assert "\n" not in str(raised.value)


def test_a_server_that_answers_bit_by_bit_ends_in_one_line(monkeypatch: pytest.MonkeyPatch):
    """Each bit comes in time, and the answer never."""
    monkeypatch.setattr(store, "SERVER_TIMEOUT_S", 0.5)
    ended = threading.Event()

    def drip(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection, contextlib.suppress(OSError):
            while not ended.wait(0.1):
                connection.sendall(b"H")

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=drip, args=(server,), daemon=True).start()
        started = time.perf_counter()
        with pytest.raises(InputError, match="no tracking server answers there"):
            check_server(f"http://127.0.0.1:{server.getsockname()[1]}")
        assert time.perf_counter() - started < 5
        ended.set()


@pytest.mark.parametrize("model", ["runs:/0a/model", "models:/particles/1"])
def test_a_model_is_not_waited_for_where_no_server_answers(silent: str, model: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(store, "SERVER_TIMEOUT_S", 0.5)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", silent)
    started = time.perf_counter()
    with pytest.raises(InputError, match="no tracking server answers there"):
        find_model(model)
    assert time.perf_counter() - started < 5


def test_a_server_that_is_not_there_ends_in_one_line():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(InputError, match=r"no tracking server answers there .*refused"):
        check_server(f"http://127.0.0.1:{port}")


@pytest.mark.parametrize("status", [200, 401, 404])
def test_whatever_a_server_says_it_answers(status: int):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        check_server(f"http://127.0.0.1:{server.server_port}/")
        server.shutdown()


@pytest.fixture
def no_mlflow() -> Iterator[str]:
    """The address of a server that answers everything with 404, as a proxy or another program does."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(404)

        def log_message(self, *_: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("kind", ["another server", "not a database", "nonsense://x"])
def test_what_is_no_store_of_mlflow_ends_in_one_line(
    kind: str, no_mlflow: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "notes.db").write_text("These are notes, and no database at all.\n" * 50)
    places = {"another server": no_mlflow, "not a database": f"sqlite:///{tmp_path / 'notes.db'}"}
    uri = places.get(kind, kind)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    with pytest.raises(InputError, match="no MLflow store answers there") as raised:
        connect("study")
    assert str(raised.value).startswith(f"MLFLOW_TRACKING_URI={uri}: ")
    assert "\n" not in str(raised.value)
    assert (tmp_path / "notes.db").read_text().startswith("These are notes")


def test_a_store_that_another_process_keeps_is_not_waited_for_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(store, "LOCK_LIMIT_S", 0.2)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    with (
        FileLock(tmp_path / ".mlflow.lock", is_singleton=False),
        pytest.raises(InputError, match=r"another process has kept .*\.mlflow\.lock"),
    ):
        connect("study")


def test_a_store_below_a_file_is_a_mistake_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'file' / 'mlflow.db'}")
    with pytest.raises(InputError, match=r"MLFLOW_TRACKING_URI=.*mlflow\.lock cannot be written"):
        connect("study")


@pytest.mark.parametrize("act", [promote, read_run])
def test_no_command_waits_for_a_server_that_does_not_answer(
    act: Callable[[str], object], silent: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(store, "SERVER_TIMEOUT_S", 0.5)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", silent)
    started = time.perf_counter()
    with pytest.raises(InputError, match="no tracking server answers there"):
        act("0a")
    assert time.perf_counter() - started < 5


def test_a_store_that_cannot_grow_is_a_mistake_in_one_line(
    call, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
):
    resource = pytest.importorskip("resource")
    folder = tmp_path_factory.mktemp("full")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder / 'mlflow.db'}")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    def act(config: object) -> None:
        quiet()
        resource.setrlimit(resource.RLIMIT_FSIZE, (8192, limits[1]))
        try:
            connect("study")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    ended = call(act=act)
    assert ended.code == MISTAKE
    assert "database cannot be written" in ended.err
    assert ended.err.strip().count("\n") == 0
