"""The folder of a prediction read back, and folders that are none."""

import json
from pathlib import Path

import pandas as pd
import pytest

from hrtem_lab.files import find_outputs, read_results
from hrtem_lab.micrograph import InputError

NAMES = ["NA", "007", "Größe µ 1"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    table = pd.DataFrame({"micrograph": NAMES, "size_nm": [1, 2, 3], "touches_edge": [True, False, False]})
    table.assign(**{"class": "fault"}).to_csv(tmp_path / "particles.csv", index=False)
    rows = [{"micrograph": name, "rows": 100, "columns": 200 + i} for i, name in enumerate([*NAMES, "empty"])]
    (tmp_path / "summary.json").write_text(json.dumps({"per_micrograph": rows}), encoding="utf-8")
    return tmp_path


def test_names_stay_as_they_are_and_find_their_fields(folder: Path):
    particles, fields = read_results(folder, ["size_nm"])
    assert particles["micrograph"].tolist() == NAMES
    assert particles["touches_edge"].tolist() == [True, False, False]
    assert particles["size_nm"].dtype == float
    assert fields.loc[particles["micrograph"], "columns"].tolist() == [200, 201, 202]


def test_a_field_is_what_is_shown_of_an_image(folder: Path):
    rows = [{"micrograph": name, "rows": 100, "columns": 200, "field_rows": 90, "field_columns": 150} for name in NAMES]
    (folder / "summary.json").write_text(json.dumps({"per_micrograph": rows}), encoding="utf-8")
    _, fields = read_results(folder, ["size_nm"])
    assert fields.loc["007", ["rows", "columns"]].tolist() == [90, 150]


def test_a_column_of_classes_without_a_class_is_left_out(folder: Path):
    pd.read_csv(folder / "particles.csv")[:0].to_csv(folder / "particles.csv", index=False)
    particles, _ = read_results(folder, ["size_nm"])
    assert particles.empty
    assert "class" not in particles


def test_what_a_spreadsheet_makes_of_the_table_is_read(folder: Path):
    table = pd.read_csv(folder / "particles.csv", dtype=str, keep_default_na=False).assign(p_fault=["", "0.5", "1"])
    table["touches_edge"] = ["TRUE", "FALSE", "false"]
    table.to_csv(folder / "particles.csv", index=False)
    with (folder / "particles.csv").open("a") as file:
        file.write(",,,,\n")
    particles, _ = read_results(folder, ["size_nm"])
    assert particles["touches_edge"].tolist() == [True, False, False]
    assert particles["p_fault"].isna().tolist() == [True, False, False]
    assert particles["p_fault"][1:].tolist() == [0.5, 1.0]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("head", ["", "sep=;\n"])
def test_what_another_spreadsheet_makes_of_the_table_is_read(folder: Path, encoding: str, head: str):
    text = (folder / "particles.csv").read_text(encoding="utf-8")
    text = text.replace(",2,", ",2.5,").replace(",", ";").replace(".", ",")
    (folder / "particles.csv").write_bytes((head + text.replace("\n", "\r\n")).encode(encoding))
    particles, _ = read_results(folder, ["size_nm"])
    assert particles["micrograph"].tolist() == NAMES
    assert particles["size_nm"].tolist() == [1.0, 2.5, 3.0]


def test_the_pictures_of_a_run_are_those_that_its_summary_tells_of(tmp_path: Path):
    rows = [
        {"micrograph": "a"},
        {"micrograph": "film_0000", "mask": "film"},
        {"micrograph": "film_0001", "mask": "film"},
    ]
    (tmp_path / "summary.json").write_text(json.dumps({"per_micrograph": rows}))
    names = {path.relative_to(tmp_path).as_posix() for path in find_outputs(tmp_path)}
    overlays = {f"overlays/{row['micrograph']}.png" for row in rows}
    assert names == {"masks/a.tif", "masks/film.tif", *overlays}


@pytest.mark.parametrize("text", [None, "", "[]", "{}", '{"per_micrograph": [1]}', '{"per_micrograph": 1}'])
def test_another_summary_tells_of_no_pictures(tmp_path: Path, text: str | None):
    if text is not None:
        (tmp_path / "summary.json").write_text(text)
    assert find_outputs(tmp_path) == set()


def change(folder: Path, name: str, old: str, new: str) -> None:
    text = (folder / name).read_text(encoding="utf-8")
    assert old in text
    (folder / name).write_text(text.replace(old, new), encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("particles.csv", "size_nm", "length", "column size_nm is missing"),
        ("particles.csv", "touches_edge", "edge", "column touches_edge is missing"),
        ("particles.csv", ",3,", ",large,", "cannot be read as .csv.*large"),
        ("particles.csv", "007", "008", "no size in pixels of 008"),
        ("particles.csv", "False", "FALSCH", "touches_edge is 'FALSCH' of a particle, expected True or False"),
        ("particles.csv", "False", "", "touches_edge is '' of a particle, expected True or False"),
        ("summary.json", "007", "NA", "two micrographs are called NA"),
        ("summary.json", "rows", "lines", "no size in pixels of 007"),
        ("summary.json", "per_micrograph", "pictures", "cannot be read as .json"),
        ("summary.json", "{", "", "cannot be read as .json"),
    ],
)
def test_what_is_no_result_is_refused_in_a_line(folder: Path, name: str, old: str, new: str, message: str):
    change(folder, name, old, new)
    with pytest.raises(InputError, match=message) as caught:
        read_results(folder, ["size_nm"])
    assert "\n" not in str(caught.value)


def test_a_folder_without_the_files_and_no_folder_are_refused(folder: Path, tmp_path_factory: pytest.TempPathFactory):
    with pytest.raises(InputError, match=r"holds no particles\.csv; give a folder that hrtem_lab\.predict wrote"):
        read_results(tmp_path_factory.mktemp("other"), [])
    with pytest.raises(InputError, match="no such folder"):
        read_results(folder / "nothing", [])
    with pytest.raises(InputError, match="is a file"):
        read_results(folder / "summary.json", [])
