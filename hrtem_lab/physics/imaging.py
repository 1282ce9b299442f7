"""One micrograph of one exit wave, with its truth."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace

import numpy as np
import numpy.typing as npt
from scipy.fft import next_fast_len
from skimage.measure import label as connected_components

from hrtem_lab.image import resample_nearest
from hrtem_lab.micrograph import IntArray, LabelledMicrograph
from hrtem_lab.physics import microscope as tem
from hrtem_lab.physics.exit_wave import ExitWave
from hrtem_lab.physics.handling import Handling
from hrtem_lab.physics.visibility import label


@dataclass(frozen=True)
class Imaging:
    """Takes micrographs of exit waves, every time under another condition.

    Attributes:
        microscope: Ranges of the conditions.
        handling: What happens to the frame afterwards.
        coarsest_nm: The largest pixel an image may be shrunk to.
    """

    microscope: tem.Microscope = field(default_factory=tem.Microscope)
    handling: Handling = field(default_factory=Handling)
    coarsest_nm: float = 0.08

    def take(
        self,
        wave: ExitWave,
        rng: np.random.Generator,
        name: str = "",
        window_nm: float | None = None,
        facts: bool = True,
    ) -> LabelledMicrograph:
        """One micrograph.

        Args:
            wave: What the specimen did to the beam.
            rng: Source of chance; the same state gives the same image.
            name: Name of the micrograph, by default that of the specimen.
            window_nm: Edge of the square part of the periodic field that the camera sees, somewhere at random; the
                whole field by default.
            facts: Whether to find out what the image shows of each lattice (`hrtem_lab.physics.visibility`); training
                a segmenter does not need it.

        Returns:
            The image in its own units; `group` is the specimen. A particle that the edge of the field cuts in two has
            two numbers.
        """
        field_nm = wave.wave.shape[0] * wave.sampling_nm
        condition = self.microscope.draw(rng)
        final_nm = min(condition.pixel_size_nm * self.handling.draw_shrink(rng), self.coarsest_nm)
        # a whole number of camera pixels fits the field, one that Fourier transforms are fast with
        pixels = next_fast_len(tem.camera_pixels(field_nm, condition.pixel_size_nm))
        size = min(pixels, tem.camera_pixels(field_nm, final_nm))
        condition = replace(condition, pixel_size_nm=field_nm / pixels)
        amplitude, instances, shift = wave.wave, wave.instances, (0, 0)
        if window_nm is not None and window_nm < field_nm:
            # by pixels of the wave, so by any part of one of the camera's
            down, right = (int(s) for s in rng.integers(0, len(instances), 2))
            shift = (down, right)
            amplitude, instances = np.roll(amplitude, shift, (0, 1)), np.roll(instances, shift, (0, 1))
        expected = tem.expose(amplitude, wave.sampling_nm, condition, at=0.5)
        instances = resample_nearest(instances, (expected.shape[0], expected.shape[0]))
        if window_nm is not None and window_nm < field_nm:
            seen = round(expected.shape[0] * window_nm / field_nm)
            expected, instances = expected[:seen, :seen], instances[:seen, :seen]
            size = round(size * window_nm / field_nm)
        image = self.handling(tem.record(expected, condition, rng).numpy(), size, rng)
        micrograph = LabelledMicrograph(
            image=image,
            pixel_size_nm=condition.pixel_size_nm * expected.shape[0] / size,
            name=name or wave.name,
            metadata=asdict(condition),
            instances=resample_nearest(instances, (size, size)),
            group=wave.name,
        )
        return self._with_facts(micrograph, wave, instances, shift) if facts else micrograph

    def _with_facts(
        self, micrograph: LabelledMicrograph, wave: ExitWave, instances: IntArray, shift: tuple[int, int]
    ) -> LabelledMicrograph:
        """Particles by connected parts of the camera's instances, and what the image shows of each."""
        pieces, owners = _pieces(instances)
        pieces = resample_nearest(pieces, micrograph.image.shape)
        moved = wave.sampling_nm * np.array([*shift, 0.0])
        particles = tuple(replace(p, centre_nm=p.centre_nm + moved) for p in (wave.particles[o - 1] for o in owners))
        field_nm = wave.sampling_nm * len(wave.instances)
        shown = label(micrograph.image, pieces, micrograph.pixel_size_nm, particles, field_nm)
        facts = wave.facts.loc[owners].set_axis(shown.index).assign(particle_of_specimen=owners).join(shown)
        there = facts.index.isin(np.unique(pieces))  # a sliver may be lost where the image was shrunk
        return replace(micrograph, instances=pieces, ground_truth=facts[there])


def _pieces(instances: IntArray) -> tuple[IntArray, npt.NDArray[np.int64]]:
    """Connected parts numbered from 1, and for each part the number that it had before."""
    pieces, count = connected_components(instances, connectivity=1, return_num=True)
    owners = np.zeros(count + 1, dtype=np.int64)
    owners[pieces] = instances
    return pieces.astype(np.int32), owners[1:]
