"""Selection of the frames of a stack: all of them, their sum, or one."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter, shift
from skimage.registration import phase_cross_correlation

from hrtem_lab.files.frames import Frames
from hrtem_lab.micrograph import InputError

MAX_FRAMES = 64
"""Largest number of frames that are read without being asked for: a movie shows the same particles again and again."""
_BLUR_PX = 1.5
_MIN_COMMON = 0.25
"""Smallest part of the height and of the width that all frames have to show."""

Choice = str | int | None
"""`all`, `sum`, the number of one frame, or None where nobody has chosen."""


def check_choice(frames: object) -> Choice:
    """Validate a choice of frames.

    Raises:
        InputError: It is none of `all`, `sum`, a whole number of 0 or more, and None.
    """
    if frames is None or (isinstance(frames, str) and frames in ("all", "sum")):
        return frames
    if isinstance(frames, int) and not isinstance(frames, bool) and frames >= 0:
        return frames
    raise InputError(f"frames={frames}: expected all, sum (aligned, then added up), or the number of one, from 0")


def choose_frames(stack: Frames, frames: Choice, file_name: str) -> tuple[dict[str, npt.NDArray[Any]], tuple[str, ...]]:
    """Take the chosen images of a stack.

    Args:
        stack: An image or a stack of images.
        frames: `all`, `sum` (aligned, then added up), the number of one, or None, which is all.
        file_name: File name for messages.

    Returns:
        Images by the end of their name: '' for a single image, '0000', '0001', ..., or 'sum'; and lines for the user.

    Raises:
        InputError: There is no frame of this number, or the frames drift too far to be added up.
    """
    count = stack.count
    if count == 1:
        return {"": stack.pixels.reshape(stack.data.shape[-2:])}, ()
    if isinstance(frames, int):
        if frames >= count:
            raise InputError(f"{file_name}: frames={frames}: it holds {count} frames, numbered 0 to {count - 1}")
        return {f"{frames:04d}": stack.pixels.reshape(-1, *stack.data.shape[-2:])[frames]}, ()
    images = stack.pixels.reshape(-1, *stack.data.shape[-2:])
    if frames == "sum":
        return {"sum": sum_aligned(images, file_name)}, (f"{count} frames were aligned and added up",)
    note = f"holds {count} frames, each of which is read as a micrograph; frames=sum aligns them and adds them up"
    return {f"{number:04d}": image for number, image in enumerate(images)}, () if stack.is_set else (note,)


def check_count(stack: Frames, frames: Choice, file_name: str) -> None:
    """Refuse what would be too many micrographs of one specimen, where nobody has chosen frames.

    Raises:
        InputError: Nobody has chosen, and the stack is a volume or has more than `MAX_FRAMES`.
    """
    if frames is not None or stack.count == 1:
        return
    if stack.is_volume:
        what = f"is a volume of {stack.count} sections"
    elif stack.count > MAX_FRAMES and not stack.is_set:
        what = f"holds {stack.count} frames, more than the {MAX_FRAMES} that are read as so many micrographs"
    else:
        return
    raise InputError(
        f"{file_name}: {what}; give frames=sum (aligned, then added up), frames=all, or frames=N for one, from 0"
    )


def sum_aligned(images: npt.NDArray[Any], file_name: str = "the stack") -> npt.NDArray[np.float32]:
    """Add up frames after their drift is removed.

    Each frame is registered by cross-correlation (Guizar-Sicairos et al., Opt. Lett. 33, 156, 2008) with the sum of
    those before it, to a tenth of a pixel, beginning at the drift of the frame before it.

    Args:
        images: (n, rows, columns).
        file_name: File name for messages.

    Returns:
        The sum over what all frames show, float32; smaller than a frame by the drift.

    Raises:
        InputError: The frames have too little in common.
    """
    total = images[0].astype(np.float64)
    drift = np.zeros(2)
    drifts = [drift]
    for image in images[1:]:
        moved = _move(image, drift)
        step = phase_cross_correlation(_soften(total), _soften(moved), upsample_factor=10, normalization=None)[0]
        drift = drift + step
        total += _move(image, drift)
        drifts.append(drift)
    first = np.ceil(np.max([*drifts, np.zeros(2)], axis=0)).astype(int)
    last = np.array(total.shape) + np.floor(np.min([*drifts, np.zeros(2)], axis=0)).astype(int)
    if (last - first < _MIN_COMMON * np.array(total.shape)).any():
        raise InputError(
            f"{file_name}: frames=sum: the {len(images)} frames have too little in common to be aligned; give "
            "frames=N for one of them"
        )
    return total[first[0] : last[0], first[1] : last[1]].astype(np.float32)


def _soften(image: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """The image without its noise, its mean and its edges, which do not move with the specimen."""
    smooth = gaussian_filter(np.asarray(image, dtype=np.float64), _BLUR_PX)
    window = np.outer(*(np.hanning(length + 2)[1:-1] for length in image.shape))
    return np.asarray((smooth - smooth.mean()) * window)


def _move(image: npt.NDArray[Any], drift: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray(shift(np.asarray(image, dtype=np.float64), drift, order=3, mode="nearest"))
