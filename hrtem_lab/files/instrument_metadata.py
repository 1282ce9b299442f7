"""Voltage, exposure time and name of the instrument, from where each maker's files keep them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_DM = "ImageList/TagGroup0/ImageTags"
_PLACES: tuple[tuple[str, str, float | None], ...] = (
    ("voltage_kV", f"{_DM}/Microscope Info/Voltage", 1e-3),
    ("voltage_kV", "Optics/AccelerationVoltage", 1e-3),
    ("voltage_kV", "microscope/high tension", 1e-3),
    ("voltage_kV", "ImageDescription/ElectronGun/AccelerationVoltage", 1e-3),
    ("exposure_s", f"{_DM}/DataBar/Exposure Time (s)", 1.0),
    ("exposure_s", f"{_DM}/Acquisition/Parameters/Detector/exposure (s)", 1.0),
    ("exposure_s", "Detectors/Detector-0/ExposureTime", 1.0),
    ("instrument", f"{_DM}/Session Info/Microscope", None),
    ("instrument", f"{_DM}/Microscope Info/Name", None),
    ("instrument", "Instrument/InstrumentModel", None),
    ("instrument", "Instrument/InstrumentClass", None),
    ("instrument", "microscope/name", None),
    ("instrument", "ImageDescription/Instruments", None),
)
"""Names of our metadata by their path in the file's own, and the factor to our unit (None for text)."""


def find_metadata(tags: Mapping[str, Any]) -> dict[str, Any]:
    """The first usable value for each of `voltage_kV`, `exposure_s` and `instrument`."""
    metadata: dict[str, Any] = {}
    for key, place, factor in _PLACES:
        value: Any = tags
        for step in place.split("/"):
            value = value.get(step) if isinstance(value, Mapping) else None
        if value is None or key in metadata:
            continue
        if factor is None and isinstance(value, str) and value.strip():
            metadata[key] = value.strip()
        elif factor is not None:
            metadata |= _number(key, value, factor)
    return metadata


def _number(key: str, value: Any, factor: float) -> dict[str, float]:
    try:
        return {key: round(float(value) * factor, 9)}
    except (TypeError, ValueError):
        return {}
