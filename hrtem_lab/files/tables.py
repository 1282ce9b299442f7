"""CSV files as spreadsheets and other programs write them: their encodings, delimiters and decimal commas."""

from __future__ import annotations

import codecs
import csv
import math
import re
from io import StringIO
from pathlib import Path

from hrtem_lab.files.errors import read_errors
from hrtem_lab.micrograph import InputError

Row = tuple[int, list[str]]
"""A line's number and its cells."""

_DELIMITERS = (",", ";", "\t", "|")
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read_rows(path: Path) -> tuple[list[str], list[Row]]:
    """Read a CSV file as text.

    It may be in UTF-8 with or without a mark, in UTF-16 or in Windows-1252, with commas, semicolons, tabs or bars
    between its cells, and with a first line `sep=;` as spreadsheets write it.

    Returns:
        The names of the columns, without spaces around them; and the lines that are not blank, with their numbers.

    Raises:
        InputError: The file is missing or no text, or a quote in it is not closed.
    """
    with read_errors(path):
        text = _decode(path.read_bytes(), path.name)
        delimiter, skipped = _delimiter(text)
        lines = "".join(text.splitlines(keepends=True)[skipped:])
        reader = csv.reader(StringIO(lines, newline=""), delimiter=delimiter, skipinitialspace=True, strict=True)
        try:
            rows = [(reader.line_num + skipped, row) for row in reader if any(cell.strip() for cell in row)]
        except csv.Error as error:
            raise InputError(
                f"{path.name}: cannot be read as {path.suffix.lower()} (line {reader.line_num + skipped}: {error}); "
                "correct the quotes there"
            ) from error
    columns = [column.strip() for column in rows[0][1]] if rows else []
    return columns, rows[1:]


def parse_number(text: str) -> float:
    """Convert the text of a cell, with a point or a comma, to a number; NaN where it is none."""
    try:
        return float(text.strip().replace(",", "."))
    except ValueError:
        return math.nan


def _decode(content: bytes, file_name: str) -> str:
    """The text of a file, in the first encoding that fits."""
    if content.startswith(_UTF_16):
        text = content.decode("utf-16")
    elif b"\0" in content[:2]:
        text = content.decode("utf-16-le" if content[1:2] == b"\0" else "utf-16-be", errors="replace")
    else:
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = content.decode("cp1252", errors="replace")
    if re.search(r"[\x00-\x08\x0e-\x1f\ufffd]", text):
        raise InputError(
            f"{file_name}: cannot be read as text, though it should be a table; save it as CSV in UTF-8 (a spreadsheet "
            "calls this 'CSV UTF-8')"
        )
    return text


def _delimiter(text: str) -> tuple[str, int]:
    """Separator of cells, and number of lines that only declare it (`sep=;`)."""
    lines = text.splitlines()
    first = lines[0].strip().strip('"') if lines else ""
    if re.fullmatch(r"sep=.?", first, flags=re.IGNORECASE):
        return (first[4:] or "\t"), 1
    header = next((line for line in lines if line.strip()), "")
    unquoted = re.sub(r'"[^"]*"', "", header)
    return max(_DELIMITERS, key=unquoted.count), 0
