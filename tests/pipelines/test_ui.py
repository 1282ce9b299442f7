"""MLflow's pages of a small training, as somebody sees them who has never been there."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from tests.browser import PHONE, SCREEN, picture, show

pytestmark = pytest.mark.browser
PROJECT = Path(__file__).resolve().parents[2]
WIDE = (1500, 1000)
PATIENCE_S = 300


@pytest.fixture(scope="module")
def links(browser: webdriver.Chrome, ran: Path) -> Iterator[dict[str, str]]:
    """What `make ui` prints on the store of the training: the links by their titles."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # the environment of these tests in the place of .venv, and no browser of the person who runs them
    make = ["make", "-s", "-C", str(PROJECT), "-o", ".venv/.installed", "ui", f"BIN={Path(sys.executable).parent}"]
    call = [*make, f"PORT={port}", f"MLFLOW_TRACKING_URI=sqlite:///{ran / 'mlflow.db'}"]
    environment = os.environ | {"BROWSER": "true", "PYTHONPATH": str(PROJECT)}
    printed = ran / "ui.txt"
    with (
        printed.open("w") as out,
        subprocess.Popen(call, stdout=out, stderr=out, env=environment, start_new_session=True) as ui,
    ):
        try:
            yield wait_for_links(printed, ui)
        finally:
            os.killpg(ui.pid, signal.SIGTERM)


def wait_for_links(printed: Path, ui: subprocess.Popen[bytes]) -> dict[str, str]:
    deadline = time.monotonic() + PATIENCE_S
    while "Its report:" not in printed.read_text():
        assert ui.poll() is None, printed.read_text()[-3000:]
        assert time.monotonic() < deadline, printed.read_text()[-3000:]
        time.sleep(0.5)
    return dict(re.findall(r"^(Compare methods|Its report): +(\S+)$", printed.read_text(), re.MULTILINE))


def wait_for_words(browser: webdriver.Chrome, *words: str) -> None:
    """Wait until the page shows all of the words."""
    text = "return document.body ? document.body.innerText : ''"
    for word in words:
        WebDriverWait(browser, PATIENCE_S).until(lambda page, word=word: word in page.execute_script(text), word)


def wait_for(browser: webdriver.Chrome, selector: str) -> WebElement:
    """The first element of a selector, once it is there."""
    return WebDriverWait(browser, PATIENCE_S).until(lambda page: page.find_elements(By.CSS_SELECTOR, selector))[0]


def test_the_first_link_has_the_methods_side_by_side(browser: webdriver.Chrome, links: dict[str, str], ran: Path):
    place = links["Compare methods"].partition("#")[2]
    assert place in (ran / "stdout.txt").read_text().replace("\n", "")  # train has printed the same
    show(browser, WIDE)
    browser.get(links["Compare methods"])
    comparison = pd.read_csv(ran / "out" / "comparison.csv", index_col="method")["dice"].dropna()
    wait_for_words(browser, "quickstart", "test/dice", "test/object_f1", *comparison.index)
    picture(browser, "mlflow-comparison")
    cells = [cell.text for cell in browser.find_elements(By.CSS_SELECTOR, "[role=gridcell]")]
    for dice in comparison:
        assert any(cell.startswith(f"{dice:.6f}"[:6]) for cell in cells), (dice, cells)


def test_the_first_charts_are_bars_of_the_methods(browser: webdriver.Chrome, links: dict[str, str]):
    show(browser, WIDE)
    browser.get("about:blank")
    browser.get(f"{links['Compare methods']}&compareRunsMode=CHART")
    wait_for_words(browser, "unet", "Comparison", "test/dice", "test/object_f1")
    drawn = "return document.querySelector('.barlayer .point') !== null"
    WebDriverWait(browser, PATIENCE_S).until(lambda page: page.execute_script(drawn))
    picture(browser, "mlflow-chart")
    titles = browser.find_elements(By.XPATH, "//*[text()='test/dice' or text()='test/object_f1']")
    assert {title.text for title in titles if title.rect["y"] < WIDE[1]} == {"test/dice", "test/object_f1"}


def test_the_network_has_its_images_with_a_slider_of_the_epochs(browser: webdriver.Chrome, links: dict[str, str]):
    show(browser, WIDE)
    browser.get("about:blank")
    browser.get(links["Compare methods"])
    wait_for_words(browser, "unet", "test/dice")
    address = browser.find_element(By.LINK_TEXT, "unet").get_attribute("href")
    browser.get(f"{address}/model-metrics")
    wait_for_words(browser, "fields")
    part = browser.find_element(By.XPATH, "//*[starts-with(normalize-space(text()), 'fields')]")
    browser.execute_script("arguments[0].scrollIntoView()", part)
    slider = wait_for(browser, "[role=slider]")
    assert slider.get_attribute("aria-valuemax") == "1"  # two epochs
    drawn = "return [...document.images].some((i) => i.src.includes('validation_0') && i.naturalWidth > 0)"
    WebDriverWait(browser, PATIENCE_S).until(lambda page: page.execute_script(drawn))
    picture(browser, "mlflow-images")


def test_the_report_is_shown_among_the_artifacts(browser: webdriver.Chrome, links: dict[str, str], ran: Path):
    show(browser, WIDE)
    browser.get("about:blank")
    browser.get(links["Its report"])
    browser.switch_to.frame(wait_for(browser, "iframe"))
    run = json.loads((ran / "out" / "mlflow.json").read_text())["run"]
    wait_for_words(browser, "Methods compared", run)
    browser.switch_to.default_content()
    picture(browser, "mlflow-report")


@pytest.mark.parametrize("size", [SCREEN, PHONE], ids=["screen", "phone"])
def test_the_report_fits_the_page_and_shows_its_pictures(browser: webdriver.Chrome, ran: Path, size: tuple[int, int]):
    show(browser, size)
    browser.get((ran / "out" / "report.html").as_uri())
    assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth")
    browser.execute_script("for (const image of document.images) image.loading = 'eager'")
    whole = "return [...document.images].every((image) => image.complete && image.naturalWidth > 0)"
    WebDriverWait(browser, PATIENCE_S).until(lambda page: page.execute_script(whole))
    wait_for_words(
        browser, "Methods compared", "Worst, median and best", "Learning", "Calibration", "Where the numbers"
    )
    picture(browser, f"report-{size[0]}")
