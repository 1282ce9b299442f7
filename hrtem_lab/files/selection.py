"""Selection of the micrographs among the images of a file, with a note about the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from hrtem_lab.files.frames import Frames
from hrtem_lab.micrograph import InputError

MAX_LISTED = 8
"""Number of images that a message names before it says how many more there are."""
MAX_CHANNELS = 16
"""Number of columns up to which a stack of images is taken for one image with several values per pixel."""


@dataclass(frozen=True)
class Selection:
    """The micrographs of a file.

    Attributes:
        stacks: Images and stacks that are kept, in the order of the file.
        notes: Lines for the user about what was left out.
        titles_distinguish: Whether the file holds images of several titles, which then belong to their names.
    """

    stacks: list[Frames]
    notes: tuple[str, ...]
    titles_distinguish: bool = False


def select_micrographs(stacks: Sequence[Frames], signal: str | None, file_name: str) -> Selection:
    """Leave out what is no micrograph: spectra, diffraction patterns, previews without a calibration, computed images.

    Args:
        stacks: Everything that the file holds.
        signal: Title of the image that is wanted, also one that would be left out; `*` stands for any text.
        file_name: File name for messages.

    Raises:
        InputError: Nothing is left, or no image has this title.
    """
    left_out: list[tuple[Frames, str]] = []
    images: list[Frames] = []
    for stack in stacks:
        reason = _why_no_image(stack)
        if reason:
            left_out.append((stack, reason))
        else:
            images.append(stack)
    if not images:
        raise InputError(f"{file_name}: {_complain(left_out)}")
    calibrated = [stack for stack in images if stack.edges_nm is not None] or images
    titles_distinguish = len({stack.title for stack in calibrated}) > 1
    if signal is not None:
        return replace(_choose_title(images, left_out, signal, file_name), titles_distinguish=titles_distinguish)
    if len(calibrated) < len(images):
        left_out += [(stack, "without a calibration") for stack in images if stack.edges_nm is None]
        images = calibrated
    coloured = [stack for stack in images if stack.is_coloured]
    if 0 < len(coloured) < len(images):
        left_out += [(stack, "in colour, beside a grey one") for stack in coloured]
        images = [stack for stack in images if not stack.is_coloured]
    derived = [stack for stack in images if stack.is_derived]
    kept = [stack for stack in images if not stack.is_derived] or images
    if len(kept) < len(images):
        left_out += [(stack, "computed from other data") for stack in derived]
    if len(kept) > 1 and all(stack.must_choose and stack.edges_nm is None for stack in kept):
        raise InputError(
            f"{file_name}: expected one dataset of images, one named images, or signal=... with the name of one; found "
            f"{_list(kept)}"
        )
    return Selection(kept, _note(left_out), titles_distinguish)


def _choose_title(
    images: Sequence[Frames], left_out: Sequence[tuple[Frames, str]], signal: str, file_name: str
) -> Selection:
    """The images of one title; an image that stands alone in its file without a title is taken as it is."""
    if len(images) == 1 and not images[0].title:
        unused = f"signal={signal} is not used: the image has no title"
        return Selection(list(images), (*_note(left_out), unused))
    chosen = [stack for stack in images if _has_title(stack, signal)]
    if not chosen:
        raise InputError(f"{file_name}: signal={signal}: no image has this title; it holds {_list(images)}")
    unchosen = [(stack, "not chosen") for stack in images if not _has_title(stack, signal)]
    return Selection(chosen, _note([*left_out, *unchosen]))


def _why_no_image(stack: Frames) -> str:
    """The end of a sentence about what a stack is if it is no image, else ''."""
    shape = " x ".join(map(str, stack.data.shape))
    if stack.excluded:
        return f"is {stack.excluded}"
    if stack.data.size == 0:
        return "holds no pixels"
    if sum(length > 1 for length in stack.data.shape[:-2]) > 1:
        return f"holds 4-D data ({shape}), such as a scan of diffraction patterns, expected an image or a stack"
    if stack.data.dtype.kind == "c":
        return "holds complex numbers, expected a real image"
    if stack.is_diffraction:
        return "is a diffraction pattern (axes in 1/nm), expected an image"
    if _has_channels(stack):
        channels = stack.data.shape[-1]
        return f"holds {channels} channels per pixel ({shape}), such as probabilities, expected an image: export one"
    return ""


def _has_channels(stack: Frames) -> bool:
    """Whether what looks like a stack of narrow images is one image with several values per pixel."""
    rows, columns = stack.data.shape[-2:]
    return 1 < columns <= MAX_CHANNELS < min(stack.count, rows)


def _has_title(stack: Frames, signal: str) -> bool:
    title, wanted = stack.title.casefold(), signal.casefold()
    return bool(title) and (title == wanted or fnmatchcase(title, wanted))


def _complain(left_out: Sequence[tuple[Frames, str]]) -> str:
    if not left_out:
        return "holds no image"
    excluded = [stack.excluded for stack, _ in left_out]
    if all(excluded):
        return f"holds no image, only {' and '.join(dict.fromkeys(excluded))}"
    if len({reason for _, reason in left_out}) == 1:
        return left_out[0][1]
    parts = [f"{_name(stack)} {reason}" for stack, reason in left_out[:MAX_LISTED]]
    return f"holds no image: {'; '.join(parts)}{_more(len(left_out))}"


def _note(left_out: Sequence[tuple[Frames, str]]) -> tuple[str, ...]:
    if not left_out:
        return ()
    by_reason: dict[str, list[Frames]] = {}
    for stack, reason in left_out:
        by_reason.setdefault(reason.partition(", expected")[0], []).append(stack)
    parts = [f"{_list(stacks)} ({reason})" for reason, stacks in by_reason.items()]
    choosable = any(stack.title and not _why_no_image(stack) for stack, _ in left_out)
    way = "; signal=<title> chooses one" if choosable else ""
    return (f"left out: {', '.join(parts)}{way}",)


def _list(stacks: Sequence[Frames]) -> str:
    names = list(dict.fromkeys(_name(stack) for stack in stacks))
    return ", ".join(names[:MAX_LISTED]) + _more(len(names))


def _name(stack: Frames) -> str:
    return stack.title or f"an image of {' x '.join(map(str, stack.data.shape))}"


def _more(count: int) -> str:
    return f" and {count - MAX_LISTED} more" if count > MAX_LISTED else ""
