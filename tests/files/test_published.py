"""Published sets, from a local server that breaks off, lies about checksums and redirects."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pooch
import pytest

from hrtem_lab.files import PublishedSet
from hrtem_lab.micrograph import InputError

CONTENT = bytes(range(256)) * 4000
PUBLISHED = PublishedSet("gold", "10.5281/zenodo.1", "Gold", "CC0", "Someone")


class Repository(ThreadingHTTPServer):
    """A repository with one file; `breaks` attempts end in the middle."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.breaks, self.understands_ranges, self.checksum = 0, True, hashlib.md5(CONTENT).hexdigest()
        self.ranges: list[str | None] = []
        self.url = f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Repository

    def do_GET(self) -> None:
        if self.path.startswith("/records"):
            file = {"key": "Au.h5", "checksum": f"md5:{self.server.checksum}"}
            body = json.dumps({"files": [{**file, "links": {"self": f"{self.server.url}/moved"}}]}).encode()
            return self.answer(200, body)
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", f"{self.server.url}/file")
            return self.end_headers()
        asked = self.headers.get("Range")
        self.server.ranges.append(asked)
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and self.server.understands_ranges else 0
        body = CONTENT[start:]
        if self.server.breaks:
            self.server.breaks -= 1
            return self.answer(206 if start else 200, body[: len(body) // 2], len(body))
        return self.answer(206 if start else 200, body)

    def answer(self, code: int, body: bytes, promised: int | None = None) -> None:
        self.send_response(code)
        self.send_header("Content-Length", str(promised or len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def repository(monkeypatch: pytest.MonkeyPatch) -> Iterator[Repository]:
    with Repository() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        monkeypatch.setattr(pooch.downloaders, "doi_to_url", lambda doi, **_: "https://zenodo.org/records/1")
        monkeypatch.setattr(pooch.downloaders.ZenodoRepository, "base_api_url", f"{server.url}/records")
        monkeypatch.setattr("time.sleep", lambda _: None)
        yield server
        server.shutdown()
        thread.join()


@contextmanager
def no_bar(name: str):
    yield lambda done, total: None


def test_a_file_arrives_over_a_redirect_and_once(repository: Repository, tmp_path: Path) -> None:
    for _ in range(2):
        (path,) = PUBLISHED.fetch(tmp_path, no_bar)
        assert path.read_bytes() == CONTENT
    assert repository.ranges == [None]


def test_a_download_that_breaks_off_goes_on_where_it_was(repository: Repository, tmp_path: Path) -> None:
    repository.breaks = 2
    (path,) = PUBLISHED.fetch(tmp_path, no_bar)
    assert path.read_bytes() == CONTENT
    first, *later = repository.ranges
    starts = [int(asked.removeprefix("bytes=").rstrip("-")) for asked in later]
    assert first is None
    assert 0.4 * len(CONTENT) < starts[0] <= len(CONTENT) / 2 < starts[1] <= 0.75 * len(CONTENT)
    assert [file.name for file in tmp_path.iterdir()] == ["Au.h5"]


def test_another_call_goes_on_too(repository: Repository, tmp_path: Path) -> None:
    repository.breaks = 99
    with pytest.raises(InputError, match=r"download Au\.h5 in a browser into") as caught:
        PUBLISHED.fetch(tmp_path, no_bar)
    assert "\n" not in str(caught.value)
    repository.breaks = 0
    assert PUBLISHED.fetch(tmp_path, no_bar)[0].read_bytes() == CONTENT
    assert repository.ranges[-1] is not None


def test_a_server_without_ranges_begins_anew(repository: Repository, tmp_path: Path) -> None:
    repository.breaks, repository.understands_ranges = 1, False
    assert PUBLISHED.fetch(tmp_path, no_bar)[0].read_bytes() == CONTENT


def test_a_wrong_checksum_is_refused_and_nothing_is_kept(repository: Repository, tmp_path: Path) -> None:
    repository.checksum = hashlib.md5(b"something else").hexdigest()
    with pytest.raises(InputError, match=r"Au\.h5: does not have the checksum that 10\.5281/zenodo\.1 states"):
        PUBLISHED.fetch(tmp_path, no_bar)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_not_there_is_named(repository: Repository, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"Ag\.h5: not in 10\.5281/zenodo\.1, which holds Au\.h5"):
        PUBLISHED.fetch(tmp_path, no_bar, ["Ag.h5"])


def test_without_a_network_it_says_what_to_do_by_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(doi: str, **_: object) -> str:
        raise ConnectionError("no route to host")

    monkeypatch.setattr(pooch.downloaders, "doi_to_url", offline)
    with pytest.raises(
        InputError, match=r"https://doi\.org/10\.5281/zenodo\.1 cannot be downloaded \(no route to host\)"
    ):
        PUBLISHED.fetch(tmp_path, no_bar)
