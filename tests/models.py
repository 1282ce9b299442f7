"""A model that was never trained, for tests of everything around it."""

from pathlib import Path

import numpy as np
import pandas as pd
import segmentation_models_pytorch as smp
import torch
from sklearn.ensemble import RandomForestClassifier

from hrtem_lab.defects import Forest
from hrtem_lab.micrograph import CLASSES
from hrtem_lab.particles import LATTICE_FEATURES
from hrtem_lab.segmentation.network_segmenter import NetworkSegmenter
from hrtem_lab.segmentation.preprocessing import Preprocessing


class Dark(torch.nn.Module):
    """Calls particle what is dark: a network whose answer is known."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return -4 * (torch.nn.functional.avg_pool2d(images, 5, stride=1, padding=2) + 2)


def save_model(folder: Path, forest: bool = True) -> Path:
    """Write the folder of a small U-Net with weights by chance, and a forest fitted to noise."""
    torch.manual_seed(0)
    net = smp.Unet("tu-resnet18", encoder_depth=3, decoder_channels=(16, 8, 4), encoder_weights=None, in_channels=1)
    NetworkSegmenter(net=net, preprocessing=Preprocessing(), threshold=0.5, provenance={"run": "none"}).save(folder)
    if forest:
        rng = np.random.default_rng(0)
        table = pd.DataFrame(rng.normal(size=(40, len(LATTICE_FEATURES))), columns=list(LATTICE_FEATURES))
        table = table.assign(label=rng.choice(CLASSES, 40), group=rng.choice(["a", "b"], 40))
        Forest.fit(RandomForestClassifier(5, random_state=0), table).save(folder)
    return folder
