"""A file is there whole or not at all, whatever happens while it is written."""

import os
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest

from hrtem_lab import atomic_write as module
from hrtem_lab.atomic_write import atomic_write, move_when_written, write_text
from hrtem_lab.micrograph import InputError


def test_the_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.txt"
    with atomic_write(path) as unfinished:
        unfinished.write_text("half")
        assert not path.exists()
        assert unfinished.parent == path.parent
        unfinished.write_text("whole")
    assert path.read_text() == "whole"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_older_file_stays_where_writing_fails(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "older")

    def fail() -> None:
        with atomic_write(path) as unfinished:
            unfinished.write_text("half")
            raise error

    with pytest.raises(error):
        fail()
    assert path.read_text() == "older"
    assert list(tmp_path.iterdir()) == [path]


def test_a_path_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"a\.txt: cannot be written"):
        write_text(tmp_path / "file" / "a.txt", "")
    with pytest.raises(OSError, match="Not a directory"), move_when_written(tmp_path / "file" / "a.txt") as unfinished:
        unfinished.write_text("")


def test_a_long_name_and_any_character_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / ("ü" * 120 + ".txt")
    write_text(path, "µm")
    assert path.read_text(encoding="utf-8") == "µm"


def test_lines_end_alike_on_every_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "linesep", "\r\n")
    write_text(tmp_path / "a.txt", "1\n2\n")
    assert (tmp_path / "a.txt").read_bytes() == b"1\n2\n"


@pytest.mark.parametrize(("refusals", "is_written"), [(2, True), (10_000, False)])
def test_windows_is_asked_again_while_a_reader_has_the_file_open(
    refusals: int, is_written: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = iter(range(refusals))
    replace = os.replace

    def refuse(source: Path, target: Path) -> None:
        if next(left, None) is not None:
            raise PermissionError(13, "Access is denied")
        replace(source, target)

    monkeypatch.setattr(module.os, "replace", refuse)
    monkeypatch.setattr(module, "sys", SimpleNamespace(platform="win32"))
    monkeypatch.setattr(module, "WINDOWS_PATIENCE_S", 0.2)
    path = tmp_path / "a.txt"
    path.write_text("older", encoding="utf-8")
    with nullcontext() if is_written else pytest.raises(InputError, match=r"a\.txt: cannot be written"):
        write_text(path, "newer")
    assert path.read_text(encoding="utf-8") == ("newer" if is_written else "older")
    assert list(tmp_path.iterdir()) == [path]
