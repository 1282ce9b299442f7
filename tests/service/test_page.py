"""The page as a person uses it, in Chromium, on real files."""

import json
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from hrtem_lab.analysis.analyser import DEFAULT_MODEL
from tests.browser import PHONE, SCREEN, picture, show
from tests.service.server import Server, running
from tests.service.test_app import SAMPLE

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("served"), DEFAULT_MODEL, max_waiting=64) as server:
        yield server


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The sample, a second one under a name that is markup, and a file that cannot be read."""
    folder = tmp_path_factory.mktemp("inputs")
    second = shutil.copy(SAMPLE, folder / "<img src=x onerror=alert(1)>.tif")
    (folder / "torn.dm3").write_bytes(b"torn")
    return [SAMPLE, Path(second), folder / "torn.dm3"]


def upload(browser: webdriver.Chrome, server: Server, inputs: list[Path]) -> None:
    browser.get(f"http://127.0.0.1:{server.port}/")
    browser.find_element(By.ID, "choose").send_keys("\n".join(map(str, inputs)))
    ended = f"{len(inputs)} of {len(inputs)} done"
    WebDriverWait(browser, 300).until(lambda page: page.find_element(By.ID, "count").text.startswith(ended))


@pytest.mark.parametrize("size", [SCREEN, PHONE], ids=["screen", "phone"])
def test_files_are_dropped_looked_at_and_downloaded(
    browser: webdriver.Chrome, server: Server, inputs: list[Path], size: tuple[int, int], tmp_path: Path
):
    browser.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})
    show(browser, size)
    upload(browser, server, inputs)
    assert browser.find_element(By.ID, "count").text == "3 of 3 done, 1 of them failed"
    rows = browser.find_elements(By.CSS_SELECTOR, "#files li")
    assert [row.find_element(By.CLASS_NAME, "note").text for row in rows] == ["1 particle", "1 particle", "failed"]
    assert rows[2].find_element(By.CLASS_NAME, "error").text.startswith("torn.dm3: cannot be read as .dm3")

    path = browser.find_element(By.CSS_SELECTOR, "#micrograph path")
    path.click()
    crop = WebDriverWait(browser, 20).until(lambda page: page.find_element(By.ID, "crop"))
    shades = browser.execute_script(
        "const d = arguments[0].getContext('2d').getImageData(0, 0, 256, 256).data; return [...new Set(d)].length", crop
    )
    assert shades > 50
    cells = {
        row.find_element(By.TAG_NAME, "th").text: row.find_element(By.TAG_NAME, "td").text
        for row in browser.find_elements(By.CSS_SELECTOR, "#particle tr")
    }
    job = next(job for job in server.jobs._jobs.values() if job.name == SAMPLE.name)
    (particle,) = json.loads((job.folder / "result.json").read_text())["micrographs"][0]["table"]
    assert float(cells["equivalent_diameter_nm"]) == pytest.approx(particle["equivalent_diameter_nm"], rel=1e-3)
    assert cells["class"] == particle["class"]
    outline, image = path.rect, browser.find_element(By.CSS_SELECTOR, "#micrograph img").rect
    columns = [point[0] for point in particle["outline"]]
    drawn = outline["width"] / image["width"] * 256
    assert drawn == pytest.approx(max(columns) - min(columns), abs=6)  # with the line's width
    assert browser.find_element(By.CSS_SELECTOR, "#histograms svg rect").is_displayed()
    assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth")
    picture(browser, f"page-{size[0]}")
    browser.execute_script("document.getElementById('all').scrollIntoView()")
    picture(browser, f"page-{size[0]}-below")

    browser.find_element(By.ID, "download").click()
    archive = tmp_path / "results.zip"
    WebDriverWait(browser, 60).until(lambda _: archive.is_file())
    with zipfile.ZipFile(archive) as content:
        assert len([name for name in content.namelist() if name.startswith("masks/")]) == 2


def test_nothing_is_asked_of_another_host(browser: webdriver.Chrome, server: Server, inputs: list[Path]):
    upload(browser, server, inputs[:1])
    asked = browser.execute_script("return performance.getEntriesByType('resource').map((entry) => entry.name)")
    assert asked
    assert [address for address in asked if not address.startswith(f"http://127.0.0.1:{server.port}/")] == []
    complaints = [entry for entry in browser.get_log("browser") if "422" not in entry["message"]]
    assert complaints == []


def test_files_that_are_dropped_are_taken(browser: webdriver.Chrome, server: Server):
    browser.get(f"http://127.0.0.1:{server.port}/")
    browser.execute_script(
        "const data = new DataTransfer(); data.items.add(new File(['torn'], 'torn.tif'));"
        "document.dispatchEvent(new DragEvent('drop', {dataTransfer: data, bubbles: true, cancelable: true}))"
    )
    WebDriverWait(browser, 60).until(lambda page: page.find_element(By.ID, "count").text.startswith("1 of 1 done"))
    assert browser.find_element(By.CSS_SELECTOR, "#files .error").text.startswith("torn.tif: cannot be read")
