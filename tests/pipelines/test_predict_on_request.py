"""What `predict` does where it is asked: exports, labels to be mended, regions to leave out, other thresholds."""

import json
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import roifile
import tifffile
from PIL import Image
from pycocotools.coco import COCO

from hrtem_lab.files import read_labelled
from hrtem_lab.micrograph import InputError
from hrtem_lab.pipelines.exports import EXPORTS
from tests.pipelines.test_predict import PIXEL_NM, discs, predict

pytestmark = pytest.mark.usefixtures("dark_network")


@pytest.fixture
def session(tmp_path: Path) -> Path:
    """Two micrographs of one specimen."""
    folder = tmp_path / "session"
    folder.mkdir()
    for name in ("one", "two"):
        tags = {"resolution": (1 / PIXEL_NM,) * 2, "metadata": {"unit": "nm"}}
        tifffile.imwrite(folder / f"{name}.tif", discs()[0], imagej=True, **tags)
    (folder / "metadata.csv").write_text("name,group\none,monday\ntwo,monday\n")
    return folder


def summary(output: Path) -> dict:
    return json.loads((output / "summary.json").read_text())


def test_every_export_is_written_and_goes_when_it_is_not_asked_for_any_more(session: Path, model: Path, tmp_path: Path):
    out = tmp_path / "out"
    assert predict(input=session, output=out, model=model, exports=f"[{','.join(EXPORTS)}]") == 0
    table = pd.read_csv(out / "particles.csv")
    coco = COCO(out / "coco.json")
    assert [image["file_name"] for image in coco.imgs.values()] == ["one.tif", "two.tif"]
    assert len(coco.anns) == len(table) == 4
    assert len(roifile.ImagejRoi.fromfile(out / "rois" / "two.zip")) == 2
    assert tifffile.imread(out / "labels" / "one.ome.tif").dtype == np.uint32
    assert len(json.loads((out / "geojson" / "one.geojson").read_text())["features"]) == 2
    assert (out / "overlays" / "one.svg").read_text().count("<svg") == 1
    assert (out / "overlays" / "two.pdf").read_bytes().startswith(b"%PDF")
    imagej = pd.read_csv(out / "particles_imagej.csv")
    assert imagej["Area"].tolist() == pytest.approx(table["area_nm2"].tolist())
    assert summary(out)["settings"]["exports"] == list(EXPORTS)
    assert predict(input=session, output=out, model=model) == 0
    left = {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file() and path.suffix != ".json"}
    tables = {"particles.csv", "particles.parquet", "micrographs.csv", "failures.csv", "faults.csv"}
    pictures = {f"{folder}.{end}" for folder, end in (("masks/one", "tif"), ("masks/two", "tif"))}
    assert left - {".lock", "report.html"} == tables | pictures | {"overlays/one.png", "overlays/two.png"}
    assert not (out / "coco.json").exists()


def test_the_tables_agree_whatever_their_format(session: Path, model: Path, tmp_path: Path):
    predict(input=session, output=tmp_path, model=model)
    table = pd.read_csv(tmp_path / "particles.csv")
    same = StringIO(pd.read_parquet(tmp_path / "particles.parquet").to_csv(index=False))
    pd.testing.assert_frame_equal(table, pd.read_csv(same), check_dtype=False)
    micrographs = pd.read_csv(tmp_path / "micrographs.csv")
    assert micrographs["particles"].tolist() == [2, 2]
    assert micrographs["group"].tolist() == ["monday", "monday"]
    assert micrographs["pixel_size_nm"].tolist() == pytest.approx([PIXEL_NM] * 2)
    sizes = table.groupby("micrograph")["equivalent_diameter_nm"].mean()
    assert micrographs["equivalent_diameter_nm_mean"].tolist() == pytest.approx(sizes.tolist())


def test_a_region_that_is_left_out_holds_no_particle_and_does_not_count(session: Path, model: Path, tmp_path: Path):
    """A region of ImageJ around the smaller disc is for one of the micrographs alone."""
    regions = tmp_path / "regions"
    regions.mkdir()
    sides = {"left": 120, "right": 200, "top": 80, "bottom": 160}
    roifile.ImagejRoi(roitype=roifile.ROI_TYPE.RECT, name="corner", **sides).tofile(regions / "one.roi")
    predict(input=session, output=tmp_path / "out", model=model, leave_out=regions)
    table = pd.read_csv(tmp_path / "out" / "particles.csv").groupby("micrograph")
    assert table.size().to_dict() == {"one": 1, "two": 2}
    assert table["equivalent_diameter_nm"].mean()["one"] == pytest.approx(3.0, rel=0.1)
    one, two = summary(tmp_path / "out")["per_micrograph"]
    assert one["field_nm2"] == pytest.approx(0.8 * two["field_nm2"])
    assert "20.0% of the image is left out by one.roi" in one["notes"]
    assert summary(tmp_path / "out")["settings"]["leave_out"] == str(regions)


