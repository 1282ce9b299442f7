"""Many files, of which some fail."""

from pathlib import Path

import numpy as np
import pytest

from hrtem_lab.analysis.analyser import Analyser, Analysis
from hrtem_lab.analysis.batch import Results, analyse_files
from hrtem_lab.micrograph import InputError, Micrograph
from hrtem_lab.particles import measure
from hrtem_lab.progress import ProgressCallback, no_progress


def drawn(name: str) -> Micrograph:
    """Two dark squares, 1 nm and 2 nm wide."""
    image = np.full((80, 80), 10.0, np.float32)
    image[10:20, 10:20] = image[40:60, 40:60] = 0.0
    return Micrograph(image=image, pixel_size_nm=0.1, name=name)


class Squares(Analyser):
    """Finds the squares."""

    def __init__(self) -> None: ...

    def __call__(self, micrograph: Micrograph, *, progress: ProgressCallback = no_progress) -> Analysis:
        instances = np.zeros(micrograph.image.shape, np.int32)
        instances[10:20, 10:20], instances[40:60, 40:60] = 1, 2
        table = measure(instances, micrograph.pixel_size_nm)
        return Analysis(
            micrograph=micrograph, instances=instances, probability=(instances > 0).astype(np.float32), table=table
        )


def read(path: Path, name: str) -> list[Micrograph]:
    if name == "torn":
        raise InputError(f"{path}: is torn")
    return [drawn(name)]


def test_a_file_that_fails_costs_the_others_nothing():
    results, written = Results(), []
    inputs = {name: Path(f"{name}.tif") for name in ("a", "torn", "b")}
    analyse_files(inputs, read, Squares(), lambda name, analyses: written.append(name), results)
    assert written == ["a", "b"]
    assert results.failures == [{"file": "torn.tif", "reason": "torn.tif: is torn"}]
    table = results.particle_table()
    assert table.columns[0] == "micrograph"
    assert table.groupby("micrograph")["area_nm2"].sum().to_dict() == pytest.approx({"a": 5.0, "b": 5.0})
    assert results.summary({})["particles_whole"] == 4


def test_an_image_of_one_file_may_not_have_the_name_of_another():
    results = Results()
    inputs = {name: Path(f"{name}.tif") for name in ("a", "b")}
    analyse_files(inputs, lambda path, name: [drawn("b")], Squares(), lambda *_: None, results)
    assert [failure["file"] for failure in results.failures] == ["a.tif"]


def test_the_table_of_nothing_has_the_columns_of_any_other():
    table = Results().particle_table()
    assert table.empty
    assert list(table.columns[:2]) == ["micrograph", "particle"]
    assert {"confidence", "class", "p_fault"} <= set(table)
