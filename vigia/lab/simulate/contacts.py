"""Simulate contacts other than sales: requests, answers, promises, campaigns, surveys.

An unattended request and a broken promise are mishaps; too many calls are a separate reason to leave.
"""

from vigia.lab.simulate.hours import DAY, HOUR, YEAR
from vigia.lab.simulate.life import Life
from vigia.lab.simulate.mishaps import mishap
from vigia.lab.simulate.people import CONSENT

QUESTIONS = 0.6  # a year, for the most active person
JUDGEMENTS = 0.04
TOPICS = ("delivery", "invoice", "return", "order_status", "product_advice")
STILL_WRITTEN_TO = 150 * DAY
PRESSED_LEAVE = 0.5


def between(life: Life, begin: int, end: int) -> None:
    """Simulate the contacts between two visits."""
    world, random, span = life.scene.world, life.rng.random, max(0, end - begin)
    years = span / YEAR
    for yearly, story in (
        (world.requests, _request),
        (QUESTIONS * life.who.active, _question),
        (world.promises, _promise),
        (world.pressed, _pressed),
        (JUDGEMENTS, _judged),
    ):
        if random() < yearly * years:
            at = begin + 1 + int(random() * span)
            if at < life.until:
                story(life, at)


def tone(life: Life) -> str:
    """Draw the tone of a contact from the mood."""
    heat = life.mood + life.rng.gauss(0.0, 0.12)
    return "rude" if heat < 0.25 else "tense" if heat < 0.45 else "calm"


def _request(life: Life, at: int) -> None:
    rng, writer, world = life.rng, life.writer, life.scene.world
    topic = rng.choice(TOPICS)
    request = f'"request_id":"{life.who.id}-r{at}"'
    asked = f',"channel":"{rng.choice(("phone", "email", "chat"))}","purpose":"service","topic":"{topic}",{request}'
    store = life.who.home
    event = writer.write(
        at,
        "desk",
        "contact.received",
        f'{asked},"request_status":"open","store_id":"{store.id}","tone":"{tone(life)}"',
    )
    answer = f',"channel":"email","purpose":"service","topic":"{topic}",{request}'
    cost = f',"staff_id":"desk-{rng.randint(1, 6)}","cost_minor":{rng.randint(150, 900)}'
    if rng.random() < world.unattended:
        if rng.random() < 0.4:
            late = life.scene.calendar.desk(at + int(rng.uniform(9, 20) * DAY))
            writer.write(late, "desk", "contact.made", f'{answer},"request_status":"closed"{cost}')
        felt = at + int(rng.uniform(3, 6) * DAY)
        if felt < life.until:
            mishap(life, felt, "request", store, event)
        return
    hours = rng.lognormvariate(1.3, 1.0) / store.care
    answered = life.scene.calendar.desk(at + int(min(hours, 60.0) * HOUR))
    closes = rng.random() < 0.6
    writer.write(
        answered, "desk", "contact.made", f'{answer},"request_status":"{"closed" if closes else "answered"}"{cost}'
    )
    if not closes:
        closed = answered + int(rng.uniform(2, 40) * HOUR)
        writer.write(
            closed, "desk", "contact.received", f'{asked},"request_status":"closed","satisfaction":{life.stars()}'
        )
    life.feel(0.03)


def _question(life: Life, at: int) -> None:
    channel = life.rng.choice(("phone", "email", "chat", "shop"))
    fields = f',"channel":"{channel}","topic":"{life.rng.choice(TOPICS)}","tone":"{tone(life)}"'
    life.writer.write(at, "desk", "contact.received", fields)


def _promise(life: Life, at: int) -> None:
    rng, writer, calendar = life.rng, life.writer, life.scene.calendar
    made = calendar.desk(at)
    due = calendar.desk(made + int(rng.uniform(2, 15) * DAY))
    if due >= calendar.end:
        return
    promise = f',"promise_id":"{life.who.id}-p{at}"'
    topic = rng.choice(("delivery_date", "call_back", "repair", "advertised_offer"))
    event = writer.write(made, "desk", "promise.made", f'{promise},"due":"{calendar.stamp(due)}","topic":"{topic}"')
    draw = rng.random()
    if draw < 0.87:
        writer.write(made + max(HOUR, int((due - made) * rng.uniform(0.3, 1.0))), "desk", "promise.kept", promise)
        life.feel(0.03)
        return
    felt = due + int(rng.uniform(1, 48) * HOUR)
    if draw < 0.95:  # the others are broken without an event
        writer.write(felt, "desk", "promise.broken", promise)
    if felt < life.until:
        mishap(life, felt, "promise", life.who.home, event)


def _pressed(life: Life, at: int) -> None:
    rng, calendar = life.rng, life.scene.calendar
    calls = sorted(calendar.desk(at + int(rng.random() * 30 * DAY)) for _ in range(rng.randint(8, 14)))
    fields = ',"channel":"phone","purpose":"marketing","topic":"telesales","cost_minor":120'
    events = [life.writer.write(call, "mail", "contact.made", fields) for call in calls]
    life.feel(-0.15)
    if rng.random() < PRESSED_LEAVE * life.scene.world.harm:
        life.leave(
            calls[rng.randint(6, len(calls) - 1)] + int(rng.uniform(0.1, 4) * DAY), "pressure", calls[0], events[0]
        )


def _judged(life: Life, at: int) -> None:
    good = life.mood + life.rng.gauss(0.0, 0.1) > 0.6
    fields = f',"good":{"true" if good else "false"},"by":"owner-{life.rng.randint(1, 4)}"'
    life.writer.write(life.scene.calendar.desk(at), "crm", "owner.judged", fields)


def survey(life: Life, at: int) -> None:
    """Write the answer to a survey, drawn from the mood."""
    stars = life.stars()
    recommend = min(10, max(0, stars * 2 + life.rng.randint(-2, 1)))
    life.writer.write(at, "mail", "survey.answered", f',"satisfaction":{stars},"would_recommend":{recommend}')


def campaigns(life: Life) -> None:
    """Write campaign messages, also to customers who have left unnoticed; some are answered."""
    rng, scene = life.rng, life.scene
    if not scene.campaigns or not life.who.consents:
        return
    years = (scene.calendar.end - scene.calendar.start) / YEAR
    chance = scene.world.outreach * years / len(scene.campaigns) / CONSENT
    for begins, name, channel in scene.campaigns:
        if life.first <= begins < life.until + STILL_WRITTEN_TO and rng.random() < chance:
            at = begins + rng.randint(0, 2 * HOUR)
            fields = f',"channel":"{channel}","purpose":"marketing","topic":"{name}","cost_minor":35'
            life.writer.write(at, "mail", "contact.made", fields)
            answered = at + int(rng.uniform(0.5, 200) * HOUR)
            if rng.random() < 0.25 * life.who.active and answered < life.until:
                life.writer.write(answered, "mail", "contact.received", f',"channel":"email","topic":"{name}"')
