"""The pipeline of `fetch`: a published set from its repository to a folder."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig

from hrtem_lab.cli.build import build
from hrtem_lab.cli.progress import print_lines, progress_bar
from hrtem_lab.files import PublishedSet, make_folder
from hrtem_lab.micrograph import InputError
from hrtem_lab.paths import CONF, workspace


def fetch(config: DictConfig) -> list[Path]:
    """Download a set, and print its licence, citation and the commands that use it.

    Returns:
        Paths of the files.

    Raises:
        InputError: No set is named, or it cannot be downloaded.
    """
    if "set" not in config:
        names = ", ".join(sorted(file.stem for file in (CONF / "set").glob("*.yaml")))
        raise InputError(f"no set is given; expected one of {names}: give set=NAME")
    published: PublishedSet = build(config.set)
    folder = make_folder(Path(config.output) if config.output else workspace() / "data" / published.name)
    wanted = None if config.files is None else list(config.files)
    lines = [published.title, f"Licence: {published.licence}", f"To cite: {published.citation}"]
    print_lines(lines)
    paths = published.fetch(folder, progress_bar, wanted)
    then = f"python -m hrtem_lab.check data={published.name} data.root={folder}   (dvc add {folder} tracks it)"
    print_lines([*map(str, paths), f"Then: {then}"])
    return paths
