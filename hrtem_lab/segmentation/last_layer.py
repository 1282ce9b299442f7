"""The last layer of a network, learned anew: the little that a few labels can teach in seconds."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy.optimize import minimize
from scipy.special import expit
from torch import nn

from hrtem_lab.micrograph import FloatArray, InputError, LabelledMicrograph
from hrtem_lab.segmentation.device import run_network
from hrtem_lab.segmentation.exported import ExportedNet
from hrtem_lab.segmentation.network_segmenter import NetworkSegmenter
from hrtem_lab.segmentation.targets import IGNORED, PARTICLE, micrograph_targets

WINDOW_PX = 512
"""Side length of the part of a standardised image that pixels are drawn from."""
STRENGTH = 1e-3
"""Weight of the squared distance from the layer of before, beside the mean cross-entropy of a pixel."""


@dataclass(frozen=True)
class Pixels:
    """Pixels of a micrograph as the last layer meets them.

    Attributes:
        surrounds: Features of each pixel and its neighbours, (n, weights of one output).
        targets: Confidence that each belongs to a particle, (n,).
    """

    surrounds: FloatArray
    targets: FloatArray


class LastLayer:
    """The last convolution of a network as a logistic regression for particles.

    It stays close to what it was (Li, Grandvalet and Davoine, ICML 2018), so that a fault in a label changes little.

    Args:
        segmenter: The network, of torch.

    Raises:
        InputError: The network has no convolution of torch.
    """

    def __init__(self, segmenter: NetworkSegmenter) -> None:
        if isinstance(segmenter.net, ExportedNet):
            raise InputError(
                "the network is an exported one, which cannot learn; leave folds out, or give a model of torch"
            )
        self.segmenter, self.net = segmenter, segmenter.net
        self.layer = _last_convolution(self.net)

    def draw(self, micrograph: LabelledMicrograph, count: int, rng: np.random.Generator) -> Pixels:
        """Draw pixels of a micrograph at random, without those that are ignored.

        Raises:
            InputError: The micrograph is too coarse for the network.
        """
        preprocessing, stride = self.segmenter.preprocessing, self.segmenter.stride
        image, targets = preprocessing(micrograph), micrograph_targets(micrograph, preprocessing)[..., PARTICLE]
        first_row, first_column = (int(rng.integers(max(side - WINDOW_PX, 0) + 1)) for side in image.shape)
        window = slice(first_row, first_row + WINDOW_PX), slice(first_column, first_column + WINDOW_PX)
        padding = [(0, -side % stride) for side in image[window].shape]
        features = self._features(np.pad(image[window], padding))
        targets = np.pad(targets[window], padding, constant_values=IGNORED)
        rows, columns = (rng.integers(side, size=count) for side in features.shape[1:])
        finer = targets.shape[0] // features.shape[1]  # a network may work at a lower resolution
        drawn = targets[rows * finer, columns * finer]
        known = drawn != IGNORED
        return Pixels(self._surrounds(features, rows[known], columns[known]), drawn[known])

    def _features(self, image: FloatArray) -> FloatArray:
        """Input of the layer for an image, (channels, rows, columns)."""
        inputs: list[torch.Tensor] = []
        hook = self.layer.register_forward_pre_hook(lambda _, arguments: inputs.append(arguments[0]))
        try:
            run_network(self.net, image[None, None])
        finally:
            hook.remove()
        return inputs[0][0].float().cpu().numpy()

    def _surrounds(self, features: FloatArray, rows: npt.NDArray[Any], columns: npt.NDArray[Any]) -> FloatArray:
        """Features around each pixel that the kernel covers, in the order of the layer's weights, (n, weights)."""
        height, width = self.layer.kernel_size
        padded = np.pad(features, [(0, 0), (height // 2,) * 2, (width // 2,) * 2])
        covered = np.lib.stride_tricks.sliding_window_view(padded, (height, width), axis=(1, 2))
        return covered[:, rows, columns].swapaxes(0, 1).reshape(len(rows), -1)

    def learn(self, pixels: Sequence[Pixels]) -> NetworkSegmenter:
        """A copy of the segmenter whose last layer was fitted to pixels."""
        surrounds = np.concatenate([each.surrounds for each in pixels])
        inputs = np.column_stack([surrounds, np.ones(len(surrounds), np.float32)])
        targets = np.concatenate([each.targets for each in pixels])
        net = deepcopy(self.net)
        layer = _last_convolution(net)
        assert layer.bias is not None
        weight, bias = layer.weight.data[PARTICLE], layer.bias.data[PARTICLE : PARTICLE + 1]
        before = torch.cat([weight.flatten(), bias]).double().cpu().numpy() / self.segmenter.temperature

        def loss(weights: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
            logits, change = inputs @ weights.astype(np.float32), weights - before
            cross_entropy = float(np.mean(np.logaddexp(0, logits) - targets * logits))
            slope = inputs.T @ (expit(logits) - targets) / len(targets)
            return cross_entropy + STRENGTH / 2 * float(change @ change), slope + STRENGTH * change

        fitted = torch.from_numpy(minimize(loss, before, jac=True, method="L-BFGS-B").x * self.segmenter.temperature)
        weight.copy_(fitted[:-1].reshape(weight.shape))
        bias.copy_(fitted[-1:])
        return replace(self.segmenter, net=net)


def _last_convolution(net: nn.Module) -> nn.Conv2d:
    """The convolution that gives the outputs.

    Raises:
        InputError: There is none that has a bias.
    """
    layers = [part for part in net.modules() if isinstance(part, nn.Conv2d)]
    if not layers or layers[-1].bias is None:
        raise InputError("the network does not end with a convolution of torch, which could learn; leave folds out")
    return layers[-1]
