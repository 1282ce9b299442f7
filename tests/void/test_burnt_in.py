"""What programs burn into a picture is masked: banners on each side, and boxes with a scale bar wherever they are."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageDraw

from hrtem_lab.void import find_void
from hrtem_lab.void.burnt_in import find_boxes
from tests.void.test_borders import COLUMNS, ROWS, error, picture

JPEG_TOLERANCE = 2.0
PLACES = {
    "inside": (40, 220, 160, 265),
    "below": (120, 255, 260, ROWS - 1),
    "at the left": (0, 100, 60, 160),
    "in a corner": (250, 260, COLUMNS - 1, ROWS - 1),
}
"""First and last column and row of a box: left, top, right, bottom."""


def with_box(ground: int, place: tuple[int, int, int, int], frame: bool = False) -> Image.Image:
    """A picture with a scale bar and its length on an even ground."""
    canvas = Image.fromarray(picture().astype(np.uint8))
    draw, (left, top, right, bottom) = ImageDraw.Draw(canvas), place
    draw.rectangle(place, fill=ground, outline=255 - ground if frame else ground, width=2)
    draw.rectangle((left + 10, bottom - 12, right - 10, bottom - 8), fill=255 - ground)
    draw.text((left + 14, top + 8), "5 nm", fill=255 - ground)
    return canvas


def box_mask(place: tuple[int, int, int, int]) -> npt.NDArray[np.bool_]:
    left, top, right, bottom = place
    mask = np.zeros((ROWS, COLUMNS), bool)
    mask[top : bottom + 1, left : right + 1] = True
    return mask


def through_jpeg(canvas: Image.Image, quality: int) -> npt.NDArray[np.float32]:
    file = io.BytesIO()
    canvas.save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file), np.float32)


@pytest.mark.parametrize("ground", [0, 255])
@pytest.mark.parametrize("frame", [False, True])
@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_a_box_with_a_scale_bar(place: tuple[int, int, int, int], frame: bool, ground: int) -> None:
    canvas = with_box(ground, place, frame)
    np.testing.assert_array_equal(find_void(np.asarray(canvas, np.float32)), box_mask(place))


@pytest.mark.parametrize("quality", [75, 90])
@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_a_box_that_went_through_jpeg(place: tuple[int, int, int, int], quality: int) -> None:
    image = through_jpeg(with_box(0, place), quality)
    perimeter = 2 * (place[2] - place[0] + place[3] - place[1])
    assert error(find_void(image, JPEG_TOLERANCE), box_mask(place)) * ROWS * COLUMNS < 6 * perimeter


@pytest.mark.parametrize("side", range(4))
@pytest.mark.parametrize("ground", [0, 90])
@pytest.mark.parametrize("quality", [None, 75])
def test_a_banner_on_each_side(side: int, ground: int, quality: int | None) -> None:
    canvas = Image.new("L", (COLUMNS, ROWS + 44), ground)
    canvas.paste(Image.fromarray(picture().astype(np.uint8)), (0, 0))
    draw = ImageDraw.Draw(canvas)
    draw.text((10, ROWS + 16), "300 kV  500 kx", fill=255 - ground)
    draw.rectangle((250, ROWS + 20, 330, ROWS + 24), fill=255 - ground)
    canvas = canvas.rotate(90 * side, expand=True)
    banner = np.zeros((ROWS + 44, COLUMNS), bool)
    banner[ROWS:] = True
    image = np.asarray(canvas, np.float32) if quality is None else through_jpeg(canvas, quality)
    found = find_void(image, 0.0 if quality is None else JPEG_TOLERANCE)
    assert error(found, np.rot90(banner, side)) <= (0 if quality is None else 8 / (ROWS + 44))


@pytest.mark.parametrize(("fill", "quality"), [(0, 50), (128, 75), (255, 95)])
def test_a_frame_that_went_through_jpeg(fill: int, quality: int) -> None:
    canvas = Image.new("L", (COLUMNS + 60, ROWS + 40), fill)
    canvas.paste(Image.fromarray(picture().astype(np.uint8)), (25, 15))
    frame = np.ones((ROWS + 40, COLUMNS + 60), bool)
    frame[15 : 15 + ROWS, 25 : 25 + COLUMNS] = False
    found = find_void(through_jpeg(canvas, quality), JPEG_TOLERANCE)
    assert error(found, frame) * frame.size < 4 * 2 * (ROWS + COLUMNS)


@pytest.mark.parametrize("quality", [10, 60])
@pytest.mark.parametrize("tolerance", [0.0, JPEG_TOLERANCE])
def test_blocks_of_a_compression_are_no_boxes(quality: int, tolerance: float) -> None:
    assert not find_boxes(through_jpeg(Image.fromarray(picture().astype(np.uint8)), quality), tolerance).any()


def test_saturated_particles_and_single_lines_are_no_boxes() -> None:
    image = picture()
    row, column = np.mgrid[:ROWS, :COLUMNS]
    image[np.hypot(row - 100, column - 100) < 30] = 255
    image[200, 50:200] = image[50:250, 300] = 0
    image[np.abs(row - 200) + np.abs(column - 200) < 30] = 0
    assert find_void(image) is None


def test_infinite_pixels_are_no_box() -> None:
    image = picture()
    image[100:130, 100:140] = np.inf
    assert not find_boxes(image, 0.0).any()
