from __future__ import annotations

import logging
import warnings
from pathlib import Path

import pytest

from hrtem_lab.files import read
from hrtem_lab.files.errors import explain, read_errors
from hrtem_lab.micrograph import InputError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.DM3"
    path.write_text("no micrograph")
    return path


def test_any_exception_becomes_one_line(file: Path) -> None:
    with pytest.raises(InputError) as caught, read_errors(file):
        raise RuntimeError("two\nlines\tand a tab")
    assert str(caught.value).startswith("a.DM3: cannot be read as .dm3 (two lines and a tab)")
    assert isinstance(caught.value.__cause__, RuntimeError)


def test_an_exception_without_words_gives_a_plain_reason(file: Path) -> None:
    with pytest.raises(InputError, match="a part that such a file has to have is missing"), read_errors(file):
        raise KeyError


def test_an_input_error_passes(file: Path) -> None:
    with pytest.raises(InputError, match=r"^mine$"), read_errors(file):
        raise InputError("mine")


def test_a_stop_by_the_user_passes(file: Path) -> None:
    with pytest.raises(KeyboardInterrupt), read_errors(file):
        raise KeyboardInterrupt


def test_libraries_are_quiet_inside_and_heard_outside(
    file: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    filters = list(warnings.filters)
    with read_errors(file):
        warnings.warn("inside", stacklevel=1)
        logging.getLogger("rsciio.tiff").error("inside")
        logging.getLogger("tifffile").error("inside")
    assert "inside" not in "".join([*capsys.readouterr(), caplog.text])
    logging.getLogger("rsciio.tiff").error("outside")
    assert "outside" in caplog.text
    assert list(warnings.filters) == filters


def test_a_logged_missing_part_is_an_error(file: Path) -> None:
    with pytest.raises(InputError, match="a part of the file is missing"), read_errors(file):
        logging.getLogger("tifffile").error("<TiffPages @8> invalid offset to first page 8")


def test_missing_files_and_folders(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^b\.tif: no such file in "), read_errors(tmp_path / "b.tif"):
        pass
    with pytest.raises(InputError, match="is a folder"), read_errors(tmp_path):
        pass


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (KeyError(0), "a part that such a file has to have is missing or damaged"),
        (KeyError("ImageList"), "a part that such a file has to have is missing or damaged"),
        (
            AttributeError("'NoneType' object has no attribute 'shape'"),
            "a part that such a file has to have is missing",
        ),
        (ValueError("8388610"), "its content is damaged"),
        (ValueError("b'\\x00\\x00'"), "its content is damaged"),
        (TypeError("unsupported operand type(s) for +: 'int' and 'str'"), "its content is damaged"),
        (ValueError("invalid literal for int() with base 10: 'x'"), "its content is damaged"),
        (EOFError(), "its content is damaged"),
        (ZeroDivisionError("integer division or modulo by zero"), "its content is damaged"),
        (UnboundLocalError("cannot access local variable 'data' where it is not set"), "its content is damaged"),
        (ValueError("The truth value of an array with more than one element is ambiguous"), "its content is damaged"),
        (OSError("cannot identify image file '/home/me/a.png'"), "its content is damaged"),
        (PermissionError(13, "Permission denied"), "you are not allowed to open it"),
        (MemoryError(), "it needs more memory than there is"),
        (ValueError("cannot reshape array of size 12 into shape (4, 4)"), "cannot reshape array of size 12 into shape"),
        (OSError("Unable to synchronously open file (truncated file)"), "Unable to synchronously open file"),
    ],
    ids=repr,
)
def test_a_reason_is_one_for_people(error: Exception, reason: str):
    assert explain(error).startswith(reason)


@pytest.mark.parametrize(
    ("content", "suffix", "reason"),
    [
        (b"", ".dm4", "it is empty; copy or export it again"),
        (b"\x89PNG\r\n\x1a\n", ".tif", "it begins as a PNG picture does; give it the suffix .png"),
        (b"II*\0", ".mrc", "it begins as a TIFF file does; give it the suffix .tif"),
        (b"\x89HDF\r\n\x1a\n", ".dm4", "it begins as an HDF5 file does; give it the suffix .h5"),
        (b"<!DOCTYPE html><html>", ".emd", "it begins as a web page does"),
        (b"version https://git-lfs.github.com/spec/v1\n", ".dm3", "a pointer of Git LFS to a file that was not"),
        (b"%PDF-1.7", ".tif", "it begins as a PDF document does"),
    ],
)
def test_a_file_that_is_something_else_is_told(tmp_path: Path, content: bytes, suffix: str, reason: str) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read(path, 0.02)
    assert reason in str(caught.value)
