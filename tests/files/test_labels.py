"""Label images: what is background, which particles touch, and what cannot be meant."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from PIL import Image

from hrtem_lab.files import LabelRule, find_label, read_label, read_labelled, write_folder
from hrtem_lab.micrograph import InputError, LabelledMicrograph


@pytest.mark.parametrize("suffix", ["png", "tif", "tiff", "jpg"])
def test_find_label(tmp_path: Path, suffix: str) -> None:
    (tmp_path / "a.1.dm3").touch()
    assert find_label(tmp_path / "a.1.dm3") is None
    (tmp_path / f"a.1_label.{suffix}").touch()
    assert find_label(str(tmp_path / "a.1.dm3")) == tmp_path / f"a.1_label.{suffix}"


PARTICLES = np.zeros((6, 5), np.uint8)
PARTICLES[1:3, 2:4] = 255
PARTICLES[5, 0] = 1


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_png_labels(tmp_path: Path, mode: str) -> None:
    expected = PARTICLES > 128 if mode == "1" else PARTICLES > 0
    Image.fromarray(PARTICLES).convert(mode).save(tmp_path / "a_label.png")
    label = read_label(tmp_path / "a_label.png", (6, 5)).mask
    assert label.dtype == np.bool_
    np.testing.assert_array_equal(label, expected)


@pytest.mark.parametrize("dtype", ["u1", "u2", "i4", "f4", "bool"])
def test_tiff_labels(tmp_path: Path, dtype: str) -> None:
    tifffile.imwrite(tmp_path / "a_label.tif", PARTICLES.astype(dtype), photometric="minisblack")
    np.testing.assert_array_equal(read_label(tmp_path / "a_label.tif", (6, 5)).mask, PARTICLES > 0)


@pytest.mark.parametrize("dtype", ["u1", "u2", "f4", "bool"])
def test_labels_as_python_programs_write_them(tmp_path: Path, dtype: str) -> None:
    """tifffile, which scikit-image uses as well, calls 0 white in booleans and nowhere else."""
    tifffile.imwrite(tmp_path / "a_label.tif", (PARTICLES > 0).astype(dtype))
    np.testing.assert_array_equal(read_label(tmp_path / "a_label.tif", (6, 5)).mask, PARTICLES > 0)


@pytest.mark.parametrize("channels", [3, 4])
def test_numbers_in_a_png_of_16_bits_in_several_channels(tmp_path: Path, channels: int) -> None:
    numbers = np.zeros((40, 50), np.uint16)
    numbers[5:15, 5:20], numbers[15:25, 5:20] = 300, 301
    pixels = np.repeat(numbers[..., None], channels, axis=-1)
    if channels == 4:
        pixels[..., 3] = 65535
    cv2.imwrite(str(tmp_path / "a_label.png"), pixels)
    label = read_label(tmp_path / "a_label.png", numbers.shape)
    assert label.particles == 2
    np.testing.assert_array_equal(label.mask, numbers > 0)


def test_a_tiff_label_in_colour(tmp_path: Path) -> None:
    colours = np.stack([PARTICLES * 0, PARTICLES, PARTICLES * 0, PARTICLES * 0 + 255], axis=-1)
    tifffile.imwrite(tmp_path / "a_label.tif", colours, photometric="rgb", extrasamples=["unassalpha"])
    np.testing.assert_array_equal(read_label(tmp_path / "a_label.tif", (6, 5)).mask, PARTICLES > 0)


def test_a_label_is_divided_as_its_micrograph_was(tmp_path: Path) -> None:
    Image.fromarray(PARTICLES).save(tmp_path / "a_label.png")
    expected = np.repeat(PARTICLES > 0, 2, axis=0)
    np.testing.assert_array_equal(
        read_label(tmp_path / "a_label.png", (12, 5), {"shape_in_file": (6, 5)}).mask, expected
    )


def test_labels_that_cannot_be_used(tmp_path: Path) -> None:
    Image.fromarray(PARTICLES).save(tmp_path / "a_label.png")
    with pytest.raises(InputError, match=r"^a_label\.png: the label has shape \(6, 5\), its micrograph \(5, 6\)"):
        read_label(tmp_path / "a_label.png", (5, 6))
    for name in ("b_label.png", "b_label.tif"):
        with pytest.raises(InputError, match=f"^{name}: no such file"):
            read_label(tmp_path / name, (6, 5))
        (tmp_path / name).write_text("no image")
        with pytest.raises(InputError, match=f"^{name}: cannot be read"):
            read_label(tmp_path / name, (6, 5))


def touching(first: int = 300, second: int = 301, background: int = 0) -> npt.NDArray[np.uint16]:
    """Two particles side by side, and a third one apart that has the number after the second's."""
    values = np.full((60, 80), background, np.uint16)
    values[10:30, 10:30], values[10:30, 30:50], values[40:50, 60:75] = first, second, second + 1
    return values


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_touching_particles_stay_two_by_their_numbers(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a_label.{suffix}"
    Image.fromarray(touching()).save(path)
    label = read_label(path, (60, 80))
    np.testing.assert_array_equal(label.instances, touching())
    assert (label.particles, label.notes) == (3, ())


def test_a_number_in_two_pieces_is_one_particle(tmp_path: Path) -> None:
    values = np.zeros((90, 90), np.uint8)
    for number in range(1, 21):
        row, column = divmod(number - 1, 5)
        values[20 * row + 2 : 20 * row + 14, 17 * column + 2 : 17 * column + 14] = number
    values[2:14, 7] = 0  # a scratch through the first
    Image.fromarray(values).save(tmp_path / "a_label.png")
    assert read_label(tmp_path / "a_label.png", (90, 90)).particles == 20


def test_pieces_of_one_kind_are_particles(tmp_path: Path) -> None:
    values = np.zeros((60, 80), np.uint8)
    values[5:15, 5:15] = values[25:35, 5:15] = 1
    values[5:15, 40:50] = values[25:35, 40:50] = values[25:35, 15:25] = 2
    Image.fromarray(values).save(tmp_path / "a_label.png")
    assert read_label(tmp_path / "a_label.png", (60, 80)).particles == 5


@pytest.mark.parametrize("kind", ["palette png", "palette tif", "colours"])
def test_particles_told_apart_by_colours(tmp_path: Path, kind: str) -> None:
    colours = np.array([[0, 0, 0], [255, 0, 0], [0, 90, 200], [30, 30, 0]], np.uint8)
    index = np.select([touching() == 300, touching() == 301, touching() == 302], [1, 2, 3], 0).astype(np.uint8)
    if kind == "colours":
        picture = Image.fromarray(colours[index])
    else:
        picture = Image.fromarray(index, "P")
        picture.putpalette(colours.tobytes())
    path = tmp_path / f"a_label.{kind.split()[-1] if 'palette' in kind else 'png'}"
    picture.save(path)
    label = read_label(path, (60, 80))
    assert label.particles == 3
    np.testing.assert_array_equal(label.mask, index > 0)


def test_a_palette_whose_first_colour_is_white(tmp_path: Path) -> None:
    """0 is a particle there; a TIFF means the same as a PNG."""
    index = np.ones((24, 32), np.uint8)
    index[5:15, 8:23] = 0
    picture = Image.fromarray(index, "P")
    picture.putpalette(bytes([255, 255, 255, 0, 0, 0]))
    for suffix in ("png", "tif"):
        picture.save(tmp_path / f"a_label.{suffix}")
        np.testing.assert_array_equal(read_label(tmp_path / f"a_label.{suffix}", (24, 32)).mask, index == 0)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_is_transparent_is_background(tmp_path: Path, mode: str) -> None:
    """As of a layer that was drawn on in an image editor, whose empty pixels are white."""
    marked = touching() > 0
    if mode == "P":
        picture = Image.fromarray(marked.astype(np.uint8), "P")
        picture.putpalette(bytes([255, 255, 255, 200, 0, 0]))
        picture.save(tmp_path / "a_label.png", transparency=0)
    else:
        grey = np.where(marked, 200, 255).astype(np.uint8)
        colours = [grey] * (len(mode) - 1)
        Image.fromarray(np.stack([*colours, marked.astype(np.uint8) * 255], axis=-1), mode).save(
            tmp_path / "a_label.png"
        )
    np.testing.assert_array_equal(read_label(tmp_path / "a_label.png", (60, 80)).mask, marked)


@pytest.mark.parametrize("imagej", [True, False])
def test_white_as_zero(tmp_path: Path, imagej: bool) -> None:
    """What is seen as white is marked; ImageJ's own masks are inverted, and what is 255 there is marked."""
    values = np.zeros((24, 32), np.uint8)
    values[5:15, 8:23] = 255
    tifffile.imwrite(
        tmp_path / "a_label.tif",
        values if imagej else 255 - values,
        photometric="miniswhite",
        description="ImageJ=1.54f\n" if imagej else None,
        metadata=None,
    )
    np.testing.assert_array_equal(read_label(tmp_path / "a_label.tif", (24, 32)).mask, values > 0)


@pytest.mark.parametrize("values", [(1, 2), (255,), (1, 2, 3, 4, 5, 6, 7)])
def test_a_label_without_a_background_is_refused_with_the_way_out(tmp_path: Path, values: tuple[int, ...]) -> None:
    """As ilastik writes: 1 is the first class that was drawn."""
    label = np.full((60, 80), values[0], np.uint8)
    for i, value in enumerate(values[1:]):
        label[5:50, 10 * i + 2 : 10 * i + 10] = value
    Image.fromarray(label).save(tmp_path / "a_label.png")
    with pytest.raises(InputError, match=rf"^a_label\.png: no pixel has the value 0 .*label\.background={values[0]} "):
        read_label(tmp_path / "a_label.png", (60, 80))
    found = read_label(tmp_path / "a_label.png", (60, 80), rule=LabelRule(background=values[0]))
    np.testing.assert_array_equal(found.mask, label != values[0])


def test_zero_may_be_a_particle(tmp_path: Path) -> None:
    Image.fromarray(255 - (touching() > 0).astype(np.uint8) * 255).save(tmp_path / "a_label.png")
    label = read_label(tmp_path / "a_label.png", (60, 80), rule=LabelRule(background=255))
    np.testing.assert_array_equal(label.mask, touching() > 0)


@pytest.mark.parametrize("background", [-1, 1.5, True, "white"])
def test_a_background_that_is_none(background: object) -> None:
    with pytest.raises(InputError, match=f"^label.background={background}: expected a whole number"):
        LabelRule(background)  # type: ignore[arg-type]


@pytest.mark.parametrize("quality", [30, 75, 95])
@pytest.mark.parametrize("way", ["png", "jpg", "colours"])
def test_a_label_that_went_through_jpeg_is_cut_at_half(tmp_path: Path, quality: int, way: str) -> None:
    values = ((touching() == 300) | (touching() == 302)).astype(np.uint8) * 255
    picture = Image.fromarray(values)
    if way == "colours":
        picture = Image.merge("RGB", [picture, Image.new("L", picture.size), Image.new("L", picture.size)])
    picture.save(tmp_path / "a_label.jpg", quality=quality)
    path = tmp_path / "a_label.jpg"
    if way != "jpg":
        path = tmp_path / "a_label.png"
        Image.open(tmp_path / "a_label.jpg").save(path)
    label = read_label(path, (60, 80))
    assert label.particles == 2
    assert np.mean(label.mask != (values > 0)) < 0.02
    assert "holds grey levels that are no numbers of particles; it is cut at half" in label.notes[0]


@pytest.mark.parametrize(
    ("levels", "complaint"),
    [
        ((0, 80, 160), "holds areas of a third grey level"),
        ((0, 100, 255), "holds areas of a third grey level"),
        ((0, 6, 6), "are no more than the noise of a compression"),
    ],
)
def test_a_compressed_label_of_other_than_two_levels_is_refused(
    tmp_path: Path, levels: tuple[int, ...], complaint: str
) -> None:
    """To cut it at half would lose a particle."""
    values = np.full((80, 120), levels[0], np.uint8)
    values[20:50, 15:45], values[20:50, 65:100] = levels[1:]
    rng = np.random.default_rng(0)
    Image.fromarray(values + rng.integers(0, 4, values.shape, np.uint8)).save(tmp_path / "a_label.jpg", quality=90)
    with pytest.raises(InputError, match=f"a_label.jpg: is no label of two levels: .*{complaint}.*export it as PNG"):
        read_label(tmp_path / "a_label.jpg", values.shape)


def test_a_picture_is_no_label(tmp_path: Path) -> None:
    picture = np.random.default_rng(0).normal(120, 20, (80, 120)).clip(0, 255).astype(np.uint8)
    Image.fromarray(picture).save(tmp_path / "a_label.png")
    with pytest.raises(InputError, match="most of its grey levels lie between"):
        read_label(tmp_path / "a_label.png", picture.shape)


def test_negative_numbers_are_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a_label.tif", PARTICLES.astype(np.int32) - 1)
    with pytest.raises(InputError, match="holds the number -1, expected 0 as background"):
        read_label(tmp_path / "a_label.tif", (6, 5))


def test_the_background_that_is_suggested_is_that_of_the_border(tmp_path: Path) -> None:
    values = np.full((20, 30), 2, np.uint8)
    values[5:10, 5:12] = 1
    Image.fromarray(values).save(tmp_path / "a_label.png")
    with pytest.raises(InputError, match=r"give label\.background=2 "):
        read_label(tmp_path / "a_label.png", values.shape)


def test_black_on_transparent_ground_is_marked(tmp_path: Path) -> None:
    pixels = np.zeros((20, 30, 4), np.uint8)
    pixels[5:10, 5:12, 3] = 255
    Image.fromarray(pixels).save(tmp_path / "a_label.png")
    np.testing.assert_array_equal(read_label(tmp_path / "a_label.png", (20, 30)).mask, pixels[..., 3] > 0)


def test_soft_edges_are_cut_at_half(tmp_path: Path) -> None:
    values = (touching() > 0).astype(np.uint8) * 255
    soft = (
        Image.fromarray(values).resize((117, 91), Image.Resampling.BICUBIC).resize((80, 60), Image.Resampling.BICUBIC)
    )
    soft.save(tmp_path / "a_label.png")
    label = read_label(tmp_path / "a_label.png", (60, 80))
    assert label.particles == 2
    assert "cut at half" in label.notes[0]


def test_probabilities_are_cut_at_half(tmp_path: Path) -> None:
    row, column = np.mgrid[:60, :80]
    probability = np.exp(-((row - 30) ** 2 + (column - 40) ** 2) / 200).astype(np.float32)
    tifffile.imwrite(tmp_path / "a_label.tif", probability)
    label = read_label(tmp_path / "a_label.tif", (60, 80))
    np.testing.assert_array_equal(label.mask, probability > (probability.min() + probability.max()) / 2)


def test_a_label_that_covers_nearly_everything_is_questioned(tmp_path: Path) -> None:
    values = 255 - (touching() == 302).astype(np.uint8) * 255
    Image.fromarray(values).save(tmp_path / "a_label.png")
    label = read_label(tmp_path / "a_label.png", (60, 80))
    assert label.mask.mean() > 0.95
    assert label.notes == ("a_label.png covers 97% of the image; if that is background, give label.background=255",)


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_a_label_by_a_program_that_turns_nothing(tmp_path: Path, orientation: int) -> None:
    values = (touching() > 0).astype(np.uint8) * 255
    Image.fromarray(values).save(tmp_path / "a_label.png")
    label = read_label(tmp_path / "a_label.png", (80, 60), {"orientation": orientation})
    assert label.mask.shape == (80, 60)
    assert label.mask.sum() == np.count_nonzero(values)


def test_our_own_labels_keep_touching_particles_apart(tmp_path: Path) -> None:
    instances = touching(1, 2).astype(np.int32)
    image = np.random.default_rng(0).normal(size=instances.shape).astype(np.float32)
    micrograph = LabelledMicrograph(image=image, pixel_size_nm=0.05, name="a", instances=instances, group="a")
    write_folder(tmp_path, [(0, micrograph)])
    (back,) = read_labelled(tmp_path)
    np.testing.assert_array_equal(back.instances, instances)
    Image.fromarray((instances == 1).astype(np.uint8) * 255).save(tmp_path / "a_label.png")
    (edited,) = read_labelled(tmp_path)
    np.testing.assert_array_equal(edited.mask, instances == 1)
    assert any("instances/a.tif has other pixels" in note for note in edited.notes)


def test_reported_files(samples: Path, tmp_path: Path) -> None:
    reported = samples / "reported"
    with pytest.raises(InputError, match=r"only 1, 2; .*label\.background=1"):
        read_label(reported / "labels_1_2_label.png", (132, 132))
    assert read_label(reported / "labels_1_2_label.png", (132, 132), rule=LabelRule(1)).mask.mean() == pytest.approx(
        4831 / 132**2
    )
    via_jpeg = read_label(reported / "label_via_jpeg_label.png", (132, 132))
    assert (via_jpeg.particles, len(via_jpeg.notes)) == (2, 1)
    assert read_label(reported / "touching_ids_label.png", (132, 132)).particles == 2
    shutil.copyfile(reported / "palette_label.tif", tmp_path / "a_label.tif")
    shutil.copyfile(reported / "palette_label_twin.png", tmp_path / "a_label.png")
    tiff, png = (read_label(tmp_path / f"a_label.{suffix}", (24, 32)).mask for suffix in ("tif", "png"))
    np.testing.assert_array_equal(tiff, png)
    assert png.sum() == 150
