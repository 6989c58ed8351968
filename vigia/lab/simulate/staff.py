"""How the shops' own people are: asked, thanked, answering; a shop in trouble shows it here early."""

from random import Random

from vigia.lab.simulate.hours import DAY
from vigia.lab.simulate.life import Pen, Put
from vigia.lab.simulate.world import Scene, Store

CODES = ("recognition", "independence", "contribution", "salary")
WARNS_BEFORE = 30 * DAY


def pulses(scene: Scene, seed: int, put: Put) -> None:
    """The staff events of every store, under the site's id."""
    for store in scene.stores:
        rng = Random(f"vigia {seed} staff {store.id}")
        pen = Pen(scene.calendar, put, store.id, store.id)
        at = scene.calendar.start + int(rng.uniform(1, 20) * DAY)
        while at < scene.calendar.end:
            _pulse(rng, pen, scene, store, at)
            at += int(rng.uniform(18, 26) * DAY)


def _pulse(rng: Random, pen: Pen, scene: Scene, store: Store, at: int) -> None:
    """One month's round; in a shop in trouble people are neither asked nor thanked, and say so."""
    begin, end = store.trouble
    trouble = begin - WARNS_BEFORE <= at < end
    site = f',"store_id":"{store.id}","pulse":'
    if not trouble:
        pen.say(scene.calendar.desk(at + DAY), "crm", "staff.pulse", f'{site}"thanked"')
    if rng.random() < (0.1 if trouble else 0.6):
        asked = scene.calendar.desk(at)
        pen.say(asked, "crm", "staff.pulse", f'{site}"asked"')
    if rng.random() < 0.6:
        score = rng.choice((1, 2, 2)) if trouble else rng.choice((3, 4, 4, 5))
        codes = ",".join(f'"{code}"' for code in CODES if rng.random() < 0.4)
        answered = scene.calendar.desk(at + int(rng.uniform(1, 4) * DAY))
        pen.say(answered, "crm", "staff.pulse", f'{site}"answered","codes":[{codes}],"score":{score}')
