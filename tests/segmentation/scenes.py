"""Micrographs whose particles were drawn, and networks that a test can reason about."""

from collections.abc import Sequence
from typing import ClassVar

import albumentations as A
import numpy as np
import torch
from torch import nn

from hrtem_lab.micrograph import LabelledMicrograph, Micrograph
from hrtem_lab.physics import Crystal
from hrtem_lab.segmentation.network_segmenter import NetworkSegmenter
from hrtem_lab.segmentation.preprocessing import Preprocessing
from tests.physics.scenes import AU, drawn_wave, periodic_disc, placed

PIXEL_NM = 0.05
PREPROCESSING = Preprocessing(pixel_size_nm=PIXEL_NM)
DISCS = ((50, 60, 26), (120, 140, 34), (140, 40, 22))


def mask_of(discs, size=180):
    """Instances of discs of (row, column, radius)."""
    row, column = np.mgrid[:size, :size]
    instances = np.zeros((size, size), dtype=np.int32)
    for number, (r, c, radius) in enumerate(discs, start=1):
        instances[np.hypot(row - r, column - c) < radius] = number
    return instances


def labelled(image, instances, name="drawn", group="drawn", pixel_size_nm=PIXEL_NM):
    return LabelledMicrograph(
        image=image.astype(np.float32), pixel_size_nm=pixel_size_nm, name=name, instances=instances, group=group
    )


def plain(image, pixel_size_nm=PIXEL_NM, name="drawn"):
    return Micrograph(image=np.asarray(image, dtype=np.float32), pixel_size_nm=pixel_size_nm, name=name)


def noise(*shape, seed=0):
    """An image of white noise."""
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def unet(net, **settings):
    """A segmenter of a network, with the preprocessing of all scenes."""
    return NetworkSegmenter(net=net, preprocessing=PREPROCESSING, **settings)


def discs_elsewhere(seed):
    """Three discs that lie elsewhere for every seed, one in each of three quarters of the field."""
    rng = np.random.default_rng(seed)
    corners = rng.permutation([(0, 0), (0, 90), (90, 0), (90, 90)])[:3]
    return [(r + rng.uniform(35, 55), c + rng.uniform(35, 55), rng.uniform(18, 32)) for r, c in corners]


def dark_discs(seed=0, discs=DISCS, contrast=1.5):
    """Particles darker than their noisy support."""
    instances = mask_of(discs)
    noise = np.random.default_rng(seed).normal(0, 1, instances.shape)
    return labelled(100 + noise - contrast * (instances > 0), instances, f"dark_{seed}", f"dark_{seed}")


def lattice_discs(seed=0, discs=DISCS, spacing_nm=0.2355):
    """Particles as grey as their support, told by their fringes alone."""
    instances = mask_of(discs)
    rng = np.random.default_rng(seed)
    row, column = np.mgrid[: len(instances), : len(instances)] * PIXEL_NM
    image = rng.normal(0, 1, instances.shape)
    for number in range(1, len(discs) + 1):
        angle = rng.uniform(0, np.pi)
        fringes = np.cos(2 * np.pi * (row * np.sin(angle) + column * np.cos(angle)) / spacing_nm)
        image += 1.2 * fringes * (instances == number)
    return labelled(image, instances, f"lattice_{seed}", f"lattice_{seed}")


class Pointwise(nn.Module):
    """Logits from each pixel alone, so that no tiling can matter."""

    def __init__(self, slope=-2.0):
        super().__init__()
        self.slope = nn.Parameter(torch.tensor(float(slope)))

    def forward(self, images):
        return self.slope * images + 0.3


class Where(nn.Module):
    """Logits that tell where in its tile a pixel lies, so that every seam would show; remembers the tiles' sizes."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def forward(self, images):
        self.seen.append(tuple(images.shape[-2:]))
        return torch.linspace(-3, 3, images.shape[-1]).expand_as(images)


class Tiny(nn.Module):
    """Two small convolutions."""

    def __init__(self, seed=0):
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.layers = nn.Sequential(nn.Conv2d(1, 4, 5, padding=2), nn.ReLU(), nn.Conv2d(4, 1, 5, padding=2))

    def forward(self, images):
        return self.layers(images)


class DrawnLibrary(Sequence):
    """Exit waves of one to three absorbing discs, another field for every index."""

    fingerprint_inputs: ClassVar = {"drawn": True}

    def __init__(self, size):
        self.size = size

    def __len__(self):
        return self.size

    def __getitem__(self, index):
        if not 0 <= index < self.size:
            raise IndexError(index)
        rng = np.random.default_rng(index)
        instances = np.zeros((128, 128), dtype=np.int32)
        for number in range(1, rng.integers(1, 3, endpoint=True) + 1):
            instances[periodic_disc(128, *rng.uniform(0, 128, 2), rng.uniform(14, 24))] = number
        particles = [placed(Crystal(AU, 2.0)) for _ in range(instances.max())]
        return drawn_wave(np.where(instances > 0, 0.5, 1.0), instances, 6.0, particles, name=f"specimen_{index}")

    def simulate(self, progress=lambda done, total: None):
        progress(self.size, self.size)


def dihedral(size=64):
    """The augmentation of a training: a part of the image, turned and mirrored."""
    return A.Compose([A.RandomCrop(size, size, pad_if_needed=True), A.D4(p=1.0)])


def same(one, other):
    """Whether two training samples, or batches of them, are equal."""
    return all(torch.equal(one[key], other[key]) for key in ("image", "mask"))
