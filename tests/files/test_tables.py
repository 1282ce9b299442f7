"""CSV files in the dialects that spreadsheets write."""

from __future__ import annotations

from pathlib import Path

import pytest

from hrtem_lab.files.tables import parse_number, read_rows
from hrtem_lab.micrograph import InputError

TEXT = "name{d}pixel_size_nm{d}Bemerkung\nGröße_1{d}0{c}05{d}für µ\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "latin-1"])
@pytest.mark.parametrize(("delimiter", "comma"), [(",", "."), (";", ","), (";", "."), ("\t", ","), ("|", ".")])
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_dialects(tmp_path: Path, encoding: str, delimiter: str, comma: str, ends: str) -> None:
    text = TEXT.format(d=delimiter, c=comma).replace("\n", ends)
    (tmp_path / "a.csv").write_bytes(text.encode(encoding))
    columns, rows = read_rows(tmp_path / "a.csv")
    assert columns == ["name", "pixel_size_nm", "Bemerkung"]
    assert rows == [(2, ["Größe_1", f"0{comma}05", "für µ"])]
    assert parse_number(rows[0][1][1]) == 0.05


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_a_first_line_that_says_the_delimiter(tmp_path: Path, delimiter: str) -> None:
    (tmp_path / "a.csv").write_text(f"sep={delimiter}\r\n" + TEXT.format(d=delimiter, c="."), encoding="utf-8-sig")
    columns, rows = read_rows(tmp_path / "a.csv")
    assert columns == ["name", "pixel_size_nm", "Bemerkung"]
    assert rows[0][0] == 3


def test_delimiters_in_quotes_do_not_count(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('name;"size, in nm, by fringes";note\n"a;1";0,5;x\n')
    assert read_rows(tmp_path / "a.csv") == (["name", "size, in nm, by fringes", "note"], [(2, ["a;1", "0,5", "x"])])


def test_an_empty_file_and_blank_lines(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("")
    assert read_rows(tmp_path / "a.csv") == ([], [])
    (tmp_path / "a.csv").write_text("\n ;\nname;size\n;\n\na;1\n")
    assert read_rows(tmp_path / "a.csv") == (["name", "size"], [(6, ["a", "1"])])


@pytest.mark.parametrize(
    "content",
    [b"PK\x03\x04\x14\x00\x06\x00\x08\x00", b"\x89PNG\r\n\x1a\n\x00\x00", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"],
)
def test_what_is_no_text_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.csv").write_bytes(content * 20)
    with pytest.raises(InputError, match=r"^a\.csv: cannot be read as text.*save it as CSV"):
        read_rows(tmp_path / "a.csv")


def test_an_open_quote_is_told_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('sep=,\nname,size\na,1\n"b,2\n')
    with pytest.raises(InputError, match=r"^a\.csv: cannot be read as \.csv \(line 4: .*correct the quotes"):
        read_rows(tmp_path / "a.csv")


@pytest.mark.parametrize(
    ("text", "number"), [("0.5", 0.5), (" 0,5 ", 0.5), ("2e-2", 0.02), ("1.234,5", None), ("", None), ("0.5 nm", None)]
)
def test_numbers(text: str, number: float | None) -> None:
    assert parse_number(text) == pytest.approx(number if number is not None else float("nan"), nan_ok=True)
