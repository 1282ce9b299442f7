"""Frames of a stack: which are taken, and that a sum is one of what the frames show, not of where they show it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy.ndimage import fourier_shift, gaussian_filter

from hrtem_lab.files.frames import Frames
from hrtem_lab.files.stacks import check_choice, check_count, choose_frames, sum_aligned
from hrtem_lab.micrograph import InputError


def scene(rows: int = 96, columns: int = 120) -> npt.NDArray[np.float64]:
    """A smooth random picture, which a Fourier shift moves exactly."""
    return gaussian_filter(np.random.default_rng(0).normal(size=(rows, columns)), 3, mode="wrap") * 30


def drifting(drifts: list[tuple[float, float]], noise: float = 0.0) -> npt.NDArray[Any]:
    rng, spectrum = np.random.default_rng(1), np.fft.fft2(scene())
    moved = [np.fft.ifft2(fourier_shift(spectrum, drift)).real for drift in drifts]
    return np.stack([image + noise * rng.normal(size=image.shape) for image in moved]).astype(np.float32)


def test_frames_of_a_drifting_specimen_are_aligned_before_they_are_added_up() -> None:
    drifts = [(0.0, 0.0), (1.5, -2.0), (3.0, -4.0), (4.2, -6.0)]
    total = sum_aligned(drifting(drifts))
    expected = 4 * scene()[:-5, 6:]  # of what the first shows, up to 5 rows leave it below and 6 columns on the left
    assert total.shape == pytest.approx(expected.shape, abs=1)
    inner = (slice(4, 80), slice(4, 100))
    assert np.corrcoef(total[inner].ravel(), expected[inner].ravel())[0, 1] > 0.999
    np.testing.assert_allclose(total[inner].std(), expected[inner].std(), rtol=0.02)


def test_a_sum_of_noisy_frames_shows_more_than_one_of_them() -> None:
    drifts = [(0.5 * i, -0.8 * i) for i in range(9)]
    frames = drifting(drifts, noise=3.0)
    total = sum_aligned(frames)
    truth = scene()[: total.shape[0], -total.shape[1] :]
    assert total.shape == pytest.approx((96 - 4, 120 - 7), abs=2)
    of_one, of_all = (
        np.corrcoef(image.ravel(), truth.ravel())[0, 1] for image in (frames[0][: len(truth), -truth.shape[1] :], total)
    )
    assert of_one < 0.8 < 0.95 < of_all


def test_frames_that_stand_still_are_added_up_as_they_are() -> None:
    frames = drifting([(0.0, 0.0)] * 3)
    np.testing.assert_allclose(sum_aligned(frames), frames.sum(axis=0), rtol=1e-4, atol=1e-3)


STACK = Frames(np.arange(3 * 20 * 30.0).reshape(3, 20, 30))


@pytest.mark.parametrize(
    ("frames", "ends"),
    [(None, ["0000", "0001", "0002"]), ("all", ["0000", "0001", "0002"]), (1, ["0001"]), ("sum", ["sum"])],
)
def test_chosen_frames(frames: str | int | None, ends: list[str]) -> None:
    images, notes = choose_frames(STACK, frames, "a.mrc")
    assert list(images) == ends
    if frames == 1:
        np.testing.assert_array_equal(images["0001"], STACK.pixels[1])
    else:
        assert "3 frames" in notes[0]


def test_a_single_image_has_no_frames_to_choose() -> None:
    for shape in ((20, 30), (1, 20, 30)):
        for frames in (None, "all", "sum", 7):
            images, notes = choose_frames(Frames(np.ones(shape)), frames, "a.mrc")
            assert list(images) == [""]
            assert notes == ()


def test_a_set_of_micrographs_may_have_any_number() -> None:
    check_count(Frames(np.ones((500, 2, 2)), is_set=True), None, "a.h5")
    with pytest.raises(InputError, match="holds 500 frames"):
        check_count(Frames(np.ones((500, 2, 2))), None, "a.h5")


@pytest.mark.parametrize("frames", [-1, 1.5, True, "some", "1"])
def test_a_choice_that_is_none(frames: object) -> None:
    with pytest.raises(InputError, match=f"^frames={frames}: expected all, sum"):
        check_choice(frames)


@pytest.mark.parametrize("frames", [None, "all", "sum", 0, 12])
def test_a_choice(frames: object) -> None:
    assert check_choice(frames) == frames