def test_what_is_left_out_can_change(session: Path, model: Path, tmp_path: Path):
    settings = {"input": session, "output": tmp_path / "out", "model": model, "leave_out": tmp_path / "disc.png"}
    for rows, columns, kept_nm in ((slice(80, 160), slice(120, 200), 3.0), (slice(20, 100), slice(30, 110), 2.0)):
        region = np.zeros((160, 200), np.uint8)
        region[rows, columns] = 255
        Image.fromarray(region).save(tmp_path / "disc.png")
        predict(**settings)
        sizes = pd.read_csv(tmp_path / "out" / "particles.csv")["equivalent_diameter_nm"]
        assert sizes.tolist() == pytest.approx([kept_nm] * 2, rel=0.1)


def test_a_region_of_one_image_of_a_file_can_change(model: Path, tmp_path: Path):
    """Regions may be called as an image of a file, whose names only the file knows."""
    image = discs()[0]
    tags = {"resolution": (1 / PIXEL_NM,) * 2, "metadata": {"unit": "nm", "axes": "TYX"}}
    tifffile.imwrite(tmp_path / "stack.tif", np.stack([image, image[::-1]]), imagej=True, **tags)
    regions = tmp_path / "regions"
    regions.mkdir()
    settings = {"input": tmp_path / "stack.tif", "output": tmp_path / "out", "model": model, "leave_out": regions}
    for share in (0.0, 0.25, 0.5):
        if share:
            region = np.zeros(image.shape, np.uint8)
            region[:, : int(share * image.shape[1])] = 255
            Image.fromarray(region).save(regions / "stack_0001.png")
        predict(**settings)
        first, second = (row["field_nm2"] for row in summary(tmp_path / "out")["per_micrograph"])
        assert second == pytest.approx((1 - share) * first)


def test_a_higher_threshold_and_a_larger_least_diameter_leave_less(session: Path, model: Path, tmp_path: Path):
    areas = {}
    for threshold in (0.3, 0.9):
        out = tmp_path / str(threshold)
        predict(input=session, output=out, model=model, threshold=threshold)
        areas[threshold] = pd.read_csv(out / "particles.csv")["area_nm2"].sum()
        assert summary(out)["settings"]["threshold"] == summary(out)["model"]["threshold"] == threshold
    assert areas[0.9] < areas[0.3]
    predict(input=session, output=tmp_path / "large", model=model, min_diameter_nm=2.5)
    assert pd.read_csv(tmp_path / "large" / "particles.csv").groupby("micrograph").size().tolist() == [1, 1]
    assert summary(tmp_path / "large")["model"]["min_diameter_nm"] == 2.5


def test_labels_are_written_to_be_mended_and_survive(session: Path, model: Path, tmp_path: Path):
    settings = {"input": session, "output": tmp_path, "model": model, "labelled": True}
    predict(**settings)
    first, second = read_labelled(tmp_path / "labelled")
    assert (first.name, first.group, first.pixel_size_nm) == ("one", "monday", pytest.approx(PIXEL_NM))
    np.testing.assert_array_equal(first.instances, tifffile.imread(tmp_path / "masks" / "one.tif"))
    np.testing.assert_array_equal(second.image, discs()[0])
    table = pd.read_csv(tmp_path / "labelled" / "metadata.csv")
    assert table["outline"].tolist() == ["geometric"] * 2
    mended = np.zeros((160, 200), np.uint16)
    mended[40:60, 40:60] = 1
    tifffile.imwrite(tmp_path / "labelled" / "one_label.tif", mended)
    (tmp_path / "labelled" / "two_label.tif").unlink()
    predict(**settings)
    predict(**settings, threshold=0.9)
    assert np.count_nonzero(tifffile.imread(tmp_path / "labelled" / "one_label.tif")) == 400
    np.testing.assert_array_equal(
        tifffile.imread(tmp_path / "labelled" / "two_label.tif"), tifffile.imread(tmp_path / "masks" / "two.tif")
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"exports": "[word]"}, "exports=word: expected any of imagej_rois"),
        ({"threshold": 2}, "threshold is 2, expected a number above 0 and below 1"),
        ({"threshold": "high"}, "threshold=high: expected a number"),
        ({"min_diameter_nm": -1}, "min_diameter_nm is -1, expected"),
        ({"leave_out": "nowhere"}, "nowhere: nothing is there"),
        ({"labelled": "perhaps"}, "labelled=perhaps: expected true or false"),
    ],
)
def test_a_wrong_setting_is_refused_in_a_line(
    settings: dict[str, object], message: str, session: Path, model: Path, tmp_path: Path
):
    with pytest.raises(InputError, match=message):
        predict(input=session, output=tmp_path / "out", model=model, **settings)
