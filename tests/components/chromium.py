"""Looks at a page in headless Chromium, if there is one."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
# Faults are gathered from the first script on; the page tells what it looks like in its title,
# which --dump-dom prints.
_LISTEN = """<script>
window.faults = [];
addEventListener("error", (e) => faults.push(String(e.message)));
addEventListener("unhandledrejection", (e) => faults.push(String(e.reason)));
for (const kind of ["error", "warn"]) {
  const log = console[kind];
  console[kind] = (...x) => { faults.push(x.join(" ")); log(...x); };
}
</script>"""
_PROBE = """<script>addEventListener("load", () => setTimeout(() => {
  for (const closed of document.querySelectorAll("details")) closed.open = true;
  const box = (e) => e.getBoundingClientRect();
  const all = (x, root = document) => [...root.querySelectorAll(x)];
  const covers = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1
    && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 3;
  const overlaps = [];
  for (const plot of all(".plot")) {
    const texts = all("text", plot).filter((e) => e.textContent && box(e).width
      && !/rotate/.test(e.getAttribute("transform") || ""));
    texts.forEach((a, i) => texts.slice(i + 1).forEach((b) => {
      if (covers(box(a), box(b))) overlaps.push(a.textContent + " | " + b.textContent);
    }));
  }
  const blocks = all("header *, .cards *, nav a").filter((e) => !e.children.length);
  blocks.forEach((a, i) => blocks.slice(i + 1).forEach((b) => {
    if (covers(box(a), box(b))) overlaps.push(a.textContent + " | " + b.textContent);
  }));
  const sorted = all("table[data-sortable]").map((table) => {
    const order = () => all("tbody tr", table).map((row) => row.children[1].textContent);
    const button = table.querySelector("th:nth-child(2) button");
    button.focus();
    const focused = document.activeElement === button;
    button.click();
    const rising = order();
    button.click();
    return { focused, reversed: String(rising.reverse()) === String(order()) || rising.length < 2,
      state: button.closest("th").getAttribute("aria-sort") };
  });
  document.title = JSON.stringify({
    width: innerWidth,
    overflow: document.documentElement.scrollWidth - innerWidth,
    wide: all("body *").filter((e) => !e.closest(".scroll, pre, .plot, script")
      && box(e).right > innerWidth + 1).map((e) => e.tagName + "." + e.className),
    drawn: all(".plot").map((e) => all(".scatterlayer .trace, .barlayer .trace", e).length),
    unnamed: all(".plot").filter((e) => e._fullLayout.xaxis.type === "category"
      && all(".xtick", e).length < e._fullLayout.xaxis._categories.length).length,
    regions: all("table").map((e) => e.closest("[tabindex='0'][role=region][aria-label]") !== null),
    sorted, overlaps, errors: faults,
  });
}, 400));</script>"""


def browser() -> str | None:
    """The path of a Chromium, if there is one."""
    return next((path for name in _NAMES if (path := shutil.which(name))), None)


needs_browser = pytest.mark.skipif(browser() is None, reason="no Chromium on this machine")


def look(page: Path, width: int, folder: Path) -> dict[str, Any]:
    """What a page looks like in a window of a width.

    Returns:
      `width`, `overflow` (pixels by which the page is too wide), `wide` (elements that stick out),
      `drawn` (traces in each chart), `unnamed` (charts that do not name each of their categories),
      `regions` (whether each table can be scrolled by keyboard),
      `sorted` (what pressing a heading did), `overlaps` (texts upon each other), `errors`.
    """
    text = page.read_text(encoding="utf-8")
    text = text.replace("<head>", f"<head>{_LISTEN}", 1).replace("</body>", f"{_PROBE}</body>", 1)
    (folder / "inner.html").write_text(text, encoding="utf-8")
    # Headless Chromium refuses narrow windows: a frame has any width.
    outer = folder / "outer.html"
    outer.write_text(
        f'<iframe id="f" src="inner.html" style="width:{width}px;height:3000px"></iframe>'
        "<script>setInterval(()=>{document.title=f.contentDocument.title},100)</script>"
    )
    dom = subprocess.run(
        [
            browser(), "--headless", "--no-sandbox", "--disable-gpu",
            "--allow-file-access-from-files", f"--user-data-dir={folder / 'profile'}",
            "--window-size=1600,1200", "--virtual-time-budget=10000", "--dump-dom",
            f"file://{outer}",
        ],
        capture_output=True, text=True, timeout=120, check=True,
    ).stdout  # fmt: skip
    return json.loads(re.search(r"<title>(\{.*?\})</title>", dom, re.DOTALL).group(1))
