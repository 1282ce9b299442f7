"""The most common installation error is explained; any other is passed on."""

import builtins
import importlib.util
import re
import tomllib
from pathlib import Path

import pytest
import segmentation_models_pytorch

from hrtem_lab.micrograph import InputError
from hrtem_lab.segmentation import smp

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture
def imported(monkeypatch):
    """Imports the module again while importing segmentation_models_pytorch raises an error."""

    def again(error):
        real = builtins.__import__

        def failing(name, *arguments, **settings):
            if name == "segmentation_models_pytorch":
                raise error
            return real(name, *arguments, **settings)

        monkeypatch.setattr(builtins, "__import__", failing)
        spec = importlib.util.spec_from_file_location("smp_anew", smp.__file__)
        spec.loader.exec_module(importlib.util.module_from_spec(spec))

    return again


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("operator torchvision::nms does not exist"),
        ImportError("cannot import name 'x' from 'torchvision'"),
        OSError("torchvision/_C.so: undefined symbol"),
    ],
)
def test_a_torchvision_that_does_not_fit_is_reported_with_the_remedy(imported, error):
    with pytest.raises(InputError, match="torchvision does not fit torch") as caught:
        imported(error)
    assert "pip install" in str(caught.value)
    assert str(error) in str(caught.value)
    assert "\n" not in str(caught.value)
    # the remedy is one that this project accepts
    wanted = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["dependencies"]
    for name, version in re.findall(r"(torch|torchvision)==([\d.]+)", str(caught.value)):
        bound = next(d for d in wanted if d.startswith(f"{name}=="))
        assert version.startswith(bound.removeprefix(f"{name}==").rstrip("*"))


@pytest.mark.parametrize(
    "error", [ImportError("no module named timm"), RuntimeError("something else"), OSError("disk")]
)
def test_another_error_is_passed_on(imported, error):
    with pytest.raises(type(error), match=str(error)):
        imported(error)


def test_otherwise_it_is_the_library_itself():
    assert smp.smp is segmentation_models_pytorch
