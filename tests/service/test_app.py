"""The service as a client meets it."""

import io
import json
import time
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from PIL import Image

from hrtem_lab.analysis.analyser import DEFAULT_MODEL
from tests.service import unruly
from tests.service.server import Server, running

SAMPLE = DEFAULT_MODEL.parents[1] / "examples" / "lb_au10nm_114.tif"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A service that analyses as the names of the files say."""
    folder = tmp_path_factory.mktemp("unruly")
    with running(folder, folder, unruly.analyse, analysis_limit_s=10.0, max_upload_bytes=5000) as server:
        yield server


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A service with the model that comes along."""
    with running(tmp_path_factory.mktemp("real"), DEFAULT_MODEL) as server:
        yield server


def test_a_real_file_is_answered_with_its_particles_and_pictures(real: Server, tmp_path: Path):
    status, answer = real.post(SAMPLE.name, SAMPLE.read_bytes())
    assert (status, answer["state"], answer["name"]) == (200, "done", SAMPLE.name)
    (row,) = answer["result"]["micrographs"]
    assert row["pixel_size_nm"] == pytest.approx(0.02, rel=1e-3)
    assert row["particles"] == len(row["table"]) == 1
    (particle,) = row["table"]
    mask = tifffile.imread(io.BytesIO(real.ask("GET", row["mask"])[2]))
    assert mask.shape == (row["rows"], row["columns"]) == (256, 256)
    label = np.asarray(Image.open(SAMPLE.with_name(f"{SAMPLE.stem}_label.png"))) > 0
    assert 2 * (label & (mask > 0)).sum() / (label.sum() + (mask > 0).sum()) > 0.9
    columns, rows = np.array(particle["outline"]).T
    area = abs(np.dot(columns[:-1], rows[1:]) - np.dot(rows[:-1], columns[1:])) / 2
    assert area == pytest.approx((mask > 0).sum(), rel=0.02)
    for key in ("picture", "overlay"):
        with Image.open(io.BytesIO(real.ask("GET", row[key])[2])) as picture:
            assert picture.size[0] == picture.size[1]
    assert [path.name for path in real.jobs.get(answer["id"]).folder.glob("upload*")] == []

    status, headers, content = real.ask("GET", f"/results.zip?id={answer['id']}")
    assert (status, headers["content-type"]) == (200, "application/zip")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert sorted(archive.namelist()) == [
            f"masks/{SAMPLE.stem}.tif", f"overlays/{SAMPLE.stem}.png", "particles.csv", f"summaries/{SAMPLE.stem}.json",
        ]  # fmt: skip
        table = pd.read_csv(archive.open("particles.csv"))
    assert table["file"].tolist() == [SAMPLE.stem]
    assert table["equivalent_diameter_nm"].iloc[0] == pytest.approx(particle["equivalent_diameter_nm"])
    deadline = time.monotonic() + 10
    while list(real.folder.glob("*.zip")) and time.monotonic() < deadline:  # it goes after it was sent
        time.sleep(0.05)
    assert list(real.folder.glob("*.zip")) == []


def test_a_file_that_cannot_be_read_is_said_under_the_name_of_its_sender(real: Server):
    status, answer = real.post("../my torn.dm3", b"\0\0\0\3torn")
    assert status == 422
    assert answer["error"].startswith("my torn.dm3: cannot be read as .dm3 (")
    image = io.BytesIO()
    Image.fromarray(np.zeros((20, 20), np.uint8)).save(image, "png")
    status, answer = real.post("a.png", image.getvalue())
    assert (status, "pixel_size_nm" in answer["error"]) == (422, True)


def test_progress_can_be_watched(server: Server):
    status, job = server.post("slow.tif", b"x" * 100, wait="false")
    assert (status, job["state"] in ("waiting", "running")) == (202, True)
    states = []
    while job["state"] in ("waiting", "running"):
        _, job = server.get(f"/analyses/{job['id']}")
        states.append((job["state"], job["tiles_done"], job["tiles"]))
        time.sleep(0.05)
    assert ("running", 1, 2) in states
    assert job["result"]["bytes"] == 100


