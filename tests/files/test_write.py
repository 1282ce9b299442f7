from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from hrtem_lab.files import make_folder, read, write_json, write_mask, write_table
from hrtem_lab.micrograph import InputError

INSTANCES = np.arange(42, dtype=np.int32).reshape(6, 7)


@settings(max_examples=30, deadline=None)
@given(
    arrays(np.int32, array_shapes(min_dims=2, max_dims=3, max_side=6), elements=st.integers(0, 65_535)),
    st.none() | st.floats(0.001, 10),
)
def test_a_mask_comes_back(
    tmp_path_factory: pytest.TempPathFactory, instances: np.ndarray, pixel_size_nm: float | None
) -> None:
    path = tmp_path_factory.getbasetemp() / "mask.tif"
    write_mask(path, instances, pixel_size_nm)
    plain = tifffile.imread(path)
    assert plain.dtype == np.uint16
    np.testing.assert_array_equal(plain.reshape(instances.shape), instances)
    micrographs = read(path, pixel_size_nm=None if pixel_size_nm else 1.0)
    np.testing.assert_array_equal(np.stack([m.image for m in micrographs]).reshape(instances.shape), instances)
    assert all(m.pixel_size_nm == pytest.approx(pixel_size_nm or 1.0, rel=1e-4) for m in micrographs)


def test_a_mask_is_compressed_and_speaks_imagej(tmp_path: Path) -> None:
    write_mask(tmp_path / "a.tif", INSTANCES > 3, 0.02)
    with tifffile.TiffFile(tmp_path / "a.tif") as tiff:
        assert tiff.pages.first.compression == tifffile.COMPRESSION.ADOBE_DEFLATE
        assert tiff.imagej_metadata is not None
        assert tiff.imagej_metadata["unit"] == "nm"
        assert tiff.pages.first.tags["XResolution"].value == (50, 1)
        assert tiff.pages.first.tags["ResolutionUnit"].value == tifffile.RESUNIT.NONE


@pytest.mark.parametrize(
    ("instances", "complaint"),
    [
        (INSTANCES + 65_500, "particle numbers from 65500 to 65541"),
        (INSTANCES - 1, "particle numbers from -1"),
        (INSTANCES[0], r"shape \(7,\)"),
        (INSTANCES[:0], r"shape \(0, 7\)"),
    ],
)
def test_masks_that_cannot_be_written(tmp_path: Path, instances: np.ndarray, complaint: str) -> None:
    with pytest.raises(InputError, match=rf"^a\.tif: .*{complaint}"):
        write_mask(tmp_path / "a.tif", instances)
    assert list(tmp_path.iterdir()) == []


def test_tables(tmp_path: Path) -> None:
    frame = pd.DataFrame({"name": ["Å", "b,c"], "diameter_nm": [1.25, np.nan]})
    write_table(tmp_path / "new" / "a.csv", frame)
    assert (tmp_path / "new" / "a.csv").read_bytes() == 'name,diameter_nm\nÅ,1.25\n"b,c",\n'.encode()
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "new" / "a.csv"), frame)
    indexed = frame.set_index(pd.Index([1, 2], name="particle"))
    write_table(tmp_path / "b.csv", indexed)
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "b.csv", index_col="particle"), indexed)


def test_json(tmp_path: Path) -> None:
    content = {
        "name": "Å",
        "nan": math.nan,
        "deep": {"inf": [np.inf, np.float32(0.5)], 3: (np.int64(4), np.bool_(True))},
        "array": np.array([[1.0, np.nan]]),
        "path": Path("a/b"),
        "none": None,
    }
    write_json(tmp_path / "a.json", content)
    text = (tmp_path / "a.json").read_text(encoding="utf-8")
    assert "Å" in text
    assert json.loads(text) == {
        "name": "Å",
        "nan": None,
        "deep": {"inf": [None, 0.5], "3": [4, True]},
        "array": [[1.0, None]],
        "path": "a/b",
        "none": None,
    }


def test_a_failed_write_leaves_the_old_file_and_no_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.tif"
    write_mask(path, INSTANCES)
    before = path.read_bytes()

    def fail(unfinished: Path, *_: object, **__: object) -> None:
        unfinished.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tifffile, "imwrite", fail)
    with pytest.raises(InputError, match=r"a\.tif: cannot be written \(No space left on device\)"):
        write_mask(path, INSTANCES + 1)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_value_without_counterpart_leaves_the_old_file(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"a": 1})
    with pytest.raises(TypeError):
        write_json(tmp_path / "a.json", {"a": object()})
    assert json.loads((tmp_path / "a.json").read_text()) == {"a": 1}


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be written"):
        write_json(tmp_path / "file" / "a.json", {})
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match="cannot be written"):
        write_json(tmp_path / "folder", {})


def test_a_written_file_is_as_readable_as_any_other(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    write_json(tmp_path / "a.json", {})
    assert (tmp_path / "a.json").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_folder_is_made_or_it_is_said_why_not(tmp_path: Path) -> None:
    for _ in range(2):
        assert make_folder(str(tmp_path / "a" / "b")).is_dir()
    (tmp_path / "file").touch()
    with pytest.raises(
        InputError, match=r"^output=.*file: cannot be made \(.*\); give a folder that can be written to"
    ):
        make_folder(tmp_path / "file")
