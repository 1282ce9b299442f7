"""TIFF files: where each program keeps the size of a pixel, and which numbers are bright."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from PIL import Image, ImageOps
from rsciio.tiff import file_writer as write_hyperspy

from hrtem_lab.files import read
from hrtem_lab.micrograph import InputError


@pytest.mark.parametrize(
    ("unit", "size_nm"),
    [
        ("nm", 0.02),
        ("um", 20.0),
        ("\\u00B5m", 20.0),
        ("\\u00b5m", 20.0),
        ("\\u00C5", 0.002),
        ("(nm)", 0.02),
        ("micron", 20.0),
        ("A", 0.002),
        ("pm", 2e-5),
    ],
)
def test_imagej_units(tmp_path: Path, image: npt.NDArray[np.uint16], unit: str, size_nm: float) -> None:
    tifffile.imwrite(tmp_path / "a.tif", image, imagej=True, resolution=(50, 50), metadata={"unit": unit})
    (micrograph,) = read(tmp_path / "a.tif", pixel_size_nm=9)
    assert micrograph.pixel_size_nm == pytest.approx(size_nm)
    np.testing.assert_array_equal(micrograph.image, image)


@pytest.mark.parametrize("unit", [None, "inch", "cm", "pixel"])
def test_imagej_print_units_are_no_calibration(tmp_path: Path, image: npt.NDArray[np.uint16], unit: str | None) -> None:
    tifffile.imwrite(
        tmp_path / "a.tif", image, imagej=True, resolution=(72, 72), metadata={"unit": unit} if unit else {}
    )
    with pytest.raises(InputError, match=r"^a\.tif: the pixel size is unknown"):
        read(tmp_path / "a.tif")
    assert read(tmp_path / "a.tif", 0.05)[0].pixel_size_nm == 0.05


def test_fei_metadata(tmp_path: Path, image: npt.NDArray[np.uint16]) -> None:
    text = "[Scan]\r\nPixelWidth=2e-11\r\nPixelHeight=2e-11\r\n"
    tifffile.imwrite(tmp_path / "a.tif", image, extratags=[(34682, "s", 0, text, True)], metadata=None)
    assert read(tmp_path / "a.tif")[0].pixel_size_nm == pytest.approx(0.02)


def test_imagej_pixels_that_are_not_square(tmp_path: Path, image: npt.NDArray[np.uint16]) -> None:
    tifffile.imwrite(tmp_path / "a.tif", image, imagej=True, resolution=(50, 25), metadata={"unit": "nm"})
    found = read(tmp_path / "a.tif", 0.05)[0]
    assert found.pixel_size_nm == pytest.approx(0.02)
    assert found.image.shape == (2 * image.shape[0], image.shape[1])


def test_imagej_without_resolution_tags(tmp_path: Path, image: npt.NDArray[np.uint16]) -> None:
    tifffile.imwrite(tmp_path / "a.tif", image, description="ImageJ=1.53\nunit=nm\n", resolution=(0, 0), metadata=None)
    with pytest.raises(InputError, match="the pixel size is unknown"):
        read(tmp_path / "a.tif")


@pytest.mark.parametrize("unit", ["INCH", "CENTIMETER", "NONE"])
def test_print_resolution_is_no_calibration(tmp_path: Path, image: npt.NDArray[np.uint16], unit: str) -> None:
    tifffile.imwrite(tmp_path / "a.tiff", image, resolution=(72, 72), resolutionunit=unit)
    with pytest.raises(InputError, match=r"^a\.tiff: the pixel size is unknown"):
        read(tmp_path / "a.tiff")


def test_tiff_thumbnails_are_left_out(tmp_path: Path, image: npt.NDArray[np.uint16]) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as tiff:
        tiff.write(image, metadata=None)
        tiff.write(image[::2, ::2].copy(), subfiletype=1, metadata=None)
    (micrograph,) = read(tmp_path / "a.tif", 0.02)
    np.testing.assert_array_equal(micrograph.image, image)


@pytest.mark.parametrize("extra", [1, 3, 4])
def test_tiff_channels_become_grey(tmp_path: Path, image: npt.NDArray[np.uint16], extra: int) -> None:
    alpha = np.zeros_like(image)
    channels = [image, alpha] if extra == 1 else [image, image, image, alpha][:extra]
    photometric = "minisblack" if extra == 1 else "rgb"
    tifffile.imwrite(
        tmp_path / "a.tif", np.stack(channels, axis=-1), photometric=photometric, planarconfig="contig", metadata=None
    )
    (micrograph,) = read(tmp_path / "a.tif", 0.02)
    np.testing.assert_array_equal(micrograph.image, image)


@pytest.mark.parametrize(
    ("said", "size_nm"),
    [
        ({"PhysicalSizeX": 0.05, "PhysicalSizeXUnit": "nm", "PhysicalSizeY": 0.05, "PhysicalSizeYUnit": "nm"}, 0.05),
        ({"PhysicalSizeX": 5e-5, "PhysicalSizeY": 5e-5}, 0.05),
        ({"PhysicalSizeX": 0.5, "PhysicalSizeXUnit": "Å", "PhysicalSizeY": 0.5, "PhysicalSizeYUnit": "Å"}, 0.05),
        ({"PhysicalSizeX": 0.05, "PhysicalSizeXUnit": "nm"}, None),
        ({}, None),
    ],
)
@pytest.mark.parametrize("images", [1, 2])
def test_ome_tiff(tmp_path: Path, said: dict[str, Any], size_nm: float | None, images: int) -> None:
    axes = "YX" if images == 1 else "TYX"
    tifffile.imwrite(
        tmp_path / "a.ome.tif", np.zeros((2, 8, 9), np.uint8)[:images].squeeze(), metadata={"axes": axes, **said}
    )
    micrographs = read(tmp_path / "a.ome.tif", 99)
    assert [m.pixel_size_nm for m in micrographs] == [pytest.approx(size_nm or 99)] * images


@pytest.mark.parametrize(("unit", "scale"), [("nm", 0.0153), ("µm", 1.53e-5), ("Å", 0.153), ("pm", 15.3)])
@pytest.mark.parametrize("frames", [1, 3])
def test_hyperspys_exact_size_is_taken_before_the_rounded_one(
    tmp_path: Path, unit: str, scale: float, frames: int
) -> None:
    """What it writes for ImageJ has eight decimals of the unit, of a size in µm three digits."""
    axis = {"scale": scale, "offset": 0.0, "units": unit, "navigate": False}
    stack = {"scale": 1.0, "offset": 0.0, "units": "s", "navigate": True}
    data = np.random.default_rng(0).random((frames, 4, 5), np.float32)
    axes = [stack, axis, axis] if frames > 1 else [axis, axis]
    write_hyperspy(str(tmp_path / "a.tif"), {"data": data.squeeze(), "axes": axes, "metadata": {}})
    micrographs = read(tmp_path / "a.tif")
    assert [m.pixel_size_nm for m in micrographs] == [pytest.approx(0.0153, rel=1e-9)] * frames
    np.testing.assert_array_equal(np.stack([m.image for m in micrographs]), data)


def test_hyperspys_diffraction_pattern(tmp_path: Path) -> None:
    axis = {"scale": 0.05, "offset": 0.0, "units": "1/nm", "navigate": False}
    write_hyperspy(str(tmp_path / "a.tif"), {"data": np.ones((4, 5)), "axes": [axis, axis], "metadata": {}})
    with pytest.raises(InputError, match="is a diffraction pattern"):
        read(tmp_path / "a.tif", 0.02)


@pytest.mark.parametrize("unit", ["(1/nm)", "1/nm", "\\u00C5^-1", "1/\\u00b5m", "nm-1", "[1/nm]", "mrad"])
def test_imagejs_diffraction_pattern(tmp_path: Path, image: npt.NDArray[np.uint16], unit: str) -> None:
    description = f"ImageJ=1.54f\nunit={unit}\n"
    tifffile.imwrite(tmp_path / "a.tif", image, description=description, resolution=(50, 50), metadata=None)
    for overrule in (False, True):
        with pytest.raises(InputError, match=r"^a\.tif: is a diffraction pattern"):
            read(tmp_path / "a.tif", 0.02, overrule=overrule)


def test_imagejs_unit_of_the_rows(tmp_path: Path, image: npt.NDArray[np.uint16]) -> None:
    description = "ImageJ=1.54f\nunit=nm\nyunit=\\u00C5\n"
    tifffile.imwrite(tmp_path / "a.tif", image, description=description, resolution=(50, 5), metadata=None)
    assert read(tmp_path / "a.tif")[0].pixel_size_nm == pytest.approx(0.02)


def test_images_of_an_ome_file_have_their_own_sizes(tmp_path: Path, image: npt.NDArray[np.uint16]) -> None:
    with tifffile.TiffWriter(tmp_path / "a.ome.tif", ome=True) as tiff:
        for name, size in (("HAADF", 0.02), ("BF", 0.03)):
            sizes = {f"PhysicalSize{axis}": size for axis in "XY"} | {f"PhysicalSize{axis}Unit": "nm" for axis in "XY"}
            tiff.write(image, metadata={"axes": "YX", "Name": name, **sizes})
    found = {m.name: m.pixel_size_nm for m in read(tmp_path / "a.ome.tif")}
    assert found == {"a.ome_HAADF": pytest.approx(0.02), "a.ome_BF": pytest.approx(0.03)}


@pytest.mark.parametrize("unit", ["nm", "1/nm", None])
def test_what_tifffile_writes_by_itself(tmp_path: Path, image: npt.NDArray[np.uint16], unit: str | None) -> None:
    metadata = {"unit": unit} if unit else {}
    tifffile.imwrite(tmp_path / "a.tif", image, resolution=(50, 50), metadata=metadata)
    if unit == "1/nm":
        with pytest.raises(InputError, match="is a diffraction pattern"):
            read(tmp_path / "a.tif", 9)
    else:
        assert read(tmp_path / "a.tif", 9)[0].pixel_size_nm == pytest.approx(0.02 if unit else 9)


def test_scifios_lists(tmp_path: Path, image: npt.NDArray[np.uint16]) -> None:
    description = "SCIFIO=0.45\naxes=X,Y\nlengths=23,17\nscales=0.02,0.02\nunits=nm,nm\nbitsPerPixel=16\n"
    tifffile.imwrite(tmp_path / "a.tif", image, description=description, metadata=None)
    assert read(tmp_path / "a.tif")[0].pixel_size_nm == pytest.approx(0.02)


def write_with_preview(path: Path, raw: npt.NDArray[Any], preview: npt.NDArray[Any], raw_first: bool = False) -> None:
    """A preview without and an image with a size of 0.02 nm in FEI's tag."""
    calibration = [(34682, "s", 0, "[Scan]\r\nPixelWidth=2e-11\r\nPixelHeight=2e-11\r\n", True)]
    with tifffile.TiffWriter(path) as tiff:
        for is_raw in (raw_first, not raw_first):
            pixels = raw if is_raw else preview
            photometric = "rgb" if pixels.ndim == 3 else "minisblack"
            tags: dict[str, Any] = {"extratags": calibration} if is_raw else {}
            tiff.write(pixels, photometric=photometric, metadata=None, contiguous=False, **tags)


