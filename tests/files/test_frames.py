from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from hrtem_lab.files.frames import Frames, grey
from hrtem_lab.micrograph import InputError

PIXELS = np.zeros((4, 5))


def test_square_pixels() -> None:
    assert Frames(PIXELS, ((20.0, "pm"), (0.02, "nm"))).pixel_size_nm("a.tif") == pytest.approx(0.02)


def test_the_mean_of_pixels_that_are_nearly_square() -> None:
    assert Frames(PIXELS, ((0.0200, "nm"), (0.0201, "nm"))).pixel_size_nm("a.tif") == pytest.approx(0.02005)


def test_pixels_that_are_not_square_are_refused() -> None:
    with pytest.raises(InputError, match=r"^a\.tif: .*0\.02 nm high and 0\.021 nm wide"):
        Frames(PIXELS, ((0.020, "nm"), (0.021, "nm"))).pixel_size_nm("a.tif")


@pytest.mark.parametrize(
    "spacing", [None, ((1.0, ""), (1.0, "")), ((0.0, "nm"), (0.0, "nm")), ((0.02, "nm"), (1.0, None))]
)
def test_no_calibration(spacing: tuple[tuple[float, str], tuple[float, str]] | None) -> None:
    assert Frames(PIXELS, spacing).pixel_size_nm("a.tif") is None


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
