"""Any supported file to micrographs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from hrtem_lab.files.errors import read_errors
from hrtem_lab.files.formats import READERS, SUFFIXES
from hrtem_lab.files.frames import Frames
from hrtem_lab.files.image_table import ImageTable
from hrtem_lab.files.pixel_size import FILE, PixelSize, SizesGiven
from hrtem_lab.files.selection import select_micrographs
from hrtem_lab.files.stacks import Choice, check_count, choose_frames
from hrtem_lab.image import resample_nearest
from hrtem_lab.micrograph import InputError, Micrograph
from hrtem_lab.void import mask_void

LOSSY_SUFFIXES = (".jpg", ".jpeg")
LOSSY_TOLERANCE = 2.0
"""Difference that compression leaves between pixels that were equal."""


def read(
    path: str | Path,
    pixel_size_nm: float | None = None,
    name: str | None = None,
    *,
    tables: Sequence[ImageTable | None] = (),
    overrule: bool = False,
    frames: Choice = None,
    signal: str | None = None,
) -> list[Micrograph]:
    """Read every micrograph of a file.

    Args:
        path: A file with one of `SUFFIXES`.
        pixel_size_nm: Side length of a pixel in nm, used only where neither the file itself nor a table states it.
        name: Name of the micrograph; the file's stem by default. Where the file holds several images, their titles
            follow it (`<name>_HAADF`), and the number of a frame in a stack (`<name>_0000`, ...).
        tables: Tables with the pixel sizes of files that have no calibration of their own; the first that names the
            file counts.
        overrule: Whether a size that is given counts more than the file's own.
        frames: Frames of a stack: `all`, `sum` (aligned, then added up) or the number of one; None takes all of
            a stack of images up to 64, and refuses longer ones and volumes.
        signal: Title of the image that is wanted where a file holds several, `*` for any text.

    Returns:
        One micrograph per image; float32, native byte order, C-contiguous, writable. Colours become grey. Pixels that
        are not square are divided into square ones (see `Frames.square`). The `notes` of each say what was left out,
        and what was given and not used.

    Raises:
        InputError: The file is missing, broken or of another kind; it holds no real image, or a diffraction pattern;
            its pixels are far from square; neither the file nor the caller knows the pixel size; it holds more frames
            than are read without being asked for. An image among others that is broken is left out, with a note.
    """
    path = Path(path)
    sizes = SizesGiven(pixel_size_nm, [table for table in tables if table is not None], overrule)
    selection = select_micrographs(_load(path), signal, path.name)
    name = path.stem if name is None else name
    micrographs: list[Micrograph] = []
    refused: list[InputError] = []
    for stack in selection.stacks:
        check_count(stack, frames, path.name)
        size = sizes.choose(stack, path, name)
        with read_errors(path):
            chosen, notes = choose_frames(stack, frames, path.name)
        titled = f"{name}_{_file_name(stack.title)}" if selection.titles_distinguish and stack.title else name
        stack = replace(stack, notes=(*stack.notes, *selection.notes, *size.notes, *notes))
        for end, image in chosen.items():
            frame, frame_name = replace(stack, data=image), f"{titled}_{end}" if end else titled
            try:
                micrographs.append(build_micrograph(frame, size, frame_name, path))
            except InputError as error:
                refused.append(error)
    if not micrographs:
        raise refused[0]
    left_out = tuple(f"left out: {error}" for error in refused)
    micrographs = [replace(micrograph, notes=(*micrograph.notes, *left_out)) for micrograph in micrographs]
    names = _unique([micrograph.name for micrograph in micrographs])
    return [replace(each, name=unique) for unique, each in zip(names, micrographs, strict=True)]


def build_micrograph(frame: Frames, size: PixelSize, name: str, path: Path) -> Micrograph:
    """One image in square pixels, with what shows nothing masked."""
    tolerance = LOSSY_TOLERANCE if path.suffix.lower() in LOSSY_SUFFIXES else 0.0
    image, valid = mask_void(frame.pixels, tolerance)
    notes = frame.notes
    if valid is not None:
        notes = (*notes, f"{np.mean(~valid):.1%} of the image is an empty border, a banner or a box and is left out")
    square = replace(frame, data=image).square(path.name) if size.source == FILE else replace(frame, data=image)
    pixels = np.ascontiguousarray(square.pixels)
    return Micrograph(
        image=pixels,
        pixel_size_nm=size.nm if size.source != FILE else float(square.pixel_size_nm or size.nm),
        name=name,
        metadata={**square.metadata, "source": path.name},
        pixel_size_from=size.source,
        pixel_sizes_unused=size.unused,
        notes=notes,
        valid=None if valid is None else resample_nearest(valid, (pixels.shape[0], pixels.shape[1])),
    )


def _load(path: Path) -> list[Frames]:
    reader = READERS.get(path.suffix.lower())
    with read_errors(path):
        if reader is None:
            raise InputError(f"{path.name}: the suffix is not read, expected one of {' '.join(SUFFIXES)}")
        return reader(path)


def _unique(names: list[str]) -> list[str]:
    """The names, those that several images would share followed by a number."""
    often, numbers = Counter(names), Counter[str]()
    unique = []
    for name in names:
        unique.append(f"{name}_{numbers[name]:04d}" if often[name] > 1 else name)
        numbers[name] += 1
    return unique


def _file_name(title: str) -> str:
    """A title as a part of a file's name."""
    return re.sub(r'[\x00-\x1f/\\:*?"<>|]+', "_", title).strip(" ._")
