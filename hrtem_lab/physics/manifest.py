"""What a library was made by, written beside it, and how two of them differ."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hrtem_lab.micrograph import InputError


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """The manifest of a library's folder; None where there is none, {} where it is of an unknown kind.

    Raises:
        InputError: There is one, and it cannot be read.
    """
    path = folder / "manifest.json"
    try:
        manifest = json.loads(path.read_text())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read ({error}); restore it, or give another folder") from error
    return manifest if isinstance(manifest, dict) else {}


def differences(manifest: dict[str, Any], recipe: dict[str, Any], most: int = 4) -> str:
    """Which settings of a library's manifest are others than those of a recipe, in words."""
    there, here = dict(_flat(manifest.get("recipe", {}))), dict(_flat(recipe))
    keys = [key for key in {**there, **here} if there.get(key) != here.get(key)]
    said = [f"{key} is {there.get(key)} there and {here.get(key)} here" for key in keys if key != "source"]
    if "source" in keys:
        said.insert(0, f"another version of the code made it (hrtem_lab {manifest.get('hrtem_lab')})")
    more = f" and {len(said) - most} more" if len(said) > most else ""
    return "; ".join(said[:most]) + more


def _flat(node: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(node, dict):
        for key, value in node.items():
            yield from _flat(value, f"{prefix}.{key}".lstrip("."))
    else:
        yield prefix, list(node) if isinstance(node, tuple) else node