@pytest.mark.parametrize("raw_first", [True, False])
@pytest.mark.parametrize("kind", ["colour", "bytes", "same type", "small"])
def test_a_preview_without_a_calibration_is_left_out(
    tmp_path: Path, image: npt.NDArray[np.uint16], kind: str, raw_first: bool
) -> None:
    previews = {
        "colour": np.zeros((*image.shape, 3), np.uint8),
        "bytes": np.zeros(image.shape, np.uint8),
        "same type": np.zeros_like(image),
        "small": np.zeros((5, 6), np.uint16),
    }
    if kind == "same type" and raw_first:
        pytest.skip("two pages of one kind, of which the first is calibrated, are two frames of one stack")
    write_with_preview(tmp_path / "a.tif", image, previews[kind], raw_first)
    (micrograph,) = read(tmp_path / "a.tif", 99)
    np.testing.assert_array_equal(micrograph.image, image)
    assert (micrograph.name, micrograph.pixel_size_nm) == ("a", pytest.approx(0.02))
    if kind != "small":  # of which tifffile says nothing
        assert any("left out" in note and "without a calibration" in note for note in micrograph.notes)


def test_a_preview_in_colour_is_left_out_without_any_calibration(tmp_path: Path, image: npt.NDArray[np.uint16]) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as tiff:
        tiff.write(np.zeros((*image.shape, 3), np.uint8), photometric="rgb", metadata=None)
        tiff.write(image, photometric="minisblack", metadata=None)
    (micrograph,) = read(tmp_path / "a.tif", 0.02)
    np.testing.assert_array_equal(micrograph.image, image)
    assert micrograph.notes == ("left out: an image of 17 x 23 (in colour, beside a grey one)",)


