"""A training step on 8 images of 192 x 192 pixels, as the quickstart's, with torch's deterministic algorithms alone
(`deterministic=true`), and with the network that ships: seconds.

Run it with: python benchmarks/training_step.py
"""

from collections.abc import Callable
from functools import partial

import torch
from hydra import compose, initialize_config_dir
from report import processor_seconds, report, seconds

from hrtem_lab.cli.build import build
from hrtem_lab.paths import CONF
from hrtem_lab.segmentation.device import autocast

NETS = ("half_resnet18", "unet_resnet18")


def step_of(net: str) -> Callable[[], None]:
    """Make a step of a network: forwards, backwards, optimizer."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        module = build(compose("train", overrides=["+experiment=quickstart", f"net={net}"]).model)
    module.net.to(memory_format=torch.channels_last)
    optimizer = module.optimizer(module.parameters())
    images = torch.randn(8, 1, 192, 192).contiguous(memory_format=torch.channels_last)
    masks = (torch.rand(8, 1, 192, 192) > 0.8).float()

    def step() -> None:
        optimizer.zero_grad()
        with autocast():
            logits = module.net(images)
        module.loss(logits.float(), masks).backward()
        optimizer.step()

    step()
    return step


def do_deterministically(step: Callable[[], None]) -> None:
    """Do a step as a training with `deterministic=true` does it."""
    torch.use_deterministic_algorithms(True)
    step()
    torch.use_deterministic_algorithms(False)


if __name__ == "__main__":
    steps = {net: step_of(net) for net in NETS}
    steps[f"{NETS[0]}, deterministic"] = partial(do_deterministically, steps[NETS[0]])
    clocks = {"s": seconds, "s of processor": processor_seconds}
    report(
        {f"{net}, {unit}": partial(clock, step) for net, step in steps.items() for unit, clock in clocks.items()},
        __doc__,
    )
