"""A headless Chromium that tests of pages drive."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver

SCREEN, PHONE = (1280, 900), (390, 844)
"""Widths and heights of a page, in pixels."""


@pytest.fixture(scope="module")
def browser() -> Iterator[webdriver.Chrome]:
    """Chromium and its driver of Debian's packages, with a fresh profile; without them the test is skipped."""
    driver, program = shutil.which("chromedriver"), shutil.which("chromium")
    if driver is None or program is None:
        missing = "needs chromium and chromedriver: apt-get install chromium chromium-driver"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(missing)
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--hide-scrollbars"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    with webdriver.Chrome(options, webdriver.ChromeService(driver)) as chrome:
        yield chrome


def show(browser: webdriver.Chrome, size: tuple[int, int]) -> None:
    """Give the page a size; at that of a phone it is shown as on one."""
    metrics = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": size == PHONE}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def picture(browser: webdriver.Chrome, name: str) -> None:
    """Keep a screenshot where PICTURES says, for people to look at."""
    if folder := os.environ.get("PICTURES"):
        browser.save_screenshot(str(Path(folder) / f"{name}.png"))
