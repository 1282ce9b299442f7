"""A folder of labels to be mended: what is written is read, and what somebody mended stays."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile

from hrtem_lab.files import read_labelled, write_label, write_label_table
from hrtem_lab.micrograph import Micrograph


@pytest.fixture
def micrograph() -> Micrograph:
    image = np.random.default_rng(0).normal(1000, 30, (60, 80)).astype(np.float32)
    return Micrograph(image=image, pixel_size_nm=0.05, name="a.b (ü)")


@pytest.fixture
def instances() -> np.ndarray:
    instances = np.zeros((60, 80), np.int32)
    instances[10:20, 10:30], instances[20:30, 10:30] = 1, 2
    return instances


def row(name: str, group: str = "monday") -> dict[str, object]:
    return {"name": name, "pixel_size_nm": 0.05, "group": group, "outline": "geometric"}


def test_what_is_written_is_read_as_labelled(micrograph: Micrograph, instances: np.ndarray, tmp_path: Path):
    write_label(tmp_path, micrograph, instances)
    write_label_table(tmp_path, [row(micrograph.name)])
    (read,) = read_labelled(tmp_path)
    np.testing.assert_array_equal(read.instances, instances)
    np.testing.assert_array_equal(read.image, micrograph.image)
    assert (read.name, read.group, read.pixel_size_nm) == ("a.b (ü)", "monday", pytest.approx(0.05))
    table = pd.read_csv(tmp_path / "metadata.csv")
    assert table.columns.tolist() == ["name", "pixel_size_nm", "group", "outline"]


def test_a_label_that_somebody_mended_is_kept_and_another_is_replaced(
    micrograph: Micrograph, instances: np.ndarray, tmp_path: Path
):
    label = tmp_path / "a.b (ü)_label.tif"
    write_label(tmp_path, micrograph, instances)
    write_label(tmp_path, micrograph, 2 * instances)
    np.testing.assert_array_equal(tifffile.imread(label), 2 * instances)
    for mended in ({}, {"imagej": True}):  # as napari and as ImageJ save it
        tifffile.imwrite(label, np.full((60, 80), 7, np.uint16), **mended)
        write_label(tmp_path, micrograph, instances)
        assert np.unique(tifffile.imread(label)).tolist() == [7]


def test_rows_that_somebody_changed_are_kept(micrograph: Micrograph, instances: np.ndarray, tmp_path: Path):
    write_label(tmp_path, micrograph, instances)
    write_label_table(tmp_path, [row(micrograph.name, "monday"), row("without a label")])
    table = pd.read_csv(tmp_path / "metadata.csv").assign(group="tuesday", remark="mended")
    table.to_csv(tmp_path / "metadata.csv", index=False)
    write_label_table(tmp_path, [row(micrograph.name, "monday")])
    assert pd.read_csv(tmp_path / "metadata.csv").to_dict("records") == table.to_dict("records")
    assert table["name"].tolist() == [micrograph.name]
