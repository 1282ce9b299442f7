"""A report as one HTML file that needs nothing else: no script, no picture and no font from elsewhere.

A page is a list of sections, and a section a list of blocks. What a report is about stands in the modules that build
its page, such as `hrtem_lab.figures.analysis_report`.
"""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np
import pandas as pd
from jinja2 import Environment, FileSystemLoader
from matplotlib import rc_context
from matplotlib.figure import Figure

THUMBNAIL_PX = 640
"""Longer side of a picture in a gallery."""
JPEG_QUALITY = 82
COLUMN_UNITS = {"_nm": "nm", "_nm2": "nm²", "_deg": "°"}
"""Ends of the names of columns, and the units that they stand for."""


@dataclass(frozen=True)
class Text:
    """Paragraphs.

    Attributes:
        paragraphs: Plain text, without markup.
        to_copy: True for a text that is copied as a whole; it gets a frame.
    """

    kind: ClassVar[str] = "text"
    paragraphs: Sequence[str]
    to_copy: bool = False


@dataclass(frozen=True)
class Facts:
    """Few numbers, large, each with its name: what a reader looks for first.

    Attributes:
        items: Name and value of each.
    """

    kind: ClassVar[str] = "facts"
    items: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class DataTable:
    """A table.

    Attributes:
        caption: Title of the table or picture.
        titles: Title of each column.
        rows: Texts of each row.
        is_number: Whether a column holds numbers, which are aligned right.
    """

    kind: ClassVar[str] = "table"
    caption: str
    titles: Sequence[str]
    rows: Sequence[Sequence[str]]
    is_number: Sequence[bool]

    @classmethod
    def of_frame(cls, table: pd.DataFrame, caption: str, digits: int = 4) -> DataTable:
        """Show a table with numbers rounded to significant digits; what is not a number is an empty cell.

        Args:
            table: The table; its index is left out.
            caption: Title of the table or picture.
            digits: Number of significant digits.
        """
        is_number = [pd.api.types.is_numeric_dtype(table[name]) for name in table]
        rows = [[_cell(value, digits) for value in row] for row in table.itertuples(index=False)]
        return cls(caption, [_title(str(name)) for name in table], rows, is_number)


@dataclass(frozen=True)
class Picture:
    """A picture inside the page.

    Attributes:
        source: Address that holds the picture itself.
        caption: Description, which is also read to those who cannot see it.
        badge: Word on the picture; empty for none.
        is_warning: Whether the badge is a warning.
        details: Lines below the caption.
    """

    kind: ClassVar[str] = "picture"
    source: str
    caption: str
    badge: str = ""
    is_warning: bool = False
    details: Sequence[str] = ()

    @classmethod
    def of_figure(cls, figure: Figure, caption: str) -> Picture:
        """Embed a figure as SVG."""
        file = io.StringIO()
        with rc_context({"svg.hashsalt": caption, "svg.fonttype": "path"}):  # the same file from the same figure
            figure.savefig(file, format="svg", metadata={"Date": None})
        return cls(_address(file.getvalue().encode(), "image/svg+xml"), caption)

    @classmethod
    def of_chart(cls, path: Path, caption: str) -> Picture | None:
        """Embed a PNG file as it is; None where there is none."""
        return cls(_address(path.read_bytes(), "image/png"), caption) if path.is_file() else None

    @classmethod
    def of_file(cls, path: Path, caption: str, **details: Any) -> Picture | None:
        """Embed a smaller copy of a picture; None where it cannot be read.

        Args:
            path: A PNG or JPEG file.
            caption: Title of the table or picture.
            details: Further attributes.
        """
        content = np.fromfile(path, np.uint8) if path.is_file() else np.empty(0, np.uint8)
        image = cv2.imdecode(content, cv2.IMREAD_COLOR) if content.size else None
        if image is None:
            return None
        scale = min(THUMBNAIL_PX / max(image.shape[:2]), 1.0)
        small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else image
        encoded = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1]
        return cls(_address(encoded.tobytes(), "image/jpeg"), caption, **details)


@dataclass(frozen=True)
class Gallery:
    """Pictures in a grid.

    Attributes:
        pictures: The pictures.
        note: Line below the grid; empty for none.
    """

    kind: ClassVar[str] = "gallery"
    pictures: Sequence[Picture]
    note: str = ""


Block = Text | Facts | DataTable | Picture | Gallery


@dataclass(frozen=True)
class Section:
    """A part of a page under a title.

    Attributes:
        title: Title.
        blocks: Content; a section without any is left out.
    """

    title: str
    blocks: Sequence[Block]

    @property
    def anchor(self) -> str:
        """Name by which the table of contents refers to it."""
        return "".join(letter if letter.isalnum() else "-" for letter in self.title.lower())


@dataclass(frozen=True)
class Page:
    """A report.

    Attributes:
        title: Title.
        subtitle: Line below it.
        sections: Parts in order.
        footer: Last line.
    """

    title: str
    subtitle: str
    sections: Sequence[Section]
    footer: str = ""


def render(page: Page) -> str:
    """Write a page as HTML."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    sections = [section for section in page.sections if section.blocks]
    return environment.get_template("report.html.j2").render(page=page, sections=sections)


def present(blocks: Iterable[Block | None]) -> list[Block]:
    """The blocks that are there."""
    return [block for block in blocks if block is not None]


def _title(column: str) -> str:
    """Title of a column: its words, and the unit at its end in brackets."""
    for ending, unit in COLUMN_UNITS.items():
        if column.endswith(ending):
            return f"{column.removesuffix(ending).replace('_', ' ')} ({unit})"
    return column.replace("_", " ")


def _address(content: bytes, media_type: str) -> str:
    """A data URL."""
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"


def _cell(value: Any, digits: int) -> str:
    """Text of a cell."""
    if value is None or (isinstance(value, float | np.floating) and math.isnan(value)):
        return ""
    if isinstance(value, float | np.floating):
        return f"{value:.{digits}g}"
    return str(value)