def write_ome_series(folder: Path, planes: npt.NDArray[Any], binary_only: bool = False) -> list[Path]:
    """An OME series with a file for each plane; each has the whole XML, or all but the first name the first."""
    count, rows, columns = planes.shape
    files = "".join(
        f'<TiffData FirstT="{t}" IFD="0" PlaneCount="1"><UUID FileName="s_T{t}.ome.tif">urn:uuid:{t}</UUID></TiffData>'
        for t in range(count)
    )
    schema = 'xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"'
    paths = []
    for t, plane in enumerate(planes):
        xml = (
            f'<?xml version="1.0" encoding="UTF-8"?><OME {schema} UUID="urn:uuid:{t}"><Image ID="Image:0" Name="s">'
            f'<Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint16" SizeX="{columns}" SizeY="{rows}" SizeZ="1" '
            f'SizeC="1" SizeT="{count}" PhysicalSizeX="0.02" PhysicalSizeXUnit="nm" PhysicalSizeY="0.02" '
            f'PhysicalSizeYUnit="nm"><Channel ID="Channel:0:0" SamplesPerPixel="1"/>{files}</Pixels></Image></OME>'
        )
        if binary_only and t:
            xml = (
                f'<?xml version="1.0" encoding="UTF-8"?><OME {schema} UUID="urn:uuid:{t}">'
                '<BinaryOnly MetadataFile="s_T0.ome.tif" UUID="urn:uuid:0"/></OME>'
            )
        paths.append(folder / f"s_T{t}.ome.tif")
        tifffile.imwrite(paths[-1], plane, description=xml, metadata=None)
    return paths


