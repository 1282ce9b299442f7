"""Records of many files, and the tables of all."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hrtem_lab.analysis.analyser import Analysis
from hrtem_lab.analysis.batch import Results, describe_file, refuse_taken_names
from hrtem_lab.micrograph import InputError, Micrograph
from hrtem_lab.particles import FaultLine, measure


def drawn(name: str) -> Micrograph:
    """Two dark squares, 1 nm and 2 nm wide."""
    image = np.full((80, 80), 10.0, np.float32)
    image[10:20, 10:20] = image[40:60, 40:60] = 0.0
    return Micrograph(image=image, pixel_size_nm=0.1, name=name)


def analysed(name: str) -> Analysis:
    micrograph = drawn(name)
    instances = np.zeros(micrograph.image.shape, np.int32)
    instances[10:20, 10:20], instances[40:60, 40:60] = 1, 2
    table = measure(instances, micrograph.pixel_size_nm)
    probability = (instances > 0).astype(np.float32)
    return Analysis(micrograph=micrograph, instances=instances, probability=probability, table=table)


def test_records_of_files_become_the_tables_of_all():
    results = Results()
    for name in ("a", "b"):
        record = describe_file(
            Path(f"{name}.tif"), name, [analysed(name)], {"folder": "m"}, {"b": "monday"}.get(name, "")
        )
        results.add(json.loads(json.dumps(record, default=float)))
    results.failures.append({"file": "torn.tif", "reason": "torn.tif: is torn"})
    table = results.particle_table()
    assert table.columns[0] == "micrograph"
    assert table.groupby("micrograph")["area_nm2"].sum().to_dict() == pytest.approx({"a": 5.0, "b": 5.0})
    assert table["touches_edge"].tolist() == [False] * 4
    results = results.mark_repeats()
    summary = results.summary({"threshold": 0.7})
    assert (summary["particles_whole"], summary["model"], summary["settings"]) == (
        4,
        {"folder": "m"},
        {"threshold": 0.7},
    )
    assert results.failure_table()["file"].tolist() == ["torn.tif"]
    micrographs = results.micrograph_table()
    assert micrographs["group"].tolist() == ["a", "monday"]
    assert micrographs["equivalent_diameter_nm_n"].tolist() == [2, 2]
    assert micrographs["field_nm2"].tolist() == pytest.approx([64, 64])


def test_the_summary_has_the_corrected_share_of_faults():
    """Of particles of which one in two is surely faulted, by a forest whose training had one in ten.

    Of fields of 80 pixels, faulted squares of 10 lie whole in 69^2 positions, the others, of 20, in 59^2.
    """
    results = Results()
    sure = {"class": ["fault", "no_fault"], "p_fault": [1.0, 0.0], "p_no_fault": [0.0, 1.0]}
    rest = {f"p_{name}": 0.0 for name in ("no_fringe", "agglomerate", "empty")}
    model = {"base_rates": {"diameter_nm": [2.0], "fault": [0.1], "no_fault": [0.8]}}
    for name in "abcdefgh":
        analysis = analysed(name)
        analysis = replace(analysis, table=analysis.table.assign(**sure, **rest))
        record = describe_file(Path(f"{name}.tif"), name, [analysis], model, name)
        results.add(json.loads(json.dumps(record, default=float)))
    found = results.mark_repeats().summary({})["faults"]
    assert (found["particles"], found["faults"]) == (16, 8)
    assert found["could_show"] == pytest.approx(16)
    assert found["fault_share"] == pytest.approx(59**2 / (59**2 + 69**2), abs=0.01)
    assert found["low"] < found["fault_share"] < found["high"]
    assert Results().mark_repeats().summary({})["faults"] is None


def test_an_image_that_was_refused_is_a_failure_beside_the_others_of_its_file():
    results = Results()
    record = describe_file(Path("a.emd"), "a", [analysed("a_fine")], {})
    results.add({**record, "refused": ["a_coarse: is too coarse"]})
    assert [row["micrograph"] for row in results.micrographs] == ["a_fine"]
    assert results.failures == [{"file": "a.emd", "reason": "a_coarse: is too coarse"}]


def test_an_image_of_one_file_may_not_have_the_name_of_another():
    refuse_taken_names(Path("film.tif"), "film", [drawn("film"), drawn("film_0000")], ["film", "film_0001"])
    with pytest.raises(InputError, match=r"film.tif: its image film_0000 is called as another file is"):
        refuse_taken_names(Path("film.tif"), "film", [drawn("film_0000")], ["film_0000"])


def test_the_table_of_nothing_has_the_columns_of_any_other():
    table = Results().particle_table()
    assert table.empty
    assert list(table.columns[:2]) == ["micrograph", "particle"]
    assert {"confidence", "class", "p_fault"} <= set(table)


def test_lines_of_faults_are_rows_of_a_table_of_all_files():
    line = FaultLine("twin", 50.0, 49.5, 30.0, 0.2, 1.8, 0.9, ())
    results = Results()
    for name, lines in (("a", {}), ("b", {2: line})):
        record = describe_file(Path(f"{name}.tif"), name, [replace(analysed(name), fault_lines=lines)], {})
        assert results.fault_table().empty
        results.add(json.loads(json.dumps(record, default=float)))
    (row,) = results.fault_table().to_dict("records")
    assert (row["micrograph"], row["particle"], row["kind"]) == ("b", 2, "twin")
    assert row["row_nm"] == pytest.approx(5.0)
    assert row["angle_deg"] == pytest.approx(60.0)
    assert list(results.fault_table().columns) == list(Results().fault_table().columns)
