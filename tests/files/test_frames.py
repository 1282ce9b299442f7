from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from hrtem_lab.files.frames import Frames, grey
from hrtem_lab.micrograph import InputError

PIXELS = np.zeros((4, 5))


def test_square_pixels() -> None:
    assert Frames(PIXELS, ((20.0, "pm"), (0.02, "nm"))).pixel_size_nm == pytest.approx(0.02)


def test_the_mean_of_pixels_that_are_nearly_square() -> None:
    assert Frames(PIXELS, ((0.0200, "nm"), (0.0201, "nm"))).pixel_size_nm == pytest.approx(0.02005)


@pytest.mark.parametrize("high", [True, False])
def test_pixels_that_are_not_square_are_divided(high: bool) -> None:
    """Waves of 1.6 nm under 30 degrees, in pixels of 0.04 x 0.02 nm."""
    edges = (0.04, 0.02) if high else (0.02, 0.04)

    def waves(height: float, width: float) -> npt.NDArray[np.float64]:
        row, column = np.mgrid[: round(4.8 / height), : round(6.4 / width)] + 0.5
        return 100 + 50 * np.cos(2 * np.pi * (row * height * 0.5 + column * width * 0.866) / 1.6)

    stack = np.stack([waves(*edges), -waves(*edges)])
    square = Frames(stack, ((edges[0] * 10, "A"), (edges[1] * 10, "A")), {"voltage_kV": 300}).square("a.tif")
    assert square.data.shape == (2, 240, 320)
    assert square.pixel_size_nm == pytest.approx(0.02)
    assert square.metadata == {"voltage_kV": 300, "shape_in_file": stack.shape[1:]}
    for image, sign in zip(square.data, (1, -1), strict=True):
        np.testing.assert_allclose(image[8:-8, 8:-8], sign * waves(0.02, 0.02)[8:-8, 8:-8], atol=0.5)


def test_square_pixels_stay_as_they_are() -> None:
    for spacing in (None, ((0.0200, "nm"), (0.0201, "nm"))):
        frames = Frames(PIXELS, spacing)
        assert frames.square("a.tif") is frames


def test_pixels_that_cannot_be_true_are_refused() -> None:
    with pytest.raises(InputError, match=r"^a\.tif: .*0\.02 nm high and 0\.2 nm wide"):
        Frames(PIXELS, ((0.02, "nm"), (0.2, "nm"))).square("a.tif")


@pytest.mark.parametrize(
    "spacing", [None, ((1.0, ""), (1.0, "")), ((0.0, "nm"), (0.0, "nm")), ((0.02, "nm"), (1.0, None))]
)
def test_no_calibration(spacing: tuple[tuple[float, str], tuple[float, str]] | None) -> None:
    assert Frames(PIXELS, spacing).pixel_size_nm is None


def test_diffraction() -> None:
    assert Frames(PIXELS, ((0.1, "1/nm"), (0.1, "1/nm"))).is_diffraction
    assert not Frames(PIXELS, ((0.1, "nm"), (0.1, "nm"))).is_diffraction
    assert not Frames(PIXELS).is_diffraction


def test_grey_of_equal_channels_is_the_channel() -> None:
    channel = np.arange(20, dtype=np.uint16).reshape(4, 5)
    assert grey([channel] * 3) is channel
    assert grey([channel, channel * 0]) is channel


def test_grey_of_colours_is_pillows() -> None:
    colours = np.random.default_rng(0).integers(0, 256, size=(6, 7, 3), dtype=np.uint8)
    ours = grey(list(np.moveaxis(colours, -1, 0)))
    np.testing.assert_allclose(ours, np.asarray(Image.fromarray(colours).convert("L")), atol=1)
