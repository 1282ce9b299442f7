"""The manifest of a library, and how its settings differ from others."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hrtem_lab.micrograph import InputError
from hrtem_lab.renamed_settings import current_settings


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """Read the manifest in a library's folder; None where there is none, {} where it is of an unknown kind.

    Raises:
        InputError: The file cannot be read.
    """
    path = folder / "manifest.json"
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read ({error}); restore it, or give another folder") from error
    return manifest if isinstance(manifest, dict) else {}


def differences(manifest: dict[str, Any], inputs: dict[str, Any], max_shown: int = 4) -> str:
    """Describe which settings of a manifest differ from other ones.

    Args:
        manifest: Settings under the key `recipe`, also under names that have been changed since.
        inputs: The settings to compare with.
        max_shown: Number of differences that are written out; further ones are counted.
    """
    there, here = dict(_flatten(current_settings(manifest.get("recipe", {})))), dict(_flatten(inputs))
    keys = [key for key in {**there, **here} if there.get(key) != here.get(key)]
    texts = [f"{key} is {there.get(key)} there and {here.get(key)} here" for key in keys if key != "source"]
    if "source" in keys:
        texts.insert(0, f"another version of the code made it (hrtem_lab {manifest.get('hrtem_lab')})")
    more = f" and {len(texts) - max_shown} more" if len(texts) > max_shown else ""
    return "; ".join(texts[:max_shown]) + more


def _flatten(node: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield dotted key and value of every leaf; a tuple becomes a list."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield from _flatten(value, f"{prefix}.{key}".lstrip("."))
    else:
        yield prefix, list(node) if isinstance(node, tuple) else node
