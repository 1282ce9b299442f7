"""Each export, read back by the library that other programs read it with."""

import json
from pathlib import Path

import numpy as np
import ome_types
import pandas as pd
import pytest
import roifile
import shapely
import tifffile
from pycocotools.coco import COCO
from skimage.draw import polygon2mask

from hrtem_lab.files import read
from hrtem_lab.files.exports import (
    merge_coco,
    to_imagej_table,
    write_coco,
    write_geojson,
    write_imagej_rois,
    write_ome_tiff,
)
from hrtem_lab.particles import measure
from hrtem_lab.particles.pixel_borders import trace_borders

PIXEL_NM = 0.05
SHAPE = (60, 80)
COLOURS = {"fault": (213, 94, 0), "no_fault": (86, 180, 233)}


@pytest.fixture
def instances() -> np.ndarray:
    """A disc that the edge cuts, one with a hole, a particle in two parts, and two that touch."""
    row, column = np.mgrid[: SHAPE[0], : SHAPE[1]]
    instances = np.zeros(SHAPE, np.int32)
    instances[np.hypot(row - 5, column - 10) < 9] = 1
    instances[np.hypot(row - 40, column - 20) < 12] = 3
    instances[np.hypot(row - 40, column - 20) < 4] = 0
    instances[10:14, 40:44] = instances[14:20, 44:50] = 4
    instances[30:40, 50:60], instances[30:40, 60:66] = 7, 8
    return instances


@pytest.fixture
def table(instances: np.ndarray) -> pd.DataFrame:
    table = measure(instances, PIXEL_NM).assign(confidence=0.9)
    return table.assign(**{"class": ["fault", "no_fault", "fault", "no_fault", "no_fault"]})


def pixels(instances: np.ndarray) -> dict[int, int]:
    return {int(number): int(np.count_nonzero(instances == number)) for number in np.unique(instances) if number}


def test_regions_of_imagej_hold_the_pixels_of_their_particles(instances, table, tmp_path: Path):
    write_imagej_rois(tmp_path / "a.zip", trace_borders(instances), table["class"].to_dict())
    regions = {region.name: region for region in roifile.ImagejRoi.fromfile(tmp_path / "a.zip")}
    assert sorted(regions) == ["1 fault", "3 no_fault", "4 fault", "7 no_fault", "8 no_fault"]
    for name, region in regions.items():
        curves = region.coordinates(multi=True)
        inside = [polygon2mask(SHAPE, np.asarray(curve)[:, ::-1] - 0.5) for curve in curves]
        np.testing.assert_array_equal(np.logical_xor.reduce(inside), instances == int(name.split()[0]))
    box = regions["7 no_fault"]
    assert (box.left, box.top, box.roitype) == (50, 30, roifile.ROI_TYPE.TRACED)


def test_regions_at_fractions_of_a_pixel_keep_them(tmp_path: Path):
    around = np.linspace(0, 2 * np.pi, 50)
    disc = np.column_stack([20 + 7.25 * np.cos(around), 30 + 7.25 * np.sin(around)])
    write_imagej_rois(tmp_path / "a.zip", {1: [disc]}, {})
    (region,) = roifile.ImagejRoi.fromfile(tmp_path / "a.zip")
    np.testing.assert_allclose(region.coordinates(), disc[:-1, ::-1] + 0.5, atol=1e-4)


def test_coco_holds_the_pixels_of_every_particle(instances, table, tmp_path: Path):
    write_coco(tmp_path / "a.json", "a.dm4", PIXEL_NM, instances, table)
    coco = COCO(tmp_path / "a.json")
    assert coco.imgs[1] == {"id": 1, "file_name": "a.dm4", "height": 60, "width": 80, "pixel_size_nm": PIXEL_NM}
    found = coco.loadAnns(coco.getAnnIds(imgIds=[1]))
    assert {each["particle"]: each["area"] for each in found} == pixels(instances)
    for each in found:
        np.testing.assert_array_equal(coco.annToMask(each), instances == each["particle"])
        assert coco.cats[each["category_id"]]["name"] == table["class"][each["particle"]]
    assert [each["bbox"] for each in found if each["particle"] == 7] == [[50, 30, 10, 10]]


