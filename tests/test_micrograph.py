from hrtem_lab.micrograph import CLASSES, ParticleClass


def test_classes_keep_their_names_and_order() -> None:
    """Saved forests and tables of probabilities hold them."""
    assert CLASSES == ("fault", "no_fault", "no_fringe", "agglomerate", "empty")
    assert tuple(ParticleClass) == CLASSES


def test_properties_of_the_classes() -> None:
    assert [each for each in ParticleClass if each.is_particle] == ["fault", "no_fault", "no_fringe"]
    assert [each for each in ParticleClass if each.shows_lattice] == ["fault", "no_fault"]
