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
from hrtem_lab.segmentation.model_folder import ONNX, write_settings
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
        Forest.fit(RandomForestClassifier(5, random_state=0), noise_table()).save(folder)
    return folder


def save_onnx_model(folder: Path, max_pixel_size_nm: float = 0.11) -> Path:
    """Write the folder of an exported network that does what `Dark` does, without torch's exporter, which is slow."""
    from onnx import TensorProto, helper, save

    shape = ["n", 1, "rows", "columns"]
    images, logits = (helper.make_tensor_value_info(n, TensorProto.FLOAT, shape) for n in ("images", "logits"))
    numbers = {"offset": 2.0, "gain": -4.0}
    constants = [helper.make_tensor(name, TensorProto.FLOAT, [1], [value]) for name, value in numbers.items()]
    window = {"kernel_shape": [5, 5], "pads": [2, 2, 2, 2], "count_include_pad": 1}
    nodes = [
        helper.make_node("AveragePool", ["images"], ["smooth"], **window),
        helper.make_node("Add", ["smooth", "offset"], ["sum"]),
        helper.make_node("Mul", ["sum", "gain"], ["logits"]),
    ]
    graph = helper.make_graph(nodes, "dark", [images], [logits], constants)
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), folder / ONNX)
    preprocessing = Preprocessing(max_pixel_size_nm=max_pixel_size_nm)
    write_settings(NetworkSegmenter(net=Dark(), preprocessing=preprocessing)._settings(), folder)
    return folder


def noise_table() -> pd.DataFrame:
    """Particles with features and classes by chance, for a forest to learn."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(40, len(LATTICE_FEATURES))), columns=list(LATTICE_FEATURES))
    return table.assign(label=rng.choice(CLASSES, 40), group=rng.choice(["a", "b"], 40))
