"""The built book as its reader opens it: Chromium, from the disk, with the network unplugged."""

import json
import shutil
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from mecore.data.places import shared_folder

HTML = shared_folder("book") / "_build" / "html"
PAGES = sorted(p for p in HTML.glob("**/*.html") if "_static" not in p.parts)
FLAGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--window-size=1400,1000", "--host-resolver-rules=MAP * ~NOTFOUND"]  # fmt: skip
BROKEN_IMAGES = """return [...document.images]
    .filter(image => !image.complete || image.naturalWidth === 0).map(image => image.src)"""
WIDE = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not PAGES, reason="no built book found: make book SCALE=small"),
    pytest.mark.skipif(
        not (shutil.which("chromium") and shutil.which("chromedriver")),
        reason="no Chromium found: apt-get install chromium chromium-driver",
    ),
]


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for flag in [*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"]:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    service = webdriver.ChromeService(shutil.which("chromedriver"))
    driver = webdriver.Chrome(options, service)
    driver.get("about:blank")
    yield driver
    driver.quit()


def network(browser):
    """What happened on the network since this was last asked: addresses asked for, and failures."""
    addresses, failures = set(), []
    for entry in browser.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            addresses.add(message["params"]["request"]["url"])
        elif message["method"] == "Network.loadingFailed":
            failures.append(message["params"]["errorText"])
    return addresses, failures


def weight(page, addresses):
    """Bytes of a page with its pictures; scripts and styles in _static are those of all pages."""
    files = {Path(unquote(urlsplit(a).path)) for a in addresses if a.startswith("file:")}
    return sum(f.stat().st_size for f in files | {page} if "_static" not in f.parts)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(HTML)))
def test_a_page_is_whole_without_a_network_and_asks_nobody(browser, page):
    network(browser)
    browser.get(page.as_uri())
    browser.execute_async_script(
        "const done = arguments[0]; (window.MathJax?.startup?.promise ?? Promise.resolve())"
        ".then(() => done())"
    )
    addresses, failures = network(browser)
    assert failures == []
    assert [a for a in addresses if urlsplit(a).scheme not in ("file", "data", "blob")] == []
    assert page.as_uri() in addresses
    assert browser.execute_script(BROKEN_IMAGES) == []
    severe = [e["message"] for e in browser.get_log("browser") if e["level"] == "SEVERE"]
    assert severe == []
    assert weight(page, addresses) < 5_000_000
    assert browser.execute_script(WIDE) <= 0, "the page scrolls sideways"


def test_equations_are_set_in_the_page(browser):
    page = HTML / "chapters" / "mean-phantom-short.html"
    browser.get(page.as_uri())
    browser.execute_async_script("MathJax.startup.promise.then(() => arguments[0]())")
    assert browser.execute_script("return document.querySelectorAll('mjx-container').length") > 5
    assert "$$" not in browser.execute_script("return document.body.innerText")


def test_every_link_inside_the_book_leads_somewhere():
    from html.parser import HTMLParser

    class Links(HTMLParser):
        def __init__(self):
            super().__init__()
            self.found = []

        def handle_starttag(self, tag, attrs):
            self.found += [v for k, v in attrs if k in ("href", "src") and v]

    for page in PAGES:
        links = Links()
        links.feed(page.read_text(encoding="utf-8"))
        local = [urlsplit(v) for v in links.found]
        paths = {unquote(u.path) for u in local if not u.scheme and not u.netloc and u.path}
        assert [p for p in paths if not (page.parent / p).exists()] == [], page.name
