"""A network as a segmenter: tiles leave no trace, and any image size is accepted."""

from dataclasses import replace

import numpy as np
import pytest
import segmentation_models_pytorch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from torch import nn

from hrtem_lab.segmentation.network_segmenter import NetworkSegmenter
from hrtem_lab.segmentation.preprocessing import Preprocessing, resample
from hrtem_lab.segmentation.segmenter import Segmentation
from hrtem_lab.segmentation.targets import DISTANCE_RANGE_PX
from tests.segmentation.scenes import Pointwise, Tiny, Where, dark_discs, mask_of, noise, plain, unet

pytestmark = pytest.mark.usefixtures("full_precision")


SHAPES = [(1, 1), (33, 700), (700, 33), (64, 64), (65, 63), (97, 130), (1, 200), (31, 31)]


@pytest.mark.parametrize("shape", SHAPES)
def test_tiles_do_not_change_a_pointwise_network(shape):
    image = noise(*shape)
    result = unet(Pointwise(), tile=64, overlap=16).score_map(image)
    assert result.shape == shape
    np.testing.assert_allclose(result, expit(-2 * image + 0.3), atol=1e-6)


@pytest.mark.parametrize("shape", SHAPES)
def test_sides_of_tiles_are_multiples_of_the_stride(shape):
    net = Where()
    unet(net, tile=64, overlap=16).score_map(noise(*shape))
    assert all(size % 32 == 0 and size <= 64 for seen in net.seen for size in seen)


def test_convolutions_give_the_same_in_one_tile_and_in_many_away_from_seams():
    """Two 5 x 5 convolutions reach 4 pixels, so pixels that far from a seam do not depend on it."""
    image = noise(160, 192)
    whole, tiled = (unet(Tiny(), tile=tile, overlap=32).score_map(image) for tile in (512, 64))
    far = np.ones(image.shape, dtype=bool)
    method = unet(Tiny(), tile=64, overlap=32)
    for rows, columns in method.tiling.windows(160, 192):
        for axis, side in ((0, rows), (1, columns)):
            edges = [e for e in (side.start, side.stop) if 0 < e < image.shape[axis]]
            for edge in edges:
                far[(slice(None),) * axis + (slice(edge - 4, edge + 4),)] = False
    assert far.mean() > 0.3
    np.testing.assert_allclose(tiled[far], whole[far], atol=1e-5)
    assert np.abs(tiled - whole).max() < 0.2


def test_blending_is_smooth_between_tiles():
    """Where overlapping tiles disagree by 0.6, no step is a quarter as large as without blending."""
    result = unet(Where(), tile=256, overlap=128).score_map(noise(64, 640))
    assert np.abs(np.diff(result, axis=1)).max() < 0.12


