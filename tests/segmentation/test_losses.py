"""A sum of losses is the sum of the losses, and so is its gradient; a boundary's is an integral of distances."""

import numpy as np
import pytest
import torch
from segmentation_models_pytorch.losses import DiceLoss
from torch.nn import BCEWithLogitsLoss

from hrtem_lab.segmentation.losses import BoundaryLoss, MasksAndDistanceLoss, SumLoss
from hrtem_lab.segmentation.targets import signed_distance


def disc(radius, side=64):
    y, x = np.mgrid[:side, :side] - side / 2
    return np.hypot(y, x) <= radius


def certain(mask):
    """Very confident logits of a mask."""
    return torch.where(torch.from_numpy(mask), 50.0, -50.0)[None, None]


def test_distance_from_a_disc_is_that_from_its_circle():
    y, x = np.mgrid[:64, :64] - 32
    found = signed_distance(disc(12))
    assert np.abs(found - (np.hypot(y, x) - 12)).max() < 1
    assert ((found < 0) == disc(12)).all()


@pytest.mark.parametrize("radius", [8, 16])
def test_boundary_of_a_disc_is_the_integral_over_it(radius):
    """The integral of the distance from the circle is -pi r^3 / 3."""
    mask = torch.from_numpy(disc(radius, 128))[None, None].float()
    found = BoundaryLoss()(certain(disc(radius, 128)), mask) * 128 * 128**2
    assert found == pytest.approx(-np.pi * radius**3 / 3, rel=0.1)


def test_the_boundary_loss_is_smallest_for_the_true_mask():
    mask = torch.from_numpy(disc(12))[None, None].float()
    values = [BoundaryLoss()(certain(disc(radius)), mask).item() for radius in (6, 9, 12, 15, 18)]
    assert values[0] > values[1] > values[2] < values[3] < values[4]


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_mask_without_an_outline_costs_nothing(value):
    logits = torch.randn(1, 2, 8, 8, requires_grad=True)
    loss = BoundaryLoss()(logits, torch.full((1, 2, 8, 8), value))
    loss.backward()
    assert loss == 0
    assert not logits.grad.any()


def test_values_and_gradients_add_up():
    torch.manual_seed(0)
    masks = (torch.rand(2, 1, 8, 8) > 0.5).float()
    parts = [DiceLoss("binary"), BCEWithLogitsLoss()]

    def graded(loss):
        logits = torch.linspace(-2, 2, 128).reshape(2, 1, 8, 8).requires_grad_()
        value = loss(logits, masks)
        value.backward()
        return value.item(), logits.grad

    (dice, dice_grad), (bce, bce_grad), (both, both_grad) = (graded(loss) for loss in (*parts, SumLoss(parts)))
    assert abs(both - dice - bce) < 1e-6
    torch.testing.assert_close(both_grad, dice_grad + bce_grad)


def test_an_empty_field_has_a_gradient():
    """Dice alone has no gradient there: its loss is masked where there is no particle."""
    logits = torch.zeros(1, 1, 8, 8, requires_grad=True)
    SumLoss([DiceLoss("binary"), BCEWithLogitsLoss()])(logits, torch.zeros(1, 1, 8, 8)).backward()
    assert (logits.grad > 0).all()


def test_the_distance_is_learned_where_the_network_has_an_output_for_it():
    torch.manual_seed(0)
    logits, masks = torch.randn(2, 3, 8, 8), (torch.rand(2, 3, 8, 8) > 0.5).float()
    loss, of_masks = MasksAndDistanceLoss(BCEWithLogitsLoss(), 2.0), BCEWithLogitsLoss()(logits[:, :2], masks[:, :2])
    assert loss(logits[:, :2], masks[:, :2]) == of_masks
    assert loss(logits[:, :1], masks[:, :1]) == BCEWithLogitsLoss()(logits[:, :1], masks[:, :1])
    distance = (logits[:, 2] - masks[:, 2]).abs().mean()
    torch.testing.assert_close(loss(logits, masks), of_masks + 2 * distance)