def test_coco_of_several_micrographs_is_one_file(instances, table, tmp_path: Path):
    empty = np.zeros(SHAPE, np.int32)
    write_coco(tmp_path / "a.json", "a.tif", PIXEL_NM, instances, table)
    write_coco(tmp_path / "b.json", "b.tif", PIXEL_NM, empty, measure(empty, PIXEL_NM))
    write_coco(tmp_path / "c.json", "c.tif", PIXEL_NM, instances, table.drop(columns="class"))
    merge_coco(tmp_path / "all.json", [tmp_path / f"{name}.json" for name in "abc"])
    coco = COCO(tmp_path / "all.json")
    assert [coco.imgs[number]["file_name"] for number in (1, 2, 3)] == ["a.tif", "b.tif", "c.tif"]
    assert [len(coco.getAnnIds(imgIds=[number])) for number in (1, 2, 3)] == [5, 0, 5]
    assert len(coco.anns) == 10
    assert {coco.cats[each["category_id"]]["name"] for each in coco.imgToAnns[3]} == {"particle"}


def test_geojson_holds_polygons_of_the_same_area(instances, table, tmp_path: Path):
    write_geojson(tmp_path / "a.geojson", "a", trace_borders(instances), table, COLOURS)
    content = json.loads((tmp_path / "a.geojson").read_text())
    assert content["type"] == "FeatureCollection"
    found = {feature["properties"]["name"]: feature for feature in content["features"]}
    areas = {}
    for name, feature in found.items():
        shape = shapely.geometry.shape(feature["geometry"])
        assert shape.is_valid
        areas[int(name)] = shape.area
    assert areas == pixels(instances)
    assert shapely.geometry.shape(found["7"]["geometry"]).bounds == (50, 30, 60, 40)
    assert found["4"]["geometry"]["type"] == "MultiPolygon"
    assert len(found["3"]["geometry"]["coordinates"]) == 2
    properties = found["1"]["properties"]
    assert properties["classification"] == {"name": "fault", "color": [213, 94, 0]}
    assert properties["measurements"]["area_nm2"] == pytest.approx(table["area_nm2"][1])
    assert properties["measurements"]["touches_edge"] == 1
    assert len({feature["id"] for feature in content["features"]}) == 5


def test_label_images_are_calibrated_and_hold_more_than_65535_particles(instances, tmp_path: Path):
    many = np.where(instances == 8, 70_000, instances)
    write_ome_tiff(tmp_path / "a.ome.tif", "gold (ü)", PIXEL_NM, many)
    (image,) = ome_types.from_tiff(tmp_path / "a.ome.tif").images
    assert (image.name, image.pixels.size_x, image.pixels.size_y) == ("gold (ü)", 80, 60)
    assert (image.pixels.physical_size_x, image.pixels.physical_size_x_unit.value) == (PIXEL_NM, "nm")
    written = tifffile.imread(tmp_path / "a.ome.tif")
    assert written.dtype == np.uint32
    np.testing.assert_array_equal(written, many)
    assert read(tmp_path / "a.ome.tif")[0].pixel_size_nm == pytest.approx(PIXEL_NM)


def test_the_table_of_imagej_has_its_meanings(tmp_path: Path):
    """An ellipse whose axes and place are known, under the definitions in ImageJ's manual."""
    row, column = np.mgrid[:100, :120]
    ellipse = (((row - 39.5) / 15) ** 2 + ((column - 59.5) / 30) ** 2 < 1).astype(np.int32)
    particles = measure(ellipse, PIXEL_NM).reset_index().assign(micrograph="a")
    (found,) = to_imagej_table(particles, {"a": PIXEL_NM}).to_dict("records")
    assert found["Area"] == pytest.approx(np.pi * 15 * 30 * PIXEL_NM**2, rel=0.01)
    assert (found["X"], found["Y"]) == pytest.approx((60 * PIXEL_NM, 40 * PIXEL_NM))
    assert (found["Major"], found["Minor"]) == pytest.approx((60 * PIXEL_NM, 30 * PIXEL_NM), rel=0.01)
    assert (found["AR"], found["Round"]) == pytest.approx((2, 0.5), rel=0.01)
    assert (found["Feret"], found["MinFeret"]) == pytest.approx((60 * PIXEL_NM, 30 * PIXEL_NM), rel=0.03)
    assert (found["Width"], found["Height"]) == pytest.approx((60 * PIXEL_NM, 30 * PIXEL_NM))
    assert found["Angle"] % 180 == pytest.approx(0, abs=0.1)
    assert found["Round"] == pytest.approx(4 * found["Area"] / (np.pi * found["Major"] ** 2))