@pytest.fixture(scope="module")
def sharp():
    """A ResNet-18 U-Net with random weights and probabilities from 0 to 1 (standard deviation of the logits 3)."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = segmentation_models_pytorch.Unet(
            "tu-resnet18", encoder_weights=None, in_channels=1, encoder_depth=4, decoder_channels=(32, 16, 16, 8)
        )
        with torch.no_grad():
            for _ in range(12):  # the statistics of batch norm are those of what it sees
                spread = net(torch.randn(2, 1, 128, 128)).std()
            for values in net.segmentation_head.parameters():
                values *= 3 / spread
    return net.eval()


def test_no_seam_shows_with_the_receptive_field_of_a_resnet18_unet(sharp):
    """Predictions in tiles are those in one piece, and predictions in a window are those in the uncut image."""
    image = noise(192, 1856)
    tiled, whole = unet(sharp), unet(sharp, tile=2048)
    assert len(list(tiled.tiling.windows(*image.shape))) > 1
    found = tiled.score_map(image)
    assert found.std() > 0.2
    np.testing.assert_allclose(found, whole.score_map(image), atol=1e-2)
    shifted = tiled.score_map(image[:, 160:])
    np.testing.assert_allclose(shifted[:, 160:], found[:, 320:], atol=1e-2)
    assert np.abs(shifted[:, :32] - found[:, 160:192]).max() > 1e-2  # its border has lost its surroundings


def test_progress_counts_the_tiles():
    steps = []
    unet(Pointwise(), tile=64, overlap=16).output_maps(noise(100, 200), lambda done, total: steps.append((done, total)))
    # 100 x 200 pixels are padded to 128 x 224; three and six tiles of 64 that share 16 or more and begin at 0, 32, ...
    assert steps == [(i, 18) for i in range(1, 19)]


def test_particles_are_separated_by_their_cores():
    """Two adjacent squares with a common outline: particle below -1, core below -3."""

    class Cores(nn.Module):
        def forward(self, images):
            return torch.cat([-4 * (images + 1.5), -4 * (images + 3.5)], dim=1)

    image = noise(240, 320)
    image[80:120, 100:180] = -2.5
    image[90:110, 110:130] = image[90:110, 150:170] = -5
    alone, method = unet(Pointwise()), unet(Cores(), tile=64, overlap=32)
    micrograph = plain(image, 0.05)
    assert method.output_maps(noise(40, 70)).shape == (2, 40, 70)
    assert alone.output_maps(noise(40, 70)).shape == (1, 40, 70)
    maps, instances, distance_nm, *_ = method.segment(micrograph)
    assert distance_nm is None
    assert maps.shape == (2, *image.shape)
    assert instances.shape == image.shape
    assert instances.max() == 2
    assert len({instances[100, 120], instances[100, 160], 0}) == 3


@pytest.mark.parametrize("slope", [1e3, -1e3])
def test_very_large_logits_are_no_error(slope):
    image = noise(64, 64)
    sure = np.abs(image) > 0.1
    np.testing.assert_array_equal(unet(Pointwise(slope)).score_map(image)[sure], (slope * image > 0)[sure])


def test_the_network_is_used_as_trained_and_learns_nothing():
    class Noted(Pointwise):
        def forward(self, images):
            assert not self.training
            assert not torch.is_grad_enabled()
            return super().forward(images)

    unet(Noted()).score_map(noise(32, 32))


def test_thresholds_are_tuned():
    tuned = unet(Pointwise(-0.7)).tune([dark_discs(contrast=8.0)])
    assert 0.1 <= tuned.threshold <= 0.9
    assert (tuned(dark_discs(1, contrast=8.0)) > 0)[dark_discs(1).mask].mean() > 0.9
    thresholds = [c["threshold"] for c in tuned.candidates()]
    assert thresholds[0] == 0.1
    np.testing.assert_allclose(np.diff(thresholds), 0.05)


@settings(deadline=None, max_examples=15)
@given(st.integers(1, 150), st.integers(1, 150))
def test_a_downsampling_network_accepts_any_size(rows, columns):
    class Downsampling(nn.Module):
        """Downsamples by 32 and upsamples again, as a U-Net; needs multiples of 32."""

        def forward(self, images):
            down = nn.functional.avg_pool2d(images, 32)
            up = nn.functional.interpolate(down, scale_factor=32)
            return images + up

    result = unet(Downsampling(), tile=64, overlap=20).score_map(noise(rows, columns))
    assert result.shape == (rows, columns)
    assert np.isfinite(result).all()


class Distances(nn.Module):
    """Distance in pixels as the grey level, a particle wherever it is positive, with a probability of its own."""

    def __init__(self, logit=3.0):
        super().__init__()
        self.logit = logit

    def forward(self, images):
        inside = torch.where(images > 0, self.logit, -self.logit)
        return torch.cat([inside, inside, images / DISTANCE_RANGE_PX], dim=1)


def test_the_outline_is_where_the_distance_is_zero_whatever_the_threshold(monkeypatch):
    row, column = np.mgrid[:200, :300]
    depth = 40 - np.hypot(row - 90.3, column - 120.6)
    micrograph = plain(depth, 0.04)
    for threshold in (0.2, 0.9):
        method = unet(Distances(), threshold=threshold)
        monkeypatch.setattr(Preprocessing, "__call__", lambda self, m: np.clip(resample(m.image, self.shape(m)), -9, 9))
        segmentation = method.segment(micrograph)
        np.testing.assert_array_equal(segmentation.instances > 0, depth > 0)
        near = np.abs(depth) < 5
        scale = 0.05  # grey levels are taken for pixels of the network's input
        np.testing.assert_allclose(segmentation.distance_nm[near], scale * depth[near], atol=0.01)
    assert not unet(Distances(), threshold=0.97).segment(micrograph).instances.any()


def test_void_is_no_particle(monkeypatch):
    micrograph = replace(plain(np.full((80, 90), 5.0), 0.05), valid=np.arange(90) < np.full((80, 1), 50))
    monkeypatch.setattr(Preprocessing, "__call__", lambda self, m: m.image)
    segmentation = unet(Distances()).segment(micrograph)
    np.testing.assert_array_equal(segmentation.instances > 0, micrograph.valid)


class Promising(nn.Module):
    """Particles where the image is positive, with a probability that depends on how large the image is."""

    def __init__(self, certainty, elsewhere=-9.0):
        super().__init__()
        self.certainty, self.elsewhere = certainty, elsewhere

    def forward(self, images):
        sure = self.certainty[images.shape[-1] // 90]
        distance = images / DISTANCE_RANGE_PX
        return torch.cat([torch.where(images > 0, sure, self.elsewhere), distance, distance], dim=1)


@pytest.mark.parametrize(
    ("radius", "certainty", "looks", "believed"),
    [
        (30, {1: 1.0}, 1, 1),
        (6, {1: 1.0, 2: 0.5}, 2, 1),
        (6, {1: 1.0, 2: 2.0, 3: 1.5}, 3, 2),
        (6, {1: 1.0, 2: 2.0, 3: 3.0, 4: 4.0}, 4, 4),
    ],
)
def test_a_coarse_micrograph_of_small_particles_is_enlarged_while_it_promises_more(
    monkeypatch, radius, certainty, looks, believed
):
    row, column = np.mgrid[:90, :90]
    depth = radius - np.hypot(row - 45, column - 45)
    micrograph = plain(np.clip(depth, -radius, radius), 0.5)
    monkeypatch.setattr(Preprocessing, "__call__", lambda self, m: m.image)
    method = unet(Promising(certainty), min_diameter_nm=1.0, tile=512)
    method = replace(method, preprocessing=replace(method.preprocessing, max_pixel_size_nm=1.0))
    seen = []
    predict = NetworkSegmenter.output_maps
    monkeypatch.setattr(
        NetworkSegmenter, "output_maps", lambda self, image, p=None: seen.append(image.shape) or predict(self, image, p)
    )
    segmentation = method.segment(micrograph)
    assert seen == [(90 * factor, 90 * factor) for factor in range(1, 1 + looks)]
    inside = np.median(segmentation.probabilities[0][depth > 0])
    assert inside == pytest.approx(expit(certainty[believed]), abs=0.01)
    np.testing.assert_array_equal(segmentation.instances > 0, depth > 0)


@pytest.mark.parametrize(
    ("certainty", "elsewhere", "is_shown"),
    [
        ({1: -1.0, 2: 2.0, 3: 1.0}, -9.0, True),  # nothing at first, and particles in the enlarged image
        ({1: -1.0, 2: 2.0, 3: 1.0}, -3.0, False),  # too much may be particle elsewhere
        ({1: 2.0, 2: 1.0}, -2.5, False),
        ({1: 2.0, 2: 1.0}, -9.0, True),
    ],
)
def test_a_coarse_micrograph_of_which_little_is_promised_shows_nothing(monkeypatch, certainty, elsewhere, is_shown):
    row, column = np.mgrid[:90, :90]
    micrograph = plain(np.clip(6 - np.hypot(row - 45, column - 45), -6, 6), 0.5)
    monkeypatch.setattr(Preprocessing, "__call__", lambda self, m: m.image)
    method = unet(Promising(certainty, elsewhere), min_diameter_nm=1.0, tile=512)
    method = replace(method, preprocessing=replace(method.preprocessing, max_pixel_size_nm=1.0))
    assert method.segment(micrograph).instances.any() == is_shown


def test_what_does_not_stand_out_of_the_noise_is_no_particle_where_no_lattice_is_resolved():
    discs = mask_of([(50, 50, 20), (120, 120, 25)])
    image = np.random.default_rng(0).normal(100, 5, discs.shape) - 20 * (discs == 1)
    micrograph = plain(image, 0.5)
    told = Segmentation((discs > 0).astype(np.float32)[None], discs)
    np.testing.assert_array_equal(told.with_contrast(micrograph).instances, discs == 1)
    swapped = told._replace(instances=np.choose(discs, [0, 2, 1]).astype(np.int32))
    np.testing.assert_array_equal(swapped.with_contrast(micrograph).instances, discs == 1)


@pytest.mark.parametrize("told_px", [18, 22])
def test_a_particle_reaches_at_least_to_its_half_contrast_where_no_lattice_is_resolved(told_px: int):
    row, column = np.mgrid[:120, :120]
    away = np.hypot(row - 60, column - 60)
    image = np.random.default_rng(0).normal(100, 1, away.shape) - 20 * np.clip(20.5 - away, 0, 1)
    told = Segmentation(
        (away < told_px).astype(np.float32)[None],
        (away < told_px).astype(np.int32),
        (0.5 * (told_px - away)).astype("f4"),
    )
    shown = told.with_contrast(plain(image, 0.5))
    assert np.sqrt(shown.instances.sum() / np.pi) == pytest.approx(max(told_px, 20), abs=0.2)
    edge = shown.find_edges(0.5)[1].curves[0]
    assert np.hypot(*(edge - 60).T).mean() == pytest.approx(max(told_px, 20), abs=0.3)


def test_a_neighbour_that_was_not_found_makes_no_noise_where_no_lattice_is_resolved():
    discs = mask_of([(50, 50, 20), (50, 95, 24), (120, 120, 6)])
    image = np.random.default_rng(0).normal(100, 4, discs.shape) - np.choose(discs, [0, 8, 60, 8])
    told = Segmentation((discs == 1).astype(np.float32)[None], (discs == 1).astype(np.int32))
    assert told.with_contrast(plain(image, 0.5)).instances.any()
