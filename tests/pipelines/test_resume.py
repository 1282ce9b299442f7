"""A second call does the rest only: what is done is known by content, settings and model."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest
import tifffile
from distributed import LocalCluster
from hydra import compose, initialize_config_dir

from hrtem_lab.analysis.analyser import Analyser, Analysis
from hrtem_lab.cli.command import PARTLY_DONE
from hrtem_lab.micrograph import InputError, Micrograph
from hrtem_lab.paths import CONF
from hrtem_lab.pipelines import file_analysis
from hrtem_lab.pipelines.predict import lock, predict
from tests.models import save_model
from tests.pipelines.test_predict import ReadsHere

Predict = Callable[..., int]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(tmp_path_factory.mktemp("model"), forest=False)


def write_noise(path: Path, seed: int) -> None:
    image = np.random.default_rng(seed).normal(1000, 30, (64, 64)).astype(np.float32)
    tifffile.imwrite(path, image, imagej=True, resolution=(20, 20), metadata={"unit": "nm"})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three micrographs and a file that cannot be read."""
    folder = tmp_path / "in"
    folder.mkdir()
    for seed, name in enumerate("abc"):
        write_noise(folder / f"{name}.tif", seed)
    (folder / "torn.dm3").write_bytes(b"torn")
    return folder


