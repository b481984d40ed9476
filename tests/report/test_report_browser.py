"""The report and the comparison in a browser: quiet, self-contained, and as wide as the screen."""

import html
import json
import re
import shutil
import subprocess

import pandas as pd
import pytest
from studies import png, write, write_seeds, write_study

from lib import report
from lib.report import comparison

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(not CHROMIUM, reason="needs chromium or chrome")
OPTIONS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--enable-logging=stderr", "--virtual-time-budget=5000", "--hide-scrollbars"),
    *("--window-size=1500,1000", "--dump-dom"),
]
ASKED = """
const page = document.scrollingElement, found = {};
const all = selector => [...document.querySelectorAll(selector)];
const box = table => table && table.parentNode;
found.width = innerWidth;
found.fits = page.scrollWidth <= page.clientWidth;
found.beyond = all("body *").filter(one => !one.closest(".scroll") && !one.closest("thead")
  && one.getBoundingClientRect().right > innerWidth + 1).map(one => one.outerHTML.slice(0, 80));
found.pictures = all("img").map(one => [one.alt.trim(), one.complete && one.naturalWidth]);
found.loaded = performance.getEntriesByType("resource").map(one => one.name);
const wide = document.querySelector(".all");
if (wide) {
  const cell = () => wide.querySelector("tbody th[scope=row]").getBoundingClientRect().left;
  const before = cell();
  box(wide).scrollLeft = 1000;
  found.moved = [box(wide).scrollLeft, Math.abs(cell() - before)];
}
const slider = document.querySelector(".pair input");
if (slider) {
  slider.value = 20;
  slider.dispatchEvent(new Event("input"));
  slider.focus();
  found.slider = [getComputedStyle(document.querySelector(".pair .after")).clipPath,
    document.activeElement === slider, slider.ariaLabel];
}
parent.postMessage(JSON.stringify(found), "*");
"""


@pytest.fixture(name="pages", scope="module")
def both_pages(tmp_path_factory):
    """A report with sliders, seeds, all measures, wide figures, real photos, and a comparison."""
    root = tmp_path_factory.mktemp("results")
    study = write_study(root / "one")
    measures = ("kid", "colorfulness_ratio", "delta_e_2000", "auc_rebalanced")
    columns = dict.fromkeys([f"{m}{end}" for m in measures for end in ("", "_low", "_high")], 0.5)
    summary = pd.read_csv(study / "summary.csv").assign(**columns)
    write_seeds(study)
    (study / "figures" / "rank.png").write_bytes(png((1080, 60), "ranks"))
    real = write_study(root / "flickr8k")
    for folder in (study, real):
        summary.to_csv(folder / "summary.csv", index=False)
    (real / "figures" / "fig6_grid.png").write_bytes(png((1080, 900), "real photos"))
    others = [write(root / f"a-long-name-of-a-study-{n}", EPOCHS=n) for n in range(4)]
    return {"report": report.build(study), "comparison": comparison.build(others)}


def asked(path, width, folder):
    """What a page of that width in pixels says of itself, and the browser's log."""
    copy, frame = folder / "page.html", folder / "frame.html"
    ask = f"<script>addEventListener('load', () => {{ {ASKED} }})</script></body>"
    copy.write_text(path.read_text("utf-8").replace("</body>", ask), "utf-8")
    frame.write_text(
        f'<iframe src="page.html" width="{width}" height="900" style="border: 0"></iframe>'
        "<pre></pre><script>onmessage = message => "
        'document.querySelector("pre").textContent = message.data</script>'
    )
    command = [CHROMIUM, *OPTIONS, f"--user-data-dir={folder / 'profile'}", frame.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    return json.loads(html.unescape(re.search("<pre>(.*)</pre>", done.stdout)[1])), done.stderr


@pytest.mark.parametrize("width", [360, 1400])
@pytest.mark.parametrize("kind", ["report", "comparison"])
def test_a_page_is_quiet_and_fits_the_screen(pages, kind, width, tmp_path):
    found, log = asked(pages[kind], width, tmp_path)
    assert "CONSOLE" not in log  # no error of a script, nothing refused
    assert not [name for name in found["loaded"] if not name.startswith("data:")]
    assert found["width"] == width and found["fits"] and found["beyond"] == []
    assert found["pictures"] and all(words and size for words, size in found["pictures"])
    if kind == "report":
        assert ["real photos", 1080] in found["pictures"]
        moved, cell = found["moved"]
        assert cell <= 1 and (moved > 0 or width > 360)  # the first column stays
        clip, reached, words = found["slider"]
        assert clip == "inset(0px 0px 0px 20%)" and reached and "how much is grey" in words
