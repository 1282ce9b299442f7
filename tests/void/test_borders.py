"""What an alignment, a rotation or a banner leaves empty is masked; what a detector saturates is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter, rotate, shift

from hrtem_lab.files import read
from hrtem_lab.micrograph import InputError
from hrtem_lab.void import find_void

ROWS, COLUMNS = 300, 360


def picture(rows: int = ROWS, columns: int = COLUMNS) -> npt.NDArray[np.float32]:
    """A picture of 8 bits with noise, without 0 and 255."""
    rng = np.random.default_rng(0)
    smooth = gaussian_filter(rng.normal(size=(rows, columns)), 8) * 400
    return np.clip(np.round(120 + smooth + rng.normal(0, 12, (rows, columns))), 1, 254).astype(np.float32)


def error(found: npt.NDArray[np.bool_] | None, expected: npt.NDArray[np.bool_]) -> float:
    """Share of the pixels that are told wrongly."""
    return float(np.mean((np.zeros_like(expected) if found is None else found) != expected))


@pytest.mark.parametrize("fill", [0.0, 255.0, 120.0, np.nan])
@pytest.mark.parametrize("drift", [(10, 0), (0, -7), (5, 12), (-3, 30), (1, 0), (-40, -40)])
def test_bands_of_an_alignment(drift: tuple[int, int], fill: float) -> None:
    moved = shift(picture(), drift, order=0, cval=np.inf)
    void = np.isinf(moved)
    moved[void] = fill
    np.testing.assert_array_equal(find_void(moved), void)


@pytest.mark.parametrize("order", [0, 1, 3])
@pytest.mark.parametrize("reshape", [True, False])
@pytest.mark.parametrize("angle", [0.5, 2.0, 10.0, 33.0, 45.0, -20.0, 90.5])
def test_corners_of_a_rotation(angle: float, reshape: bool, order: int) -> None:
    turned = np.round(rotate(picture(), angle, reshape=reshape, order=order, cval=0.0))
    void = rotate(np.ones((ROWS, COLUMNS)), angle, reshape=reshape, order=1, cval=0.0) < 0.5
    rim = 2 * sum(turned.shape) / turned.size  # a pixel along the edge may be counted either way
    assert error(find_void(turned), void) < rim


def test_a_rotation_filled_with_nan() -> None:
    turned = rotate(picture(), 12.0, order=1, cval=np.nan)
    np.testing.assert_array_equal(find_void(turned), np.isnan(turned))


def test_a_frame_and_a_round_field() -> None:
    framed = np.zeros((ROWS + 40, COLUMNS + 60), np.float32)
    framed[15:-25, 40:-20] = picture()
    assert error(find_void(framed), framed == 0) == 0
    radius = np.hypot(*(np.mgrid[:ROWS, :ROWS] - ROWS / 2))
    assert error(find_void(np.where(radius < 140, picture()[:, :ROWS], 0)), radius >= 140) < 0.005


def with_banner(ground: int, boxes: bool = False, frame: bool = False) -> Image.Image:
    """A picture with a banner of 44 rows below it, of one grey with writing and a scale bar."""
    ink = 255 if ground < 200 else 0
    canvas = Image.new("L", (COLUMNS, ROWS + 44), ground)
    canvas.paste(Image.fromarray(picture().astype(np.uint8)), (0, 0))
    draw = ImageDraw.Draw(canvas)
    draw.text((10, ROWS + 16), "300 kV  500 kx  HAADF", fill=ink)
    draw.rectangle((250, ROWS + 20, 330, ROWS + 24), fill=ink)
    if boxes:
        draw.line((0, ROWS, COLUMNS, ROWS), fill=ink, width=1)
        for column in (120, 240):
            draw.line((column, ROWS, column, ROWS + 44), fill=ink, width=2)
    if frame:
        draw.rectangle((0, ROWS, COLUMNS - 1, ROWS + 43), outline=ink)
    return canvas


@pytest.mark.parametrize("ground", [0, 255, 90])
@pytest.mark.parametrize(("boxes", "frame"), [(False, False), (True, False), (True, True), (False, True)])
def test_banners_with_writing(tmp_path: Path, ground: int, boxes: bool, frame: bool) -> None:
    banner = np.zeros((ROWS + 44, COLUMNS), bool)
    banner[ROWS:] = True
    canvas = with_banner(ground, boxes, frame)
    assert error(find_void(np.asarray(canvas, np.float32)), banner) <= 1 / (ROWS + 44)  # its uppermost line at most
    canvas.save(tmp_path / "a.png")
    (micrograph,) = read(tmp_path / "a.png", 0.05)
    assert micrograph.valid is not None
    assert micrograph.field_box[0] == pytest.approx(ROWS, abs=1)
    assert micrograph.field_nm2 == pytest.approx(ROWS * COLUMNS * 0.05**2, rel=0.01)


@pytest.mark.parametrize("ground", [0, 255])
def test_a_banner_that_went_through_jpeg(tmp_path: Path, ground: int) -> None:
    with_banner(ground).save(tmp_path / "a.jpg", quality=90)
    (micrograph,) = read(tmp_path / "a.jpg", 0.05)
    assert micrograph.field_box[0] == pytest.approx(ROWS, abs=8)  # the block that picture and banner share


def test_a_picture_without_a_void_has_none() -> None:
    assert find_void(picture()) is None
    assert find_void(picture(5, 5)) is None
    assert find_void(np.zeros((60, 80))) is None


def test_drawings_on_an_even_ground_have_none() -> None:
    drawing = np.full((80, 80), 255.0)
    drawing[10:30, 20:50] = 0
    assert find_void(drawing) is None


@pytest.mark.parametrize("edge", [0, 120, 250])
def test_saturated_vacuum_is_a_part_of_the_picture(edge: int) -> None:
    column = np.arange(COLUMNS)
    bright = 150 + 120 / (1 + np.exp((column - edge) / 15)) + np.random.default_rng(0).normal(0, 10, (ROWS, COLUMNS))
    assert find_void(np.clip(np.round(bright), 0, 255)) is None


@pytest.mark.parametrize("counts", [0.05, 0.2, 0.5, 0.6, 0.7, 1.0, 2.0])
def test_sparse_counts_are_a_picture(counts: float) -> None:
    assert find_void(np.random.default_rng(0).poisson(counts, (ROWS, COLUMNS)).astype(np.float32)) is None


@pytest.mark.parametrize("counts", [0.005, 0.05])
def test_the_vacuum_around_a_particle_of_counts_is_a_part_of_the_picture(counts: float) -> None:
    radius = np.hypot(*(np.mgrid[:ROWS, :COLUMNS] - 150))
    assert find_void(np.random.default_rng(0).poisson(np.where(radius < 60, 4, counts)).astype(np.float32)) is None


def test_a_dark_particle_at_the_border_is_none() -> None:
    image = picture()
    row, column = np.mgrid[:ROWS, :COLUMNS]
    image[np.hypot(row - 150, column) < 40] = 0
    assert find_void(image) is None


def test_single_pixels_without_a_value_are_refused(tmp_path: Path) -> None:
    image = picture()
    image[0, 0] = image[100, 100] = np.nan
    tifffile.imwrite(tmp_path / "a.tif", image)
    with pytest.raises(InputError, match="NaN or infinite pixels: 2"):
        read(tmp_path / "a.tif", 0.05)


@pytest.mark.parametrize("fill", [0.0, np.nan])
def test_the_void_is_masked_and_filled(tmp_path: Path, fill: float) -> None:
    image = picture()
    image[:30] = fill
    tifffile.imwrite(tmp_path / "a.tif", image)
    (micrograph,) = read(tmp_path / "a.tif", 0.05)
    assert micrograph.valid is not None
    assert not micrograph.valid[:30].any()
    assert micrograph.valid[30:].all()
    np.testing.assert_array_equal(micrograph.image[30:], image[30:])
    assert (micrograph.image[:30] == np.median(image[30:])).all()
    assert micrograph.notes == ("10.0% of the image is an empty border, a banner or a box and is left out",)
    assert micrograph.field_box == (ROWS - 30, COLUMNS)


def test_the_mask_is_divided_as_the_pixels_are(tmp_path: Path) -> None:
    image = picture()
    image[:, :60] = np.nan
    tags: dict[str, Any] = {"resolution": (50, 25), "metadata": {"unit": "nm"}}
    tifffile.imwrite(tmp_path / "a.tif", image, imagej=True, **tags)
    (micrograph,) = read(tmp_path / "a.tif")
    assert micrograph.image.shape == (2 * ROWS, COLUMNS)
    assert micrograph.valid is not None
    assert micrograph.field_nm2 == pytest.approx(ROWS * (COLUMNS - 60) * 0.02 * 0.04)


def test_each_frame_has_its_own(tmp_path: Path) -> None:
    frames = np.stack([picture()] * 3)
    frames[1, :20], frames[2, :, :40] = 0, 0
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["images"] = frames
    boxes = [m.field_box for m in read(tmp_path / "a.h5", 0.05)]
    assert boxes == [(ROWS, COLUMNS), (ROWS - 20, COLUMNS), (ROWS, COLUMNS - 40)]


def test_reported_file(samples: Path) -> None:
    (micrograph,) = read(samples / "reported" / "empty_border.tif")
    image = tifffile.imread(samples / "reported" / "empty_border.tif")
    assert micrograph.valid is not None
    np.testing.assert_array_equal(micrograph.valid, image != 0)


def test_real_tiles_have_none(samples: Path) -> None:
    for folder in ("labelled", "bright_field", "unlabelled"):
        for path in [*(samples / folder).glob("*.png"), *(samples / folder).glob("*.jpg")]:
            if not path.stem.endswith("_label"):
                assert read(path, 0.05)[0].valid is None, path.name
