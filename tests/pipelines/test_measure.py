"""Masks of other programs in, sizes out."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from hydra import compose, initialize_config_dir
from PIL import Image

from hrtem_lab.micrograph import CLASSES, InputError
from hrtem_lab.paths import CONF
from hrtem_lab.pipelines.masked_files import find_mask
from hrtem_lab.pipelines.measure import measure
from tests.pipelines.test_predict import PIXEL_NM, discs

pytestmark = pytest.mark.usefixtures("dark_network")


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """A micrograph, and a mask with a disc of 40 pixels and one of 20 that the edge cuts."""
    images, masks = tmp_path / "images", tmp_path / "masks"
    images.mkdir()
    masks.mkdir()
    tags = {"resolution": (1 / PIXEL_NM,) * 2, "metadata": {"unit": "nm"}}
    tifffile.imwrite(images / "discs.tif", discs()[0], imagej=True, **tags)
    row, column = np.mgrid[:160, :200]
    mask = np.hypot(row - 90, column - 100) < 20
    mask |= np.hypot(row, column - 30) < 10
    Image.fromarray(np.uint8(255 * mask)).save(masks / "discs_cp_masks.png")
    return masks, images


def run(**settings: object) -> int:
    settings = {"workers": 0, **settings}
    words = [f"{key}='{value}'" if isinstance(value, Path) else f"{key}={value}" for key, value in settings.items()]
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return measure(compose("measure", overrides=words))


def test_masks_alone_are_measured_and_not_classified(folders: tuple[Path, Path], model: Path, tmp_path: Path):
    out = tmp_path / "out"
    assert run(masks=folders[0], output=out, model=model, pixel_size_nm=PIXEL_NM, exports="[geojson]") == 0
    table = pd.read_csv(out / "particles.csv").sort_values("area_nm2")
    assert table["touches_edge"].tolist() == [True, False]
    assert table["equivalent_diameter_nm"].iloc[1] == pytest.approx(2.0, rel=0.02)
    assert "class" not in table
    mask = tifffile.imread(out / "masks" / "discs_cp_masks.tif")
    assert np.count_nonzero(mask) * PIXEL_NM**2 == pytest.approx(table["area_nm2"].sum())
    assert (out / "overlays" / "discs_cp_masks.png").is_file()
    assert (out / "geojson" / "discs_cp_masks.geojson").is_file()
    assert json.loads((out / "summary.json").read_text())["field_nm2"] == pytest.approx(160 * 200 * PIXEL_NM**2)


def test_nothing_says_that_a_network_found_what_was_outlined_elsewhere(
    folders: tuple[Path, Path], model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    out = tmp_path / "out"
    assert run(masks=folders[0], images=folders[1], output=out, model=model) == 0
    report = (out / "report.html").read_text(encoding="utf-8")
    assert "in outlines that were made elsewhere (masks in masks)" in report
    assert "network" not in report
    printed = " ".join(capsys.readouterr().out.split())
    assert "Particles in the outlines of" in printed
    assert "Network run by" not in printed
    assert "labelling" not in printed


def test_with_its_micrograph_a_mask_has_its_scale_and_its_classes(
    folders: tuple[Path, Path], model: Path, tmp_path: Path
):
    masks, images = folders
    assert run(masks=masks, images=images, output=tmp_path / "out", model=model) == 0
    table = pd.read_csv(tmp_path / "out" / "particles.csv")
    assert table["micrograph"].tolist() == ["discs"] * 2
    assert table["equivalent_diameter_nm"].max() == pytest.approx(2.0, rel=0.02)
    assert set(table["class"]) <= set(CLASSES)


def test_a_mask_that_was_mended_is_measured_again(folders: tuple[Path, Path], model: Path, tmp_path: Path):
    masks, images = folders
    settings = {"masks": masks, "images": images, "output": tmp_path / "out", "model": model}
    run(**settings)
    mask = np.zeros((160, 200), np.uint8)
    mask[40:80, 40:80] = 255
    Image.fromarray(mask).save(masks / "discs_cp_masks.png")
    run(**settings)
    assert pd.read_csv(tmp_path / "out" / "particles.csv")["area_nm2"].tolist() == pytest.approx([4.0])


def test_the_masks_of_a_prediction_give_the_same_sizes(folders: tuple[Path, Path], model: Path, tmp_path: Path):
    settings = {"model": model, "pixel_size_nm": PIXEL_NM}
    run(masks=folders[0], output=tmp_path / "one", **settings)
    run(masks=tmp_path / "one" / "masks", output=tmp_path / "two", **settings)
    one, two = (pd.read_csv(tmp_path / name / "particles.csv") for name in ("one", "two"))
    pd.testing.assert_frame_equal(one, two)


@pytest.mark.parametrize(
    ("image", "mask"),
    [
        ("a.dm4", "a.tif"),
        ("a.dm4", "a_label.png"),
        ("a.dm4", "a_cp_masks.tif"),
        ("a b.tif", "a b-mask.png"),
        ("c.tif", None),
    ],
)
def test_a_mask_is_called_as_its_micrograph(image: str, mask: str | None):
    names = ["a.tif", "a_label.png", "a_cp_masks.tif", "a b-mask.png", "ab.png", "a_label_old.png"]
    masks = [Path(name) for name in names if mask is None or name in (mask, "ab.png", "a_label_old.png")]
    found = find_mask(masks, Path(image))
    assert (found.name if found else None) == mask


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"threshold": 0.7}, "threshold=0.7: measure takes outlines as they are"),
        ({"masks": "nowhere"}, "nowhere"),
        ({"images": "others"}, "none is called as a micrograph in"),
    ],
)
def test_a_mistake_is_said_in_a_line(
    settings: dict[str, object], message: str, folders: tuple[Path, Path], model: Path, tmp_path: Path
):
    if "images" in settings:
        (tmp_path / "others").mkdir()
        tifffile.imwrite(tmp_path / "others" / "b.tif", discs()[0])
        settings = {"images": tmp_path / "others"}
    with pytest.raises(InputError, match=message):
        run(**{"masks": folders[0], "output": tmp_path / "out", "model": model, "pixel_size_nm": PIXEL_NM, **settings})
