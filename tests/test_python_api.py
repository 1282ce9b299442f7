"""What `import hrtem_lab` gives, and what it costs."""

import subprocess
import sys

import pytest

import hrtem_lab


def test_the_import_brings_no_library_along():
    code = "import sys, hrtem_lab; print(*{name.partition('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "numpy", "pandas", "matplotlib", "mlflow", "hydra"} & set(loaded)


def test_the_python_api_needs_neither_mlflow_nor_hydra():
    code = "import sys, hrtem_lab; [getattr(hrtem_lab, name) for name in dir(hrtem_lab)]; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert {"numpy", "matplotlib"} <= set(loaded)
    assert not {"mlflow", "hydra", "omegaconf"} & set(loaded)


@pytest.mark.parametrize("name", ["Analysis", "InputError", "analyse", "figures", "load", "read"])
def test_a_name_is_documented(name: str):
    assert name in dir(hrtem_lab)
    assert getattr(hrtem_lab, name).__doc__


def test_a_name_that_is_not_there_is_no_attribute():
    with pytest.raises(AttributeError, match="has no attribute 'analyze'"):
        hrtem_lab.analyze  # noqa: B018
