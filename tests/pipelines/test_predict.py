"""Files in, masks, overlays and tables out."""

import json
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
import torch
from hydra import compose, initialize_config_dir
from PIL import Image

from hrtem_lab.analysis.analyser import Analyser, Analysis
from hrtem_lab.cli.command import FAILED, PARTLY_DONE
from hrtem_lab.files import read
from hrtem_lab.files.reader_pool import ReaderPool
from hrtem_lab.micrograph import CLASSES, OUTLINES, InputError, Micrograph
from hrtem_lab.particles import measure
from hrtem_lab.paths import CONF
from hrtem_lab.pipelines import file_analysis
from hrtem_lab.pipelines import predict as prediction
from hrtem_lab.progress import ProgressCallback
from hrtem_lab.segmentation.network_segmenter import NetworkSegmenter
from hrtem_lab.segmentation.preprocessing import Preprocessing
from tests.files import unruly
from tests.models import Dark, save_model

PIXEL_NM = 0.05


def discs(shape: tuple[int, int] = (160, 200)) -> tuple[np.ndarray, np.ndarray]:
    """Two dark discs on noise, 3 and 2 nm wide, and where they are."""
    rng = np.random.default_rng(0)
    row, column = np.mgrid[: shape[0], : shape[1]]
    truth = np.hypot(row - 60, column - 70) < 30
    truth |= np.hypot(row - 110, column - 150) < 20
    return (rng.normal(1000, 30, shape) - 200 * truth).astype(np.float32), truth


class ReadsHere(ReaderPool):
    """Reads in this process: that the real one does not is seen once, and starting it each time takes seconds."""

    def __init__(self, *limits: float) -> None: ...

    def call(self, function, path, *args, **kwargs):
        return function(*args, **kwargs)

    def close(self) -> None: ...


