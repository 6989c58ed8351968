"""The pages of the console, as a browser without scripts sees them."""

import html
import re
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import msgspec
import pytest

from scorers.contract.events import HOUR, Instant
from scorers.contract.wire import encode_worklist_entry
from tests.support.alarms import an_alarm
from tests.support.consoles import Shop, a_shop
from tests.support.readmodels import NOW, a_customer, an_action, an_entry
from vigia.console.entry.access import Access
from vigia.console.pages import MODULES
from vigia.runtime.answering.links import Links

HOSTILE = """<script>alert(1)</script>" onmouseover="x" {{7*7}} '=1+1"""
ODD = "C/2 ? # % ñ"
PAGES = tuple(
    route.path
    for module in MODULES
    for route in module.routes()
    if "GET" in route.methods and "{" not in route.path  # type: ignore[attr-defined]
)


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    """A console over a broker."""
    async with a_shop(tmp_path) as found:
        yield found


async def fill(shop: Shop, name: str = "Ana Ruiz") -> None:
    """A customer with an alarm, on the worklist."""
    await shop.desk.send("customers", "C1", a_customer("C1", name))
    alarm = an_alarm(
        NOW,
        "a1",
        value_at_risk_minor=5_000,
        currency="EUR",
        risk=0.8,
        kind="gone-quiet",
        treatment="incentive",
        name=name,
    )
    await shop.desk.alarms(alarm)
    await shop.desk.send("worklist", "C1", encode_worklist_entry(an_entry("C1")))


@pytest.mark.parametrize("language", ["en", "es"])
async def test_every_page_opens_empty_and_full(shop: Shop, language: str) -> None:
    """With one h1, a title of its own, a language, and no inline script or style; a text that is not translated is a fault."""
    heads = {"Accept-Language": language}
    for name in ("", "Ana Ruiz"):
        titles = []
        if name:
            await fill(shop)
        for path in (*PAGES, *(("/customers/C1", "/alarms/a1") if name else ())):
            status, answered, body = await shop.get(path, headers=heads)
            assert status == 200, path
            assert len(re.findall(r"<h1[ >]", body)) == 1, path
            assert f'<html lang="{language}">' in body
            for time in re.findall(r"<time[^>]*>", body.split("<h1")[1].split("</h1>", 1)[1]):
                assert re.fullmatch(r'<time datetime="[\dT:.-]+Z" title="[^"]+, \d\d:\d\d \w+">', time), (path, time)
            assert not re.search(r"<script(?![^>]* src=)|<style|\sstyle=|\son[a-z]+=|hx-on", body), path
            assert "default-src 'none'" in answered["Content-Security-Policy"]
            assert "unsafe" not in answered["Content-Security-Policy"]
            titles.append(re.search(r"<title>(.+?)</title>", body)[1])  # type: ignore[index]
        assert len(set(titles)) == len(titles)


async def test_texts_from_outside_are_inert(shop: Shop) -> None:
    """In every page, in the address of a filter, and in CSV."""
    await fill(shop, HOSTILE)
    for path in (
        *PAGES,
        "/customers/C1",
        "/alarms/a1",
        f"/customers?q={quote(HOSTILE)}",
        f"/alarms?store={quote(HOSTILE)}",
    ):
        _, _, body = await shop.get(path)
        assert "<script>alert" not in body, path
        assert '" onmouseover' not in body, path
        assert "49" not in re.sub(r"\d{3,}", "", body.split("<main")[1]) or "{{7*7}}" in html.unescape(body), path
    _, heads, table = await shop.get("/customers?format=csv")
    assert heads["Content-Type"].startswith("text/csv")
    assert "attachment" in heads["Content-Disposition"]
    assert '"=1+1' not in table


async def test_empty_lists_say_what_to_do(shop: Shop) -> None:
    """Nothing yet, nothing for these filters, and nothing read are three texts."""
    _, _, body = await shop.get("/customers")
    assert "No customer is known yet." in body
    assert "vigia publish" in body
    _, _, body = await shop.get("/customers?tier=gold")
    assert "Nothing fits these filters." in body
    assert 'href="/customers">' in body
    shop.desk.model.fresh_at = None
    shop.desk.model.problem = "Kafka does not answer"
    _, _, body = await shop.get("/customers")
    assert "Not known yet." in body
    assert "No customer is known yet." not in body
    assert "Kafka does not answer." in body


async def test_old_data_stand_on_every_page(shop: Shop) -> None:
    """With the time when they were current."""
    assert shop.desk.model.fresh_at is not None
    for path in PAGES:
        shop.desk.model.fresh_at = 1_709_632_800.0
        _, _, body = await shop.get(path)
        assert "These data are old." in body, path
        assert "5 Mar 2024, 10:00" in body, path


