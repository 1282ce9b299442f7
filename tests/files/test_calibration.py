from __future__ import annotations

from pathlib import Path

import pytest

from hrtem_lab.files import find_calibration, read_calibration
from hrtem_lab.micrograph import InputError


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return tmp_path / "metadata.csv"


def test_names_and_sizes(table: Path) -> None:
    table.write_text(
        '\ufeffgroup, pixel_size_nm ,name\nx,0.02,a\n"x,y",2e-2, b.DM3 \n\nz,0.5,0012\nz,0.5,NA\n,0.5,img.01\n',
        encoding="utf-8",
    )
    expected = {"a": 0.02, "b": 0.02, "0012": 0.5, "NA": 0.5, "img.01": 0.5}
    assert read_calibration(table) == expected
    assert read_calibration(str(table)) == expected
    assert find_calibration(table.parent) == expected


def test_the_same_value_twice_is_no_contradiction(table: Path) -> None:
    table.write_text("name,pixel_size_nm\na.tif,0.02\na,0.020\n")
    assert read_calibration(table) == {"a": 0.02}


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("", "column name and pixel_size_nm is missing"),
        ("name,size\na,1\n", "column pixel_size_nm is missing.*found name,size"),
        ("name;pixel_size_nm\na;1\n", "column name and pixel_size_nm is missing"),
        ("name,pixel_size_nm\na,0.02\nb,\n", "line 3: the pixel_size_nm of b is ''"),
        ("name,pixel_size_nm\na,0.02\nb\n", "line 3: the pixel_size_nm of b is ''"),
        ("name,pixel_size_nm\na,0.02 nm\n", "line 2: the pixel_size_nm of a is '0.02 nm'"),
        ("name,pixel_size_nm\na,-1\n", "line 2"),
        ("name,pixel_size_nm\na,0\n", "line 2"),
        ("name,pixel_size_nm\na,nan\n", "line 2"),
        ("name,pixel_size_nm\na,inf\n", "line 2"),
        ("name,pixel_size_nm\n ,0.02\n", "line 2 has no name"),
        ("name,pixel_size_nm\na,0.02\na.dm3,0.03\n", "line 3 gives a 0.03 nm, an earlier line 0.02 nm"),
        ('name,pixel_size_nm\n"a,0.02\n', "cannot be read"),
    ],
)
def test_mistakes(table: Path, content: str, complaint: str) -> None:
    table.write_text(content)
    with pytest.raises(InputError, match=f"^metadata.csv: .*{complaint}") as caught:
        read_calibration(table)
    assert "\n" not in str(caught.value)


def test_missing_and_binary_files(table: Path) -> None:
    with pytest.raises(InputError, match=r"^metadata.csv: no such file"):
        read_calibration(table)
    table.write_bytes(b"name,pixel_size_nm\n\xff\xfe,1\n")
    with pytest.raises(InputError, match=r"^metadata.csv: cannot be read"):
        read_calibration(table)


def test_a_folder_without_a_calibration(table: Path) -> None:
    assert find_calibration(table.parent) == {}
    table.write_text("name,operator\na,me\n")
    assert find_calibration(table.parent) == {}
    table.write_text("name,pixel_size_nm\na,unknown\n")
    with pytest.raises(InputError, match="line 2"):
        find_calibration(table.parent)


def test_the_real_samples() -> None:
    folder = Path(__file__).parents[3] / "shared" / "samples" / "labelled"
    if not folder.is_dir():
        pytest.skip(f"{folder} is absent")
    assert find_calibration(folder)["au2p2nm_ex0"] == 0.0776
