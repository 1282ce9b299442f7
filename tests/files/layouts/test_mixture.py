"""Several sets as one: names, groups and shares."""

from pathlib import Path

import pytest

from hrtem_lab.files import FolderLayout, Mixture, PartOfMixture, write_folder
from hrtem_lab.micrograph import InputError
from tests.segmentation.scenes import dark_discs


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    write_folder(tmp_path / "gold", [(n, dark_discs(n)) for n in range(2)])
    write_folder(tmp_path / "silver", [(0, dark_discs(0))])
    return tmp_path


def test_names_groups_and_shares(folders: Path) -> None:
    sets = {name: PartOfMixture(name, FolderLayout(), share) for name, share in (("gold", 3.0), ("silver", 1.0))}
    found = Mixture(sets).open(folders)
    assert found.names == ["gold/dark_0", "gold/dark_1", "silver/dark_0"]
    assert [m.group for m in found] == found.names
    assert [entry.share for entry in found.entries] == [0.75, 0.75, 0.25]
    assert found[2].name == "silver/dark_0"


def test_no_set_and_no_share_are_refused(folders: Path) -> None:
    with pytest.raises(InputError, match="sets is empty"):
        Mixture({}).open(folders)
    with pytest.raises(InputError, match="share=0"):
        PartOfMixture("gold", FolderLayout(), 0)
