from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hrtem_lab.files import ImageTable, find_image_table, read, read_calibration
from hrtem_lab.micrograph import InputError


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return tmp_path / "metadata.csv"


def size_nm(sizes: ImageTable, path: str | Path, name: str | None = None) -> float | None:
    row = sizes.pixel_size_nm(path, name)
    return row and row[1]


def test_names_and_sizes(table: Path) -> None:
    table.write_text(
        '\ufeffgroup, pixel_size_nm ,name\nx,0.02,a\n"x,y",2e-2, b.DM3 \n\nz,0.5,0012\nz,0.5,NA\n,0.5,img.01\n',
        encoding="utf-8",
    )
    for sizes in (read_calibration(table), read_calibration(str(table)), find_image_table(table.parent)):
        assert sizes is not None
        found = {name: size_nm(sizes, table.parent / name) for name in ("a.png", "b.dm3", "0012.tif", "NA.h5", "c.png")}
        assert found == {"a.png": 0.02, "b.dm3": 0.02, "0012.tif": 0.5, "NA.h5": 0.5, "c.png": None}
        assert size_nm(sizes, table.parent / "img.01.tif") == 0.5


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("s1__a", {"s1/a.png": 0.05}),
        ("s1/a.png", {"s1/a.png": 0.05}),
        ("./s1/a", {"s1/a.png": 0.05}),
        ("{folder}/s1/a.png", {"s1/a.png": 0.05}),
        ("a.png", {"s1/a.png": 0.05, "s2/a.png": 0.05}),
        ("a", {"s1/a.png": 0.05, "s2/a.png": 0.05, "a.jpg": 0.05}),
        ("a.tif", {}),
        ("A.png", {}),
    ],
)
def test_a_row_is_of_the_files_that_its_name_is_of(table: Path, row: str, expected: dict[str, float]) -> None:
    table.write_text(f"name,pixel_size_nm\n{row.format(folder=table.parent)},0.05\n")
    files = {"s1/a.png": "s1__a", "s2/a.png": "s2__a", "a.jpg": "a.jpg"}
    found = {file: size_nm(read_calibration(table), table.parent / file, name) for file, name in files.items()}
    assert {file: size for file, size in found.items() if size} == expected


def test_the_more_exact_name_is_taken(table: Path) -> None:
    table.write_text("name,pixel_size_nm\na,1\na.png,2\ns1/a.png,3\n")
    sizes = read_calibration(table)
    found = [size_nm(sizes, table.parent / file, "a") for file in ("s1/a.png", "s2/a.png", "s1/a.tif")]
    assert found == [3, 2, 1]


def test_accents_in_either_spelling(table: Path) -> None:
    table.write_text("name,pixel_size_nm\nMa\u0308r,0.05\nG\u00f6.png,0.04\n", encoding="utf-8")
    sizes = read_calibration(table)
    assert [size_nm(sizes, name) for name in ("M\u00e4r.png", "Go\u0308.png")] == [0.05, 0.04]


def test_an_empty_cell_is_no_size(table: Path) -> None:
    table.write_text("name,pixel_size_nm\na,\nb\nc,0.05\n,\n,0.02\n")
    assert [size_nm(read_calibration(table), name) for name in ("a.png", "b.png", "c.png")] == [None, None, 0.05]


def test_semicolons_and_decimal_commas(table: Path) -> None:
    table.write_text("\nname;pixel_size_nm;group\na,1;0,05;x\nb;0.05;y\n")
    sizes = find_image_table(table.parent)
    assert sizes
    assert [size_nm(sizes, name) for name in ("a,1.png", "b.png")] == [0.05, 0.05]
    assert sizes.lookup("group", "b.png") == [(4, "y")]


def test_columns_in_capitals(table: Path) -> None:
    table.write_text("Name,Pixel_Size_nm,GROUP,Operator\na.tif,0.05,monday,X\n")
    for sizes in (find_image_table(table.parent), read_calibration(table)):
        assert sizes
        assert size_nm(sizes, "a.tif") == 0.05
        assert sizes.lookup("group", "a.tif") == [(2, "monday")]
        assert sizes.lookup("Operator", "a.tif") == [(2, "X")]


def test_the_same_value_twice_is_no_contradiction(table: Path) -> None:
    table.write_text("name,pixel_size_nm\na.tif,0.02\na.tif,0.020\n")
    assert size_nm(read_calibration(table), "a.tif") == 0.02


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("", "column name and pixel_size_nm is missing"),
        ("name,size\na,1\n", "column pixel_size_nm is missing.*found name,size"),
        ('name,pixel_size_nm\n"a,0.02\n', "cannot be read"),
    ],
)
def test_mistakes(table: Path, content: str, complaint: str) -> None:
    table.write_text(content)
    with pytest.raises(InputError, match=f"^metadata.csv: .*{complaint}") as caught:
        read_calibration(table)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("rows", ["a,0.02 nm", "a,-1", "a,0", "a,nan", "a,inf", "a,0.02\na,0.03"])
def test_a_bad_row_costs_the_file_that_it_is_of(table: Path, rows: str) -> None:
    table.write_text(f"name,pixel_size_nm\n{rows}\nb,0.05\n")
    sizes = read_calibration(table)
    with pytest.raises(InputError, match=r"^a\.png: line \d of metadata\.csv gives it") as caught:
        size_nm(sizes, table.parent / "a.png")
    assert "\n" not in str(caught.value)
    assert size_nm(sizes, table.parent / "b.png") == 0.05


def test_each_table_is_asked_before_what_is_given(table: Path) -> None:
    for name in ("a", "b", "c"):
        Image.fromarray(np.zeros((4, 4), np.uint8)).save(table.with_name(f"{name}.png"))
    table.write_text("name,pixel_size_nm\na,1\nb,2\n")
    other = table.with_name("sizes.csv")
    other.write_text("name,pixel_size_nm\na,3\n")
    tables = [read_calibration(other), None, find_image_table(table.parent)]
    found = [read(table.with_name(f"{name}.png"), 4, tables=tables)[0].pixel_size_nm for name in ("a", "b", "c")]
    assert found == [3, 2, 4]
    with pytest.raises(InputError, match=r"^c\.png: .*no calibration, and none stands in sizes\.csv and metadata\.csv"):
        read(table.with_name("c.png"), tables=tables)


def test_missing_and_binary_files(table: Path) -> None:
    with pytest.raises(InputError, match=r"^metadata.csv: no such file"):
        read_calibration(table)
    table.write_bytes(b"name,pixel_size_nm\n\x01\x02\xff\xfe,1\n")
    with pytest.raises(InputError, match=r"^metadata.csv: cannot be read"):
        read_calibration(table)


def test_a_folder_without_a_calibration(table: Path) -> None:
    assert find_image_table(table.parent) is None
    table.write_text("name,operator\na,me\n")
    assert find_image_table(table.parent) is None


def test_the_real_samples() -> None:
    folder = Path(__file__).parents[3] / "shared" / "samples" / "labelled"
    if not folder.is_dir():
        pytest.skip(f"{folder} is absent")
    sizes = find_image_table(folder)
    assert sizes
    assert size_nm(sizes, folder / "au2p2nm_ex0.png") == 0.0776
