from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from hrtem_lab.files import read
from hrtem_lab.micrograph import InputError


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "P", "I;16", "CMYK"])
def test_every_mode_of_the_same_grey(tmp_path: Path, mode: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, size=(9, 7), dtype=np.uint8)
    picture = Image.fromarray(pixels)
    if mode == "I;16":
        picture = Image.fromarray(pixels.astype(np.uint16))
    elif mode == "CMYK":
        picture = picture.convert("RGB").convert("CMYK")
    else:
        picture = picture.convert(mode)
    path = tmp_path / ("a.png" if mode != "CMYK" else "a.jpg")
    picture.save(path, dpi=(72, 72), quality=100)
    (micrograph,) = read(path, pixel_size_nm=0.02)
    np.testing.assert_allclose(micrograph.image, pixels, atol=0 if mode != "CMYK" else 12)


@pytest.mark.parametrize("channels", [3, 4])
def test_colours_of_16_bits_keep_all_of_them(tmp_path: Path, channels: int) -> None:
    """Pillow keeps the upper 8, in which dark images are black altogether."""
    grey = np.random.default_rng(0).integers(0, 200, (9, 7), dtype=np.uint16)
    cv2.imwrite(str(tmp_path / "a.png"), np.repeat(grey[..., None], channels, axis=-1))
    np.testing.assert_array_equal(read(tmp_path / "a.png", 0.02)[0].image, grey)
    colours = np.random.default_rng(0).integers(0, 60_000, (9, 7, channels), dtype=np.uint16)
    cv2.imwrite(str(tmp_path / "a.png"), colours)
    luminance = colours[..., 2] * 0.299 + colours[..., 1] * 0.587 + colours[..., 0] * 0.114  # OpenCV has blue first
    np.testing.assert_allclose(read(tmp_path / "a.png", 0.02)[0].image, luminance, rtol=1e-5)


def test_a_cut_png_of_16_bits_is_refused(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.random.default_rng(0).integers(0, 60_000, (90, 70, 3), dtype=np.uint16))
    (tmp_path / "a.png").write_bytes((tmp_path / "a.png").read_bytes()[:3000])
    with pytest.raises(InputError, match="cannot be read as"):
        read(tmp_path / "a.png", 0.02)


def test_alpha_is_ignored(tmp_path: Path) -> None:
    pixels = np.full((4, 5, 4), 80, np.uint8)
    pixels[:2, :, 3] = 0
    Image.fromarray(pixels).save(tmp_path / "a.png")
    assert (read(tmp_path / "a.png", 0.02)[0].image == 80).all()


def test_one_bit_is_zero_and_one(tmp_path: Path) -> None:
    Image.fromarray(np.eye(5, dtype=bool)).save(tmp_path / "a.PNG")
    np.testing.assert_array_equal(read(tmp_path / "a.PNG", 0.02)[0].image, np.eye(5))


def test_print_resolution_is_no_calibration(tmp_path: Path, image: npt.NDArray[np.uint16]) -> None:
    for suffix in ("png", "jpg"):
        Image.fromarray((image // 256).astype(np.uint8)).save(tmp_path / f"a.{suffix}", dpi=(300, 300))
        with pytest.raises(InputError, match=rf"^a\.{suffix}: the pixel size is unknown.*no calibration"):
            read(tmp_path / f"a.{suffix}")


def test_pictures_above_pillows_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.fromarray(np.zeros((40, 50), np.uint8)).save(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    assert read(tmp_path / "a.png", 0.02)[0].image.shape == (40, 50)
    assert Image.MAX_IMAGE_PIXELS == 100
