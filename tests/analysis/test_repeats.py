"""Windows over drawn specimens: what several of them show counts once."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from hrtem_lab.analysis.repeats import mark_repeats

PIXEL_NM, SIDE_PX = 0.05, 800


def specimen(seed: int, number: int = 160, side_nm: float = 120.0) -> pd.DataFrame:
    """Discs of 2 to 6 nm anywhere."""
    rng = np.random.default_rng(seed)
    places = rng.uniform(0, side_nm, (number, 2))
    return pd.DataFrame({"row": places[:, 0], "column": places[:, 1], "diameter": rng.uniform(2, 6, number)})


def window(
    name: str, discs: pd.DataFrame, corner_nm: tuple[float, float], file: str = "", seed: int = 0
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Row and particles of a micrograph of a part of a specimen, as a network measures them: two percent off."""
    rng = np.random.default_rng([seed, *name.encode()])
    side_nm = SIDE_PX * PIXEL_NM
    row, column, radius = discs["row"] - corner_nm[0], discs["column"] - corner_nm[1], discs["diameter"] / 2
    shown = (row > -radius) & (row < side_nm + radius) & (column > -radius) & (column < side_nm + radius)
    whole = (np.minimum(row, column) > radius) & (np.maximum(row, column) < side_nm - radius)
    table = pd.DataFrame(
        {
            "micrograph": name,
            "particle": np.arange(1, 1 + shown.sum()),
            "row_nm": row[shown] + rng.normal(0, 0.03, shown.sum()),
            "column_nm": column[shown] + rng.normal(0, 0.03, shown.sum()),
            "equivalent_diameter_nm": discs["diameter"][shown] * np.exp(rng.normal(0, 0.01, shown.sum())),
            "touches_edge": ~whole[shown],
            "true": discs.index[shown],
        }
    )
    shape = {"rows": SIDE_PX, "columns": SIDE_PX, "pixel_size_nm": PIXEL_NM, "field_nm2": side_nm**2}
    return {"micrograph": name, "file": file or f"{name}.tif", "group": "", **shape}, table


def marked(*windows: tuple[dict[str, Any], pd.DataFrame]) -> tuple[list[dict[str, Any]], pd.DataFrame]:
    return mark_repeats([row for row, _ in windows], pd.concat([table for _, table in windows], ignore_index=True))


@pytest.mark.parametrize("seed", range(5))
def test_each_particle_of_overlapping_fields_counts_once(seed: int):
    discs = specimen(seed)
    corners = {"a": (5, 5), "b": (12, 15), "c": (20, 8)}
    rows, table = marked(*(window(name, discs, corner, seed=seed) for name, corner in corners.items()))
    assert [row["field"] for row in rows] == ["a"] * 3
    counted = table[table["repeat_of"] == ""]
    assert counted["true"].is_unique
    assert set(counted["true"]) == set(table["true"])
    of_repeats = table[table["repeat_of"] != ""]
    names = table["micrograph"] + "/" + table["particle"].astype(str)
    true = dict(zip(names, table["true"], strict=True))
    assert [true[name] for name in of_repeats["repeat_of"]] == of_repeats["true"].tolist()
    whole = table[~table["touches_edge"]].groupby("true").size().index
    assert not counted.set_index("true")["touches_edge"][whole].any()


def test_the_area_of_overlapping_fields_is_that_of_their_union():
    discs = specimen(0)
    rows, _ = marked(window("a", discs, (5, 5)), window("b", discs, (5, 20)), window("c", discs, (5, 5)))
    areas = [row["field_once_nm2"] for row in rows]
    assert areas == pytest.approx([40 * 40, 15 * 40, 0], abs=20)


def test_frames_of_a_stack_are_one_field_even_with_one_particle():
    disc = pd.DataFrame({"row": [30.0], "column": [33.0], "diameter": [4.0]})
    frames = [window(f"film_{k}", disc, (10 + 0.4 * k, 10), file="film.tif") for k in range(4)]
    rows, table = marked(*frames)
    assert {row["field"] for row in rows} == {row["group"] for row in rows} == {"film_0"}
    assert table["repeat_of"].tolist() == ["", *["film_0/1"] * 3]


def test_unrelated_fields_stay_apart():
    """Forty fields, 780 pairs, with as many as a hundred particles each."""
    rows, table = marked(*(window(f"m{k:02d}", specimen(k, number=40 + 20 * k), (10, 10)) for k in range(40)))
    assert [row["field"] for row in rows] == [row["micrograph"] for row in rows]
    assert (table["repeat_of"] == "").all()
    assert all(row["field_once_nm2"] == row["field_nm2"] for row in rows)


def test_unrelated_regular_arrays_stay_apart():
    """Particles of nearly one size in a hexagonal monolayer, jittered by a tenth of their distance."""

    def monolayer(seed: int) -> pd.DataFrame:
        rng = np.random.default_rng(seed)
        k, m = (each.ravel() for each in np.mgrid[:18, :18])
        places = np.column_stack([7 * (k + m % 2 / 2), 7 * np.sqrt(0.75) * m]) + rng.normal(0, 0.7, (324, 2))
        return pd.DataFrame({"row": places[:, 0], "column": places[:, 1], "diameter": rng.normal(5, 0.25, 324)})

    rows, _ = marked(*(window(f"m{k}", monolayer(k), (20, 20)) for k in range(12)))
    assert len({row["field"] for row in rows}) == 12
    rows, _ = marked(window("a", monolayer(0), (20, 20)), window("b", monolayer(0), (30, 35)))
    assert len({row["field"] for row in rows}) == 1


def test_a_group_that_is_known_stays_and_fields_without_particles_are_their_own():
    nothing = specimen(0, number=0)
    rows, table = marked(*(window(name, nothing, (0, 0)) for name in ("a", "b")))
    assert [row["field"] for row in rows] == ["a", "b"]
    assert list(table.columns[-3:]) == ["group", "field", "repeat_of"]
    row, particles = window("c", specimen(1), (10, 10))
    rows, table = mark_repeats([{**row, "group": "monday"}], particles)
    assert rows[0]["group"] == "monday"
    assert set(table["group"]) == {"monday"}
