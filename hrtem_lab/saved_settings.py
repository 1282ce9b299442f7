"""Settings that were saved or typed under earlier names, and their comparison with present ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

RENAMED_KEYS = {
    "handling": "postprocessing",
    "specimen.most": "max_particles",
    "imaging.coarsest_nm": "max_pixel_size_nm",
    "preprocessing.coarsest_nm": "max_pixel_size_nm",
    "forest.accuracy": "target_accuracy",
    "data.validation_groups": "splitter.validation_groups",
    "data.test_groups": "splitter.test_groups",
    "data.overrule": "layout.overrule",
    "data.frames": "layout.frames",
    "data.signal": "layout.signal",
    "data.label": "layout.label",
}
"""Old dotted key, or its last parts -> new name of its last part."""
RENAMED_TARGETS = {
    "hrtem_lab.defects.Recipe": "hrtem_lab.defects.ForestTrainer",
    "hrtem_lab.defects.Reference": "hrtem_lab.defects.BaselineClassifier",
    "hrtem_lab.physics.Handling": "hrtem_lab.physics.Postprocessing",
    "hrtem_lab.physics.Imaging": "hrtem_lab.physics.ImageSimulator",
    "hrtem_lab.physics.Library": "hrtem_lab.physics.ExitWaveLibrary",
    "hrtem_lab.physics.Microscope": "hrtem_lab.physics.ImagingConditionRanges",
    "hrtem_lab.segmentation.losses.Boundary": "hrtem_lab.segmentation.losses.BoundaryLoss",
    "hrtem_lab.segmentation.losses.Sum": "hrtem_lab.segmentation.losses.SumLoss",
    "hrtem_lab.segmentation.pretrained.with_encoder": "hrtem_lab.segmentation.pretrained.load_encoder_weights",
}
"""Old value of a `_target_` -> new one."""


def current_key(key: str) -> str:
    """Return a dotted key, which may be `group@package`, with the present names of its parts."""
    return "@".join(_rename_parts(part) for part in key.split("@"))


def current_settings(node: Any, prefix: str = "") -> Any:
    """Return settings as plain dicts and lists with the present names of keys and of what is constructed from them.

    Args:
        node: Settings.
        prefix: Dotted key of `node` in the whole configuration, empty for the whole.
    """
    if isinstance(node, dict):
        keys = {name: current_key(f"{prefix}.{name}".lstrip(".")) for name in node}
        renamed = {name: key.removeprefix(f"{current_key(prefix)}.") if prefix else key for name, key in keys.items()}
        return {renamed[name]: current_settings(value, keys[name]) for name, value in node.items()}
    if isinstance(node, list):
        return [current_settings(value, prefix) for value in node]
    return RENAMED_TARGETS.get(node, node) if prefix.endswith("_target_") else node


def describe_differences(
    saved: Mapping[str, Any], present: Mapping[str, Any], notes: Sequence[str] = (), max_shown: int = 4
) -> str:
    """Describe how settings differ; the text is empty where they do not.

    Args:
        saved: Settings from a file, also under earlier names.
        present: The settings to compare with.
        notes: Further differences, which come first.
        max_shown: Number of differences that are written out; further ones are counted.
    """
    there, here = dict(_flatten(current_settings(dict(saved)))), dict(_flatten(dict(present)))
    keys = [key for key in {**there, **here} if there.get(key) != here.get(key)]
    texts = [*notes, *(f"{key} is {there.get(key)} there and {here.get(key)} here" for key in keys)]
    more = f" and {len(texts) - max_shown} more" if len(texts) > max_shown else ""
    return "; ".join(texts[:max_shown]) + more


def _rename_parts(key: str) -> str:
    """Return a dotted key with the present names of its parts."""
    parts: list[str] = []
    for part in key.split("."):
        path = ".".join([*parts, part])
        names = (new for old, new in RENAMED_KEYS.items() if f".{path}".endswith(f".{old}"))
        parts.append(next(names, part))
    return ".".join(parts)


def _flatten(node: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield dotted key and value of every leaf; a tuple becomes a list."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield from _flatten(value, f"{prefix}.{key}".lstrip("."))
    else:
        yield prefix, list(node) if isinstance(node, tuple) else node
