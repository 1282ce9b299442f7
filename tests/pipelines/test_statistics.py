"""The folder of a prediction in; tables, figures and sentences out."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hydra import compose, initialize_config_dir
from scipy.stats import norm

from hrtem_lab.evaluation.populations import QUANTITIES
from hrtem_lab.micrograph import InputError
from hrtem_lab.particles import half_contrast_name
from hrtem_lab.paths import CONF
from hrtem_lab.pipelines.statistics import Population, statistics
from tests.evaluation.drawn import FIELD_PX, particles


def results(folder: Path, table: pd.DataFrame) -> Path:
    """A folder as `hrtem_lab.predict` writes it."""
    folder.mkdir(parents=True)
    table.to_csv(folder / "particles.csv", index=False)
    rows = [{"micrograph": name, "rows": FIELD_PX, "columns": FIELD_PX} for name in table["micrograph"].unique()]
    (folder / "summary.json").write_text(json.dumps({"per_micrograph": rows}), encoding="utf-8")
    return folder


def run(output: Path, **settings: object) -> str:
    words = [f"{key}='{value}'" for key, value in {"output": output, **settings}.items() if key != "resamples"]
    words.append(f"resamples={settings.get('resamples', 100)}")
    with initialize_config_dir(str(CONF), version_base="1.3"):
        statistics(compose("statistics", overrides=words))
    return (output / "statements.txt").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("größe µ")
    one = results(folder / "one", particles(1, micrographs=12, mean_nm=5.3))
    other = results(folder / "other", particles(2, micrographs=12))
    return folder, run(folder / "out", input=one, against=other)


def test_tables_and_figures_are_written(said: tuple[Path, str]):
    output = said[0] / "out"
    tables = {"distributions", "correlations", "faults", "fault_differences", "comparison"}
    tables |= {"exclusions", "sizes", "lognormal", "budget"}
    assert {file.stem for file in output.glob("*.csv")} == tables
    figures = {"sizes", "shapes", "faults", "correlations", "comparison"}
    assert {file.stem for file in (output / "figures").glob("*.png")} == figures


def test_the_sentences_say_what_was_drawn(said: tuple[Path, str]):
    folder, text = said
    assert "240 particles in 12 micrographs, 240 of them described" in text
    row = pd.read_csv(folder / "out" / "fault_differences.csv").iloc[0]
    ends = row["difference"], row["difference_low"], row["difference_high"]
    assert "larger than those without a fault by {:.2f} nm (95 % {:.2f} to {:.2f})".format(*ends) in text
    assert "Particles of one are larger than those of other by 0." in text
    assert "Correlation of equivalent diameter and aspect ratio (Spearman): 0." in text


def test_discs_that_a_field_cuts_are_corrected_from_end_to_end(tmp_path: Path):
    """Discs of 6 to 36 nm at random on fields of 51 nm: their mean is found with the correction, and not without."""
    rng = np.random.default_rng(0)
    px = 10  # per nm
    number = 6000
    size = np.round(px * np.clip(norm.rvs(20, 5, number, random_state=rng), 6, 36)).astype(int)
    corner = rng.integers(-360, FIELD_PX, size=(number, 2))
    seen = ((corner > -size[:, None]) & (corner < FIELD_PX)).all(axis=1)
    whole = ((corner >= 1) & (corner + size[:, None] <= FIELD_PX - 1)).all(axis=1)[seen]
    table = particles(0, micrographs=20, each=number // 20).drop(columns="class")[seen]
    table = table.assign(
        equivalent_diameter_nm=size[seen] / px, box_rows_px=size[seen], box_columns_px=size[seen], touches_edge=~whole
    )
    text = run(tmp_path / "out", input=results(tmp_path / "in", table))
    row = pd.read_csv(tmp_path / "out" / "distributions.csv").iloc[0]
    assert row["mean_low"] < size.mean() / px < row["mean_high"]
    assert table["equivalent_diameter_nm"][whole].mean() < row["mean_low"]
    assert f"{(~whole).sum()} cut by the edge" in text
    assert "nothing is said of faults" in text
    assert not (tmp_path / "out" / "faults.csv").exists()


def test_a_particle_that_is_seen_again_counts_once(tmp_path: Path):
    table = particles(1, micrographs=12)
    again = table.assign(micrograph=table["micrograph"] + "_again", repeat_of="x/1")
    both = pd.concat([table.assign(repeat_of=""), again], ignore_index=True)
    text = run(tmp_path / "out", input=results(tmp_path / "twice", both))
    assert "240 seen before in another micrograph" in text
    run(tmp_path / "plain", input=results(tmp_path / "once", table))
    found, plain = (pd.read_csv(tmp_path / name / "distributions.csv") for name in ("out", "plain"))
    pd.testing.assert_frame_equal(found, plain)


def test_micrographs_of_one_group_are_not_independent(tmp_path: Path):
    """Three micrographs of each of seven specimens, whose means differ by more than their particles' error."""
    table = particles(1, micrographs=21)
    number = table["micrograph"].str[1:].astype(int) // 3
    table["equivalent_diameter_nm"] += number.map(dict(enumerate(np.random.default_rng(0).normal(0, 0.8, 7))))
    widths = {}
    for name, group in (("micrographs", table["micrograph"]), ("specimens", number.astype(str))):
        run(tmp_path / name, input=results(tmp_path / f"{name}_in", table.assign(group=group)))
        row = pd.read_csv(tmp_path / name / "distributions.csv").iloc[0]
        widths[name] = row["mean_high"] - row["mean_low"]
    assert widths["specimens"] > 1.4 * widths["micrographs"]


