"""Pictures of every page of the console for docs/console, from the folder of a replay: `python -m tests.browser.shots RUN OUT`.

Needs Chromium (`apt-get install chromium`); the pictures of docs/console are of `vigia demo`'s households, but for that of the
processes: a finished run has none, so it shows an invented hour.
"""

import asyncio
import re
import subprocess
import sys
from pathlib import Path

from PIL import Image
from playwright.async_api import Browser, async_playwright

from tests.browser.chromium import ARGUMENTS, CHROMIUM
from tests.browser.health_hour import health_page

PAGES = {
    "worklist": "/",
    "alarms": "/alarms",
    "alarm": "first alarm",
    "customers": "/customers",
    "customer": "first customer",
    "base": "/base",
    "themes": "/themes",
    "stores": "/stores",
    "quality": "/quality",
    "model": "/model",
    "suppressed": "/suppressed",
    "dead-letters": "/dead-letters",
    "policy": "/policy",
    "login": "/login",
}
WIDE, NARROW, TALL = 1180, 380, 900


async def shots(address: str, out: Path) -> None:
    """Write the pictures: each page wide; the first ones also dark, narrow and in Spanish."""
    out.mkdir(parents=True, exist_ok=True)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        for name, path in PAGES.items():
            await shot(browser, address, path, out / f"{name}.png")
        async with health_page() as running:
            await shot(browser, running, "/health", out / "health.png")
        for name in ("worklist", "customer", "alarms"):
            await shot(browser, address, PAGES[name], out / f"{name}-dark.png", dark=True)
            await shot(browser, address, PAGES[name], out / f"{name}-narrow.png", width=NARROW)
            await shot(browser, address, PAGES[name], out / f"{name}-es.png", locale="es-ES")
        await browser.close()


async def shot(
    browser: Browser,
    address: str,
    path: str,
    file: Path,
    *,
    width: int = WIDE,
    dark: bool = False,
    locale: str = "en-GB",
) -> None:
    """Write the picture of one page, as high as a screen."""
    context = await browser.new_context(
        viewport={"width": width, "height": TALL}, color_scheme="dark" if dark else "light", locale=locale
    )
    page = await context.new_page()
    if path.startswith("first"):
        await page.goto(address + ("/alarms?kind=gone-quiet" if path == "first alarm" else "/customers?alarms=open"))
        await page.locator("[data-row] th a").first.click()
        await page.wait_for_load_state("networkidle")
    else:
        await page.goto(address + path)
    await page.screenshot(path=file)
    await context.close()
    with Image.open(file) as taken:  # pages have few colours
        taken.convert("RGB").quantize(64).save(file, optimize=True)


def main(run: str, out: str) -> None:
    """Serve the run and write the pictures."""
    command = [sys.executable, "-m", "vigia", "console", "--run", run, "--port", "0"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        address = next(found[0] for line in process.stderr if (found := re.search(r"http://[\d.:]+", line)))
        asyncio.run(shots(address, Path(out)))
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
