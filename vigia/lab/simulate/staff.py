"""Simulate staff surveys of the stores; they get worse 30 days before a store's trouble."""

from random import Random

from vigia.lab.simulate.hours import DAY
from vigia.lab.simulate.life import EventWriter, Put
from vigia.lab.simulate.world import Scene, Store

CODES = ("recognition", "independence", "contribution", "salary")
WARNS_BEFORE = 30 * DAY


def pulses(scene: Scene, seed: int, put: Put) -> None:
    """Write the staff events of every store, under the id of its site."""
    for store in scene.stores:
        rng = Random(f"vigia {seed} staff {store.id}")
        writer = EventWriter(scene.calendar, put, store.id, store.id)
        at = scene.calendar.start + int(rng.uniform(1, 20) * DAY)
        while at < scene.calendar.end:
            _pulse(rng, writer, scene, store, at)
            at += int(rng.uniform(18, 26) * DAY)


def _pulse(rng: Random, writer: EventWriter, scene: Scene, store: Store, at: int) -> None:
    """Write one monthly round; in a store in trouble staff are neither asked nor thanked and answer low scores."""
    begin, end = store.trouble
    trouble = begin - WARNS_BEFORE <= at < end
    site = f',"store_id":"{store.id}","pulse":'
    if not trouble:
        writer.write(scene.calendar.desk(at + DAY), "crm", "staff.pulse", f'{site}"thanked"')
    if rng.random() < (0.1 if trouble else 0.6):
        asked = scene.calendar.desk(at)
        writer.write(asked, "crm", "staff.pulse", f'{site}"asked"')
    if rng.random() < 0.6:
        score = rng.choice((1, 2, 2)) if trouble else rng.choice((3, 4, 4, 5))
        codes = ",".join(f'"{code}"' for code in CODES if rng.random() < 0.4)
        answered = scene.calendar.desk(at + int(rng.uniform(1, 4) * DAY))
        writer.write(answered, "crm", "staff.pulse", f'{site}"answered","codes":[{codes}],"score":{score}')