@pytest.fixture
def analysed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the micrographs that were really analysed, in the order in which they were."""
    names, analyse = [], Analyser.__call__

    def noted(self: Analyser, micrograph: Micrograph, **options: object) -> Analysis:
        names.append(micrograph.name)
        return analyse(self, micrograph, **options)

    monkeypatch.setattr(Analyser, "__call__", noted)
    monkeypatch.setattr(file_analysis, "ReaderPool", ReadsHere)
    return names


@pytest.fixture
def again(folder: Path, model: Path, tmp_path: Path) -> Predict:
    """Call `predict` with the same folders as before."""

    def call(**settings: object) -> int:
        words = {"input": folder, "output": tmp_path / "out", "model": model, "workers": 0, **settings}
        with initialize_config_dir(str(CONF), version_base="1.3"):
            return predict(compose("predict", overrides=[f"{key}={value}" for key, value in words.items()]))

    return call


def micrographs(output: Path) -> list[str]:
    return [row["micrograph"] for row in json.loads((output / "summary.json").read_text())["per_micrograph"]]


def test_what_is_done_is_not_done_again(again: Predict, analysed: list[str], folder: Path, tmp_path: Path):
    assert again() == PARTLY_DONE
    assert analysed == ["a", "b", "c"]
    first = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    os.utime(folder / "a.tif", (1, 1))
    assert again() == PARTLY_DONE
    assert analysed == ["a", "b", "c"]
    assert {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()} == first
    assert pd.read_csv(tmp_path / "out" / "failures.csv")["file"].tolist() == [str(folder / "torn.dm3")]


def test_another_content_under_the_same_name_and_date_is(again: Predict, analysed: list[str], folder: Path):
    again()
    date = (folder / "b.tif").stat().st_mtime_ns
    write_noise(folder / "b.tif", 9)
    os.utime(folder / "b.tif", ns=(date, date))
    write_noise(folder / "torn.dm3", 0)
    (folder / "torn.dm3").rename(folder / "mended.tif")
    again()
    assert analysed == ["a", "b", "c", "b", "mended"]


def test_a_file_that_was_renamed_keeps_its_results(again: Predict, analysed: list[str], folder: Path, tmp_path: Path):
    again()
    (folder / "a.tif").rename(folder / "z.tif")
    (folder / "b.tif").unlink()
    again()
    assert analysed == ["a", "b", "c"]
    assert micrographs(tmp_path / "out") == ["c", "z"]
    for place in ("masks", "overlays", "records"):
        assert {path.stem for path in (tmp_path / "out" / place).iterdir() if path.is_file()} == {"c", "z"}


@pytest.mark.parametrize("change", ["setting", "model", "size"])
def test_other_settings_and_models_are_done_anew(
    change: str, again: Predict, analysed: list[str], folder: Path, model: Path, tmp_path: Path
):
    again()
    settings: dict[str, object] = {}
    if change == "setting":
        settings = {"tta": "true"}
    elif change == "model":
        settings = {"model": shutil.copytree(model, tmp_path / "other")}
        text = (tmp_path / "other" / "segmenter.json").read_text()
        (tmp_path / "other" / "segmenter.json").write_text(text.replace('"threshold": 0.5', '"threshold": 0.6'))
    else:
        (folder / "metadata.csv").write_text("name,pixel_size_nm\nb,0.06\n")
    again(**settings)
    assert analysed[3:] == (["b"] if change == "size" else ["a", "b", "c"])
    again(**settings)
    assert len(analysed) == (4 if change == "size" else 6)


def test_a_copy_of_the_model_and_settings_of_the_machine_change_nothing(
    again: Predict, analysed: list[str], model: Path, tmp_path: Path
):
    again()
    again(model=shutil.copytree(model, tmp_path / "copy"), read_limit_s=50)
    assert analysed == ["a", "b", "c"]


def test_a_picture_that_was_removed_is_made_again(again: Predict, analysed: list[str], tmp_path: Path):
    again()
    (tmp_path / "out" / "overlays" / "b.png").unlink()
    again()
    assert analysed == ["a", "b", "c", "b"]
    assert (tmp_path / "out" / "overlays" / "b.png").is_file()


def test_two_calls_do_not_write_to_one_folder(again: Predict, analysed: list[str], tmp_path: Path):
    (tmp_path / "out").mkdir()
    with lock(tmp_path / "out"), ThreadPoolExecutor(1) as other:
        call = other.submit(again)
        with pytest.raises(InputError, match="another call writes there"):
            call.result()
    assert analysed == []
    assert again() == PARTLY_DONE


def many(folder: Path, number: int) -> None:
    for seed in range(number):
        write_noise(folder / f"m{seed:02d}.tif", seed)


def wait_for_records(output: Path, number: int) -> dict[str, int]:
    """Date of each record, once there are so many."""
    deadline = time.monotonic() + 1500
    while len(records := list(output.glob("records/*.json"))) < number:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return {path.name: path.stat().st_mtime_ns for path in records}


def check_each_once(output: Path, number: int) -> None:
    assert sorted(micrographs(output)) == sorted(["a", "b", "c", *(f"m{i:02d}" for i in range(number))])
    assert len(pd.read_csv(output / "failures.csv")) == 1
    for folder, suffix in (("masks", "tif"), ("overlays", "png"), ("records", "json")):
        assert len(list((output / folder).glob(f"*.{suffix}"))) == number + 3
        assert not list((output / folder).glob(".*.tmp"))


@pytest.mark.slow
def test_kill_loses_nothing_that_was_written(again: Predict, folder: Path, model: Path, tmp_path: Path):
    many(folder, 30)
    output = tmp_path / "out"
    words = [f"input={folder}", f"output={output}", f"model={model}", "workers=2"]
    killed = subprocess.Popen([sys.executable, "-m", "hrtem_lab.predict", *words], stdout=subprocess.DEVNULL)
    wait_for_records(output, 4)
    children = psutil.Process(killed.pid).children(recursive=True)
    killed.kill()
    killed.wait()
    _, alive = psutil.wait_procs(children, timeout=30)
    assert alive == []
    written = {path.name: path.stat().st_mtime_ns for path in output.glob("records/*.json")}
    assert 4 <= len(written) < 33
    assert again(workers=2) == PARTLY_DONE
    check_each_once(output, 30)
    assert {name: (output / "records" / name).stat().st_mtime_ns for name in written} == written


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # distributed's, of a worker that dies
def test_a_worker_of_a_cluster_that_is_killed_costs_no_file(again: Predict, folder: Path, tmp_path: Path):
    many(folder, 30)
    output = tmp_path / "out"
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50) as cluster:
        victim = cluster.workers[0].process.pid
        code = (
            f"import os, time, pathlib\nfolder = pathlib.Path({str(output / 'records')!r})\n"
            f"while len(list(folder.glob('*.json'))) < 5: time.sleep(0.02)\nos.kill({victim}, {signal.SIGKILL.value})"
        )
        killer = subprocess.Popen([sys.executable, "-c", code])
        assert again(cluster=cluster.scheduler_address) == PARTLY_DONE
        assert killer.wait(timeout=10) == 0
        assert not psutil.pid_exists(victim)
    check_each_once(output, 30)
