"""MLflow's pages in a fresh browser, at the link that a command prints: the methods side by side."""

import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import mlflow
import numpy as np
import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from hrtem_lab.tracking.comparison_view import store_comparison_view
from hrtem_lab.tracking.runs import start_run
from hrtem_lab.tracking.store import answers, connect

pytestmark = pytest.mark.browser
DICE = {"unet": 0.93, "otsu": 0.71, "bragg": 0.64}
LOAD_LIMIT_S = 120


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Iterator[str]:
    """Address of a comparison on a server: three methods, four steps of an image, a report."""
    folder = tmp_path_factory.mktemp("ui")
    shutil.copy(empty_store, folder / "mlflow.db")
    uri, before = f"sqlite:///{folder / 'mlflow.db'}", mlflow.get_tracking_uri()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", uri)
        connect("quickstart")
        with start_run("2026-01-02") as run:
            for name, dice in DICE.items():
                with run.child(name) as child:
                    child.log_metrics({"dice": dice, "object_f1": dice, "lead": 0.93 - dice}, "test")
                    for step in range(4) if name == "unet" else ():
                        child.log_image(np.full((40, 120), 60 * step, dtype=np.uint8), "validation_field_0", step)
            run.log_text("<h1>What was compared</h1>", "comparison.html")
            place = store_comparison_view(run)
    mlflow.set_tracking_uri(before)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    call = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", uri, "--port", str(port), "--workers", "1"]
    with (folder / "server.log").open("w") as log:
        server = subprocess.Popen(call, stdout=log, stderr=log, cwd=folder)
    try:
        while not answers(f"http://127.0.0.1:{port}"):
            assert server.poll() is None, (folder / "server.log").read_text()
        yield f"http://127.0.0.1:{port}/{place}"
    finally:
        server.terminate()
        server.wait()


def wait_for(browser: webdriver.Chrome, *texts: str) -> str:
    """The text of the page, once it holds all of these."""

    def found(driver: webdriver.Chrome) -> str | None:
        text = driver.find_element(By.TAG_NAME, "body").text
        return text if all(each in text for each in texts) else None

    return WebDriverWait(browser, LOAD_LIMIT_S).until(found)


def test_the_link_shows_the_methods_with_their_scores(browser: webdriver.Chrome, address: str):
    browser.get(address)
    text = wait_for(browser, *DICE, "test/dice", "test/object_f1", "test/lead", "0.93")
    assert "3 matching runs" in text
    assert text.index("\nunet") < text.index("\notsu") < text.index("\nbragg")  # the best is first


def test_the_same_view_has_bar_charts(browser: webdriver.Chrome, address: str):
    browser.get(f"{address}&compareRunsMode=CHART")
    wait_for(browser, "Comparison", "test/dice", *DICE)
    assert browser.find_elements(By.CSS_SELECTOR, ".barlayer .bars")


def test_the_steps_of_an_image_and_the_report_are_there(browser: webdriver.Chrome, address: str):
    browser.get(address)
    wait_for(browser, *DICE)
    links = {link.text: link.get_attribute("href") for link in browser.find_elements(By.TAG_NAME, "a")}
    browser.get(f"{links['unet']}/artifacts")
    wait_for(browser, "images")
    browser.get(f"{links['unet']}/model-metrics")
    wait_for(browser, "validation_field_0")
    WebDriverWait(browser, LOAD_LIMIT_S).until(lambda page: page.find_elements(By.CSS_SELECTOR, '[role="slider"]'))