def test_few_micrographs_say_that_nothing_can_be_claimed(tmp_path: Path):
    one = results(tmp_path / "one", particles(1, micrographs=3, mean_nm=8))
    other = results(tmp_path / "other", particles(2, micrographs=3))
    text = run(tmp_path / "out", input=one, against=other)
    assert (
        "Only 3 micrographs with whole particles, fewer than 6: nothing is claimed of how its particles differ" in text
    )
    assert (
        "one against other: with 3 and 3 micrographs p cannot fall below 0.1, so that no difference can be claimed"
        in text
    )
    assert "95 %" not in text
    assert pd.read_csv(tmp_path / "out" / "distributions.csv")["mean_low"].isna().all()


@pytest.mark.parametrize(
    ("kept", "change", "sentence"),
    [
        (0, {}, "No particles"),
        (20, {"touches_edge": True}, "No particle is seen whole"),
        (20, {"class": "no_fringe"}, "No particle shows its lattice"),
        (20, {"class": "fault"}, "all are of one kind"),
        (1, {}, "1 particle in 1 micrograph"),
        (1, {"equivalent_diameter_nm": 4.0}, "Equivalent diameter: mean 4.00 nm.\n"),
        (20, {"equivalent_diameter_nm": 4.0, "solidity": 1.0}, "mean 4.00 nm"),
    ],
)
def test_poor_tables_are_described_as_far_as_they_go(kept: int, change: dict, sentence: str, tmp_path: Path):
    folder = results(tmp_path / "in", particles(0, micrographs=1).assign(**change)[:kept])
    assert sentence in run(tmp_path / "out", input=folder, against=results(tmp_path / "other", particles(1)))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        *(({"resamples": number}, f"resamples={number}: expected a whole") for number in (5, "1000.0", "nan", "True")),
        ({"against": "."}, "the same folder"),
    ],
)
def test_a_wrong_setting_is_refused(
    settings: dict[str, object], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(results(tmp_path / "in", particles(0)))
    with pytest.raises(InputError, match=message):
        run(tmp_path / "out", input=tmp_path / "in", **settings)


def test_the_command_ends_with_2_and_a_line_where_the_folder_is_no_result(tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "-m", "hrtem_lab.statistics", f"input={tmp_path}", f"output={tmp_path / 'out'}"],
        capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert "holds no particles.csv; give a folder that hrtem_lab.predict wrote" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_what_an_earlier_call_wrote_goes_and_nothing_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    one = results(tmp_path / "_$[b]$", particles(1, micrographs=3))
    other, out = results(tmp_path / "other", particles(2, micrographs=3)), tmp_path / "out [b]"
    out.mkdir()
    (out / "comparison.csv").touch()
    run(out, input=one)
    assert (out / "comparison.csv").is_file()  # of somebody else
    run(out, input=one, against=other)
    (out / "figures" / "mine.png").touch()
    run(out, input=results(tmp_path / "bare", particles(1).drop(columns="class")))
    described = {"sizes", "lognormal", "budget", "exclusions"}
    assert {file.stem for file in out.glob("*.csv")} == {"distributions", "correlations", *described}
    assert {file.stem for file in (out / "figures").iterdir()} == {"sizes", "shapes", "correlations", "mine"}
    printed = capsys.readouterr().out
    assert "Particles of _$[b]$" in printed
    assert f"statements.txt: {out}" in printed


def test_a_file_in_the_place_of_a_folder_is_said(tmp_path: Path):
    folder = results(tmp_path / "in", particles(1, micrographs=3))
    (tmp_path / "out").mkdir()
    for file in ("figures", "file"):
        (tmp_path / "out" / file).touch()
    with pytest.raises(InputError, match="cannot be written"):
        run(tmp_path / "out", input=folder)
    with pytest.raises(InputError, match="cannot be made"):
        run(tmp_path / "out" / "file", input=folder)


def test_two_folders_of_one_name_are_told_apart_by_their_paths(tmp_path: Path):
    one, other = (results(tmp_path / name / "results", particles(1, micrographs=2)) for name in "ab")
    assert f"{one} against {other}: with 2 and 2 micrographs" in run(tmp_path / "out", input=one, against=other)


def test_shares_of_faults_are_corrected_by_the_rates_in_the_summary(tmp_path: Path):
    """A forest that sees half of the faults calls too few of them; the probabilities say how many there are."""
    table = particles(1, micrographs=12).assign(p_no_fringe=0.0, p_agglomerate=0.0, p_empty=0.0)
    missed = (table["class"] == "fault") & (np.arange(len(table)) % 2 == 0)
    table["class"] = table["class"].mask(missed, "no_fault")
    table["p_fault"] = np.select([table["class"] == "fault"], [0.98], default=0.25)
    table["p_no_fault"] = 1 - table["p_fault"]
    folder = results(tmp_path / "in", table)
    plain = run(tmp_path / "plain", input=folder)
    assert "with all of the forest's errors; it calls " in plain
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    rates = {"diameter_nm": [5.0], "fault": [0.4], "no_fault": [0.6]}
    (folder / "summary.json").write_text(json.dumps(summary | {"model": {"base_rates": rates}}), encoding="utf-8")
    text = run(tmp_path / "out", input=folder)
    assert "of the particles that could show one, corrected for the forest's errors" in text
    total = pd.read_csv(tmp_path / "out" / "faults.csv").iloc[-1]
    assert total["faults"] / total["particles"] < 0.25
    assert total["low"] < 0.4 < total["high"]
    assert total["fault_share"] == pytest.approx(0.4, abs=0.06)
    assert not (tmp_path / "out" / "expected_faults.csv").exists()


def test_sizes_are_those_of_the_outline_that_the_prediction_goes_by(tmp_path: Path):
    table = particles(1, micrographs=2)
    smaller = {half_contrast_name(name): 0.8 * table[name] for name in QUANTITIES if name != "eccentricity"}
    folder = results(tmp_path / "in", table.assign(**smaller))
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    for outline, factor in (("geometric", 1.0), ("half_contrast", 0.8)):
        (folder / "summary.json").write_text(json.dumps(summary | {"outline": outline}), encoding="utf-8")
        read = Population.read(str(folder)).uncut
        assert read["feret_min_nm"].mean() == pytest.approx(factor * table["feret_min_nm"].mean())
        assert read["eccentricity"].mean() == pytest.approx(table["eccentricity"].mean())
