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


def test_files_without_a_partner_are_said_one_by_one_and_the_others_are_read(folder: Path) -> None:
    for name in ("c", "d"):
        write(folder, name, label=False)
    write(folder, "lonely_label", label=False)
    found = read_labelled(folder)
    reasons = {"c": r"^c\.png has no label; draw c_label\.png", "d": r"^d\.png has no label"}
    reasons["lonely_label"] = r"^lonely_label\.png is a label without a micrograph; put lonely beside it"
    for entry in found.entries:
        if entry.name not in reasons:
            assert entry.read().mask.any()
            continue
        with pytest.raises(InputError, match=reasons[entry.name]) as caught:
            entry.read()
        assert "\n" not in str(caught.value)
    assert len(found) == 6


def test_labels_alone_are_no_set(tmp_path: Path) -> None:
    write(tmp_path, "a_label", label=False)
    with pytest.raises(InputError, match="the folder holds labels alone"):
        read_labelled(tmp_path)


def test_an_unknown_pixel_size_is_said(folder: Path) -> None:
    (folder / "metadata.csv").unlink()
    with pytest.raises(InputError, match=r"a.png: the pixel size is unknown"):
        list(read_labelled(folder))


def test_an_empty_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no micrograph"):
        list(read_labelled(tmp_path))


def test_a_label_of_another_shape_is_said(folder: Path) -> None:
    Image.fromarray(np.zeros((9, 9), dtype=np.uint8)).save(folder / "b_label.png")
    with pytest.raises(InputError, match=r"b_label.png"):
        list(read_labelled(folder))


def test_a_label_of_a_stack_is_of_no_image(folder: Path) -> None:
    tifffile.imwrite(folder / "stack.tif", np.zeros((3, 40, 40), dtype=np.float32), photometric="minisblack")
    Image.fromarray(np.zeros((40, 40), dtype=np.uint8)).save(folder / "stack_label.png")
    with pytest.raises(InputError, match=r"stack.tif: holds 3 images"):
        list(read_labelled(folder, pixel_size_nm=0.05))


def test_a_background_of_another_value(folder: Path) -> None:
    label = folder / "b_label.png"
    Image.fromarray(1 + (np.asarray(Image.open(label)) > 0).astype(np.uint8)).save(label)
    with pytest.raises(InputError, match=r"b_label\.png: no pixel has the value 0"):
        list(read_labelled(folder))
    for name in ("a", "ü 3"):
        (folder / f"{name}_label.png").write_bytes(label.read_bytes())
    for micrograph in read_labelled(folder, label=LabelRule(background=1)):
        np.testing.assert_array_equal(micrograph.mask, micrograph.image == 128)


def test_a_table_that_cannot_be_read_is_said_for_its_groups_are_unknown(folder: Path) -> None:
    (folder / "metadata.csv").write_bytes(b"\x00\x01\x02")
    with pytest.raises(InputError, match=r"^metadata\.csv: cannot be read"):
        list(read_labelled(folder, pixel_size_nm=0.05))


def test_one_frame_of_a_stack_is_chosen(folder: Path) -> None:
    frames = np.random.default_rng(0).normal(size=(3, 40, 40)).astype(np.float32)
    tifffile.imwrite(folder / "stack.tif", frames, photometric="minisblack")
    Image.fromarray(np.zeros((40, 40), dtype=np.uint8)).save(folder / "stack_label.png")
    found = {m.name: m for m in read_labelled(folder, pixel_size_nm=0.05, frames=1)}
    np.testing.assert_array_equal(found["stack"].image, frames[1])
    with pytest.raises(InputError, match="frames=some: expected all"):
        list(read_labelled(folder, pixel_size_nm=0.05, frames="some"))


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


def test_masks_in_tiff_and_numbers_of_particles(tmp_path: Path) -> None:
    write(tmp_path, "a", label=False)
    numbers = np.zeros((40, 40), dtype=np.uint16)
    numbers[2:8, 2:8], numbers[2:8, 8:14] = 3, 7
    tifffile.imwrite(tmp_path / "a_mask.tif", numbers)
    (found,) = read_labelled(tmp_path, pixel_size_nm=0.05)
    np.testing.assert_array_equal(found.instances, numbers)
    assert found.metadata["label"] == "numbers of particles"


def test_the_outline_that_labels_follow(folder: Path) -> None:
    table = "name,pixel_size_nm,outline\na,0.05,half_contrast\nb,0.05,\nü 3,0.05,geometric\n"
    (folder / "metadata.csv").write_text(table, encoding="utf-8")
    assert [m.outline for m in read_labelled(folder)] == ["half_contrast", "geometric", "geometric"]
    (folder / "metadata.csv").write_text(table.replace("half_contrast", "middle"), encoding="utf-8")
    with pytest.raises(InputError, match="outline 'middle'; expected geometric or half_contrast"):
        read_labelled(folder)


