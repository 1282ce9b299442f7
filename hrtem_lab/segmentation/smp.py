"""Import of segmentation-models-pytorch, with an explanation of its most common installation error."""

from hrtem_lab.micrograph import InputError

try:
    import segmentation_models_pytorch as smp
except (RuntimeError, ImportError, OSError) as error:
    if "torchvision" not in str(error):
        raise
    import torch

    raise InputError(
        f"torchvision does not fit torch {torch.__version__} ({error}); install both from one index: "
        "python -m pip install --force-reinstall torch==2.15.0 torchvision==0.29.2"
    ) from error

__all__ = ["smp"]
