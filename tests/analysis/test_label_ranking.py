"""Which micrographs to label next: drawn images that are hard come first, and what teaches nothing comes last."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from hrtem_lab.analysis.analyser import Analyser
from hrtem_lab.analysis.batch import Results, describe_file
from hrtem_lab.analysis.label_ranking import first_to_label, rank_for_labelling, uncertainty
from hrtem_lab.particles import lattice_features
from hrtem_lab.segmentation.network_segmenter import NetworkSegmenter
from tests.segmentation.scenes import PREPROCESSING, dark_discs, discs_elsewhere


class Darker(torch.nn.Module):
    """Calls particle what is darker than its surroundings, the surer the darker it is."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return -6 * (torch.nn.functional.avg_pool2d(images, 9, stride=1, padding=4) + 0.6)


def test_drawn_images_are_ranked_by_how_faint_their_particles_are(tmp_path):
    segmenter = NetworkSegmenter(net=Darker(), preprocessing=PREPROCESSING)
    analyser = Analyser(segmenter=segmenter, forest=None, features=lattice_features)
    results = Results()
    for number, (name, contrast) in enumerate({"plain": 4.0, "hard": 0.8, "between": 1.5}.items()):
        image = replace(dark_discs(number, discs_elsewhere(number), contrast=contrast), name=name)
        results.add(json.loads(json.dumps(describe_file(tmp_path / name, name, [analyser(image)], {}))))
    results = results.mark_repeats().rank_for_labelling()
    assert results.summary({})["label_next"] == ["hard", "between", "plain"]
    assert results.micrograph_table().set_index("micrograph")["label_rank"].to_dict() == {
        "plain": 3,
        "hard": 1,
        "between": 2,
    }


def test_a_network_that_is_sure_expects_no_error_and_one_that_knows_nothing_much():
    instances = np.zeros((100, 100), dtype=np.int32)
    instances[20:60, 20:60] = 1
    sure = (instances > 0).astype(np.float32)
    assert uncertainty(sure, instances) == 0
    assert uncertainty(np.zeros_like(sure), np.zeros_like(instances)) == 0
    assert uncertainty(np.full_like(sure, 0.5), instances) > 0.5
    # the error that is expected is the one that is made where probabilities are right
    rng = np.random.default_rng(0)
    probability = np.where(sure > 0, 0.9, 0.02).astype(np.float32)
    truth = rng.random((200, *sure.shape)) < probability
    dice = [2 * (each & (sure > 0)).sum() / (each.sum() + sure.sum()) for each in truth]
    assert 1 - uncertainty(probability, instances) == pytest.approx(np.mean(dice), abs=0.02)
    valid = np.zeros(sure.shape, dtype=bool)
    valid[:10] = True  # of a small part a speck is a larger share
    speck = np.zeros_like(sure)
    speck[5, 5:15] = 0.4
    assert uncertainty(speck, 0 * instances, valid) > 5 * uncertainty(speck, 0 * instances)


def row(name: str, unsure: float, image: float | None = None, field: str = "", **more) -> dict:
    return {
        "micrograph": name,
        "field": field or name,
        "uncertainty": unsure,
        "image_distance": image,
        "network_distance": None,
        "fault_score": 0.1,
        **more,
    }


def test_both_criteria_count_and_what_teaches_nothing_comes_last():
    rows = [
        row("both", 0.3, 2.0),
        row("unsure", 0.4, 0.2),
        row("known", 0.1, 0.1),
        row("again", 0.5, 3.0, field="both"),
        row("photograph", 0.9, 9.0, fault_score=4.0),
        row("labelled", 0.8, 8.0, particles_true=3),
    ]
    ranks = {each["micrograph"]: each["label_rank"] for each in rank_for_labelling(rows)}
    assert ranks == {"both": 1, "unsure": 2, "known": 3, "photograph": 4, "again": 5, "labelled": None}


def test_masks_alone_have_no_rank():
    rows = rank_for_labelling([row("a", 0.0), row("b", 0.0)])
    assert [each["label_rank"] for each in rows] == [None, None]
    assert first_to_label(rows) == []
    assert rank_for_labelling([]) == []
    assert first_to_label(rank_for_labelling([row("alone", 0.3)])) == []
