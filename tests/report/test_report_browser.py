"""The report and the comparison in a browser: quiet, self-contained, and as wide as the screen.

Chromium is steered through its DevTools protocol, over the websocket client that JupyterLab brings.
"""

import base64
import contextlib
import json
import shutil
import subprocess
import time
import urllib.request

import pandas as pd
import pytest
from test_comparison import write
from test_findings import metrics
from test_report import png, write_study

from lib import report
from lib.report import comparison

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))),
    None,
)
websocket = pytest.importorskip("websocket", reason="needs websocket-client, as JupyterLab does")
pytestmark = pytest.mark.skipif(not CHROMIUM, reason="needs chromium or chrome")
WIDTHS = (360, 1400)
PATIENCE = 60  # seconds


class Browser:
    """A Chromium without a window, one page of it, and what it said since `open`."""

    def __init__(self, folder):
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0"]
        options += ["--no-first-run", f"--user-data-dir={folder}", "about:blank"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen([CHROMIUM, *options], **quiet)
        self.calls, self.events = 0, []
        try:
            port = self._port(folder / "DevToolsActivePort")
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list") as answer:
                pages = [page for page in json.load(answer) if page["type"] == "page"]
            address = pages[0]["webSocketDebuggerUrl"]
            self.socket = websocket.create_connection(
                address, timeout=PATIENCE, suppress_origin=True
            )
            for domain in ("Page", "Network", "Runtime", "Log"):
                self.call(f"{domain}.enable")
        except BaseException:
            self.close()
            raise

    def _port(self, path):
        for _ in range(10 * PATIENCE):
            with contextlib.suppress(FileNotFoundError):
                words = path.read_text().split()
                if len(words) == 2:  # the port and the browser's own address: written to its end
                    return words[0]
            assert self.process.poll() is None, "chromium ended"
            time.sleep(0.1)
        raise TimeoutError(f"chromium gave no port within {PATIENCE} s")

    def call(self, method, **values):
        self.calls += 1
        self.socket.send(json.dumps({"id": self.calls, "method": method, "params": values}))
        while (message := json.loads(self.socket.recv())).get("id") != self.calls:
            self.events.append(message)
        assert "error" not in message, message
        return message["result"]

    def open(self, path, width):
        """Open a file at a screen's width in pixels, and wait until it is loaded."""
        size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 600}
        self.call("Emulation.setDeviceMetricsOverride", **size)
        self.events = []
        self.call("Page.navigate", url=path.as_uri())
        while not self.said("Page.loadEventFired"):
            self.events.append(json.loads(self.socket.recv()))

    def said(self, method):
        return [event["params"] for event in self.events if event.get("method") == method]

    def ask(self, expression):
        """The value of a JavaScript expression, after what is pending has been drawn."""
        wait = "await new Promise(done => requestAnimationFrame(() => setTimeout(done)));"
        code = {"expression": f"(async () => {{ {wait} return {expression} }})()"}
        found = self.call("Runtime.evaluate", awaitPromise=True, returnByValue=True, **code)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def mouse(self, kind, x, y):
        button = {"button": "left", "buttons": int(kind != "mouseReleased"), "clickCount": 1}
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **button)

    def press(self, key):
        for kind in ("keyDown", "keyUp"):
            codes = {"ArrowLeft": 37, "ArrowRight": 39, "Tab": 9}
            code = {"key": key, "code": key, "windowsVirtualKeyCode": codes[key]}
            self.call("Input.dispatchKeyEvent", type=kind, **code)

    def close(self):
        self.process.terminate()
        self.process.wait(PATIENCE)


@pytest.fixture(name="browser", scope="module")
def one_browser(tmp_path_factory):
    browser = Browser(tmp_path_factory.mktemp("chromium"))
    yield browser
    browser.close()


@pytest.fixture(name="pages", scope="module")
def both_pages(tmp_path_factory):
    """A report with sliders, seeds, all measures, wide figures, real photos, and a comparison."""
    root = tmp_path_factory.mktemp("results")
    study = write_study(root / "one")
    summary = pd.read_csv(study / "summary.csv")
    columns = [f"{m}{e}" for m in ("kid", "colorfulness_ratio") for e in ("", "_low", "_high")]
    summary.assign(**dict.fromkeys(columns, 0.5)).to_csv(study / "summary.csv", index=False)
    seeds = [("cnn", "rmse_ab", 3, 12.0, 0.3), ("gan", "rmse_ab", 3, 10.1, 0.2)]
    names = ["model", "measure", "seeds", "mean", "sd"]
    pd.DataFrame(seeds, columns=names).to_csv(study / "seeds.csv", index=False)
    (study / "figures" / "rank.png").write_bytes(png((1080, 60), "ranks"))
    real = write_study(root / "flickr8k")
    columns += [
        f"{m}{e}" for m in ("delta_e_2000", "auc_rebalanced") for e in ("", "_low", "_high")
    ]
    summary.assign(**dict.fromkeys(columns, 0.5)).to_csv(real / "summary.csv", index=False)
    (real / "figures" / "fig6_grid.png").write_bytes(png((1080, 900), "real photos"))
    others = [write(root / f"a-long-name-of-a-study-{n}", metrics(), EPOCHS=n) for n in range(4)]
    return {"report": report.build(study), "comparison": comparison.build(others)}


