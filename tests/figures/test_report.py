"""A page of a report: whole, safe, and readable without anything else."""

import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from PIL import Image

from hrtem_lab.figures.report import DataTable, Facts, Gallery, Page, Picture, Section, Text, present, render


class Tags(HTMLParser):
    """Collects the tags of a page and checks that all are closed."""

    EMPTY = ("meta", "img", "br")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def page(*blocks: object) -> str:
    return render(Page("µ <title>", "subtitle", [Section("One & two", blocks)], "footer"))


def test_the_page_is_whole_and_loads_nothing(tmp_path: Path):
    figure = Figure()
    figure.subplots().plot([0, 1])
    Image.fromarray(np.zeros((900, 1200), np.uint8)).save(tmp_path / "ü.png")
    picture = Picture.of_file(tmp_path / "ü.png", "a picture", badge="doubtful", is_warning=True, details=["why"])
    text = page(
        Text(["a paragraph"], to_copy=True),
        Facts([("Particles", "3")]),
        DataTable.of_frame(pd.DataFrame({"size_nm": [1.23456], "name": ["x"]}), "sizes"),
        Picture.of_figure(figure, "a line"),
        Gallery(present([picture, None]), "more"),
    )
    tags = Tags(text)
    assert "script" not in [tag for tag, _ in tags.seen]
    sources = [attributes["src"] for tag, attributes in tags.seen if tag == "img"]
    assert len(sources) == 2
    assert all(source and source.startswith("data:image/") for source in sources)
    assert not re.search(r"(?:href|src)=\"(?!#|data:)|url\(|@import", text)
    assert all(attributes.get("alt") for tag, attributes in tags.seen if tag == "img")


def test_what_a_table_holds_is_no_markup():
    text = page(DataTable.of_frame(pd.DataFrame({"file": ["<script>alert(1)</script>"]}), "files"))
    assert "<script>" not in text
    assert "&lt;script&gt;" in text
    assert "<title>µ &lt;title&gt;</title>" in text


def test_numbers_are_rounded_and_missing_ones_are_empty():
    table = DataTable.of_frame(pd.DataFrame({"area_nm2": [12.34567, np.nan], "n": [1, 20000], "why": [None, "x"]}), "t")
    assert table.titles == ["area (nm²)", "n", "why"]
    assert table.rows == [["12.35", "1", ""], ["", "20000", "x"]]
    assert table.is_number == [True, True, False]


def test_a_section_without_content_is_left_out():
    text = render(Page("t", "s", [Section("Empty", []), Section("Full", [Text(["x"])])]))
    assert "Empty" not in text
    assert 'href="#full"' in text


def test_the_same_figure_gives_the_same_picture():
    def drawn() -> str:
        figure = Figure()
        figure.subplots().plot([0, 1])
        return Picture.of_figure(figure, "line").source

    assert drawn() == drawn()


def test_a_picture_that_is_not_there_is_none(tmp_path: Path):
    (tmp_path / "broken.png").write_bytes(b"no picture")
    assert Picture.of_file(tmp_path / "none.png", "x") is None
    assert Picture.of_file(tmp_path / "broken.png", "x") is None


def test_the_ends_of_an_interval_stay_together():
    text = page(DataTable("t", ["from 1 to 2", "Dice"], [["from 1 to 2", "0.71 (0.39 to 0.96)"]], [False, True]))
    assert ">0.71 (0.39\u00a0to\u00a00.96)<" in text
    assert text.count("from 1 to 2") == 2