@pytest.mark.parametrize("binary_only", [False, True])
def test_an_ome_series_over_several_files_gives_each_plane_once(tmp_path: Path, binary_only: bool) -> None:
    planes = np.random.default_rng(0).integers(0, 999, size=(3, 8, 9), dtype=np.uint16)
    for path, plane in zip(write_ome_series(tmp_path, planes, binary_only), planes, strict=True):
        (micrograph,) = read(path)
        np.testing.assert_array_equal(micrograph.image, plane)
        assert micrograph.pixel_size_nm == pytest.approx(0.02)
    (tmp_path / "s_T2.ome.tif").unlink()
    assert len(read(tmp_path / "s_T0.ome.tif")) == 1


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.float32, bool])
def test_white_as_zero_is_inverted(tmp_path: Path, dtype: type) -> None:
    pixels = np.random.default_rng(0).integers(0, 2 if dtype is bool else 200, size=(6, 8)).astype(dtype)
    for photometric in ("miniswhite", "minisblack"):
        path = tmp_path / f"{photometric}.tif"
        tifffile.imwrite(path, pixels, photometric=photometric, metadata=None, software="another")
    inverted, plain = (read(tmp_path / f"{name}.tif", 0.02)[0].image for name in ("miniswhite", "minisblack"))
    np.testing.assert_allclose(inverted - inverted.min(), plain.max() - plain)
    if dtype is np.uint8:
        np.testing.assert_array_equal(inverted, 255 - plain)


def test_booleans_that_tifffile_wrote_are_as_they_were(tmp_path: Path) -> None:
    """It calls 0 white in each of them, and nothing else does."""
    pixels = np.random.default_rng(0).random((6, 8)) < 0.5
    tifffile.imwrite(tmp_path / "a.tif", pixels)
    with tifffile.TiffFile(tmp_path / "a.tif") as tiff:
        assert tiff.pages[0].photometric == tifffile.PHOTOMETRIC.MINISWHITE
    np.testing.assert_array_equal(read(tmp_path / "a.tif", 0.02)[0].image, pixels)


@pytest.mark.parametrize("pages", [1, 2])
@pytest.mark.parametrize("channels", [2, 3, 4])
def test_colour_planes_under_a_description_of_imagej(tmp_path: Path, pages: int, channels: int) -> None:
    grey = np.random.default_rng(0).integers(0, 200, (pages, 6, 8), dtype=np.uint8)
    planes = np.repeat(grey[:, None], channels, axis=1)
    tags: dict[str, Any] = {"resolution": (50, 50), "description": "ImageJ=1.54f\nunit=nm\n", "metadata": None}
    with tifffile.TiffWriter(tmp_path / "a.tif") as tiff:
        for page in planes:
            tiff.write(
                page,
                photometric="minisblack" if channels == 2 else "rgb",
                planarconfig="separate",
                extrasamples=["unassalpha"] if channels != 3 else None,
                **tags,
            )
    micrographs = read(tmp_path / "a.tif")
    np.testing.assert_array_equal(np.stack([m.image for m in micrographs]), grey)
    assert micrographs[0].pixel_size_nm == pytest.approx(0.02)


