"""Records of a batch: what is done is known, and what was renamed keeps its results."""

from pathlib import Path

import numpy as np
import pytest

from hrtem_lab.files.content import content_digest
from hrtem_lab.files.records import Records


def record(output: Path, name: str, key: str = "k1") -> dict:
    pictures = [f"masks/{name}.tif", f"overlays/{name}_0000.png"]
    for picture in pictures:
        (output / picture).parent.mkdir(exist_ok=True)
        (output / picture).write_text(name)
    rows = [{"micrograph": f"{name}_0000", "mask": name, "file": f"{name}.dm3", "dice": np.float32(0.5)}]
    return {"name": name, "key": key, "file": f"{name}.dm3", "micrographs": rows, "pictures": pictures}


@pytest.fixture
def records(tmp_path: Path) -> Records:
    records = Records(tmp_path)
    records.write(record(tmp_path, "a.b", "k1"))
    records.write(record(tmp_path, "c", "k2"))
    return records


def test_a_record_is_found_by_its_name_and_key(records: Records):
    assert records.find("a.b", "k1") == records.find("a.b")
    assert records.find("a.b")["micrographs"][0]["dice"] == 0.5
    assert records.find("a.b", "k2") is None
    assert records.find("a") is None
    records.discard("a.b")
    assert records.find("a.b") is None


def test_a_record_without_one_of_its_pictures_is_none(records: Records):
    (records.output / "masks" / "c.tif").unlink()
    assert records.find("c") is None


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"name": "c", "key": "k2"', '{"name": "c", "pictures": 3}'])
def test_what_is_no_record_is_none(records: Records, text: str):
    (records.output / "records" / "c.json").write_text(text)
    assert records.find("c") is None


def test_a_renamed_file_keeps_its_results(records: Records):
    records.set_aside({"c"})
    assert records.find("a.b") is None
    assert not records.adopt("k3", "new", Path("new.dm3"))
    assert records.adopt("k1", "new", Path("new.dm3"))
    assert not records.adopt("k1", "again", Path("again.dm3"))
    new = records.find("new", "k1")
    assert new["micrographs"] == [{"micrograph": "new_0000", "mask": "new", "file": "new.dm3", "dice": 0.5}]
    assert (records.output / "overlays" / "new_0000.png").read_text() == "a.b"
    assert not (records.output / "masks" / "a.b.tif").exists()
    assert records.clear() == set()


def test_what_nobody_adopts_is_cleared_and_names_its_pictures(records: Records):
    records.set_aside({"a.b"})
    pictures = records.clear()
    assert {path.relative_to(records.output).as_posix() for path in pictures} == {"masks/c.tif", "overlays/c_0000.png"}
    records.set_aside({"a.b", "c"})
    assert records.clear() == set()
    assert records.find("a.b") is not None


def test_a_digest_is_that_of_the_content(tmp_path: Path):
    one, two = tmp_path / "a.tif", tmp_path / "b.tif"
    one.write_bytes(b"x" * 2_000_000)
    two.write_bytes(one.read_bytes())
    alone = content_digest(one)
    assert alone == content_digest(two)
    (tmp_path / "a_label.png").write_bytes(b"label")
    assert content_digest(one) != alone
    two.write_bytes(one.read_bytes()[:-1])
    assert content_digest(two) != alone


def test_the_settings_beside_a_series_count(tmp_path: Path):
    (tmp_path / "s_1.ser").write_bytes(b"pixels")
    before = content_digest(tmp_path / "s_1.ser")
    (tmp_path / "s.EMI").write_bytes(b"settings")
    assert content_digest(tmp_path / "s_1.ser") != before


def test_a_file_that_is_a_folder_has_a_digest(tmp_path: Path):
    folder = tmp_path / "a.zspy"
    (folder / "inside").mkdir(parents=True)
    (folder / "inside" / "0").write_bytes(b"0")
    before = content_digest(folder)
    (folder / "inside" / "0").write_bytes(b"1")
    assert content_digest(folder) != before
