"""The manifest of a library, and how its settings differ from others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hrtem_lab.micrograph import InputError
from hrtem_lab.saved_settings import describe_differences


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


def differences(manifest: dict[str, Any], inputs: dict[str, Any]) -> str:
    """Describe how the inputs of a library's fingerprint differ from those in a manifest."""
    there, here = dict(manifest.get("recipe", {})), dict(inputs)
    notes = []
    if there.pop("source", None) != here.pop("source", None):
        notes = [f"another version of the code made it (hrtem_lab {manifest.get('hrtem_lab')})"]
    return describe_differences(there, here, notes)
