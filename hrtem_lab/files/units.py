"""Length units as instruments write them, to nanometres; the only place where a pixel size is converted."""

from __future__ import annotations

import math
import re
import unicodedata

_NM_PER_UNIT = {
    **dict.fromkeys(("m", "meter", "meters", "metre", "metres"), 1e9),
    **dict.fromkeys(("μm", "um", "micron", "microns", "micrometer", "micrometers", "micrometre", "micrometres"), 1e3),
    **dict.fromkeys(("nm", "nanometer", "nanometers", "nanometre", "nanometres"), 1.0),
    **dict.fromkeys(("å", "a", "ang", "angstrom", "angstroms", "ångström", "ångströms"), 0.1),
    **dict.fromkeys(("pm", "picometer", "picometers", "picometre", "picometres"), 1e-3),
}
_RECIPROCAL = re.compile(r"^1(\.0*)?/|(\^|\*\*)?\(?-1\)?$|^m?rad(ian)?s?$")


def to_nm(value: float, unit: object) -> float | None:
    """Convert a length to nm.

    Args:
        value: The length; its sign, which only tells the direction of an axis, is dropped.
        unit: As a file writes it: `nm`, `µm`, `um`, `micron`, `Å`, `A`, `pm`, `m`, `[n_m]`, ...

    Returns:
        The length in nm, or None where nothing is known: no unit, another unit, a length of zero, NaN or infinity.
        Units of print (inch, cm) and of the screen (pixel) are nothing known.
    """
    factor = _NM_PER_UNIT.get(_plain(unit))
    length = abs(float(value)) * factor if factor else 0.0
    return length if math.isfinite(length) and length > 0 else None


def is_reciprocal(unit: object) -> bool:
    """Whether a unit belongs to a diffraction pattern: one over a length (`1/nm`, `nm^-1`, ...) or an angle."""
    return _RECIPROCAL.search(_plain(unit)) is not None


def _plain(unit: object) -> str:
    """One spelling for all: compatibility characters folded, no brackets, underscores or spaces, lower case."""
    text = unit.decode("utf-8", errors="replace") if isinstance(unit, bytes) else str(unit or "")
    text = unicodedata.normalize("NFKC", text.replace("\\u00B5", "µ")).replace("\N{MINUS SIGN}", "-")
    return re.sub(r"[\s\[\]_\x00]", "", text).lower()
