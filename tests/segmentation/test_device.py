"""Device and precision are consistent on any machine."""

import contextlib

import pytest
import torch

from hrtem_lab.segmentation import device


def test_bfloat16_is_known_or_not():
    assert isinstance(device.has_bfloat16(), bool)


def test_the_device_can_compute():
    assert torch.ones(3, device=device.default_device()).sum().item() == 3


@pytest.mark.parametrize("fast", [True, False])
def test_mixed_precision_where_it_is_fast(monkeypatch, fast):
    monkeypatch.setattr(device, "has_bfloat16", lambda: fast)
    where = device.default_device()
    with device.autocast() as context:
        product = torch.ones(4, 4, device=where) @ torch.ones(4, 4, device=where)
    assert product.dtype == (torch.bfloat16 if fast else torch.float32)
    assert isinstance(device.autocast(), contextlib.AbstractContextManager)
    assert context is None or fast
    after = torch.ones(4, 4, device=where) @ torch.ones(4, 4, device=where)
    assert after.dtype == torch.float32


@pytest.mark.parametrize("fast", [True, False])
def test_the_processor_is_named(monkeypatch, fast):
    monkeypatch.setattr(device, "has_bfloat16", lambda: fast)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert device.describe_device()
    assert ("bfloat16" in device.describe_device()) == fast


def test_without_the_library_that_knows_nothing_is_fast(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    assert device.has_bfloat16() is False
