"""`mlflow models serve` answers a real file as the service does."""

import base64
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest

from hrtem_lab.analysis.analyser import DEFAULT_MODEL
from hrtem_lab.service.mlflow_export import save_model
from tests.service.test_app import SAMPLE


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mlflow") / "model"
    save_model(DEFAULT_MODEL, folder)
    return folder


def check(answer: dict[str, str]) -> None:
    (row,) = json.loads(answer["result"])["micrographs"]
    assert (answer["name"], answer["error"]) == (SAMPLE.name, "")
    assert row["particles"] == 1
    assert row["table"][0]["equivalent_diameter_nm"] == pytest.approx(4.5, abs=1.5)
    assert base64.b64decode(answer["overlay"]).startswith(b"\x89PNG")


def test_the_signature_names_what_goes_in_and_comes_out(folder: Path):
    signature = mlflow.models.get_model_info(str(folder)).signature
    assert signature.inputs.input_names() == ["name", "content"]
    assert signature.outputs.input_names() == ["name", "result", "overlay", "error"]
    assert [param.name for param in signature.params] == ["pixel_size_nm"]


@pytest.mark.slow
def test_a_real_file_is_served(folder: Path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = ["models", "serve", "-m", str(folder), "-h", "127.0.0.1", "-p", str(port), "--env-manager", "local"]
    # MLflow starts uvicorn by its name
    programs = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = os.environ | {"MLFLOW_DISABLE_TELEMETRY": "true", "PATH": programs}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "start_new_session": True}
    with subprocess.Popen([sys.executable, "-m", "mlflow", *words], env=environment, **quiet) as server:
        try:
            wait_for(f"http://127.0.0.1:{port}/ping", server)
            files = {"columns": ["name", "content"], "data": []}
            for name, content in ((SAMPLE.name, SAMPLE.read_bytes()), ("torn.dm3", b"torn")):
                files["data"].append([name, base64.b64encode(content).decode()])
            request = urllib.request.Request(
                f"http://127.0.0.1:{port}/invocations",
                json.dumps({"dataframe_split": files, "params": {"pixel_size_nm": 0.02}}).encode(),
                {"Content-Type": "application/json"},
            )
            good, torn = json.load(urllib.request.urlopen(request, timeout=300))["predictions"]
        finally:
            os.killpg(server.pid, signal.SIGTERM)
    check(good)
    assert torn["error"].startswith("torn.dm3: cannot be read as .dm3")


def wait_for(address: str, server: subprocess.Popen) -> None:
    deadline = time.monotonic() + 300
    while True:
        assert server.poll() is None
        assert time.monotonic() < deadline
        try:
            urllib.request.urlopen(address, timeout=5)
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)


def test_a_pixel_size_that_is_not_given_is_asked_for(folder: Path, tmp_path: Path):
    from PIL import Image

    Image.fromarray(np.zeros((20, 20), np.uint8)).save(tmp_path / "a.png")
    model = mlflow.pyfunc.load_model(str(folder))
    answer = model.predict(pd.DataFrame({"name": ["a.png"], "content": [(tmp_path / "a.png").read_bytes()]}))
    assert "pixel_size_nm" in answer["error"][0]
