"""Imaging conditions: one setting of microscope and camera, and ranges to sample settings from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hrtem_lab.micrograph import InputError
from hrtem_lab.physics.specimen import Range


@dataclass(frozen=True)
class ImagingConditions:
    """One setting of the microscope and its camera.

    Attributes:
        defocus_nm: Defocus, positive for underfocus.
        cs_um: Spherical aberration.
        astigmatism_nm: Twofold astigmatism.
        astigmatism_deg: Azimuth of the twofold astigmatism; all azimuths are counted from the rows' direction.
        coma_nm: Axial coma.
        coma_deg: Azimuth of the coma.
        trefoil_nm: Threefold astigmatism.
        trefoil_deg: Azimuth of the threefold astigmatism.
        focal_spread_nm: 1/e half-width of the focal distribution.
        convergence_mrad: 1/e half-width of the illumination's directions: partial spatial coherence.
        drift_nm: Distance that the specimen moves, straight and evenly, during the exposure.
        drift_deg: Azimuth of the drift.
        vibration_nm: Root mean square displacement by vibration along any direction.
        dose_e_per_nm2: Electrons per area of the specimen.
        dqe: Fraction of the electrons that the camera counts: its detective quantum efficiency at frequency zero.
        pixel_size_nm: Camera pixel, referred to the specimen.
        mtf_nyquist: Modulation transfer of the camera at its Nyquist frequency.
        noise_transfer: Exponent of the modulation transfer that the shot noise is subject to: 0 for a counting camera
            (white noise), 1 for a scintillator that spreads every electron over its neighbours. The detective quantum
            efficiency falls as dqe MTF^(2 - 2 noise_transfer).
        read_noise_e: Root mean square of the read-out noise, in counted electrons per pixel.
        unevenness: Relative change of the illumination from the darkest to the brightest place of the field.
        gain: Value that the camera writes for each counted electron.
        voltage_kV: Accelerating voltage.

    Raises:
        InputError: A value is out of its range.
    """

    defocus_nm: float
    cs_um: float = 0.0
    astigmatism_nm: float = 0.0
    astigmatism_deg: float = 0.0
    coma_nm: float = 0.0
    coma_deg: float = 0.0
    trefoil_nm: float = 0.0
    trefoil_deg: float = 0.0
    focal_spread_nm: float = 3.0
    convergence_mrad: float = 0.0
    drift_nm: float = 0.0
    drift_deg: float = 0.0
    vibration_nm: float = 0.0
    dose_e_per_nm2: float = 1e5
    dqe: float = 1.0
    pixel_size_nm: float = 0.03
    mtf_nyquist: float = 0.3
    noise_transfer: float = 0.0
    read_noise_e: float = 0.0
    unevenness: float = 0.0
    gain: float = 1.0
    voltage_kV: float = 300.0

    def __post_init__(self) -> None:
        if not (self.dose_e_per_nm2 >= 0 and self.pixel_size_nm > 0 and self.voltage_kV > 0):
            raise InputError(
                f"dose_e_per_nm2 is {self.dose_e_per_nm2}, pixel_size_nm {self.pixel_size_nm} and voltage_kV "
                f"{self.voltage_kV}; expected a dose of at least 0, a pixel and a voltage above 0"
            )
        if not self.gain > 0:
            raise InputError(f"gain is {self.gain}, expected a number above 0")
        if not 0 < self.mtf_nyquist <= 1:
            raise InputError(f"mtf_nyquist is {self.mtf_nyquist}, expected a share above 0 and at most 1")
        if not (0 < self.dqe <= 1 and 0 <= self.noise_transfer <= 1):
            raise InputError(
                f"dqe is {self.dqe} and noise_transfer {self.noise_transfer}; expected shares, at most 1, dqe above 0"
            )
        for name in ("focal_spread_nm", "convergence_mrad", "drift_nm", "vibration_nm", "read_noise_e", "unevenness"):
            if getattr(self, name) < 0:
                raise InputError(f"{name} is {getattr(self, name)}, expected at least 0")


LOG_UNIFORM = ("dose_e_per_nm2", "pixel_size_nm")
"""Conditions that are sampled evenly in their logarithm."""
AZIMUTH_PERIODS_DEG = {"astigmatism_deg": 180, "coma_deg": 360, "trefoil_deg": 120, "drift_deg": 180}


@dataclass(frozen=True)
class ImagingConditionRanges:
    """Ranges of imaging conditions; each attribute is the lowest and highest value of that of `ImagingConditions`.

    The gain of the camera and the voltage are fixed. Doses and pixel sizes are sampled evenly in their logarithm,
    everything else evenly, azimuths over one period of their aberration.

    Raises:
        InputError: A range is upside down, or a value in it is not allowed.
    """

    defocus_nm: Range = (-100.0, 100.0)
    cs_um: Range = (-15.0, 15.0)
    astigmatism_nm: Range = (0.0, 4.0)
    coma_nm: Range = (0.0, 100.0)
    trefoil_nm: Range = (0.0, 100.0)
    focal_spread_nm: Range = (1.5, 5.0)
    convergence_mrad: Range = (0.0, 0.3)
    drift_nm: Range = (0.0, 0.06)
    vibration_nm: Range = (0.0, 0.02)
    dose_e_per_nm2: Range = (1e4, 2e5)
    dqe: Range = (0.5, 1.0)
    pixel_size_nm: Range = (0.02, 0.05)
    mtf_nyquist: Range = (0.1, 0.6)
    noise_transfer: Range = (0.0, 1.0)
    read_noise_e: Range = (0.0, 0.5)
    unevenness: Range = (0.0, 0.2)
    gain: float = 1.0
    voltage_kV: float = 300.0

    def __post_init__(self) -> None:
        for name, value in self.ranges.items():
            if not value[0] <= value[1]:
                raise InputError(f"{name} is {list(value)}, expected the lowest value, then the highest")
        if min(self.dose_e_per_nm2[0], self.pixel_size_nm[0]) <= 0:
            raise InputError(
                f"dose_e_per_nm2 is {list(self.dose_e_per_nm2)} and pixel_size_nm {list(self.pixel_size_nm)}; expected "
                "ranges above 0, since both are drawn evenly in their logarithm"
            )
        for end in (0, 1):  # `ImagingConditions` checks the rest
            ImagingConditions(**{name: value[end] for name, value in self.ranges.items()}, **self._constants)

    @property
    def ranges(self) -> dict[str, Range]:
        """All ranges by name."""
        return {name: value for name, value in vars(self).items() if name not in self._constants}

    @property
    def _constants(self) -> dict[str, float]:
        return {"gain": self.gain, "voltage_kV": self.voltage_kV}

    def sample(self, rng: np.random.Generator) -> ImagingConditions:
        """Sample conditions."""
        values = {}
        for name, (low, high) in self.ranges.items():
            log = name in LOG_UNIFORM
            values[name] = float(np.exp(rng.uniform(np.log(low), np.log(high))) if log else rng.uniform(low, high))
        azimuths = {name: float(rng.uniform(0, period)) for name, period in AZIMUTH_PERIODS_DEG.items()}
        return ImagingConditions(**values, **azimuths, **self._constants)