async def test_a_number_is_the_count_of_the_list_behind_it(shop: Shop) -> None:
    """Each linked number of the base, and of the tiles of alarms."""
    for n, (stage, tier) in enumerate([("dormant", "gold"), ("dormant", "iron"), ("core_customer", "gold")] * 3):
        await shop.desk.send("customers", f"K{n}", a_customer(f"K{n}", stage=stage, tier=tier, store_id=f"s{n % 2}"))
    await shop.desk.alarms(*(an_alarm(NOW, f"a{n}", f"K{n}") for n in range(3)))
    checked = 0
    for page, noun in (("/base", "customer"), ("/stores", "customer"), ("/alarms", "alarm"), ("/customers", "alarm")):
        _, _, body = await shop.get(page)
        for link, number in re.findall(r'<a href="([^"]+)"[^>]*>(?:<b>)?([\d,]+)(?:</b>)?', body):
            _, _, behind = await shop.get(html.unescape(link))
            what = "alarm" if link.startswith("/alarms") else noun if noun == "customer" else "customer"
            shown = re.search(rf"<span>([\d,]+) {what}s?</span>", behind)
            assert (shown[1] if shown else "0") == number, (page, link)
            checked += 1
    assert checked > 12


async def test_an_action_of_a_form_is_shown_and_can_be_taken_back(shop: Shop) -> None:
    """After the answer the page is true, says what was done, by whom, and until when."""
    await fill(shop)
    status, heads, _ = await shop.form(
        "/alarms/a1", "/alarms/a1/act", {"action": "snooze", "until": "week", "reason": "away", "next": "/alarms/a1"}
    )
    assert (status, heads["Location"]) == (303, "/alarms/a1")
    _, _, body = await shop.get("/alarms/a1")
    assert "Snoozed it." in body
    assert "Snoozed until" in body
    assert "12 Mar 2024, 11:00" in body
    assert "this machine (unverified)" in body
    _, _, body = await shop.get("/alarms?state=snoozed")
    assert "Ana Ruiz has gone quiet" in body
    await shop.form("/alarms/a1", "/alarms/a1/act", {"action": "undo"})
    _, _, body = await shop.get("/alarms/a1")
    assert "Nobody yet" in body
    assert "taken back" in body
    status, _, body = await shop.form("/alarms/a1", "/alarms/a1/act", {"action": "snooze", "until": "week"})
    assert (status, "a snooze needs a reason" in body) == (400, True)


async def test_several_alarms_are_answered_in_one_go(shop: Shop) -> None:
    """Each failure is told, the rest goes through."""
    await shop.desk.alarms(*(an_alarm(NOW, f"a{n}", f"C{n}") for n in range(50)))
    ended = msgspec.structs.replace(
        an_alarm(NOW, "a7", "C7"), type="alarm.settled", time=Instant(NOW + HOUR), outcome="lost"
    )
    await shop.desk.alarms(ended)
    _, _, body = await shop.get("/alarms")
    token = body.split('name="csrf" value="')[1].split('"')[0]
    fields = [("csrf", token), ("action", "ack"), ("next", "/alarms"), *(("alarm", f"a{n}") for n in range(50))]
    status, _, _ = await shop.post("/alarms/act", data=fields)
    assert status == 303
    _, _, body = await shop.get("/alarms")
    said = html.unescape(body.split('id="said"')[1].split("</p>")[0])
    assert "49 alarms: has taken it. 1 failed: a7: the alarm is over" in said
    assert (await shop.get("/api/v1/alarms?state=acknowledged"))[2]["total"] == 49


async def test_a_form_of_another_page_changes_nothing(shop: Shop) -> None:
    """Without the token of the session, with that of another one, or from another origin."""
    await fill(shop)
    _, _, body = await shop.get("/alarms/a1")
    token = body.split('name="csrf" value="')[1].split('"')[0]
    for fields, heads in (
        ({}, {}),
        ({"csrf": "0" * 64}, {}),
        ({"csrf": token}, {"Origin": "https://evil.example"}),
        ({"csrf": token}, {"Sec-Fetch-Site": "cross-site"}),
    ):
        status, _, _ = await shop.post("/alarms/a1/act", data={"action": "ack", **fields}, headers=heads)
        assert status == 403, (fields, heads)
    assert (await shop.post("/alarms/a1/act", data={"action": "ack", "csrf": token}))[0] == 303


