from __future__ import annotations

from pathlib import Path

import pytest

from hrtem_lab.files import find_inputs
from hrtem_lab.micrograph import InputError


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def relative(found: dict[str, Path], folder: Path) -> dict[str, str]:
    return {name: path.relative_to(folder).as_posix() for name, path in found.items()}


def test_a_file(tmp_path: Path) -> None:
    touch(tmp_path, "a.dm3", "a.tif")
    assert find_inputs(tmp_path / "a.dm3") == {"a": tmp_path / "a.dm3"}


def test_a_folder_is_not_recursive_and_sorted(tmp_path: Path) -> None:
    touch(tmp_path, "b.DM4", "a.tif", "notes.txt", "metadata.csv", ".hidden.tif", "._a.tif", "sub/c.tif", "d.tif/e.png")
    assert relative(find_inputs(str(tmp_path)), tmp_path) == {"a": "a.tif", "b": "b.DM4"}
    assert list(find_inputs(tmp_path)) == ["a", "b"]


def test_globs(tmp_path: Path) -> None:
    touch(tmp_path, "a1.dm3", "a2.dm3", "b.dm3", "x/a3.dm3", "x/y/a4.tif", "x/y/a4.txt", "x/.z/a5.tif")
    assert list(find_inputs(f"{tmp_path}/a*.dm3")) == ["a1", "a2"]
    assert list(find_inputs(f"{tmp_path}/a[2-9]*")) == ["a2"]
    assert list(find_inputs(f"{tmp_path}/**/a*")) == ["a1", "a2", "a3", "a4"]
    assert list(find_inputs(f"{tmp_path}/*/*/a?.*")) == ["a4"]
    assert list(find_inputs(f"{tmp_path}/x/**")) == ["a3", "a4"]


def test_a_relative_pattern(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(touch(tmp_path, "a.dm3", "x/b.dm3"))
    assert list(find_inputs("*.dm3")) == ["a"]
    assert list(find_inputs("**/*.dm3")) == ["a", "b"]
    assert list(find_inputs("./x")) == ["b"]


def test_brackets_spaces_and_unicode(tmp_path: Path) -> None:
    folder = touch(tmp_path / "run [1] é *", "Au [2] µ.tif", "b [3].tif")
    assert list(find_inputs(folder)) == ["Au [2] µ", "b [3]"]
    assert list(find_inputs(folder / "b [3].tif")) == ["b [3]"]
    assert list(find_inputs(f"{folder}/Au*.tif")) == ["Au [2] µ"]


def test_label_images_of_a_file_beside_are_left_out(tmp_path: Path) -> None:
    touch(tmp_path, "a.dm3", "a_label.png", "b.png", "b_label.tif", "c_label.png", "x/a_label.png")
    assert list(find_inputs(tmp_path)) == ["a", "b", "c_label"]
    assert relative(find_inputs(f"{tmp_path}/*_label.png"), tmp_path) == {"c_label": "c_label.png"}
    assert list(find_inputs(tmp_path / "a_label.png")) == ["a_label"]


def test_what_a_prediction_wrote_is_left_out_unless_it_is_asked_for(tmp_path: Path) -> None:
    written = ("masks/a.tif", "overlays/a.png", "masks_of_mine/b.tif")
    touch(
        tmp_path, "a.tif", *(f"run/{name}" for name in ("summary.json", *written)), *(f"x/{name}" for name in written)
    )
    assert set(relative(find_inputs(f"{tmp_path}/**/*"), tmp_path).values()) == {
        "a.tif", "run/masks_of_mine/b.tif", *(f"x/{name}" for name in written)
    }  # fmt: skip
    assert list(find_inputs(tmp_path / "run" / "masks")) == ["a"]
    assert list(find_inputs(f"{tmp_path}/run/masks/*.tif")) == ["a"]


def test_one_stem_and_two_suffixes(tmp_path: Path) -> None:
    touch(tmp_path, "a.dm3", "a.tif", "b.tif")
    assert relative(find_inputs(tmp_path), tmp_path) == {"a.dm3": "a.dm3", "a.tif": "a.tif", "b": "b.tif"}


def test_one_stem_in_two_folders(tmp_path: Path) -> None:
    touch(tmp_path, "x/1/a.dm3", "x/2/a.dm3", "x/2/a.tif", "x/2/b.tif")
    assert relative(find_inputs(f"{tmp_path}/x/*/*"), tmp_path / "x") == {
        "1__a": "1/a.dm3",
        "2__a.dm3": "2/a.dm3",
        "a.tif": "2/a.tif",
        "b": "2/b.tif",
    }


def test_names_that_stay_the_same_are_refused(tmp_path: Path) -> None:
    touch(tmp_path, "a.tif", "s__a.tif", "s/a.tif")
    with pytest.raises(InputError, match=r"2 files would be called s__a\.tif"):
        find_inputs(f"{tmp_path}/**/*.tif")


@pytest.mark.parametrize(
    ("pattern", "complaint"),
    [
        ("", "the folder holds no micrograph; looked for files ending in .dm3"),
        ("nothing.dm3", "nothing of this name, and as a pattern it matches no micrograph"),
        ("no/such/*.tif", "no micrograph"),
        ("*", "no micrograph"),
        ("notes.txt", "the suffix is not read, expected one of .dm3"),
        ("notes.txt/*.tif", "no micrograph"),
    ],
)
def test_nothing_found(tmp_path: Path, pattern: str, complaint: str) -> None:
    touch(tmp_path, "notes.txt", ".hidden.tif")
    with pytest.raises(InputError, match=complaint) as caught:
        find_inputs(tmp_path / pattern)
    assert str(caught.value).startswith(str(tmp_path / pattern))
    assert "\n" not in str(caught.value)
