"""The pipeline of `measure`: masks that were made elsewhere in, what `predict` writes out."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig

from hrtem_lab.files import find_inputs
from hrtem_lab.micrograph import InputError
from hrtem_lab.pipelines.masked_files import OpenMaskAnalysis, find_mask
from hrtem_lab.pipelines.predict import analyse_inputs


def measure(config: DictConfig) -> int:
    """Measure every mask that is not done yet, and write masks, overlays and tables.

    Returns:
        Exit code: 0 when every mask was measured, 3 when some failed, 1 when all did.

    Raises:
        InputError: Nothing is there, no micrograph has a mask, or a setting is one of those that find particles.
    """
    for key in ("threshold", "min_diameter_nm"):
        if config[key] is not None:
            raise InputError(f"{key}={config[key]}: measure takes outlines as they are; leave {key} out")
    masks = find_inputs(config.masks)
    config.masks = str(Path(config.masks).expanduser().absolute())
    if config.images is None:
        return analyse_inputs(config, masks, OpenMaskAnalysis)
    images = find_inputs(config.images)
    inputs = {name: path for name, path in images.items() if find_mask(masks.values(), path) is not None}
    if not inputs:
        names = ", ".join(path.name for path in list(masks.values())[:3])
        raise InputError(
            f"masks={config.masks}: none is called as a micrograph in {config.images} (found {names}); call the mask "
            "of a.dm4 a.tif, a_label.png or a_mask.png"
        )
    return analyse_inputs(config, inputs, OpenMaskAnalysis)