async def test_the_sign_in_leads_back_and_nowhere_outside(shop: Shop) -> None:
    """A link to an alarm opens it after the sign-in; roles decide what may be done; htmx is told in its own way."""
    await fill(shop)
    for name, role in (("Eva", "agent"), ("Vera", "viewer")):
        shop.accounts.add_user(name, role, "a long password")  # type: ignore[arg-type]
    status, heads, _ = await shop.get("/alarms/a1?x=1")
    assert (status, heads["Location"]) == (303, "/login?next=%2Falarms%2Fa1%3Fx%3D1")
    assert (await shop.get("/alarms", headers={"HX-Request": "true"}))[:2][1]["HX-Redirect"] == "/login"
    wrong = {"name": "Eva", "password": "guess", "next": "/"}
    assert (await shop.post("/login", data=wrong))[0] == 401
    for target, led in (("/alarms/a1", "/alarms/a1"), ("https://evil.example", "/"), ("//evil.example", "/")):
        status, heads, _ = await shop.post(
            "/login", data={"name": "Vera", "password": "a long password", "next": target}
        )
        assert (status, heads["Location"]) == (303, led)
    _, _, body = await shop.get("/alarms/a1")
    assert "I take it" not in body
    token = body.split('name="csrf" value="')[1].split('"')[0]
    assert (await shop.post("/alarms/a1/act", data={"action": "ack", "csrf": token}))[0] == 403
    await shop.post("/login", data={"name": "Eva", "password": "a long password"})
    assert (await shop.form("/alarms/a1", "/alarms/a1/act", {"action": "ack"}))[0] == 303
    assert "Eva is on it" in (await shop.get("/alarms/a1"))[2]
    shop.accounts.add_user("Eva", "agent", "another password")
    assert (await shop.get("/alarms/a1"))[0] == 303, "a new password ends the session"
    for _ in range(8):
        await shop.post("/login", data=wrong)
    assert (await shop.post("/login", data={"name": "Eva", "password": "another password"}))[0] == 429
    shop.console.access = Access(shop.accounts, shop.console.config)
    assert (await shop.post("/login", data={"name": "Eva", "password": "another password"}))[0] == 303, (
        "one console counts"
    )


async def test_a_signed_link_shows_and_acts_once_by_post(shop: Shop) -> None:
    """Whoever opens it sees the alarm; a second press changes nothing; a forged one shows nothing."""
    await fill(shop)
    links = Links("https://vigia.example.com", ["0" * 32])
    shop.console.links = links
    path = links.make("a1", "Eva", "m1", Instant(shop.desk.now)).removeprefix("https://vigia.example.com")
    shop.accounts.add_user("Ben", "owner", "a long password")
    for _ in range(3):
        status, _, body = await shop.get(path + "?do=act")
        assert (status, "Ana Ruiz has gone quiet" in body, "Eva (by link)" in body) == (200, True, True)
    assert await shop.desk.model.ask(lambda db: db.alarms.actions("a1")) == []
    for answer in ("ack", "dismiss"):
        assert (await shop.post(path, data={"action": answer}))[0] == 303
    _, _, body = await shop.get(path)
    assert "This link has been used." in body
    assert len(await shop.desk.model.ask(lambda db: db.alarms.actions("a1"))) == 1
    status, _, body = await shop.get(path[:-3] + "abc")
    assert (status, "Ana" in body) == (404, False)


async def test_unknown_ids_are_pages_and_odd_ids_open(shop: Shop) -> None:
    """Slashes, question marks, hashes, percent signs and blanks; 404 within what every page shows."""
    await shop.desk.send("customers", ODD, a_customer(ODD, "Odd One"))
    await shop.desk.alarms(an_alarm(NOW, ODD, ODD))
    for path in ("/customers", "/alarms"):
        _, _, body = await shop.get(path)
        link = next(one for one in re.findall(r'href="([^"]+)"', body) if quote(ODD, safe="") in one)
        assert (await shop.get(link))[0] == 200, link
        status, _, body = await shop.get(f"{path}/nobody")
        assert (status, "Nothing with this id is known here." in body, "<nav" in body) == (404, True, True)
    assert (await shop.get("/nothing"))[0] == 404


async def test_what_staff_judge_is_an_event(shop: Shop) -> None:
    """On `feedback`, of the contract, under the name of who judged."""
    await fill(shop)
    status, _, _ = await shop.form("/customers/C1", "/customers/C1/judgement", {"good": "no"})
    assert status == 303


async def test_the_worklist_shows_who_is_on_it(shop: Shop) -> None:
    """A press takes an entry, and the same person may take it back."""
    await fill(shop)
    await shop.form("/", "/worklist/2024-03-05/C1/act", {"action": "ack"})
    assert "this machine (unverified): has taken it" in (await shop.get("/"))[2]
    await shop.form("/", "/worklist/2024-03-05/C1/act", {"action": "undo"})
    assert "has taken it" not in (await shop.get("/"))[2].split("<table")[1]
    await shop.desk.act(an_action(None, "act", "Ben", worklist_date="2024-03-05", reason="called"))
    assert "Ben: has acted" in (await shop.get("/"))[2]
