"""The experiments of the configuration, and the comments that say what they are."""

from __future__ import annotations

from pathlib import Path

from hrtem_lab.paths import CONF


def experiments(conf: Path = CONF) -> dict[str, str]:
    """Name -> first line of the opening comment, for every experiment of the lab book."""
    return {file.stem: (opening_comment(file) or [""])[0] for file in sorted((conf / "experiment").glob("*.yaml"))}


def opening_comment(file: Path) -> list[str]:
    """The lines of the comment that a YAML file opens with, without their `#` and without Hydra's `@package` line."""
    lines: list[str] = []
    for line in file.read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            break
        text = line.lstrip("#").removeprefix(" ").rstrip()
        if not text.startswith("@package") and (text or lines):
            lines.append(text)
    while lines and not lines[-1]:
        lines.pop()
    return lines
