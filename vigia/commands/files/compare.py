"""`vigia compare`: which alarms another policy gains and loses on the same events."""

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer
from typer import Option

from scorers.alarms.catalogue import KINDS, STATE_CHANGES
from vigia.commands.shared import arguments
from vigia.commands.shared.options import Events, Horizon
from vigia.readmodel.alarm_summary import read_alarms
from vigia.readmodel.run_folder import run_folder
from vigia.runtime.files.event_files import checked
from vigia.runtime.usage_error import UsageError

Key = tuple[str, str, str, int]


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

    Two alarms are the same if subject, kind and instant are equal. Withdrawn alarms do not count.
    """
    if len(policy) > 2:
        raise UsageError("--policy: give it once or twice; only two policies can be compared")
    if "-" in events:
        raise UsageError("'-': the events are read twice, and standard input can be read only once; give files")
    before, after = ([None, *policy] if len(policy) == 1 else policy)[:2]
    old, new = (_alarms(events, file, horizon) for file in (before, after))
    gained, lost = _by_kind(new - old), _by_kind(old - new)
    typer.echo(f"{'kind':26}{'before':>9}{'after':>9}{'gained':>9}{'lost':>9}")
    olds, news = _by_kind(old), _by_kind(new)
    for kind in [kind for kind in KINDS if olds[kind] or news[kind]]:
        typer.echo(f"{kind:26}{olds[kind]:9,}{news[kind]:9,}{gained[kind]:9,}{lost[kind]:9,}")
    typer.echo(f"{'all':26}{len(old):9,}{len(new):9,}{gained.total():9,}{lost.total():9,}")


def _alarms(events: list[str], file: Path | None, horizon: str | None) -> set[Key]:
    """Return the alarms that were raised and not withdrawn, each with its latest instant."""
    found: dict[str, Key] = {}
    with run_folder(checked(events), arguments.policy(file, horizon)) as folder:
        for alarm in read_alarms(folder):
            if alarm.kind in STATE_CHANGES:
                continue
            if alarm.type == "alarm.withdrawn":
                found.pop(alarm.alarm_id, None)
            else:
                found[alarm.alarm_id] = (alarm.kind, alarm.subject.type, alarm.subject.id, int(alarm.at))
    return set(found.values())


def _by_kind(keys: set[Key]) -> Counter[str]:
    return Counter(kind for kind, *_ in keys)
