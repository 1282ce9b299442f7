"""A sum of losses is the sum of the losses, and so is its gradient."""

import torch
from segmentation_models_pytorch.losses import DiceLoss
from torch.nn import BCEWithLogitsLoss

from hrtem_lab.segmentation.losses import Sum


def test_values_and_gradients_add_up():
    torch.manual_seed(0)
    masks = (torch.rand(2, 1, 8, 8) > 0.5).float()
    parts = [DiceLoss("binary"), BCEWithLogitsLoss()]

    def graded(loss):
        logits = torch.linspace(-2, 2, 128).reshape(2, 1, 8, 8).requires_grad_()
        value = loss(logits, masks)
        value.backward()
        return value.item(), logits.grad

    (dice, dice_grad), (bce, bce_grad), (both, both_grad) = (graded(loss) for loss in (*parts, Sum(parts)))
    assert abs(both - dice - bce) < 1e-6
    torch.testing.assert_close(both_grad, dice_grad + bce_grad)


def test_an_empty_field_still_teaches():
    """Dice alone has no gradient there: its loss is masked where there is no particle."""
    logits = torch.zeros(1, 1, 8, 8, requires_grad=True)
    Sum([DiceLoss("binary"), BCEWithLogitsLoss()])(logits, torch.zeros(1, 1, 8, 8)).backward()
    assert (logits.grad > 0).all()