@pytest.fixture(autouse=True)
def _read_here(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "child" not in request.node.name:
        monkeypatch.setattr(file_analysis, "ReaderPool", ReadsHere)


@pytest.fixture
def dark(monkeypatch: pytest.MonkeyPatch) -> None:
    """A segmenter whose answer is known, in the place of the trained one."""
    known = NetworkSegmenter(net=Dark(), preprocessing=Preprocessing())
    monkeypatch.setattr(NetworkSegmenter, "load", lambda *_, **overruled: replace(known, **overruled))


def predict(**settings: object) -> int:
    settings = {"workers": 0, **settings}  # known models are put into this process
    words = [f"{key}='{value}'" if isinstance(value, Path) else f"{key}={value}" for key, value in settings.items()]
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return prediction.predict(compose("predict", overrides=words))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A calibrated micrograph with its label, an uncalibrated one, and two files that cannot be read."""
    folder = tmp_path / "in put"
    folder.mkdir()
    image, truth = discs()
    tifffile.imwrite(folder / "discs.tif", image, imagej=True, resolution=(1 / PIXEL_NM,) * 2, metadata={"unit": "nm"})
    Image.fromarray((255 * truth).astype(np.uint8)).save(folder / "discs_label.png")
    Image.fromarray((image / image.max() * 255).astype(np.uint8)).save(folder / "ohne_Maßstab.png")
    (folder / "torn.dm3").write_bytes(b"\0\0\0\3torn")
    tifffile.imwrite(folder / "nan.tif", np.full((20, 20), np.nan, np.float32), imagej=True, metadata={"unit": "nm"})
    return folder


@pytest.mark.usefixtures("dark")
def test_drawn_discs_are_found_measured_and_scored(folder: Path, model: Path, tmp_path: Path):
    out = tmp_path / "out"
    assert predict(input=folder, output=out, model=model) == PARTLY_DONE
    table = pd.read_csv(out / "particles.csv")
    assert table["micrograph"].tolist() == ["discs", "discs"]
    assert sorted(table["equivalent_diameter_nm"]) == pytest.approx([2.0, 3.0], rel=0.1)
    assert not table["touches_edge"].any()
    assert set(table["class"]) <= set(CLASSES)
    assert table[[f"p_{c}" for c in CLASSES]].sum(axis=1).to_numpy() == pytest.approx(1)
    assert (table["confidence"] > 0.5).all()
    summary = json.loads((out / "summary.json").read_text())
    assert summary["particles"] == 2
    assert summary["per_micrograph"][0]["dice"] > 0.9
    assert (summary["per_micrograph"][0]["rows"], summary["per_micrograph"][0]["columns"]) == (160, 200)
    failures = pd.read_csv(out / "failures.csv")
    assert len(failures) == 3
    assert sorted(Path(file).name for file in failures["file"]) == ["nan.tif", "ohne_Maßstab.png", "torn.dm3"]
    assert "pixel_size_nm=" in " ".join(failures["reason"])


@pytest.mark.usefixtures("dark")
def test_the_sample_that_ships_is_found_where_nothing_here_is_called_so(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    assert predict(input="examples", output="shipped", model=model) == 0
    assert "the sample that ships with hrtem_lab" in capsys.readouterr().out
    assert (tmp_path / "shipped" / "masks" / "lb_au10nm_114.tif").is_file()
    (tmp_path / "examples").mkdir()
    tifffile.imwrite(tmp_path / "examples" / "mine.tif", discs()[0])
    assert predict(input="examples", output="mine", model=model, pixel_size_nm=PIXEL_NM) == 0
    assert [path.name for path in (tmp_path / "mine" / "masks").iterdir()] == ["mine.tif"]


@pytest.mark.usefixtures("dark")
def test_masks_and_summary_go_by_the_outline_that_is_chosen(folder: Path, model: Path, tmp_path: Path):
    areas, summaries, tables = {}, {}, {}
    for outline in OUTLINES:
        out = tmp_path / outline
        predict(input=folder / "discs.tif", output=out, model=model, outline=outline)
        areas[outline] = np.bincount(tifffile.imread(out / "masks" / "discs.tif").ravel())[1:] * PIXEL_NM**2
        summaries[outline] = json.loads((out / "summary.json").read_text())
        tables[outline] = pd.read_csv(out / "particles.csv")
        assert summaries[outline]["outline"] == summaries[outline]["per_micrograph"][0]["outline"] == outline
    pd.testing.assert_frame_equal(*tables.values())
    table = tables["geometric"]
    assert table["half_contrast_reason"].isna().all()
    for outline, unit in zip(OUTLINES, ("", "_half_contrast"), strict=True):
        np.testing.assert_allclose(areas[outline], table[f"area{unit}_nm2"], rtol=0.02)
        mean = table[f"equivalent_diameter{unit}_nm"].mean()
        assert summaries[outline]["equivalent_diameter_nm"]["mean"] == pytest.approx(mean)
        assert (table[f"equivalent_diameter{unit}_se_nm"] > 0).all()
    with pytest.raises(InputError, match="outline is outer, expected geometric or half_contrast"):
        predict(input=folder / "discs.tif", output=tmp_path / "no", model=model, outline="outer")


@pytest.mark.usefixtures("dark")
def test_the_mask_has_the_shape_and_the_calibration_of_its_input(folder: Path, model: Path, tmp_path: Path):
    predict(input=folder / "discs.tif", output=tmp_path, model=model)
    mask = tifffile.imread(tmp_path / "masks" / "discs.tif")
    assert mask.dtype == np.uint16
    assert mask.shape == (160, 200)
    assert read(tmp_path / "masks" / "discs.tif")[0].pixel_size_nm == pytest.approx(PIXEL_NM)
    written = pd.read_csv(tmp_path / "particles.csv").set_index("particle")
    again = measure(mask.astype(np.int32), PIXEL_NM)
    assert written["area_nm2"].to_numpy() == pytest.approx(again["area_nm2"].to_numpy(), rel=0.02)
    with Image.open(tmp_path / "overlays" / "discs.png") as overlay:
        assert overlay.size[0] / overlay.size[1] == pytest.approx(200 / 160, rel=0.02)


@pytest.mark.usefixtures("dark")
def test_a_stack_gives_a_mask_of_its_own_shape(model: Path, tmp_path: Path):
    stack = np.stack([discs()[0]] * 3)
    tifffile.imwrite(tmp_path / "film.tif", stack, photometric="minisblack")
    assert predict(input=tmp_path / "film.tif", output=tmp_path / "out", model=model, pixel_size_nm=PIXEL_NM) == 0
    assert tifffile.imread(tmp_path / "out" / "masks" / "film.tif").shape == stack.shape
    table = pd.read_csv(tmp_path / "out" / "particles.csv")
    assert table.groupby("micrograph").size().to_dict() == {f"film_{i:04d}": 2 for i in range(3)}


@pytest.mark.usefixtures("dark")
def test_images_of_different_shapes_in_one_file_have_a_mask_each(model: Path, tmp_path: Path):
    with tifffile.TiffWriter(tmp_path / "both.tif") as tiff:
        for shape in ((160, 200), (150, 190)):
            tiff.write(discs(shape)[0], metadata=None)
    out = tmp_path / "out"
    assert predict(input=tmp_path / "both.tif", output=out, model=model, pixel_size_nm=PIXEL_NM) == 0
    shapes = {path.stem: tifffile.imread(path).shape for path in (out / "masks").iterdir()}
    assert shapes == {"both_0000": (160, 200), "both_0001": (150, 190)}


@pytest.mark.usefixtures("dark")
def test_a_file_that_fails_late_leaves_nothing_in_the_tables(
    folder: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def refused(path: Path, *_: object) -> None:
        raise InputError(f"{path}: cannot be written")

    monkeypatch.setattr(file_analysis, "write_mask", refused)
    assert predict(input=folder / "discs.tif", output=tmp_path, model=model) == FAILED
    assert pd.read_csv(tmp_path / "particles.csv").empty
    assert json.loads((tmp_path / "summary.json").read_text())["per_micrograph"] == []


@pytest.mark.usefixtures("dark")
def test_a_label_that_does_not_fit_costs_the_dice_alone(
    folder: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    Image.fromarray(np.zeros((9, 9), np.uint8)).save(folder / "discs_label.png")
    assert predict(input=folder / "discs.tif", output=tmp_path, model=model) == 0
    (row,) = json.loads((tmp_path / "summary.json").read_text())["per_micrograph"]
    assert (row["particles"], "dice" in row) == (2, False)
    assert "discs_label.png: the label has shape (9, 9)" in row["label_unused"]
    assert "no Dice discs_label.png: the label has shape (9, 9)" in capsys.readouterr().out


@pytest.mark.usefixtures("dark")
def test_true_particles_that_touch_by_a_corner_are_two(folder: Path, model: Path, tmp_path: Path):
    label = np.zeros((160, 200), np.uint8)
    label[10:20, 10:20] = label[20:30, 20:30] = 255
    Image.fromarray(label).save(folder / "discs_label.png")
    predict(input=folder / "discs.tif", output=tmp_path, model=model)
    assert json.loads((tmp_path / "summary.json").read_text())["per_micrograph"][0]["particles_true"] == 2


@pytest.mark.usefixtures("dark")
def test_the_label_of_an_image_whose_pixels_are_not_square_fits(model: Path, tmp_path: Path):
    image, truth = discs()
    tifffile.imwrite(
        tmp_path / "a.tif", image[::2], imagej=True, resolution=(1 / PIXEL_NM, 0.5 / PIXEL_NM), metadata={"unit": "nm"}
    )
    Image.fromarray((255 * truth[::2]).astype(np.uint8)).save(tmp_path / "a_label.png")
    assert predict(input=tmp_path / "a.tif", output=tmp_path / "out", model=model) == 0
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["per_micrograph"][0]["dice"] > 0.9


@pytest.mark.usefixtures("dark")
@pytest.mark.parametrize("way", ["setting", "table", "metadata"])
def test_each_way_to_give_the_calibration(way: str, folder: Path, model: Path, tmp_path: Path):
    image = folder / "ohne_Maßstab.png"
    sizes = "name,pixel_size_nm\nohne_Maßstab,0.05\n"
    settings: dict[str, object] = {}
    if way == "setting":
        settings = {"pixel_size_nm": 0.05}
    elif way == "table":
        settings = {"calibration": tmp_path / "sizes.csv"}
        (tmp_path / "sizes.csv").write_text(sizes, encoding="utf-8")
    else:
        (folder / "metadata.csv").write_text(sizes, encoding="utf-8")
    assert predict(input=image, output=tmp_path / "out", model=model, **settings) == 0
    table = pd.read_csv(tmp_path / "out" / "particles.csv")
    assert sorted(table["equivalent_diameter_nm"]) == pytest.approx([2.0, 3.0], rel=0.1)


@pytest.mark.usefixtures("dark")
@pytest.mark.parametrize("overrule", [False, True])
def test_a_size_that_is_not_used_is_said(
    overrule: bool, folder: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    settings = {"input": folder / "discs.tif", "output": tmp_path, "model": model, "pixel_size_nm": 0.04}
    predict(**settings, overrule=overrule)
    (row,) = json.loads((tmp_path / "summary.json").read_text())["per_micrograph"]
    printed = " ".join(capsys.readouterr().out.split())
    if overrule:
        assert (row["pixel_size_nm"], row["pixel_size_from"]) == (0.04, "pixel_size_nm")
        assert row["pixel_sizes_unused_nm"] == {"the file": pytest.approx(0.05)}
        assert "note discs.tif: the file's own 0.05 nm per pixel is overruled by pixel_size_nm" in printed
    else:
        assert (row["pixel_size_nm"], row["pixel_size_from"]) == (pytest.approx(0.05), "the file")
        assert row["pixel_sizes_unused_nm"] == {"pixel_size_nm": 0.04}
        assert (
            "note discs.tif: pixel_size_nm=0.04 is not used: the file says 0.05 nm per pixel; overrule=true" in printed
        )
    assert row["notes"][0] in printed


@pytest.mark.usefixtures("dark")
@pytest.mark.parametrize("fill", [0.0, np.nan])
def test_nothing_is_found_where_nothing_is_shown(fill: float, model: Path, tmp_path: Path):
    """The void is darker than any particle, and one particle is cut by it."""
    image = discs()[0]
    image[:50] = fill
    tags = {"resolution": (1 / PIXEL_NM,) * 2, "metadata": {"unit": "nm"}}
    tifffile.imwrite(tmp_path / "aligned.tif", image, imagej=True, **tags)
    assert predict(input=tmp_path / "aligned.tif", output=tmp_path / "out", model=model) == 0
    table = pd.read_csv(tmp_path / "out" / "particles.csv").sort_values("area_nm2")
    assert table["touches_edge"].tolist() == [False, True]
    assert table["equivalent_diameter_nm"].iloc[0] == pytest.approx(2.0, rel=0.1)
    assert not tifffile.imread(tmp_path / "out" / "masks" / "aligned.tif")[:50].any()
    (row,) = json.loads((tmp_path / "out" / "summary.json").read_text())["per_micrograph"]
    assert (row["rows"], row["columns"]) == (160, 200)
    assert (row["field_rows"], row["field_columns"]) == (110, 200)
    assert row["field_nm2"] == pytest.approx(110 * 200 * PIXEL_NM**2)
    assert row["particle_fraction"] == pytest.approx(table["area_nm2"].sum() / row["field_nm2"], rel=0.02)
    assert "empty border" in row["notes"][0]


@pytest.mark.usefixtures("dark")
def test_a_label_without_a_background_costs_the_dice_and_says_the_way_out(
    folder: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    values = 1 + discs()[1].astype(np.uint8)
    Image.fromarray(values).save(folder / "discs_label.png")
    settings = {"input": folder / "discs.tif", "model": model}
    predict(**settings, output=tmp_path / "without")
    (row,) = json.loads((tmp_path / "without" / "summary.json").read_text())["per_micrograph"]
    assert "dice" not in row
    assert "label.background=1" in row["label_unused"]
    assert "label.background=1" in " ".join(capsys.readouterr().out.split())
    predict(**settings, output=tmp_path / "with", **{"label.background": 1})
    (row,) = json.loads((tmp_path / "with" / "summary.json").read_text())["per_micrograph"]
    assert row["dice"] > 0.9
    assert row["particles_true"] == 2


@pytest.mark.usefixtures("dark")
def test_what_is_said_of_a_label_is_printed(
    folder: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    label = np.full((160, 200), 255, np.uint8)
    label[:5, :5] = 0
    Image.fromarray(label).save(folder / "discs_label.png")
    predict(input=folder / "discs.tif", output=tmp_path, model=model)
    assert "note discs.tif: discs_label.png covers 100% of the image" in " ".join(capsys.readouterr().out.split())


@pytest.mark.usefixtures("dark")
def test_one_frame_of_a_stack(model: Path, tmp_path: Path):
    tifffile.imwrite(tmp_path / "film.tif", np.stack([discs()[0]] * 3), photometric="minisblack")
    settings = {"input": tmp_path / "film.tif", "model": model, "pixel_size_nm": PIXEL_NM}
    predict(**settings, output=tmp_path / "one", frames=1)
    predict(**settings, output=tmp_path / "sum", frames="sum")
    assert [path.name for path in (tmp_path / "one" / "masks").iterdir()] == ["film_0001.tif"]
    assert [path.name for path in (tmp_path / "sum" / "masks").iterdir()] == ["film_sum.tif"]
    assert len(pd.read_csv(tmp_path / "sum" / "particles.csv")) == 2


@pytest.mark.parametrize("forest", [True, False])
def test_an_empty_field_gives_empty_tables(forest: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    model = save_model(tmp_path / "model", forest)
    monkeypatch.setattr(
        NetworkSegmenter,
        "load",
        classmethod(lambda cls, *_: NetworkSegmenter(net=Dark(), preprocessing=Preprocessing())),
    )
    Image.fromarray(np.full((64, 64), 7, np.uint8)).save(tmp_path / "flat.png")
    assert predict(input=tmp_path / "flat.png", output=tmp_path / "out", model=model, pixel_size_nm=0.05) == 0
    table = pd.read_csv(tmp_path / "out" / "particles.csv")
    assert len(table) == 0
    assert {"micrograph", "particle", "equivalent_diameter_nm", "touches_edge"} <= set(table.columns)
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["particles"] == 0


def test_what_was_found_before_an_interruption_is_written(
    folder: Path,
    model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    analyse, analysed = Analyser.__call__, []

    def interrupted(self: Analyser, micrograph: Micrograph, *, progress: ProgressCallback) -> Analysis:
        if analysed:
            raise KeyboardInterrupt
        analysed.append(micrograph)
        return analyse(self, micrograph, progress=progress)

    monkeypatch.setattr(Analyser, "__call__", interrupted)
    with pytest.raises(KeyboardInterrupt):
        predict(input=folder, output=tmp_path / "out", model=model, pixel_size_nm=0.05)
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["micrographs"] == 1
    printed = " ".join(capsys.readouterr().out.split())
    assert f"Stopped; what was found so far (1 micrograph done of 4 files) is kept in {tmp_path / 'out'}" in printed


@pytest.mark.parametrize("tta", [False, True])
def test_augmentation_is_switched_on_by_its_name(
    tta: bool, folder: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    class Counting(Dark):
        """Counts the tiles that it is shown."""

        seen = 0

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            Counting.seen += len(images)
            return super().forward(images)

    known = NetworkSegmenter(net=Counting(), preprocessing=Preprocessing())
    monkeypatch.setattr(NetworkSegmenter, "load", lambda *_, **overruled: replace(known, **overruled))
    predict(input=folder / "discs.tif", output=tmp_path, model=model, tta=str(tta).lower())
    assert Counting.seen == (8 if tta else 1)
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert (summary["particles"], summary["model"]["tta"]) == (2, tta)


@pytest.mark.usefixtures("dark")
def test_the_inputs_folder_may_be_the_outputs_and_stays_as_it_was(folder: Path, model: Path):
    before = {path: path.read_bytes() for path in folder.iterdir()}
    for _ in range(2):
        assert predict(input=folder, output=folder, model=model, pixel_size_nm=PIXEL_NM) == PARTLY_DONE
        assert len(pd.read_csv(folder / "failures.csv")) == 2
        assert {path: path.read_bytes() for path in before} == before
        assert len(json.loads((folder / "summary.json").read_text())["per_micrograph"]) == 2


@pytest.mark.usefixtures("dark")
def test_the_same_pattern_takes_the_same_files_again(folder: Path, model: Path):
    for _ in range(2):
        code = predict(input=folder / "**" / "*.[tp]*", output=folder / "out", model=model, pixel_size_nm=PIXEL_NM)
        assert code == PARTLY_DONE
        assert len(json.loads((folder / "out" / "summary.json").read_text())["per_micrograph"]) == 2


@pytest.mark.usefixtures("dark")
def test_masks_and_overlays_of_files_that_are_gone_go_too_and_nothing_else(folder: Path, model: Path, tmp_path: Path):
    out = tmp_path / "out"
    predict(input=folder, output=out, model=model, pixel_size_nm=PIXEL_NM)
    (out / "masks" / "mine.tif").touch()
    (folder / "ohne_Maßstab.png").unlink()
    predict(input=folder, output=out, model=model, pixel_size_nm=PIXEL_NM)
    assert {path.name for path in (out / "masks").iterdir()} == {"discs.tif", "mine.tif"}
    assert {path.name for path in (out / "overlays").iterdir()} == {"discs.png"}


@pytest.mark.usefixtures("dark")
def test_an_image_of_a_stack_that_is_called_as_another_file_is_refused(model: Path, tmp_path: Path):
    tifffile.imwrite(tmp_path / "film.tif", np.stack([discs()[0]] * 2), photometric="minisblack")
    tifffile.imwrite(tmp_path / "film_0000.tif", discs()[0])
    assert predict(input=tmp_path, output=tmp_path / "out", model=model, pixel_size_nm=PIXEL_NM) == PARTLY_DONE
    (reason,) = pd.read_csv(tmp_path / "out" / "failures.csv")["reason"]
    assert reason == "film.tif: its image film_0000 is called as another file is; rename one of the files"
    assert set(pd.read_csv(tmp_path / "out" / "particles.csv")["micrograph"]) == {"film_0000"}


@pytest.mark.usefixtures("dark")
@pytest.mark.parametrize("place", ["masks", "overlays"])
def test_what_would_be_written_over_a_micrograph_is_refused(place: str, folder: Path, model: Path, tmp_path: Path):
    (tmp_path / "out").mkdir()
    folder.rename(tmp_path / "out" / place)
    kept = (tmp_path / "out" / place / "discs.tif").read_bytes()
    for chosen in (tmp_path / "out" / place, f"{tmp_path / 'out'}/**/discs.tif"):
        with pytest.raises(InputError, match="would be written over"):
            predict(input=chosen, output=tmp_path / "out", model=model)
    assert (tmp_path / "out" / place / "discs.tif").read_bytes() == kept


def test_the_tiles_of_a_large_micrograph_are_counted(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    steps = []

    @contextmanager
    def noted(title: str, below: str):
        yield (lambda done, total: steps.append((title, done, total))), (lambda *step: steps.append((below, *step)))

    monkeypatch.setattr(prediction, "nested_progress_bars", noted)
    known = NetworkSegmenter(net=Dark(), preprocessing=Preprocessing(), tile=128, overlap=32)
    monkeypatch.setattr(NetworkSegmenter, "load", lambda *_, **overruled: replace(known, **overruled))
    tifffile.imwrite(tmp_path / "discs.tif", discs()[0])
    predict(input=tmp_path / "discs.tif", output=tmp_path, model=model, pixel_size_nm=PIXEL_NM)
    tiles = [("Tiles of this micrograph", i, 4) for i in range(1, 5)]  # 160 x 224 in tiles of 128
    assert steps == [("Finding particles", 0, 1), *tiles, ("Finding particles", 1, 1)]


@pytest.mark.usefixtures("dark")
def test_files_are_read_in_a_child_and_one_that_hangs_costs_only_itself(
    folder: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(file_analysis, "read", unruly.read_or_hang)
    code = predict(input=folder, output=tmp_path / "out", model=model, pixel_size_nm=PIXEL_NM, read_limit_s=5)
    assert code == PARTLY_DONE
    rows = json.loads((tmp_path / "out" / "summary.json").read_text())["per_micrograph"]
    assert [row["micrograph"] for row in rows] == ["discs", "ohne_Maßstab"]
    assert rows[0]["dice"] > 0.9
    reasons = pd.read_csv(tmp_path / "out" / "failures.csv")["reason"]
    assert any(reason.startswith("torn.dm3: cannot be read within 5 s") for reason in reasons)


@pytest.mark.parametrize("limit", ["read_limit_s=0", "read_limit_gib=-1", "read_limit_gib=inf", "read_limit_s=true"])
def test_a_limit_that_is_none_is_refused(limit: str, folder: Path, model: Path, tmp_path: Path):
    key, value = limit.split("=")
    with pytest.raises(InputError, match=f"{key} is .*, expected a positive number"):
        predict(input=folder, output=tmp_path / "out", model=model, **{key: value})


def test_a_fault_of_ours_in_one_file_does_not_cost_the_others(
    folder: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr(Analyser, "__call__", broken)
    assert predict(input=folder, output=tmp_path / "out", model=model, pixel_size_nm=0.05) == FAILED
    reasons = pd.read_csv(tmp_path / "out" / "failures.csv")["reason"]
    assert len(reasons) == 4
    assert [reason for reason in reasons if "Zero" in reason] == [
        f"{name}: ZeroDivisionError: by zero" for name in ("discs.tif", "ohne_Maßstab.png")
    ]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        *(({"pixel_size_nm": size}, f"pixel_size_nm is {size}, ") for size in (-1, 0, "0.05nm", "abc", "inf", "nan")),
        ({"pixel_size_nm": "true"}, "pixel_size_nm is True, "),
        ({"calibration": "missing.csv"}, "missing.csv"),
        ({"overrule": "true"}, "overrule=true: give pixel_size_nm or calibration"),
        ({"overrule": "2", "pixel_size_nm": 0.02}, "overrule=2: expected true or false"),
        ({"label.background": -1}, "label.background=-1: expected a whole number"),
        *(({"frames": frames}, f"frames={frames}: expected all, sum") for frames in ("some", -1, 1.5)),
        ({"model": "nowhere"}, "model=nowhere: nothing there"),
    ],
)
def test_a_wrong_setting_is_refused_before_any_file_is_read(
    settings: dict[str, object], message: str, folder: Path, model: Path, tmp_path: Path
):
    with pytest.raises(InputError, match=message):
        predict(**{"input": folder, "output": tmp_path / "out", "model": model, **settings})


@pytest.mark.usefixtures("dark")
def test_names_are_printed_as_they_are(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    tifffile.imwrite(tmp_path / "Au [b].tif", discs()[0])
    (tmp_path / "torn [red].dm3").write_bytes(b"torn")
    predict(input=tmp_path, output=tmp_path / "out [b]", model=model, pixel_size_nm=PIXEL_NM)
    printed = capsys.readouterr().out
    assert "Au [b]" in printed
    assert "failed torn [red].dm3: cannot be read" in printed
    assert f"summary.json: {tmp_path / 'out [b]'}" in printed


def test_the_command_ends_with_3_when_a_file_failed_and_names_it(folder: Path, model: Path, tmp_path: Path):
    words = [f"input={folder}", f"output={tmp_path / 'out (1)'}", f"model={model}"]
    done = subprocess.run(
        [sys.executable, "-m", "hrtem_lab.predict", *words], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == PARTLY_DONE, done.stderr
    assert "torn.dm3" in done.stdout
    assert (tmp_path / "out (1)" / "masks" / "discs.tif").is_file()


def test_real_tiles_give_masks_of_their_shapes(samples: Path, model: Path, tmp_path: Path):
    assert predict(input=samples / "labelled", output=tmp_path, model=model) == 0
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["micrographs"] == 9
    assert all("dice" in row for row in summary["per_micrograph"])


def test_of_real_instrument_files_those_without_lattice_are_refused_with_reason(
    samples: Path, model: Path, tmp_path: Path
):
    assert predict(input=samples / "formats", output=tmp_path, model=model) > 0
    failures = pd.read_csv(tmp_path / "failures.csv")
    assert failures["reason"].str.contains("was trained for at most|no calibration|pixel_size_nm").all()
    assert (tmp_path / "masks" / "ondue2_Test_TEM_image.tif").is_file()
