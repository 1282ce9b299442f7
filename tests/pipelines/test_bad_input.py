"""Inputs and disks that nobody wants: each ends in a row or in one line, and costs the other files nothing."""

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile

from hrtem_lab.cli.command import DONE, FAILED, MISTAKE, PARTLY_DONE
from hrtem_lab.files import find_inputs
from hrtem_lab.micrograph import InputError
from hrtem_lab.pipelines import file_analysis
from tests.models import save_model
from tests.pipelines.test_predict import PIXEL_NM, ReadsHere, discs, predict

pytestmark = pytest.mark.skipif(os.name == "nt", reason="links, mounts and limits of Unix")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(tmp_path_factory.mktemp("model"), forest=False)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one good micrograph, which has to be answered whatever lies beside it."""
    monkeypatch.setattr(file_analysis, "ReaderPool", ReadsHere)
    (tmp_path / "in").mkdir()
    tifffile.imwrite(tmp_path / "in" / "good.tif", discs()[0])
    return tmp_path / "in"


def outcome(output: Path) -> tuple[list[str], list[str]]:
    """Names of the micrographs that were answered, and the reasons of the files that were not."""
    rows = json.loads((output / "summary.json").read_text())["per_micrograph"]
    return [row["micrograph"] for row in rows], pd.read_csv(output / "failures.csv")["reason"].tolist()


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (np.full((40, 40), np.nan, np.float32), "NaN"),
        (np.zeros((5, 70, 60, 3, 4), np.float32), "bad.tif: "),
        (np.zeros((100, 64, 64), np.uint8), "frames=all"),
    ],
    ids=["NaN", "5-D", "long stack"],
)
def test_an_image_that_is_none_is_a_row(image: np.ndarray, reason: str, folder: Path, model: Path, tmp_path: Path):
    tifffile.imwrite(folder / "bad.tif", image, photometric="minisblack")
    code = predict(input=folder, output=tmp_path / "out", model=model, pixel_size_nm=PIXEL_NM)
    names, (said,) = outcome(tmp_path / "out")
    assert (code, names) == (PARTLY_DONE, ["good"])
    assert reason in said
    assert "\n" not in said


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (2, 2), (1, 20_000)])
def test_the_smallest_images_are_answered_or_refused_in_words(
    shape: tuple[int, int], folder: Path, model: Path, tmp_path: Path
):
    tifffile.imwrite(folder / "small.tif", np.random.default_rng(0).normal(size=shape).astype(np.float32))
    predict(input=folder, output=tmp_path / "out", model=model, pixel_size_nm=PIXEL_NM)
    names, reasons = outcome(tmp_path / "out")
    assert "good" in names
    assert len(names) + len(reasons) == 2
    assert not [reason for reason in reasons if "Error" in reason]


def test_a_constant_image_holds_no_particle(folder: Path, model: Path, tmp_path: Path):
    tifffile.imwrite(folder / "flat.tif", np.full((90, 80), 7, np.uint16))
    assert predict(input=folder, output=tmp_path / "out", model=model, pixel_size_nm=PIXEL_NM) == DONE
    table = pd.read_csv(tmp_path / "out" / "particles.csv")
    assert "flat" not in set(table["micrograph"])


@pytest.mark.parametrize("size", ["0", "-0.02", "nan", "1e-400"])
def test_a_pixel_size_in_a_table_that_is_none_is_a_row(size: str, folder: Path, model: Path, tmp_path: Path):
    (folder / "metadata.csv").write_text(f"name,pixel_size_nm\ngood,{PIXEL_NM}\nbad,{size}\n")
    tifffile.imwrite(folder / "bad.tif", discs()[0])
    assert predict(input=folder, output=tmp_path / "out", model=model) == PARTLY_DONE
    names, (reason,) = outcome(tmp_path / "out")
    assert names == ["good"]
    assert "expected a positive number of nm" in reason


def test_two_files_of_one_name_are_two_micrographs(folder: Path, model: Path, tmp_path: Path):
    (folder / "sub").mkdir()
    for path in (folder / "good.tiff", folder / "sub" / "good.tif"):
        tifffile.imwrite(path, discs()[0])
    code = predict(input=f"{folder}/**", output=tmp_path / "out", model=model, pixel_size_nm=PIXEL_NM)
    names, _ = outcome(tmp_path / "out")
    assert (code, names) == (DONE, ["good.tif", "good.tiff", "sub__good"])
    assert len(list((tmp_path / "out" / "masks").iterdir())) == 3


def test_links_that_lead_back_are_followed_once(folder: Path):
    (folder / "sub").mkdir()
    for link in ("up", "again", "once more"):
        (folder / "sub" / link).symlink_to(folder)
    (folder / "self").symlink_to(folder / "self")
    (folder / "gone.tif").symlink_to(folder / "nowhere.tif")
    tifffile.imwrite(folder / "sub" / "deep.tif", discs()[0])
    other = folder.parent / "other"
    other.mkdir()
    tifffile.imwrite(other / "linked.tif", discs()[0])
    (folder / "link").symlink_to(other)
    assert {path.name for path in find_inputs(f"{folder}/**/*.tif").values()} == {"good.tif", "deep.tif", "linked.tif"}


def test_an_empty_folder_is_said_in_one_line(model: Path, tmp_path: Path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="the folder holds no micrograph"):
        predict(input=tmp_path / "empty", output=tmp_path / "out", model=model)


def test_a_model_of_another_version_is_said_in_one_line(folder: Path, model: Path, tmp_path: Path):
    other = save_model(tmp_path / "other", forest=False)
    settings = json.loads((other / "segmenter.json").read_text())
    (other / "segmenter.json").write_text(json.dumps(settings | {"knows_the_future": True}))
    with pytest.raises(InputError, match=r"the model cannot be read .*knows_the_future.*train again"):
        predict(input=folder, output=tmp_path / "out", model=other, pixel_size_nm=PIXEL_NM)


def command(
    folder: Path, output: Path, model: Path, *words: str, **options: object
) -> subprocess.CompletedProcess[str]:
    """Call `predict` as a shell would."""
    settings = [f"input={folder}", f"output={output}", f"model={model}", f"pixel_size_nm={PIXEL_NM}", "workers=0"]
    call = [sys.executable, "-m", "hrtem_lab.predict", *settings]
    return subprocess.run(call, capture_output=True, text=True, check=False, **options)


Mount = Callable[[str], Path]


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Mount]:
    """Mounts a small file system of its own; skips where that is not allowed."""
    place = tmp_path / "disk"
    place.mkdir()

    def mounted(options: str) -> Path:
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)], capture_output=True)
        if done.returncode:
            pytest.skip("may not mount a file system")
        return place

    yield mounted
    subprocess.run(["umount", str(place)], capture_output=True, check=False)


def test_a_full_disk_ends_the_work_in_one_line_and_the_next_call_goes_on(
    folder: Path, model: Path, tmp_path: Path, mount: Mount
):
    for number in range(20):
        tifffile.imwrite(folder / f"m{number:02d}.tif", discs()[0])
    disk = mount("size=1m")
    done = command(folder, disk / "out", model)
    assert done.returncode == MISTAKE
    assert done.stderr.count("\n") == 1
    assert "No space left on device" in done.stderr
    kept = {path.name: path.stat().st_mtime_ns for path in disk.glob("out/records/*.json")}
    assert 0 < len(kept) < 21
    subprocess.run(["mount", "-o", "remount,size=100m", str(disk)], check=True)
    assert predict(input=folder, output=disk / "out", model=model, pixel_size_nm=PIXEL_NM) == DONE
    assert len(outcome(disk / "out")[0]) == 21
    assert {name: (disk / "out" / "records" / name).stat().st_mtime_ns for name in kept} == kept


def test_a_file_larger_than_may_be_written_is_a_row(folder: Path, model: Path, tmp_path: Path):
    limit = 40_000

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    done = command(folder, tmp_path / "out", model, preexec_fn=limited)
    assert done.returncode == FAILED, done.stderr
    assert "good.png: cannot be written (File too large)" in done.stdout


def test_a_read_only_output_is_said_in_one_line(folder: Path, model: Path, mount: Mount):
    disk = mount("ro")
    for output in (disk, disk / "out"):
        with pytest.raises(InputError, match=rf"output={output}: cannot be "):
            predict(input=folder, output=output, model=model, pixel_size_nm=PIXEL_NM)


def test_a_file_that_may_not_be_read_is_a_row(
    folder: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def refused(path: Path) -> str:
        if path.stem == "secret":
            raise PermissionError(13, "Permission denied", str(path))
        return "content"

    monkeypatch.setattr(file_analysis, "content_digest", refused)  # root may read everything
    tifffile.imwrite(folder / "secret.tif", discs()[0])
    assert predict(input=folder, output=tmp_path / "out", model=model, pixel_size_nm=PIXEL_NM) == PARTLY_DONE
    assert outcome(tmp_path / "out") == (["good"], ["secret.tif: cannot be read (Permission denied)"])


def test_a_huge_image_is_answered_or_refused_in_bounded_memory(model: Path, tmp_path: Path):
    (tmp_path / "in").mkdir()
    image = np.zeros((20_000, 20_000), np.uint8)
    tifffile.imwrite(tmp_path / "in" / "huge.tif", image, compression="zlib", rowsperstrip=1000)
    del image
    code = (
        "import resource, subprocess, sys\ncode = subprocess.run(sys.argv[1:]).returncode\n"
        "print('GiB', resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20)\nsys.exit(code)"
    )
    words = [f"input={tmp_path / 'in'}", f"output={tmp_path / 'out'}", f"model={model}", f"pixel_size_nm={PIXEL_NM}"]
    call = [sys.executable, "-c", code, sys.executable, "-m", "hrtem_lab.predict", *words, "read_limit_gib=1.5"]
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    assert done.returncode == FAILED, done.stderr
    assert "needs more memory than a file may take to be read" in " ".join(done.stdout.split())
    assert float(done.stdout.split("GiB")[1]) < 2
