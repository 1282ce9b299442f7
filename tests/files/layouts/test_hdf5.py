"""Published training sets in HDF5: shapes and types as they are published, small where the shape does not matter."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from hrtem_lab.files import Hdf5Layout
from hrtem_lab.micrograph import InputError


def squares(count: int, side: int = 512) -> tuple[np.ndarray, np.ndarray]:
    """Images between 0 and 1 with a dark square each, in another place for every image, and the squares."""
    rng = np.random.default_rng(0)
    images, masks = rng.uniform(0.5, 1, (count, side, side)), np.zeros((count, side, side), dtype=bool)
    for number in range(count):
        masks[number, 10 + number : 40, 20:50] = True
    return images - 0.4 * masks, masks


def one_hot(masks: np.ndarray, dtype: type) -> np.ndarray:
    return np.stack([~masks, masks], axis=-1).astype(dtype)


def write(path: Path, **datasets: np.ndarray) -> Path:
    with h5py.File(path, "w") as file:
        for name, values in datasets.items():
            file.create_dataset(name, data=values)
    return path


def check(found, masks: np.ndarray, images: np.ndarray) -> None:
    assert len(found) == len(masks)
    for micrograph, mask, image in zip(found, masks, images, strict=True):
        np.testing.assert_array_equal(micrograph.mask, mask)
        np.testing.assert_allclose(micrograph.image, image.astype(np.float32))
        assert micrograph.image.dtype == np.float32


def test_2021_images_and_one_hot_maps(tmp_path: Path) -> None:
    images, masks = squares(3)
    write(tmp_path / "Au.h5", images=images[..., None], maps=one_hot(masks, np.float64))
    for root in (tmp_path / "Au.h5", tmp_path):
        found = Hdf5Layout(label_key="maps").open(root, pixel_size_nm=0.02152)
        check(found, masks, images)
        assert found.names == ["Au_0000", "Au_0001", "Au_0002"]
        assert {m.pixel_size_nm for m in found} == {0.02152}
        assert {m.metadata["label"] for m in found} == {"one-hot"}
        assert [(entry.stack, entry.position, entry.group) for entry in found.entries] == [
            ("Au", number, "Au") for number in range(3)
        ]


@pytest.mark.parametrize("names", [("5nm_Images.h5", "5nm_Labels.h5"), ("a.h5", "b.h5")])
def test_2022_a_pair_of_files(tmp_path: Path, names: tuple[str, str]) -> None:
    images, masks = squares(2)
    standardised = ((images - images.mean()) / images.std()).astype(np.float32)
    write(tmp_path / names[0], images=standardised)
    write(tmp_path / names[1], labels=masks.astype(np.int64))
    if names[0] == "a.h5":
        with pytest.raises(InputError, match=r"no file of labels is beside it; give data\.layout\.label_file"):
            Hdf5Layout().open(tmp_path / "a.h5", 0.02)
    label_file = str(tmp_path / "b.h5") if names[0] == "a.h5" else None
    found = Hdf5Layout(label_file=label_file).open(tmp_path / names[0], pixel_size_nm=0.02)
    check(found, masks, standardised)
    assert {m.metadata["label"] for m in found} == {"binary 0/1"}
    assert len(set(found.entries[0].files)) == 2


def test_2024_one_file_and_a_pixel_size_for_each_image(tmp_path: Path) -> None:
    images, masks = squares(3)
    write(tmp_path / "Co3O4.h5", images=images.astype(np.float32), labels=one_hot(masks, np.uint8))
    table = "name,pixel_size_nm,group,outline\nx,0.067,s1,geometric\ny,0.086,s1,geometric\nz,0.07,s2,geometric\n"
    (tmp_path / "metadata.csv").write_text(table)
    found = Hdf5Layout().open(tmp_path / "Co3O4.h5")
    check(found, masks, images)
    assert [m.pixel_size_nm for m in found] == [0.067, 0.086, 0.07]
    assert [m.group for m in found] == ["s1", "s1", "s2"]
    assert {entry.stack for entry in found.entries} == {""}  # their origin is known


def test_a_row_is_found_by_name_where_the_table_has_other_rows(tmp_path: Path) -> None:
    images, masks = squares(2, 64)
    write(tmp_path / "Au.h5", images=images, labels=masks)
    (tmp_path / "metadata.csv").write_text("name,pixel_size_nm\nAu_0001,0.03\nAu_0000,0.02\nother,1\n")
    assert [m.pixel_size_nm for m in Hdf5Layout().open(tmp_path / "Au.h5")] == [0.02, 0.03]


def test_a_pixel_size_is_never_guessed(tmp_path: Path) -> None:
    images, masks = squares(2, 64)
    write(tmp_path / "CdSe.h5", images=images, labels=masks)
    with pytest.raises(InputError, match=r"CdSe\.h5: no file of this layout says its pixel size") as caught:
        Hdf5Layout().open(tmp_path / "CdSe.h5")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("datasets", "message"),
    [
        ({"images": np.zeros((2, 8, 8)), "labels": np.zeros((3, 8, 8))}, "expected a label of the same height"),
        ({"images": np.zeros((2, 8, 8)), "labels": np.zeros((2, 8, 9))}, "expected a label of the same height"),
        ({"images": np.zeros((2, 8, 8)), "labels": np.zeros((2, 8, 8, 5))}, r"expected \(n, h, w\)"),
        ({"images": np.zeros((2, 8)), "labels": np.zeros((2, 8))}, r"expected \(n, h, w\)"),
        ({"pictures": np.zeros((2, 8, 8))}, "expected one file with a dataset images"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path: Path, datasets: dict[str, np.ndarray], message: str) -> None:
    write(tmp_path / "set.h5", **datasets)
    with pytest.raises(InputError, match=message):
        Hdf5Layout().open(tmp_path, pixel_size_nm=0.02)


def test_a_label_that_is_not_known_everywhere_is_named(tmp_path: Path) -> None:
    images, masks = squares(2, 64)
    unknown = np.where(masks, 1.0, 0.0)
    unknown[1, :3] = np.nan
    found = Hdf5Layout().open(write(tmp_path / "set.h5", images=images, labels=unknown), 0.02)
    assert found[0].mask.any()
    with pytest.raises(InputError, match="set_0001: the label holds NaN"):
        found[1]
