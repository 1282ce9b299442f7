"""Folders of labelled micrographs: what lies there is what comes out, and what is missing is said."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from hrtem_lab.files import LabelRule, read_labelled
from hrtem_lab.micrograph import InputError


def write(folder: Path, name: str, label: bool = True, size: int = 40) -> None:
    """A picture of two squares that touch by their corners, and a third one."""
    folder.mkdir(exist_ok=True)
    mask = np.zeros((size, size), dtype=np.uint8)
    mask[2:8, 2:8] = mask[8:14, 8:14] = mask[20:30, 22:36] = 255
    Image.fromarray(255 - mask // 2).save(folder / f"{name}.png")
    if label:
        Image.fromarray(mask).save(folder / f"{name}_label.png")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b", "a", "ü 3"):
        write(tmp_path / "mine", name)
    table = "name,pixel_size_nm,group\na.png,0.05,one\nb,0.04,\nü 3,0.05,one\n"
    (tmp_path / "mine" / "metadata.csv").write_text(table, encoding="utf-8")
    return tmp_path / "mine"


def test_what_lies_there_comes_out(folder: Path) -> None:
    found = read_labelled(folder)
    assert [(m.name, m.group, m.pixel_size_nm) for m in found] == [
        ("a", "one", 0.05),
        ("b", "b", 0.04),
        ("ü 3", "one", 0.05),
    ]
    for micrograph in found:
        assert sorted(np.bincount(micrograph.instances.ravel())[1:]) == [36, 36, 140]
        np.testing.assert_array_equal(micrograph.mask, micrograph.image == 128)
        assert micrograph.instances.dtype == np.int32
        assert micrograph.ground_truth.empty


def test_without_a_table_a_micrograph_is_a_group(tmp_path: Path) -> None:
    write(tmp_path, "a")
    assert [(m.group, m.pixel_size_nm) for m in read_labelled(tmp_path, pixel_size_nm=0.03)] == [("a", 0.03)]


def test_a_table_that_knows_no_groups_still_knows_sizes(folder: Path) -> None:
    (folder / "metadata.csv").write_text("name,pixel_size_nm\na,0.05\nb,0.04\nü 3,0.05\n", encoding="utf-8")
    assert [m.group for m in read_labelled(folder)] == ["a", "b", "ü 3"]


def test_micrographs_without_a_label_are_named(folder: Path) -> None:
    for name in ("c", "d", "e", "f"):
        write(folder, name, label=False)
    with pytest.raises(
        InputError, match=r"4 of 7 micrographs have no label \(c.png, d.png, e.png and 1 more\)"
    ) as caught:
        read_labelled(folder)
    assert "\n" not in str(caught.value)


def test_an_unknown_pixel_size_is_said(folder: Path) -> None:
    (folder / "metadata.csv").unlink()
    with pytest.raises(InputError, match=r"a.png: the pixel size is unknown"):
        read_labelled(folder)


def test_an_empty_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no micrograph"):
        read_labelled(tmp_path)


def test_a_label_of_another_shape_is_said(folder: Path) -> None:
    Image.fromarray(np.zeros((9, 9), dtype=np.uint8)).save(folder / "b_label.png")
    with pytest.raises(InputError, match=r"b_label.png"):
        read_labelled(folder)


def test_a_label_of_a_stack_is_of_no_image(folder: Path) -> None:
    tifffile.imwrite(folder / "stack.tif", np.zeros((3, 40, 40), dtype=np.float32), photometric="minisblack")
    Image.fromarray(np.zeros((40, 40), dtype=np.uint8)).save(folder / "stack_label.png")
    with pytest.raises(InputError, match=r"stack.tif: holds 3 images"):
        read_labelled(folder, pixel_size_nm=0.05)


def test_a_background_of_another_value(folder: Path) -> None:
    label = folder / "b_label.png"
    Image.fromarray(1 + (np.asarray(Image.open(label)) > 0).astype(np.uint8)).save(label)
    with pytest.raises(InputError, match=r"b_label\.png: no pixel has the value 0"):
        read_labelled(folder)
    for name in ("a", "ü 3"):
        (folder / f"{name}_label.png").write_bytes(label.read_bytes())
    for micrograph in read_labelled(folder, rule=LabelRule(background=1)):
        np.testing.assert_array_equal(micrograph.mask, micrograph.image == 128)


def test_a_table_that_cannot_be_read_is_said_for_its_groups_are_unknown(folder: Path) -> None:
    (folder / "metadata.csv").write_bytes(b"\x00\x01\x02")
    with pytest.raises(InputError, match=r"^metadata\.csv: cannot be read"):
        read_labelled(folder, pixel_size_nm=0.05)


def test_one_frame_of_a_stack_is_chosen(folder: Path) -> None:
    frames = np.random.default_rng(0).normal(size=(3, 40, 40)).astype(np.float32)
    tifffile.imwrite(folder / "stack.tif", frames, photometric="minisblack")
    Image.fromarray(np.zeros((40, 40), dtype=np.uint8)).save(folder / "stack_label.png")
    found = {m.name: m for m in read_labelled(folder, pixel_size_nm=0.05, frames=1)}
    np.testing.assert_array_equal(found["stack_0001"].image, frames[1])
    with pytest.raises(InputError, match="frames=some: expected all"):
        read_labelled(folder, pixel_size_nm=0.05, frames="some")


def test_a_file_can_be_overruled(folder: Path) -> None:
    tags = {"resolution": (50, 50), "metadata": {"unit": "nm"}}
    tifffile.imwrite(folder / "a.tif", np.asarray(Image.open(folder / "a.png")), imagej=True, **tags)
    (folder / "a.png").unlink()
    for overrule, size_nm in ((False, 0.02), (True, 0.05)):
        table = "name,pixel_size_nm,group\na,0.05,one\nb,0.04,\nü 3,0.05,one\n"
        (folder / "metadata.csv").write_text(table, encoding="utf-8")
        assert read_labelled(folder, overrule=overrule)[0].pixel_size_nm == pytest.approx(size_nm)


def test_real_labels_are_read(samples: Path) -> None:
    found = {m.name: m for m in read_labelled(samples / "labelled")}
    assert len(found) == 9
    assert {m.group for m in found.values()} == {"team05_au2p2nm", "team05_au5nm", "team05_au10nm", "team05_ag5nm"}
    assert found["ag5nm_15"].mask.mean() == pytest.approx(0.4399, abs=1e-3)
