"""Settings that have been given another name, and the translation of old names."""

from __future__ import annotations

from typing import Any

RENAMED = {
    "handling": "postprocessing",
    "specimen.most": "max_particles",
    "imaging.coarsest_nm": "max_pixel_size_nm",
    "preprocessing.coarsest_nm": "max_pixel_size_nm",
    "forest.accuracy": "target_accuracy",
}
"""Old dotted key, or its last parts -> new name of its last part."""


def current_key(key: str) -> str:
    """Return a dotted key, which may be `group@package`, with the present names of its parts."""
    return "@".join(_rename_parts(part) for part in key.split("@"))


def current_settings(node: Any, prefix: str = "") -> Any:
    """Return settings as plain dicts and lists with the present names of their keys.

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
    return node


def _rename_parts(key: str) -> str:
    parts: list[str] = []
    for part in key.split("."):
        path = ".".join([*parts, part])
        names = (new for old, new in RENAMED.items() if f".{path}".endswith(f".{old}"))
        parts.append(next(names, part))
    return ".".join(parts)
