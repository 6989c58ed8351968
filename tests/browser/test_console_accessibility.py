"""Every page of the console by axe-core, in Chromium: nothing serious, in light and in dark, wide and narrow."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import async_playwright

from tests.browser.chromium import ARGUMENTS, CHROMIUM, needs_chromium
from tests.support.consoles import Shop, a_shop
from tests.support.furnished import furnish
from vigia.console.pages import MODULES

pytestmark = needs_chromium
PAGES = (
    *(
        route.path
        for module in MODULES
        for route in module.routes()
        if "GET" in route.methods and "{" not in route.path  # type: ignore[attr-defined]
    ),
    "/login",
    *("/alarms/a1", "/alarms/a3", "/alarms/old-40", "/customers/C1", "/customers/C3", "/customers?q=nobody"),
    "/alarms/nobody",
)
COLOURED = ("/alarms", "/health", "/alarms/a3", "/customers/C1")
NARROW = 380
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
Scheme = Literal["light", "dark"]


async def test_axe_finds_nothing_on_any_page(tmp_path: Path) -> None:
    """Each page with something to show, with what opens on a press opened; in dark and narrow those with colours of their own."""
    async with a_shop(tmp_path) as shop, async_playwright() as playwright:
        await furnish(shop, "Maximiliana-Hermenegilda " + "Wolfeschlegelsteinhausenbergerdorff" * 2)
        light = await faults(shop, playwright, PAGES, "light", 1180, "en-GB")
        dark = await faults(shop, playwright, COLOURED, "dark", NARROW, "es-ES")
    assert [*light, *dark] == []


async def faults(
    shop: Shop, playwright: Any, pages: Sequence[str], scheme: Scheme, width: int, language: str
) -> list[str]:
    """What axe finds: page, rule, and the element; and pages that scroll sideways."""
    browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
    found = []
    try:
        context = await browser.new_context(
            base_url=shop.address,
            viewport={"width": width, "height": 900},
            color_scheme=scheme,
            locale=language,
            bypass_csp=True,  # axe is a script that no page has
        )
        tab = await context.new_page()
        for path in pages:
            await tab.goto(path)
            await tab.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
            answer = await Axe().run(tab, options=RULES)
            assert answer.response["passes"], "axe has looked at the page"
            for rule in answer.response["violations"]:
                places = [f"{node['html'][:160]} {node['failureSummary'][:200]}" for node in rule["nodes"]]
                found.append(f"{path}: {rule['impact']} {rule['id']}: {places[:3]}")
            if not await tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth"):
                found.append(f"{path}: scrolls sideways at {width} pixels")
    finally:
        await browser.close()
    return found