@pytest.mark.parametrize(("inside", "kind"), [(255, "binary 0/255"), (1, "binary 0/1")])
def test_what_kind_of_label_it_is(tmp_path: Path, inside: int, kind: str) -> None:
    write(tmp_path, "a")
    mask = np.asarray(Image.open(tmp_path / "a_label.png")) > 0
    Image.fromarray(np.where(mask, inside, 0).astype(np.uint8)).save(tmp_path / "a_label.png")
    (found,) = read_labelled(tmp_path, pixel_size_nm=0.05)
    assert found.metadata["label"] == kind
    np.testing.assert_array_equal(found.mask, mask)


def test_a_bool_mask(tmp_path: Path) -> None:
    write(tmp_path, "a")
    Image.open(tmp_path / "a_label.png").convert("1").save(tmp_path / "a_label.png")
    assert read_labelled(tmp_path, pixel_size_nm=0.05)[0].mask.sum() == 36 + 36 + 140


def test_an_ignored_border_belongs_to_no_particle(tmp_path: Path) -> None:
    write(tmp_path, "a")
    label = np.asarray(Image.open(tmp_path / "a_label.png")).copy()
    label[20:30, 22:24] = 128
    Image.fromarray(label).save(tmp_path / "a_label.png")
    (found,) = read_labelled(tmp_path, pixel_size_nm=0.05, label=LabelRule(ignore=128))
    np.testing.assert_array_equal(found.ignored, label == 128)
    np.testing.assert_array_equal(found.mask, label == 255)


def test_a_soft_label_keeps_its_confidence(tmp_path: Path) -> None:
    write(tmp_path, "a")
    grey = np.zeros((40, 40), dtype=np.uint8)
    grey[5:20, 5:20], grey[5:20, 20:25] = 204, 51
    Image.fromarray(grey).save(tmp_path / "a_label.png")
    (found,) = read_labelled(tmp_path, pixel_size_nm=0.05, label=LabelRule(soft=True))
    np.testing.assert_allclose(found.soft, grey / 255, atol=1e-6)
    np.testing.assert_array_equal(found.mask, grey == 204)


def test_several_annotators_agree_by_majority(tmp_path: Path) -> None:
    write(tmp_path, "a", label=False)
    each = np.zeros((3, 40, 40), dtype=np.uint8)
    each[0, 5:20, 5:20] = each[1, 5:20, 5:18] = each[2, 5:20, 5:16] = 255
    for who, mask in zip(("anna", "ben", "cleo"), each, strict=True):
        Image.fromarray(mask).save(tmp_path / f"a_label_{who}.png")
    (found,) = read_labelled(tmp_path, pixel_size_nm=0.05)
    np.testing.assert_array_equal(found.mask, each[1] > 0)
    np.testing.assert_allclose(found.soft, (each > 0).mean(axis=0), atol=1e-6)
    assert list(found.annotators) == ["anna", "ben", "cleo"]
    for instances, mask in zip(found.annotators.values(), each, strict=True):
        np.testing.assert_array_equal(instances > 0, mask > 0)


def test_what_annotators_agreed_on_counts_and_they_are_compared(tmp_path: Path) -> None:
    write(tmp_path, "a")
    agreed = np.asarray(Image.open(tmp_path / "a_label.png")) > 0
    for who, shift in (("anna", 1), ("ben", 2)):
        Image.fromarray(np.roll(agreed, shift, axis=1).astype(np.uint8)).save(tmp_path / f"a_label_{who}.png")
    (found,) = read_labelled(tmp_path, pixel_size_nm=0.05)
    np.testing.assert_array_equal(found.mask, agreed)
    assert found.soft is None
    assert list(found.annotators) == ["anna", "ben"]


def test_suffixes_in_capitals(tmp_path: Path) -> None:
    write(tmp_path, "a")
    for file in ("a.png", "a_label.png"):
        (tmp_path / file).rename(tmp_path / file.replace("png", "PNG"))
    assert read_labelled(tmp_path, pixel_size_nm=0.05)[0].mask.any()


@pytest.mark.parametrize("axis", [0, -1], ids=["channels first", "channels last"])
@pytest.mark.parametrize("dtype", [bool, np.uint16, np.float32])
def test_a_one_hot_label(tmp_path: Path, axis: int, dtype: type) -> None:
    write(tmp_path, "a")
    mask = np.asarray(Image.open(tmp_path / "a_label.png")) > 0
    (tmp_path / "a_label.png").unlink()
    tifffile.imwrite(tmp_path / "a_mask.tif", np.stack([~mask, mask], axis=axis).astype(dtype))
    (found,) = read_labelled(tmp_path, pixel_size_nm=0.05)
    np.testing.assert_array_equal(found.mask, mask)
    assert found.metadata["label"] == "one-hot"
