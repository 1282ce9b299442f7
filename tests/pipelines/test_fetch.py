"""The pipeline of `fetch`; the downloads themselves are tested with the files."""

import pytest
from omegaconf import OmegaConf

from hrtem_lab.micrograph import InputError
from hrtem_lab.pipelines.fetch import fetch


def test_without_a_set_the_sets_are_named():
    with pytest.raises(InputError, match="no set is given; expected one of cobalt_oxide2024, gold2022, groschner2021"):
        fetch(OmegaConf.create({"output": None, "files": None}))