@pytest.fixture(name="path", params=["report", "comparison"])
def one_page(request, pages):
    return pages[request.param]


@pytest.mark.parametrize("width", WIDTHS)
class TestAtAWidth:
    def test_is_quiet_and_asks_nothing_of_any_server(self, browser, path, width):
        browser.open(path, width)
        browser.ask("document.fonts.ready.then(() => 1)")
        assert not browser.said("Runtime.exceptionThrown")
        assert not browser.said("Runtime.consoleAPICalled") and not browser.said("Log.entryAdded")
        asked = [said["request"]["url"] for said in browser.said("Network.requestWillBeSent")]
        assert [url for url in asked if not url.startswith("data:")] == [path.as_uri()]

    def test_nothing_overflows(self, browser, path, width):
        browser.open(path, width)
        page = "document.scrollingElement"
        assert browser.ask("innerWidth") == width
        assert browser.ask(f"{page}.scrollWidth <= {page}.clientWidth")
        beyond = """[...document.querySelectorAll("body *")].filter(one => !one.closest(".scroll")
            && !one.closest("thead") && one.getBoundingClientRect().right > innerWidth + 1)
            .map(one => one.outerHTML.slice(0, 80))"""
        assert browser.ask(beyond) == []

    def test_real_photos_are_shown_and_their_table_moves_in_its_box(self, browser, pages, width):
        browser.open(pages["report"], width)
        assert (
            browser.ask("document.querySelector(\"img[alt='real photos']\").naturalWidth") == 1080
        )
        box = 'document.querySelector("section[aria-labelledby=reference] table").parentNode'
        shown = f"{box}.getBoundingClientRect()"
        assert browser.ask(f"{shown}.left >= 0 && {shown}.right <= {width}")
        if width == 360:
            assert browser.ask(f"{box}.scrollWidth > {box}.clientWidth")

    def test_the_first_column_stays_when_a_table_is_moved(self, browser, pages, width):
        browser.open(pages["report"], width)
        box = 'document.querySelector(".all").parentNode'
        if width == 360:
            assert browser.ask(f"{box}.scrollWidth > {box}.clientWidth")
        cell = f'{box}.querySelector("tbody th[scope=row]").getBoundingClientRect().left'
        before = browser.ask(cell)
        assert browser.ask(f"({box}.scrollLeft = 1000, {cell})") == pytest.approx(before, abs=1)

    def test_the_slider_moves_by_mouse_and_by_keyboard(self, browser, pages, width):
        browser.open(pages["report"], width)
        pair = 'document.querySelector(".pair")'
        cut = f'{pair}.style.getPropertyValue("--cut")'
        assert browser.ask(cut) == "50%"
        box = browser.ask(
            f"({pair}.scrollIntoView({{block: 'center'}}), {pair}.getBoundingClientRect().toJSON())"
        )
        y = box["y"] + box["height"] / 2
        browser.mouse("mousePressed", box["x"] + box["width"] / 2, y)
        for share in (0.4, 0.3, 0.2):
            browser.mouse("mouseMoved", box["x"] + share * box["width"], y)
        browser.mouse("mouseReleased", box["x"] + 0.2 * box["width"], y)
        assert float(browser.ask(cut).rstrip("%")) == pytest.approx(20, abs=2)
        clip = browser.ask(f'getComputedStyle({pair}.querySelector(".after")).clipPath')
        assert clip.startswith("inset(0px 0px 0px ") and browser.ask(cut) in clip
        browser.press("ArrowRight")
        browser.press("ArrowRight")
        browser.press("ArrowLeft")
        moved = float(browser.ask(cut).rstrip("%"))
        assert moved == pytest.approx(21, abs=2)
        browser.press("ArrowRight")
        assert float(browser.ask(cut).rstrip("%")) == moved + 1

    def test_a_slider_is_reached_by_the_tabulator(self, browser, pages, width):
        browser.open(pages["report"], width)
        for _ in range(60):
            browser.press("Tab")
            if browser.ask("document.activeElement.type") == "range":
                break
        assert "how much is grey" in browser.ask("document.activeElement.ariaLabel")


def test_headings_follow_each_other_and_pictures_have_words(browser, path):
    browser.open(path, 1400)
    levels = browser.ask('[...document.querySelectorAll("h1, h2, h3, h4")].map(h => +h.tagName[1])')
    assert levels[0] == 1 and levels.count(1) == 1 and len(levels) > 5
    assert all(after <= before + 1 for before, after in zip(levels, levels[1:], strict=False))
    images = "[...document.images]"
    assert browser.ask(f"{images}.length") > 0
    assert browser.ask(f"{images}.every(i => i.alt.trim() && i.complete && i.naturalWidth)")
    assert browser.ask('[...document.querySelectorAll("th")].every(cell => cell.scope)')


def test_prints(browser, path):
    browser.open(path, 1400)
    pdf = base64.b64decode(browser.call("Page.printToPDF", preferCSSPageSize=True)["data"])
    assert pdf.startswith(b"%PDF-") and pdf.rstrip().endswith(b"%%EOF") and len(pdf) > 20_000
    media = {"media": "print"}
    browser.call("Emulation.setEmulatedMedia", **media)
    shown = browser.ask(
        '[...document.querySelectorAll("nav, .pair input")].map(e => getComputedStyle(e).display)'
    )
    browser.call("Emulation.setEmulatedMedia", media="")
    assert set(shown) == {"none"}
