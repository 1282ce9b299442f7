"""Standardised images on disk: what training cuts out is what the network would see, and a large set stays on disk."""

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import psutil
import pytest

from hrtem_lab.files import Hdf5Layout, read_labelled, write_folder
from hrtem_lab.segmentation.datasets import LabelledDataset
from hrtem_lab.segmentation.standardised import StandardisedSet
from hrtem_lab.segmentation.targets import IGNORED, micrograph_targets
from tests.segmentation.scenes import PREPROCESSING, dark_discs, dihedral


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_folder(tmp_path / "set", [(n, dark_discs(n)) for n in range(2)])
    return tmp_path


def standardised(folder: Path) -> StandardisedSet:
    return StandardisedSet(read_labelled(folder / "set"), PREPROCESSING, folder / "cache")


def test_the_whole_field_is_what_the_network_sees(folder: Path) -> None:
    rng = np.random.default_rng(0)
    for index in range(2):
        image, masks = standardised(folder).window(index, None, rng)
        np.testing.assert_array_equal(image, PREPROCESSING(dark_discs(index)))
        np.testing.assert_allclose(masks, micrograph_targets(dark_discs(index), PREPROCESSING), atol=1e-3)


def test_a_window_is_a_part_of_both(folder: Path) -> None:
    whole = PREPROCESSING(dark_discs(0))
    for seed in range(5):
        image, masks = standardised(folder).window(0, 60, np.random.default_rng(seed))
        assert image.shape == masks.shape[:2] == (60, 60)
        row, column = np.argwhere(np.lib.stride_tricks.sliding_window_view(whole, (60, 60))[..., 0, 0] == image[0, 0])[
            0
        ]
        np.testing.assert_array_equal(image, whole[row : row + 60, column : column + 60])
        truth = micrograph_targets(dark_discs(0), PREPROCESSING)
        np.testing.assert_allclose(masks, truth[row : row + 60, column : column + 60], atol=1e-3)


def test_confidence_and_what_is_ignored_are_kept(folder: Path) -> None:
    micrograph = dark_discs(0)
    soft = np.where(micrograph.mask, np.float32(0.65), np.float32(0.1))
    ignored = np.zeros(micrograph.image.shape, dtype=bool)
    ignored[:10] = True
    masks = micrograph_targets(replace(micrograph, soft=soft, ignored=ignored), PREPROCESSING)
    np.testing.assert_array_equal(masks[:10], IGNORED)
    np.testing.assert_allclose(masks[10:, :, 0], soft[10:], atol=1e-6)


def test_a_label_that_changed_is_standardised_anew(folder: Path) -> None:
    rng = np.random.default_rng(0)
    before = standardised(folder).window(0, None, rng)[1]
    write_folder(folder / "set", [(0, dark_discs(0, discs=((90, 90, 30),))), (1, dark_discs(1))])
    after = standardised(folder).window(0, None, rng)[1]
    assert not np.array_equal(before, after)


def test_thirty_gigabytes_stay_on_disk(tmp_path: Path) -> None:
    """A file of 30 GB, most of it a hole: what is drawn from it is right, and no copy of it is in memory."""
    count, side = 30_000, 512
    path = tmp_path / "large.h5"
    with h5py.File(path, "w") as file:
        contiguous = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        contiguous.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
        contiguous.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
        for name, kind in (("images", h5py.h5t.IEEE_F32LE), ("labels", h5py.h5t.STD_U8LE)):
            space = h5py.h5s.create_simple((count, side, side))
            h5py.h5d.create(file.id, name.encode(), kind, space, contiguous)
        rng = np.random.default_rng(0)
        for number in (0, 17_000, count - 1):
            file["images"][number] = rng.normal(size=(side, side))
            file["labels"][number, 100:300, 150:350] = 1
    if path.stat().st_blocks * 512 > 1e9:
        pytest.skip("this disk keeps no holes in files")
    assert path.stat().st_size > 30e9
    before = psutil.Process().memory_info().rss
    opened = Hdf5Layout().open(path, pixel_size_nm=0.02)
    drawn = opened.select([f"large_{number:04d}" for number in (0, 17_000, count - 1)])
    dataset = LabelledDataset(StandardisedSet(drawn, PREPROCESSING, tmp_path / "cache"), dihedral(), 9.9, (0, 0))
    for number in range(12):
        sample = dataset[number]
        assert sample["image"].std() > 0.5
    assert sum(float(dataset[number]["mask"][0].mean()) for number in range(12)) > 0.5
    assert len(opened) == count
    assert psutil.Process().memory_info().rss - before < 500e6
