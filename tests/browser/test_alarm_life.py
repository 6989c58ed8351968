"""The whole life of an alarm in Chromium, by its texts alone: from the sign-in to the end, in each language."""

from pathlib import Path

import msgspec
import pytest
from playwright.async_api import Page, async_playwright, expect

from alerts.wording.languages import TONGUES
from scorers.contract.events import HOUR, Instant
from tests.browser.chromium import ARGUMENTS, CHROMIUM, needs_chromium
from tests.support.consoles import Shop, a_shop
from tests.support.furnished import furnish
from tests.support.readmodels import NOW
from vigia.console.texts import TEXTS

pytestmark = needs_chromium
PASSWORD = "a long password"


class Walk:
    """Eva at her browser; she finds everything by what is written on it."""

    def __init__(self, page: Page, language: str) -> None:
        self.page, self.words = page, TEXTS[language]

    def text(self, english: str, **values: object) -> str:
        """A text of the page in the language of the walk."""
        return self.words.texts.get(english, english).format(**values)

    async def press(self, english: str) -> None:
        """Press the one button that is shown with this text."""
        english = TONGUES[self.words.language].texts.get(f"button_{english}", english)
        await (
            self.page.get_by_role("button", name=self.text(english), exact=True)
            .and_(self.page.locator(":visible"))
            .click()
        )

    async def says(self, code: str) -> None:
        """The status line says what was done, and the page was not loaded again."""
        await expect(self.page.locator("#said")).to_have_text(f"{self.words.codes[code].capitalize()}.")
        assert await self.page.evaluate("window.stays")

    async def state(self, text: str) -> None:
        """Where people stand with the alarm."""
        await expect(self.page.locator("#state")).to_contain_text(text)


@pytest.mark.parametrize(("language", "locale"), [("en", "en-GB"), ("es", "es-ES")])
async def test_an_alarm_is_walked_from_the_sign_in_to_its_end(tmp_path: Path, language: str, locale: str) -> None:
    """Worklist, customer, alarm; a note, taken, acted, snoozed, the snooze ended; then the customer comes back."""
    async with a_shop(tmp_path) as shop, async_playwright() as playwright:
        await furnish(shop)
        shop.accounts.add_user("Eva", "agent", PASSWORD)
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        context = await browser.new_context(base_url=shop.address, locale=locale)
        try:
            walk = Walk(await context.new_page(), language)
            await sign_in(walk)
            await open_the_alarm(walk)
            await answer(walk)
            await end(walk, shop)
        finally:
            await browser.close()


async def sign_in(walk: Walk) -> None:
    """The first page asks who it is, and then is the worklist."""
    page = walk.page
    await page.goto("/")
    await page.get_by_label(walk.text("Name"), exact=True).fill("Eva")
    await page.get_by_label(walk.text("Password")).fill(PASSWORD)
    await walk.press("Sign in")
    await expect(page.locator("h1")).to_contain_text(walk.text("Worklist"))
    assert await page.locator("html").get_attribute("lang") == walk.words.language


async def open_the_alarm(walk: Walk) -> None:
    """From the customer on the list to what happened there."""
    page = walk.page
    await page.get_by_role("link", name="Ana Ruiz").click()
    await expect(page.locator("h1")).to_have_text("Ana Ruiz")
    await page.locator("a.strong").click()
    await expect(page.locator("h1")).to_contain_text("Ana Ruiz")
    await walk.state(walk.text("Nobody yet"))
    await page.evaluate("window.stays = true")


async def answer(walk: Walk) -> None:
    """Each answer is shown at once, with who gave it; a snooze has an end and is taken back."""
    page = walk.page
    why = page.get_by_label(walk.text("Why, or what was done"))
    await why.fill("moved to Lugo")
    await walk.press("Only a note")
    await walk.says("did_note")
    await walk.press("ack")
    await walk.says("did_ack")
    await walk.state(walk.text("{who} is on it", who="Eva"))
    await why.fill("called, will come on Friday")
    await walk.press("act")
    await walk.says("did_act")
    await page.locator("summary", has_text=walk.text("Snooze")).click()
    snooze = page.locator("details", has=page.locator("select[name=until]"))
    await snooze.locator("select").select_option("week")
    await snooze.locator("input[name=reason]").fill("away until then")
    await snooze.locator("button[value=snooze]").click()
    await walk.says("did_snooze")
    await walk.state(walk.text("Snoozed until"))
    await walk.press("End the snooze")
    await walk.says("did_undo")
    await walk.state(walk.text("{who} is on it", who="Eva"))
    for told in ("moved to Lugo", "called, will come on Friday", "away until then", walk.text("taken back")):
        await expect(page.locator("ol.life")).to_contain_text(told)


async def end(walk: Walk, shop: Shop) -> None:
    """The customer buys again: the alarm is over and saved, asks for nothing, and leaves the list of those that stand."""
    page = walk.page
    found = await shop.desk.model.ask(lambda db: db.alarms.one("a1"))
    assert found is not None
    over = msgspec.structs.replace(found.alarm, type="alarm.settled", time=Instant(NOW + 2 * HOUR), outcome="saved")
    await shop.desk.alarms(over)
    await page.reload()
    await walk.state(f"{walk.text('Over')}: {walk.words.codes['saved']}")
    await expect(page.get_by_role("button", name=TONGUES[walk.words.language].texts["button_ack"])).to_have_count(0)
    await page.goto("/alarms")
    await expect(page.locator("#alarm-a1")).to_have_count(0)
    await page.goto("/alarms?state=settled")
    await expect(page.locator("#alarm-a1")).to_have_count(1)
    await walk.press("Sign out")
    await expect(page.get_by_label(walk.text("Password"))).to_be_visible()
