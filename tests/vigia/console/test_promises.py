"""What the console promises to those who read it all day; docs/console.md lists the promises with the test of each."""

import asyncio
import csv
import html
import io
import re
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from scorers.contract.wire import decode
from tests.support.console import on
from tests.support.consoles import Shop, a_shop
from tests.support.furnished import furnish
from tests.support.paths import ROOT
from tests.support.readmodels import a_customer, an_action
from vigia.console.pages import MODULES

PASSWORD = "a long password"
PAGES = tuple(
    route.path
    for module in MODULES
    for route in module.routes()
    if "GET" in route.methods and "{" not in route.path  # type: ignore[attr-defined]
)
NUMBER = r"([\d,]+)"


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    """A console with something on every page."""
    async with a_shop(tmp_path) as found:
        await furnish(found)
        yield found


async def text_of(shop: Shop, path: str) -> str:
    """The page as one reads it: without tags, blanks as one."""
    status, _, body = await shop.get(path)
    assert status == 200, path
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body.split("<main")[1])).split())


async def on_topic(shop: Shop, topic: str) -> list[bytes]:
    """The values of all records of a topic."""
    return [record.value for record in await asyncio.to_thread(on, shop.desk.broker.address, topic)]


def test_every_promise_names_a_test_that_exists() -> None:
    """All 25, each with its tests."""
    lines = re.findall(r"^\| (\d+) \| .+ \| (.+) \|$", (ROOT / "docs/console.md").read_text(), re.M)
    assert [int(number) for number, _ in lines] == list(range(1, 26))
    for number, tests in lines:
        named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", tests)
        assert named, number
        for file, name in named:
            assert f"def {name}(" in (ROOT / file).read_text() if name else (ROOT / file).exists(), (number, file, name)


async def test_filters_order_and_page_stand_in_the_address(shop: Shop) -> None:
    """The next part keeps the filters, the address shows the same to anybody, and a filter that is chosen anew begins at part 1."""
    for n in range(130):
        await shop.desk.producer.send("customers", a_customer(f"K{n:03}", tier="lead"), key=f"K{n:03}".encode())
    await shop.desk.send("customers", "K130", a_customer("K130", tier="lead"))
    _, _, body = await shop.get("/customers?tier=lead&sort=name")
    following = html.unescape(re.search(r'rel="next" href="([^"]+)"', body)[1])  # type: ignore[index]
    assert following == "/customers?tier=lead&sort=name&page=2"
    _, _, second = await shop.get(following)
    assert len(re.findall("<tr data-row", second)) == 31
    assert 'rel="prev" href="/customers?tier=lead&amp;sort=name"' in second
    form = second.split('<form class="filters"')[1].split("</form>")[0]
    assert re.search(r'<option value="lead" selected>', form)
    assert re.search(r'<option value="name" selected>', form)
    assert 'name="page"' not in form


async def test_each_number_of_a_tile_is_that_of_its_list(shop: Shop) -> None:
    """On the worklist, of alarms, of rules and of rejected records; and what was not read is never zero."""
    checked = 0
    for page in ("/", "/alarms", "/suppressed", "/dead-letters"):
        _, _, body = await shop.get(page)
        tiles = body.split('<ul class="tiles">')[1].split("</ul>")[0]
        for link, number in re.findall(rf'<a href="([^"]+)"[^>]*><b>{NUMBER}</b>', tiles):
            _, _, behind = await shop.get(html.unescape(link))
            held = "/suppressed?date=" in link
            shown = re.search(
                rf'<p class="dim">{NUMBER} customers?</p>' if held else rf"<span>{NUMBER}(?: \w+)?</span>", behind
            )
            assert (shown[1] if shown else "0") == number, (page, link)
            checked += 1
    assert checked >= 10
    shop.desk.model.fresh_at = None
    for page in PAGES:
        _, _, body = await shop.get(page)
        if page == "/alarms":
            assert "<b>0</b>" not in body
            assert "<b>\N{EN DASH}</b>" in body


