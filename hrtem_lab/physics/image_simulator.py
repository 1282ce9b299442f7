"""Simulated micrographs of exit waves, with their ground truth."""

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
from hrtem_lab.physics.half_contrast import half_contrast_instances
from hrtem_lab.physics.postprocessing import Postprocessing
from hrtem_lab.physics.visibility import label_particles


@dataclass(frozen=True)
class ImageSimulator:
    """Simulates micrographs of exit waves, each under other random conditions.

    Attributes:
        microscope: Ranges of the conditions.
        postprocessing: Treatment of the frame after the camera.
        max_pixel_size_nm: Largest pixel to which an image may be scaled down.
    """

    microscope: tem.ImagingConditionRanges = field(default_factory=tem.ImagingConditionRanges)
    postprocessing: Postprocessing = field(default_factory=Postprocessing)
    max_pixel_size_nm: float = 0.08

    def simulate(
        self,
        wave: ExitWave,
        rng: np.random.Generator,
        name: str = "",
        window_nm: float | None = None,
        ground_truth: bool = True,
        half_contrast: bool = False,
    ) -> LabelledMicrograph:
        """Simulate a micrograph.

        Args:
            wave: Exit wave of the specimen.
            rng: Random number generator; the same state gives the same image.
            name: Name of the micrograph, by default that of the specimen.
            window_nm: Side length of a square at a random place of the periodic field, which the camera sees; the whole
                field by default.
            ground_truth: Whether to determine what the image shows of each lattice (`hrtem_lab.physics.visibility`);
                training a segmenter does not need it.
            half_contrast: Whether to determine the half-contrast outlines (`hrtem_lab.physics.half_contrast`).

        Returns:
            The image in its own units; `group` is the specimen. A particle that the edge of the field cuts in two has
            two numbers.
        """
        field_nm = len(wave.wave) * wave.sampling_nm
        conditions, image_px = self._sample_conditions(field_nm, rng)
        window_nm = field_nm if window_nm is None else min(window_nm, field_nm)
        shift = (0, 0)
        if window_nm < field_nm:  # by pixels of the wave, so by any fraction of a camera pixel
            row, column = rng.integers(0, len(wave.instances), 2)
            shift = (int(row), int(column))
        amplitude, instances = np.roll(wave.wave, shift, (0, 1)), np.roll(wave.instances, shift, (0, 1))
        expected = tem.expose(amplitude, wave.sampling_nm, conditions, pixel_offset=0.5)
        instances = resample_nearest(instances, (len(expected), len(expected)))
        camera_px = round(len(expected) * window_nm / field_nm)
        image_px = round(image_px * window_nm / field_nm)
        expected, instances = expected[:camera_px, :camera_px], instances[:camera_px, :camera_px]
        frame = tem.record(expected, conditions, rng).numpy()
        if ground_truth:
            instances, particle_ids = _connected_parts(instances)
        half = None
        if half_contrast:
            noise_free = tem.without_noise(expected, conditions).numpy()
            half = half_contrast_instances(noise_free, instances, conditions.pixel_size_nm)
            half = resample_nearest(half, (image_px, image_px))
        micrograph = LabelledMicrograph(
            image=self.postprocessing(frame, image_px, rng),
            pixel_size_nm=conditions.pixel_size_nm * camera_px / image_px,
            name=name or wave.name,
            metadata=asdict(conditions),
            instances=resample_nearest(instances, (image_px, image_px)),
            half_contrast=half,
            group=wave.name,
        )
        return _add_ground_truth(micrograph, wave, particle_ids, shift) if ground_truth else micrograph

    def _sample_conditions(self, field_nm: float, rng: np.random.Generator) -> tuple[tem.ImagingConditions, int]:
        """Sample the imaging conditions and the side length in pixels of the image of the whole field.

        A whole number of camera pixels fits the field, one for which Fourier transforms are fast.
        """
        conditions = self.microscope.sample(rng)
        shrink_factor = self.postprocessing.sample_shrink_factor(rng)
        pixel_size_nm = min(conditions.pixel_size_nm * shrink_factor, self.max_pixel_size_nm)
        camera_px = next_fast_len(tem.camera_pixels(field_nm, conditions.pixel_size_nm))
        image_px = min(camera_px, tem.camera_pixels(field_nm, pixel_size_nm))
        return replace(conditions, pixel_size_nm=field_nm / camera_px), image_px


def _add_ground_truth(
    micrograph: LabelledMicrograph, wave: ExitWave, particle_ids: npt.NDArray[np.int64], shift: tuple[int, int]
) -> LabelledMicrograph:
    """Add what is known and what the image shows of each connected part of a particle.

    Args:
        micrograph: The simulated image, whose instances are the parts.
        wave: Exit wave of its specimen.
        particle_ids: Number of the particle that each part belongs to.
        shift: Rows and columns by which the periodic field was shifted, in pixels of the wave.
    """
    parts = micrograph.instances
    offset_nm = wave.sampling_nm * np.array([*shift, 0.0])
    owners = (wave.particles[number - 1] for number in particle_ids)
    particles = tuple(replace(p, centre_nm=p.centre_nm + offset_nm) for p in owners)
    field_nm = wave.sampling_nm * len(wave.instances)
    labels = label_particles(micrograph.image, parts, micrograph.pixel_size_nm, particles, field_nm)
    known = wave.ground_truth.loc[particle_ids].set_axis(labels.index).assign(particle_of_specimen=particle_ids)
    is_left = labels.index.isin(np.unique(parts))  # a sliver may be lost where the image was scaled down
    return replace(micrograph, ground_truth=known.join(labels)[is_left])


def _connected_parts(instances: IntArray) -> tuple[IntArray, npt.NDArray[np.int64]]:
    """Return connected parts numbered from 1, and the particle number that each part had."""
    parts, count = connected_components(instances, connectivity=1, return_num=True)
    particle_ids = np.zeros(count + 1, dtype=np.int64)
    particle_ids[parts] = instances
    return parts.astype(np.int32), particle_ids[1:]
