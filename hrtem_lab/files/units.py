"""Length units as instruments write them, to nanometres; the only place where a pixel size is converted."""

from __future__ import annotations

import html
import math
import re
import unicodedata

_NM_PER_UNIT = {
    **dict.fromkeys(("m", "meter", "meters", "metre", "metres"), 1e9),
    **dict.fromkeys(("mm", "millimeter", "millimeters", "millimetre", "millimetres"), 1e6),
    **dict.fromkeys(("μm", "um", "micron", "microns", "micrometer", "micrometers", "micrometre", "micrometres"), 1e3),
    **dict.fromkeys(("nm", "nanometer", "nanometers", "nanometre", "nanometres"), 1.0),
    **dict.fromkeys(("å", "a", "ang", "angstrom", "angstroms", "ångström", "ångströms", "ångstrom", "angström"), 0.1),
    **dict.fromkeys(("pm", "picometer", "picometers", "picometre", "picometres"), 1e-3),
}
_RECIPROCAL = re.compile(
    r"^(1(\.0*)?)?/"  # 1/nm, 1.0/nm, /nm
    r"|(\^|\*\*)?-1(\.0*)?$"  # nm^-1, nm**-1, nm-1
    r"|^(per|inv|inverse|rec|reciprocal)(?=[^a-z]|pm|nm|[uμ]m|å|a$|ang|pico|nano|micro|met|pixel|px|m$)"
    r"|^[mnuμ]?rad(ian)?s?$|^(milli|micro)rad(ian)?s?$|^deg(ree)?s?$|^°$"
)
_PER_PIXEL = re.compile(r"(?<=[a-zåμ])(/|per)(px|pixels?)$")


def to_nm(value: float, unit: object) -> float | None:
    r"""Convert a length to nm.

    Args:
        value: The length; its sign, which only tells the direction of an axis, is dropped.
        unit: As a file writes it: `nm`, `µm`, `um`, `micron`, `Å`, `A`, `pm`, `m`, `[n_m]`, `(nm)`, `nm/pixel`, an
            escape of ImageJ such as `\u00B5m`, ...

    Returns:
        The length in nm, or None where nothing is known: no unit, another unit, a length of zero, NaN or infinity.
        Units of print (inch, cm) and of the screen (pixel) are nothing known.
    """
    factor = _NM_PER_UNIT.get(_normalize(unit))
    length = abs(float(value)) * factor if factor else 0.0
    return length if math.isfinite(length) and length > 0 else None


def is_reciprocal(unit: object) -> bool:
    """Whether a unit belongs to a diffraction pattern: one over a length (`1/nm`, `(nm^-1)`, ...) or an angle."""
    return _RECIPROCAL.search(_normalize(unit)) is not None


def _normalize(unit: object) -> str:
    """One spelling for all: escapes and compatibility characters resolved, no brackets or spaces, lower case."""
    text = _decode(unit) if isinstance(unit, bytes) else str(unit or "")
    text = re.sub(r"\\+u\{?([0-9a-fA-F]{4})\}?", lambda match: chr(int(match[1], 16)), text)
    text = unicodedata.normalize("NFKC", html.unescape(_repair(text)))
    text = re.sub("[\N{MINUS SIGN}\N{EN DASH}\N{HYPHEN}\N{NON-BREAKING HYPHEN}]", "-", text)
    text = re.sub(r"[\s\[\](){}_\x00\"']", "", text).casefold()
    return _PER_PIXEL.sub("", text)


def _decode(unit: bytes) -> str:
    """Text of a unit written as UTF-8 or, by older programs, in Windows-1252."""
    try:
        return unit.decode("utf-8")
    except UnicodeDecodeError:
        return unit.decode("cp1252", errors="replace")


def _repair(text: str) -> str:
    """Text that was written as UTF-8 and read as Windows-1252 (`Âµm`), as it was meant; any other text unchanged."""
    if not re.search("[ÂÃÎâ]", text):
        return text
    try:
        return text.encode("cp1252").decode("utf-8")
    except UnicodeError:
        return text