async def test_a_snooze_ends_at_the_chosen_instant_for_one_and_for_many(shop: Shop) -> None:
    """A date that is chosen, the hour of tomorrow, and that end stands on the alarm and in the list."""
    date = {"action": "snooze", "until": "date", "date": "2024-03-20T12:30", "reason": "on holiday"}
    assert (await shop.form("/alarms/a1", "/alarms/a1/act", date))[0] == 303
    assert "Snoozed until 20 Mar 2024, 12:30" in await text_of(shop, "/alarms/a1")
    many = {"action": "snooze", "until": "tomorrow", "reason": "on holiday", "alarm": "a5"}
    assert (await shop.form("/alarms", "/alarms/act", many))[0] == 303
    listed = await text_of(shop, "/alarms?state=snoozed")
    assert "Snoozed until 20 Mar 2024, 12:30" in listed
    assert "Snoozed until 6 Mar 2024, 09:00" in listed
    past = {"action": "snooze", "until": "date", "date": "2024-03-01T12:30", "reason": "late"}
    assert (await shop.form("/alarms/a2", "/alarms/a2/act", past))[0] == 400


async def test_two_people_on_one_alarm_are_both_told_of(shop: Shop) -> None:
    """The second acknowledgement is neither lost nor doubled, and the list names one who is on it."""
    for after, who in enumerate(("Eva", "Ben", "Ben"), 1):
        await shop.desk.act(an_action("a1", "ack", who, after, id=f"ack-{who}"))
    told = await text_of(shop, "/alarms/a1")
    assert (told.count("Eva : has taken it"), told.count("Ben : has taken it")) == (1, 1)
    assert re.search(r"(Eva|Ben) is on it", await text_of(shop, "/alarms?state=acknowledged&customer=C1"))


async def test_every_list_is_a_file_with_all_its_rows(shop: Shop) -> None:
    """Each page that offers it gives CSV, of the whole filter, with cells that no spreadsheet takes for a formula."""
    await shop.desk.send("customers", "C9", a_customer("C9", "=cmd()", store_id="@s9"))
    found = {}
    for page in PAGES:
        _, _, body = await shop.get(page)
        link = re.search(r'class="csv" href="([^"]+)"', body)
        if link is None:
            continue
        number = re.search(rf'aria-label="Parts of the list">\s*<span>{NUMBER}', body)
        status, heads, table = await shop.get(html.unescape(link[1]))
        assert (status, heads["Content-Type"]) == (200, "text/csv; charset=utf-8"), page
        rows = list(csv.reader(io.StringIO(table.removeprefix("\ufeff"))))
        assert len(rows) - 1 == int(number[1].replace(",", "")), page  # type: ignore[index]
        assert not [cell for row in rows for cell in row if cell[:1] in ("=", "+", "@") or cell[:2] == "-c"], page
        found[page] = len(rows)
    assert {"/", "/alarms", "/customers", "/themes", "/stores", "/suppressed", "/dead-letters"} <= found.keys()


async def test_the_page_of_an_alarm_is_its_whole_life(shop: Shop) -> None:
    """Raised, told on which channel or by which rule not, and what people did; who was not told is marked in every list."""
    await shop.form("/alarms/a1", "/alarms/a1/act", {"action": "act", "reason": "called"})
    life = (await text_of(shop, "/alarms/a1")).split("Its life")[1]
    for line in ("raised", "told on mail", "this machine (unverified) : has acted \N{EN DASH} “called”"):
        assert line in life, line
    told = await text_of(shop, "/alarms/a5")
    assert "Nobody was told: a graver alarm of the customer says the same" in told
    _, _, body = await shop.get("/alarms")
    row = body.split('id="alarm-a5"')[1].split("</tr>")[0]
    assert '<span class="mark">not sent</span>' in row
    assert "a graver alarm of the customer says the same" in await text_of(shop, "/suppressed?rule=inhibited")


