"""The console in Chromium: an alarm is answered without a reload, new ones are announced, tabs and keys work."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page, Response, async_playwright, expect

from tests.browser.chromium import ARGUMENTS, CHROMIUM, needs_chromium
from tests.support.alarms import an_alarm
from tests.support.consoles import Shop, a_shop
from tests.support.readmodels import NOW, a_customer

pytestmark = needs_chromium


def is_the_stream(answer: Response) -> bool:
    """What is recorded from now on is announced."""
    return answer.url.endswith("/api/v1/events")


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    """A console with two alarms."""
    async with a_shop(tmp_path) as found:
        await found.desk.send("customers", "C1", a_customer("C1", "Ana Ruiz"))
        facts = {"kind": "gone-quiet", "treatment": "incentive"}
        await found.desk.alarms(an_alarm(NOW, "a1", name="Ana Ruiz", **facts), an_alarm(NOW, "a2", "C2", **facts))
        yield found


@pytest.fixture
async def page(shop: Shop) -> AsyncIterator[Page]:
    """A tab of a browser, which reports every error of a page."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        context = await browser.new_context(
            base_url=shop.address, viewport={"width": 380, "height": 800}, locale="en-GB"
        )
        tab, faults = await context.new_page(), []
        tab.on("pageerror", lambda error: faults.append(str(error)))
        tab.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
        yield tab
        await browser.close()
        assert faults == []


async def test_an_alarm_is_answered_in_place(shop: Shop, page: Page) -> None:
    """The page shows the new state and says so, without being loaded again; nothing scrolls sideways on a small screen."""
    await page.goto("/alarms/a1")
    await page.evaluate("window.stays = true")
    await page.get_by_role("button", name="I take it").click()
    await expect(page.locator("#state")).to_contain_text("this machine (unverified) is on it")
    await expect(page.locator("#said")).to_have_text("Has taken it.")
    assert await page.evaluate("window.stays")
    for path in ("/", "/alarms", "/customers", "/customers/C1", "/base", "/quality", "/health"):
        await page.goto(path)
        assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), path


async def test_new_alarms_are_announced_and_the_focus_stays(shop: Shop, page: Page) -> None:
    """In a polite status line, as a link to the alarm."""
    async with page.expect_event("response", is_the_stream):
        await page.goto("/alarms")
    await page.locator("[data-row] th a").nth(1).focus()
    await shop.desk.alarms(an_alarm(NOW, "a3", "C3"))
    await expect(page.locator("#news")).to_have_text("1 new alarm")
    assert await page.locator("#news a").get_attribute("href") == "/alarms/a3"
    assert await page.evaluate("document.activeElement.closest('[data-row]') !== null")


async def test_keys_move_and_never_act_while_one_types(shop: Shop, page: Page) -> None:
    """j and k move, x chooses, ? explains; in a field they are letters."""
    await page.goto("/alarms")
    await page.keyboard.press("j")
    await page.keyboard.press("j")
    await page.keyboard.press("x")
    assert await page.locator("[name=alarm]:checked").count() == 1
    await page.keyboard.press("?")
    await expect(page.locator("#help")).to_be_visible()
    await page.keyboard.press("Escape")
    await page.goto("/customers")
    await page.keyboard.press("/")
    await page.keyboard.type("jkx?")
    assert await page.locator("#search").input_value() == "jkx?"
    await expect(page.locator("#help")).not_to_be_visible()


async def test_paper_has_the_list_and_the_date_of_the_data_alone(shop: Shop, page: Page) -> None:
    """No navigation, no buttons and no filters; and on the screen the first key leads past the navigation."""
    await page.goto("/alarms")
    await page.keyboard.press("Tab")
    await expect(page.locator(".skip")).to_be_focused()
    await expect(page.locator(".skip")).to_be_in_viewport()
    await page.emulate_media(media="print")
    for gone in ("nav", "button", ".filters", ".bulk", ".skip", "#news"):
        for one in await page.locator(gone).all():
            await expect(one).to_be_hidden()
    await expect(page.get_by_text("Ana Ruiz has gone quiet")).to_be_visible()
    await expect(page.locator("footer time")).to_be_visible()


async def test_eight_tabs_work_at_once(shop: Shop, page: Page) -> None:
    """One of them has the stream and tells the others, so a browser's connections suffice."""
    async with page.context.expect_event("response", is_the_stream):
        for _ in range(8):
            tab = await page.context.new_page()
            await tab.goto("/alarms")
            await expect(tab.locator("h1")).to_have_text("Alarms")
    await shop.desk.alarms(an_alarm(NOW, "a4", "C4"))
    for tab in page.context.pages[1:]:
        await expect(tab.locator("#news")).to_have_text("1 new alarm")
