"""A folder of micrographs whose particles somebody has marked."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from hrtem_lab.files.image_table import ImageTable, find_image_table
from hrtem_lab.files.inputs import find_inputs
from hrtem_lab.files.labels import LabelRule, find_label, read_label
from hrtem_lab.files.read import read
from hrtem_lab.files.stacks import Choice, check_choice
from hrtem_lab.micrograph import InputError, LabelledMicrograph

NAMED = 3
"""Files that a message names before it says how many more there are."""


def read_labelled(
    pattern: str | Path,
    pixel_size_nm: float | None = None,
    rule: LabelRule | None = None,
    *,
    overrule: bool = False,
    frames: Choice = None,
    signal: str | None = None,
) -> list[LabelledMicrograph]:
    """Read every micrograph with the label `<name>_label.png` (or `.tif`) beside it.

    The particles of a label are those of `read_label`. A micrograph's group is what the column `group` of the folder's
    `metadata.csv` says, else its own name.

    Args:
        pattern: A folder or a pattern, as for `find_inputs`.
        pixel_size_nm: Pixel size of files for which neither they themselves nor `metadata.csv` state one.
        rule: Meaning of the values of a label; black is the background by default.
        overrule: Whether `pixel_size_nm` and `metadata.csv` count more than the calibration of a file.
        frames: Frame of a stack that the label belongs to: its number, or `sum`, as for `read`.
        signal: Title of the image that the label belongs to where a file holds several, as for `read`.

    Returns:
        Sorted by name, without ground truth beyond the mask.

    Raises:
        InputError: Nothing is there, a micrograph has no label, or a file cannot be read.
    """
    inputs = find_inputs(pattern)
    without = [path.name for path in inputs.values() if find_label(path) is None]
    if without:
        more = f" and {len(without) - NAMED} more" if len(without) > NAMED else ""
        raise InputError(
            f"{pattern}: {len(without)} of {len(inputs)} micrographs have no label "
            f"({', '.join(without[:NAMED])}{more}); draw <name>_label.png for each, black where no "
            "particle is, or keep them in another folder"
        )
    find_table = cache(find_image_table)  # read once per folder
    options = {"pixel_size_nm": pixel_size_nm, "overrule": overrule, "frames": check_choice(frames), "signal": signal}
    return [_labelled(path, name, find_table(path.parent), options, rule) for name, path in inputs.items()]


def _labelled(
    path: Path, name: str, table: ImageTable | None, options: Mapping[str, Any], rule: LabelRule | None
) -> LabelledMicrograph:
    if table is not None and table.error:  # it may say which images belong together
        raise InputError(table.error)
    frames = read(path, name=name, tables=[table], **options)
    if len(frames) > 1:
        raise InputError(
            f"{path.name}: holds {len(frames)} images, expected the one that its label is of; choose it with "
            "data.signal or data.frames"
        )
    image, label_path = frames[0], find_label(path)
    assert label_path is not None
    group = table.lookup("group", path, name) if table else []
    rows, columns = image.image.shape
    label = read_label(label_path, (rows, columns), image.metadata, rule)
    return LabelledMicrograph(
        image=image.image,
        pixel_size_nm=image.pixel_size_nm,
        name=image.name,
        metadata=image.metadata,
        pixel_size_from=image.pixel_size_from,
        pixel_sizes_unused=image.pixel_sizes_unused,
        notes=(*image.notes, *label.notes),
        valid=image.valid,
        instances=label.instances,
        group=group[-1][1] if group else name,
    )
