"""The text of a value with its interval, as in tables and sentences."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pandas as pd


def interval_text(
    row: pd.Series | Mapping[str, float],
    column: str,
    *,
    bounds: str | None = None,
    unit: str = "",
    digits: int | None = None,
    bound_digits: int | None = None,
    sign: int = 1,
    level: str = "",
) -> str:
    """Format a value and its interval, as in `0.30 nm (95 % 0.12 to 0.47)`; without the brackets if there is none.

    Args:
        row: Row of a table.
        column: Column of the value.
        bounds: Prefix of the columns `low` and `high`; by default the column's name and an underscore.
        unit: Unit of the value.
        digits: Digits after the decimal point; by default as many as show two digits of the interval's width.
        bound_digits: Digits of the interval's ends; by default those of the value.
        sign: -1 to format the value with the opposite sign.
        level: Text before the interval, such as `95 % `.
    """
    prefix = f"{column}_" if bounds is None else bounds
    low, high = sorted(sign * float(row.get(f"{prefix}{end}", math.nan)) for end in ("low", "high"))
    value, has_interval = sign * float(row[column]), not (math.isnan(low) or math.isnan(high))
    if digits is None:
        digits = _digits(high - low if has_interval else abs(value) / 25)
    text = f"{value:.{digits}f}{' ' * bool(unit)}{unit}"
    if not has_interval:
        return text
    bound_digits = digits if bound_digits is None else bound_digits
    return f"{text} ({level}{low:.{bound_digits}f} to {high:.{bound_digits}f})"


def _digits(width: float) -> int:
    """Number of digits after the decimal point that show two digits of a width, from 0 to 4."""
    return min(max(1 - math.floor(math.log10(width)), 0), 4) if width > 0 and math.isfinite(width) else 2
