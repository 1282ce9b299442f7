"""The report in the folder of a prediction, from end to end."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from hrtem_lab.micrograph import InputError
from hrtem_lab.pipelines.report import write_report
from tests.evaluation.drawn import FIELD_PX, particles
from tests.figures.test_report import Tags


def prediction(folder: Path, table: pd.DataFrame, pixel_error: float | None = 0.01) -> Path:
    """A folder as `hrtem_lab.predict` writes it, the third of its micrographs doubtful, and one file failed."""
    (folder / "overlays").mkdir(parents=True)
    table.to_csv(folder / "particles.csv", index=False)
    rows = []
    for number, name in enumerate(table["micrograph"].unique()):
        quality = {"quality": "doubtful", "quality_reason": "it drifted"} if number == 2 else {"quality": "good"}
        field = {"rows": FIELD_PX, "columns": FIELD_PX, "field_nm2": 2621.0, "pixel_size_nm": 0.1, "particles": 20}
        rows.append({"micrograph": name, "quality_reason": "", **quality, **field})
        Image.fromarray(np.zeros((40, 40), np.uint8)).save(folder / "overlays" / f"{name}.png")
    model = {"folder": "models/x", "weights": "abc123", "threshold": 0.45, "min_diameter_nm": 1.0}
    summary = {"per_micrograph": rows, "model": model, "scale": {"pixel_error": pixel_error}}
    (folder / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    failures = pd.DataFrame([{"file": "/data/broken.dm3", "reason": "broken.dm3: it ends too early"}])
    failures.to_csv(folder / "failures.csv", index=False)
    return folder


def test_the_report_shows_what_the_tables_hold(tmp_path: Path):
    folder = prediction(tmp_path / "größe µ", particles(1, micrographs=8))
    text = write_report(folder, resamples=100).read_text(encoding="utf-8")
    tags = Tags(text)
    assert len([tag for tag, _ in tags.seen if tag == "img"]) == 8 + 4  # a gallery and four figures
    assert text.index("µ2") < text.index("µ0")  # the doubtful one first
    for words in ("it drifted", "it ends too early", "Doubtful: 1 of 8 micrographs", "abc123", "160 of 160"):
        assert words in text
    assert "/data/" not in text


def test_the_methods_say_what_was_left_out_and_why(tmp_path: Path):
    table = particles(1, micrographs=8).assign(**{"class": "no_fault"})
    table.loc[table.index[:3], "class"] = "empty"
    table.loc[table.index[3:5], "touches_edge"] = True
    folder = prediction(tmp_path / "out", table)
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    settings = {"leave_out": "/home/someone/regions"}
    (folder / "summary.json").write_text(json.dumps({**summary, "settings": settings}), encoding="utf-8")
    text = write_report(folder, resamples=100).read_text(encoding="utf-8")
    assert "Counted: 155 of 160 outlines; left out: 3 called empty, 2 cut by the edge." in text
    assert "8 micrographs (pixel size 0.1 nm; 1 called doubtful" in text
    assert "regions marked in regions were left out" in text
    assert "/home/" not in text


def test_a_folder_without_a_whole_particle_has_a_report(tmp_path: Path):
    table = particles(1, micrographs=3, each=2).assign(touches_edge=True)
    text = write_report(prediction(tmp_path / "cut", table, pixel_error=None), resamples=100).read_text(
        encoding="utf-8"
    )
    assert "No particle is seen whole" in text


def test_another_folder_is_refused_in_a_line(tmp_path: Path):
    with pytest.raises(InputError, match=r"summary.json"):
        write_report(tmp_path)
