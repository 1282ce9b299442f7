"""Micrograph files that a file name, a folder or a pattern means."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from glob import glob
from pathlib import Path, PurePath

from hrtem_lab.files.errors import FOLDER_SUFFIXES
from hrtem_lab.files.formats import SUFFIXES
from hrtem_lab.files.labels import labelled_name
from hrtem_lab.files.tia import find_series
from hrtem_lab.micrograph import InputError


def find_inputs(pattern: str | Path) -> dict[str, Path]:
    """Find the micrograph files that a user names.

    Args:
        pattern: A file, a folder (its files, not those of its subfolders) or a glob, where `**` is any depth. What
            exists is taken as it is written, brackets and stars included, before it is tried as a glob.

    Returns:
        Path by name, sorted by name. A name is the file's stem; where two files share it, the folder (`sub__stem`) or
        the suffix (`stem.dm3`) is added. Of a folder or glob only files with one of `SUFFIXES` are taken; hidden files,
        the label images of a file beside them and the masks and overlays of an earlier prediction are left out.

    Raises:
        InputError: Nothing is there, or nothing of it is read.
    """
    root, rest = _split(Path(pattern).expanduser())
    if _is_input(root) and not rest:
        paths = [root]
        root = root.parent
    else:
        paths = _readable(_matches(root, PurePath(rest or "*").parts))
        paths = [path for path in paths if path.parent == root or not _is_predicted(path)]
    if not paths:
        what = "nothing of this name, and as a pattern it matches" if rest else "the folder holds"
        raise InputError(f"{pattern}: {what} no micrograph; looked for files ending in {' '.join(SUFFIXES)}")
    if paths[0].suffix.lower() not in SUFFIXES:
        raise InputError(f"{pattern}: the suffix is not read, expected one of {' '.join(SUFFIXES)}")
    names = _names([path.relative_to(root) for path in paths])
    for name, often in Counter(names).items():
        if often > 1:
            raise InputError(f"{pattern}: {often} files would be called {name}; rename one")
    return dict(sorted(zip(names, paths, strict=True)))


def _split(path: Path) -> tuple[Path, str]:
    """The part of a path that exists, and the rest of it, which is a pattern ('' where all exists)."""
    root = path
    while not root.exists() and root != root.parent:
        root = root.parent
    return root, "" if root == path else path.relative_to(root).as_posix()


def _matches(root: Path, parts: tuple[str, ...]) -> Iterator[Path]:
    """Paths that match a pattern; `**` is any depth, where a folder that links lead to again is entered once."""
    if "**" not in parts:
        yield from (root / match for match in glob(str(PurePath(*parts)), root_dir=root))
        return
    depth = parts.index("**")
    tops = _matches(root, parts[:depth]) if depth else [root]
    for folder in (below for top in tops for below in _folders_below(top)):
        yield from _matches(folder, parts[depth + 1 :] or ("*",))


def _folders_below(top: Path) -> Iterator[Path]:
    """A folder and all below it that are not hidden, each once, those that are links after the others."""
    seen: set[tuple[int, int]] = set()
    for name, inside, _ in os.walk(top, followlinks=True):
        status = os.stat(name)
        if (status.st_dev, status.st_ino) in seen:
            inside.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        visible = [each for each in inside if not each.startswith(".")]
        inside[:] = sorted(visible, key=lambda each: (os.path.islink(os.path.join(name, each)), each))
        yield Path(name)


def _readable(paths: Iterable[Path]) -> list[Path]:
    files = [path for path in paths if path.suffix.lower() in SUFFIXES and _is_input(path)]
    beside = {path.with_suffix("") for folder in {path.parent for path in files} for path in _micrographs(folder)}
    return [
        path
        for path in dict.fromkeys(files)
        if not path.name.startswith(".")
        and not (path.suffix.lower() == ".emi" and find_series(path))  # the series are read, and ask it for their units
        and not ((name := labelled_name(path)) and path.with_name(name) in beside)
    ]


def _is_input(path: Path) -> bool:
    """Whether a path is that of a file, or of a folder that is one file to the program that wrote it."""
    return path.is_file() or (path.is_dir() and path.suffix.lower() in FOLDER_SUFFIXES)


def _is_predicted(path: Path) -> bool:
    """Whether a file lies among the masks or overlays that a prediction wrote."""
    run = path.parent.parent
    beside = (run / name for name in ("masks", "overlays", "summary.json"))
    return path.parent.name in ("masks", "overlays") and all(each.exists() for each in beside)


def _micrographs(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES]


def _names(paths: list[Path]) -> list[str]:
    """The shortest names that are unique: stem, folder and stem, file name, folder and file name."""
    choices = [[path.stem, _joined(path.with_suffix("")), path.name, _joined(path)] for path in paths]
    often = Counter(name for names in choices for name in set(names))
    return [next((name for name in names if often[name] == 1), names[-1]) for names in choices]


def _joined(path: Path) -> str:
    return "__".join(path.parts)
