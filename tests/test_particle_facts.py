"""One table says which facts about a particle there are."""

from itertools import pairwise

import numpy as np
import pytest

from hrtem_lab.defects.table import NON_FEATURE_COLUMNS
from hrtem_lab.particle_facts import FACTS, IMAGE_FACTS, SPECIMEN_FACTS, TRUTH_PREFIX, fact_of
from hrtem_lab.physics import ImageSimulator
from hrtem_lab.pipelines.forest_evaluation import DETECTION_CONDITIONS
from tests.segmentation.scenes import DrawnLibrary


@pytest.mark.parametrize("fact", FACTS.values(), ids=lambda fact: fact.name)
def test_edges_increase(fact):
    for edges in (fact.particle_bins, fact.micrograph_bins):
        assert all(low < high for low, high in pairwise(edges or ()))


def test_a_simulated_micrograph_knows_every_fact_with_its_type():
    table = ImageSimulator().simulate(DrawnLibrary(1)[0], np.random.default_rng(0)).ground_truth
    facts = (*SPECIMEN_FACTS, *IMAGE_FACTS)
    assert set(table.columns) == {*(fact.name for fact in facts), "particle_of_specimen"}
    for fact in facts:
        value = table[fact.name].iloc[0]
        assert isinstance(value, {float: float, int: int | np.integer, str: str}.get(fact.type, list))


@pytest.mark.parametrize("column", DETECTION_CONDITIONS)
def test_what_detection_is_broken_down_by_is_a_fact_with_edges_or_names(column):
    assert (fact_of(column).particle_bins is None) == (fact_of(column).type is str)
    assert column in NON_FEATURE_COLUMNS


def test_the_truth_in_a_forest_table_has_the_names_of_its_facts():
    columns = [name for name in NON_FEATURE_COLUMNS if name.startswith(TRUTH_PREFIX)]
    assert all(fact_of(name).in_forest_table for name in columns)