async def test_a_customer_is_understood_on_the_first_screen(shop: Shop) -> None:
    """Why, what has changed, what is at stake, what to do until when, who is on it; each reason of the risk with its share."""
    _, _, body = await shop.get("/customers/C2")
    first = " ".join(re.sub(r"<[^>]+>", " ", body.split('class="columns first"')[1].split("</div>")[0]).split())
    for said in (
        "What happened",
        "The risk was 70% at the alarm and is 50% now.",
        "expected loss",
        "50% of",
        "Eva is on it",
    ):
        assert said in first, said
    parts = re.findall(r'<span class="number">(\d+)%</span> <span>(.+?)</span>', body)
    assert [int(share) for share, _ in parts] == [60, 30, 10]
    assert parts[0][1] == "silent for 60 days; usually buys every 14 days"
    assert '<a href="#risk">' in body
    link = re.search(r'told <a href="(/alarms/\w+)">', body)
    assert link is not None
    assert "The facts behind it" in await text_of(shop, link[1])
    asked = (await text_of(shop, "/customers/C1")).split("What happened")[1]
    assert "Until 8 Mar 2024, 10:00" in asked
    rhythm = (await shop.get("/customers/C1"))[2]
    assert 'class="silence"' in rhythm
    assert 'class="limit"' in rhythm


async def test_a_judgement_and_a_false_alarm_cost_one_press(shop: Shop) -> None:
    """The judgement is an event of the contract on `feedback`, by whoever judged; a false alarm has its reason from a list."""
    _, _, body = await shop.get("/customers/C1")
    assert re.findall(r'<button name="good" value="(\w+)">', body) == ["yes", "no"]
    before = len(await on_topic(shop, "feedback"))
    assert (await shop.form("/customers/C1", "/customers/C1/judgement", {"good": "no", "next": "/customers/C1"}))[
        0
    ] == 303
    assert "Judged not a good customer" in await text_of(shop, "/customers/C1")
    (raw,) = (await on_topic(shop, "feedback"))[before:]
    event = msgspec.to_builtins(decode(raw), enc_hook=int)
    assert {name: event[name] for name in ("customer_id", "good", "by", "source")} == {
        "customer_id": "C1",
        "good": False,
        "by": "this machine (unverified)",
        "source": "vigia-console",
    }
    assert event["time"] == shop.desk.now
    _, _, body = await shop.get("/alarms/a1")
    reasons = [html.unescape(one) for one in re.findall(r'<button name="reason" value="([^"]+)"', body)]
    assert len(reasons) == 5
    await shop.form("/alarms/a1", "/alarms/a1/act", {"action": "dismiss", "reason": reasons[0]})
    assert f"called it a false alarm \N{EN DASH} “{reasons[0]}”" in await text_of(shop, "/alarms/a1")


async def test_the_policy_in_force_is_shown_and_rejected_records_are_sent_back(shop: Shop) -> None:
    """By an owner alone; the record comes to its topic as it was, once, and leaves the list of those that wait."""
    assert "horizon = '90d'" in html.unescape((await shop.get("/policy"))[2])
    assert "version p2" in await text_of(shop, "/policy")
    for name, role in (("Olga", "owner"), ("Eva", "agent")):
        shop.accounts.add_user(name, role, PASSWORD)  # type: ignore[arg-type]
    for name, status in (("Eva", 403), ("Olga", 303)):
        await shop.post("/login", data={"name": name, "password": PASSWORD})
        chosen = {"letter": "purchases/0/3", "next": "/dead-letters"}
        assert (await shop.form("/dead-letters", "/dead-letters/replay", chosen))[0] == status
        assert await on_topic(shop, "purchases") == ([b"{"] if status == 303 else [])
    assert "Sent back: 1 record." in await text_of(shop, "/dead-letters?sent=all")
    async with asyncio.timeout(60):
        while "purchases/0@3 sent back" not in await text_of(shop, "/dead-letters?sent=yes"):
            await asyncio.sleep(0.05)
    assert "Nothing was rejected." in await text_of(shop, "/dead-letters")