@pytest.mark.parametrize(
    ("name", "status", "message"),
    [
        ("dies.tif", 500, "dies.tif: its analysis ended early (exit code 7); the file may be damaged"),
        ("hangs.tif", 504, "hangs.tif: its analysis took longer than 10 s; try a smaller image"),
        ("torn.tif", 422, "torn.tif: is torn"),
        ("faulty.tif", 500, "faulty.tif: ZeroDivisionError: by zero"),
    ],
)
def test_a_file_that_hangs_or_kills_its_worker_costs_one_request(server: Server, name: str, status: int, message: str):
    with ThreadPoolExecutor() as threads:
        other = threads.submit(server.post, "fine.tif", b"x")
        assert server.post(name, b"x") == (status, {"error": message})
        assert other.result()[0] == 200
    assert server.post("fine.tif", b"xy")[1]["result"]["bytes"] == 2


def test_what_is_too_much_is_refused_in_one_line(server: Server):
    assert server.post("fine.tif", b"x" * 5001)[0] == 413
    assert server.post("fine.exe", b"x")[0] == 415
    assert server.post("fine.tif", b"")[0] == 422
    assert server.post("fine.tif", b"x", pixel_size_nm="-1")[1]["error"].startswith("pixel_size_nm is -1, expected")
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda number: server.post("slow.tif", b"x"), range(8)))
    assert sorted(status for status, _ in answers) == [200] * 5 + [429] * 3
    assert {answer["error"] for status, answer in answers if status == 429} == {
        "5 files waiting already; send it again later"
    }
    assert len(list(server.folder.glob("*/upload*"))) == 0


def test_only_results_are_given_out(server: Server):
    _, job = server.post("fine.tif", b"x")
    for path in ("result.json", "upload.tif", "..%2F..%2Fetc%2Fpasswd", "%2e%2e", "picture-0.png"):
        assert server.ask("GET", f"/analyses/{job['id']}/{path}")[0] == 404
    for path in ("/analyses/unknown", "/analyses/..", "/analyses/../../etc/passwd", "/results.zip?id=unknown", "/docs"):
        status, _, content = server.ask("GET", path)
        assert (status, "error" in json.loads(content)) == (404, True)


def test_what_is_deleted_is_gone(server: Server):
    _, job = server.post("fine.tif", b"x")
    assert (server.folder / job["id"]).is_dir()
    assert server.ask("DELETE", f"/analyses/{job['id']}")[0] == 204
    assert not (server.folder / job["id"]).exists()
    assert server.get(f"/analyses/{job['id']}")[0] == 404


def test_the_oldest_results_make_room(tmp_path: Path):
    with running(tmp_path, tmp_path, unruly.analyse, max_kept=2) as server:
        ids = [server.post("fine.tif", b"x")[1]["id"] for _ in range(4)]
        assert [server.get(f"/analyses/{each}")[0] for each in ids] == [404, 404, 200, 200]
        assert {path.name for path in tmp_path.iterdir()} == set(ids[2:])


def test_nobody_else_comes_in(server: Server):
    before = len(list(server.folder.iterdir()))
    for headers, status in (
        ({"Host": "evil.example"}, 421),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
    ):
        for method, path in (("GET", "/"), ("GET", "/about"), ("POST", "/analyses?name=fine.tif")):
            got, answered, content = server.ask(method, path, b"x" if method == "POST" else None, headers)
            assert (got, list(json.loads(content))) == (status, ["error"])
            assert "access-control-allow-origin" not in answered
    assert len(list(server.folder.iterdir())) == before


def test_the_page_loads_nothing_from_elsewhere(server: Server):
    status, headers, content = server.ask("GET", "/")
    assert status == 200
    assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'sha256-")
    page = content.decode().replace("http://www.w3.org/2000/svg", "")
    assert "http" not in page
    assert "src=" not in page.split("<script>")[0]


def test_a_token_opens_the_page_and_the_rest(tmp_path: Path):
    with running(tmp_path, tmp_path, unruly.analyse, token="a-token-of-some-length") as server:
        assert server.ask("GET", "/")[0] == 401
        assert server.ask("GET", "/?token=wrong")[0] == 401
        assert server.ask("GET", "/about?token=a-token-of-some-length")[0] == 401
        status, headers, _ = server.ask("GET", "/?token=a-token-of-some-length")
        assert (status, headers["location"]) == (303, "/")
        cookie = headers["set-cookie"]
        assert "httponly" in cookie.lower()
        assert "samesite=strict" in cookie.lower()
        assert server.ask("GET", "/", headers={"Cookie": cookie.partition(";")[0]})[0] == 200
        assert server.ask("GET", "/about", headers={"Authorization": "Bearer a-token-of-some-length"})[0] == 200
