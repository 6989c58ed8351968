"""`vigia compare`: which alarms another policy gains and loses on the same events."""

from collections import Counter, defaultdict
from pathlib import Path
from typing import Annotated

import typer
from msgspec import Struct
from typer import Option

from scorers.alarms.catalogue import KINDS, STATE_CHANGES
from scorers.contract.events import Micros
from vigia.commands.shared import arguments
from vigia.commands.shared.options import Events, Horizon
from vigia.readmodel.alarm_summary import read_alarms
from vigia.readmodel.run_folder import run_folder
from vigia.runtime.files.event_files import checked
from vigia.runtime.usage_error import UsageError

Place = tuple[str, str, str]
"""Kind, and type and id of the subject."""

FOREVER: Micros = 1 << 62


class Episode(Struct):
    """An alarm of one run: its id, when it became true, and when it ended."""

    alarm_id: str
    at: Micros
    end: Micros = FOREVER


Run = dict[Place, list[Episode]]


class Difference(Struct):
    """How many alarms of two runs are in one only, and how many are in both at other instants; by kind."""

    gained: Counter[str]
    lost: Counter[str]
    moved: Counter[str]


def compare(
    events: Events,
    policy: Annotated[
        list[Path],
        Option(
            metavar="FILE", help="Given twice: compare the first with the second; once: compare the defaults with it."
        ),
    ],
    horizon: Horizon = None,
) -> None:
    """Compare two policies on your own events: alarms gained and lost, by kind.

    Two alarms are the same if they have the subject, the kind and the episode in common: the fact that opened it, or time.
    An alarm that only comes earlier or later has moved. Withdrawn alarms do not count.
    """
    if len(policy) > 2:
        raise UsageError("--policy: give it once or twice; only two policies can be compared")
    if "-" in events:
        raise UsageError("'-': the events are read twice, and standard input can be read only once; give files")
    before, after = ([None, *policy] if len(policy) == 1 else policy)[:2]
    old, new = (_run(events, file, horizon) for file in (before, after))
    found = difference(old, new)
    typer.echo(f"{'kind':26}{'before':>9}{'after':>9}{'gained':>9}{'lost':>9}{'moved':>9}")
    olds, news = _by_kind(old), _by_kind(new)
    columns = (olds, news, found.gained, found.lost, found.moved)
    for kind in [kind for kind in KINDS if olds[kind] or news[kind]]:
        typer.echo(f"{kind:26}" + "".join(f"{column[kind]:9,}" for column in columns))
    typer.echo(f"{'all':26}" + "".join(f"{column.total():9,}" for column in columns))


def difference(old: Run, new: Run) -> Difference:
    """Compare the alarms of two runs.

    >>> one, other = {("gone-quiet", "customer", "C1"): [Episode("a", 5)]}, {("gone-quiet", "customer", "C1"): [Episode("a", 7)]}
    >>> difference(one, other)
    Difference(gained=Counter(), lost=Counter(), moved=Counter({'gone-quiet': 1}))
    """
    found = Difference(Counter(), Counter(), Counter())
    for place in old.keys() | new.keys():
        kind, olds, news = place[0], old.get(place, []), new.get(place, [])
        pairs = _paired(olds, news)
        found.lost[kind] += len(olds) - len(pairs)
        found.gained[kind] += len(news) - len(pairs)
        found.moved[kind] += sum(a.at != b.at for a, b in pairs)
    return Difference(+found.gained, +found.lost, +found.moved)


def _paired(olds: list[Episode], news: list[Episode]) -> list[tuple[Episode, Episode]]:
    """The episodes of a subject that are the same: first those with one id, then those that overlap, in order of time."""
    by_id = {one.alarm_id: one for one in news}
    pairs = [(one, by_id.pop(one.alarm_id)) for one in olds if one.alarm_id in by_id]
    paired = {one.alarm_id for one, _ in pairs}
    left = sorted((one for one in olds if one.alarm_id not in paired), key=lambda one: one.at)
    for one in left:
        other = next((b for b in sorted(by_id.values(), key=lambda b: b.at) if b.at < one.end and one.at < b.end), None)
        if other is not None:
            pairs.append((one, by_id.pop(other.alarm_id)))
    return pairs


def _run(events: list[str], file: Path | None, horizon: str | None) -> Run:
    """The alarms that were raised and not withdrawn, each with its latest instant."""
    found: dict[str, tuple[Place, Episode]] = {}
    with run_folder(checked(events), arguments.policy(file, horizon)) as folder:
        for alarm in read_alarms(folder):
            if alarm.kind in STATE_CHANGES:
                continue
            if alarm.type == "alarm.withdrawn":
                found.pop(alarm.alarm_id, None)
                continue
            place: Place = (alarm.kind, alarm.subject.type, alarm.subject.id)
            end = int(alarm.time) if alarm.type == "alarm.settled" else FOREVER
            found[alarm.alarm_id] = place, Episode(alarm.alarm_id, int(alarm.at), end)
    run: Run = defaultdict(list)
    for where, episode in found.values():
        run[where].append(episode)
    return run


def _by_kind(run: Run) -> Counter[str]:
    counts = Counter[str]()
    for (kind, *_), episodes in run.items():
        counts[kind] += len(episodes)
    return counts