def test_a_palette_is_looked_up_as_in_a_png(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    picture = Image.fromarray(rng.integers(0, 256, size=(6, 8), dtype=np.uint8), "P")
    picture.putpalette(rng.integers(0, 256, 768, dtype=np.uint8).tobytes())
    for suffix in ("png", "tif"):
        picture.save(tmp_path / f"a.{suffix}")
    png, tiff = (read(tmp_path / f"a.{suffix}", 0.02)[0].image for suffix in ("png", "tif"))
    np.testing.assert_allclose(tiff, png, atol=1e-3)


@pytest.mark.parametrize("pages", [1, 2])
@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_colour_planes_are_grey(tmp_path: Path, planar: Any, pages: int, dtype: type) -> None:
    colours = np.random.default_rng(0).integers(0, 256, size=(pages, 6, 8, 3)).astype(dtype)
    with tifffile.TiffWriter(tmp_path / "a.tif") as tiff:
        for page in colours:
            pixels = page if planar == "contig" else np.moveaxis(page, -1, 0)
            tiff.write(pixels, photometric="rgb", planarconfig=planar, metadata=None, contiguous=False)
    found = np.stack([m.image for m in read(tmp_path / "a.tif", 0.02)])
    np.testing.assert_allclose(found, colours @ np.array([0.299, 0.587, 0.114]), rtol=1e-5)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turned_images_are_turned_back(tmp_path: Path, orientation: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, size=(6, 8), dtype=np.uint8)
    tags = [(274, "H", 1, orientation, True)]
    tifffile.imwrite(tmp_path / "a.tif", pixels, extratags=tags, metadata=None)
    exif = Image.Exif()
    exif[274] = orientation
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    with Image.open(tmp_path / "a.png") as picture:
        expected = np.asarray(ImageOps.exif_transpose(picture))
    for suffix in ("tif", "png"):
        (micrograph,) = read(tmp_path / f"a.{suffix}", 0.02)
        np.testing.assert_array_equal(micrograph.image, expected)
        assert any("orientation" in note for note in micrograph.notes) == (orientation != 1)


def test_titles_of_pages(tmp_path: Path, image: npt.NDArray[np.uint16]) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as tiff:
        for title, pixels in (("BF", image), ("HAADF/2", image[:, :-1])):
            tiff.write(pixels, extratags=[(285, "s", 0, title, True)], metadata=None)
    assert [m.name for m in read(tmp_path / "a.tif", 0.02)] == ["a_BF", "a_HAADF_2"]
    (micrograph,) = read(tmp_path / "a.tif", 0.02, signal="haadf*")
    assert micrograph.name == "a_HAADF_2"


def test_reported_files(samples: Path) -> None:
    reported = samples / "reported"
    twin = read(reported / "mrc_one_angstrom.mrc")[0].image
    for name in ("imagej_angstrom_escaped", "imagej_micron_lower_case", "min_is_white"):
        (micrograph,) = read(reported / f"{name}.tif")
        assert micrograph.pixel_size_nm == pytest.approx(0.02)
        np.testing.assert_array_equal(micrograph.image, twin)
    with pytest.raises(InputError, match="is a diffraction pattern"):
        read(reported / "reciprocal_in_parentheses.tif", 0.02)
    assert read(reported / "planar_rgb.tif", 0.02)[0].image.shape == twin.shape
    assert [m.image.shape for m in read(reported / "peer_multipage_rgb.tif", 0.02)] == [(10, 10)] * 2
    for name, size_nm, shape in (("preview_and_raw", 0.02, (256, 256)), ("peer_olympus_SIS", 0.023928, (101, 112))):
        (micrograph,) = read(reported / f"{name}.tif")
        assert micrograph.pixel_size_nm == pytest.approx(size_nm, rel=1e-3)
        assert (micrograph.image.shape, micrograph.name) == (shape, name)
    for number in range(3):
        assert len(read(reported / f"a09_ome_T{number}.ome.tif")) == 1
