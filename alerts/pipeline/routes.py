"""Who is told of what: the routes file, read and checked.

It holds channels, routes, quiet hours, which alarm mutes which, and the ladder by tier. It never holds a secret, only
where one lies. A file with any mistake is refused whole, with the line and the mend, so that a routes file that loads
means what it says.
"""

import hashlib
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from msgspec import Struct

from alerts.channels import email, log, webhook
from alerts.settings.hours import Interval, Minutes, Span
from alerts.settings.toml import BadSetting, Source, mend_name
from alerts.wording.playbooks import KINDS
from scorers.contract.alarms import Alarm, Severity, Skill, SubjectType, Tier, Treatment

UTC = ZoneInfo("UTC")
ChannelSettings = log.Settings | webhook.Settings | email.Settings
SECRETIVE = ("secret", "password", "passwd", "token", "apikey", "api_key", "key", "credential")


class Route(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The first route whose conditions all hold takes the alarm; a condition that is not given holds."""

    name: str
    severity: tuple[Severity, ...] = ()
    tier: tuple[Tier, ...] = ()
    kind: tuple[str, ...] = ()
    subject: tuple[SubjectType, ...] = ()
    treatment: tuple[Treatment, ...] = ()
    skill: tuple[Skill, ...] = ()
    store: tuple[str, ...] = ()
    to: tuple[str, ...] = ()
    quiet: str = ""
    digest: tuple[Minutes, ...] = ()
    suppress: str = ""

    def takes(self, alarm: Alarm) -> bool:
        """Whether all conditions hold; what is about no customer has the tier `none`."""
        return all(
            not wanted or has in wanted
            for wanted, has in (
                (self.severity, alarm.severity),
                (self.tier, alarm.tier or "none"),
                (self.kind, alarm.kind),
                (self.subject, alarm.subject.type),
                (self.treatment, alarm.treatment),
                (self.skill, alarm.skill),
                (self.store, alarm.store_id),
            )
        )

    @property
    def conditions(self) -> bool:
        """Whether it has any condition at all."""
        return any((self.severity, self.tier, self.kind, self.subject, self.treatment, self.skill, self.store))


class Rung(Struct, frozen=True, forbid_unknown_fields=True):
    """Whom to tell when nobody has acknowledged after this long."""

    after: Span
    to: tuple[str, ...]


class Ladder(Struct, frozen=True, forbid_unknown_fields=True):
    """What follows when nobody acknowledges: rungs upwards, and reminders that slow down with age."""

    rungs: tuple[Rung, ...] = ()
    remind: Span | None = None


class Head(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The lines above the tables."""

    zone: ZoneInfo = UTC
    hold_out: float = 0.0


class Routes(Struct, frozen=True, kw_only=True):
    """The whole file."""

    version: str
    zone: ZoneInfo = UTC
    hold_out: float = 0.0
    channels: Mapping[str, ChannelSettings]
    intervals: Mapping[str, Interval]
    routes: tuple[Route, ...]
    inhibit: Mapping[str, frozenset[str]]
    ladders: Mapping[str, Ladder]

    def match(self, alarm: Alarm) -> Route | None:
        """The first route that takes the alarm."""
        return next((route for route in self.routes if route.takes(alarm)), None)

    def ladder(self, alarm: Alarm) -> Ladder:
        """The ladder of the alarm's tier; without one nobody is pressed."""
        return self.ladders.get(alarm.tier or "none", Ladder())


TABLES = {"channel", "interval", "route", "inhibit", "ladder"}


def load(path: Path) -> Routes:
    """The routes in this file."""
    try:
        return read(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as fault:
        raise BadSetting(f"{path}: cannot be read ({type(fault).__name__}); give a readable UTF-8 file") from fault


def read(text: str, name: str = "routes.toml") -> Routes:
    """The routes in this text."""
    source = Source(text, name)
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as fault:
        raise BadSetting(f"{name}: is not TOML: {fault}; mend that place") from None
    for key in raw.keys() - TABLES - set(Head.__struct_fields__):
        raise source.wrong((key,), "unknown key", mend_name(key, TABLES | set(Head.__struct_fields__)))
    head = source.convert({k: v for k, v in raw.items() if k not in TABLES}, Head, ())
    if not 0 <= head.hold_out <= 1:
        raise source.wrong(("hold_out",), f"{head.hold_out} is no share", "write a number from 0 to 1")
    _refuse_secrets(source, raw.get("channel", {}), ("channel",))
    routes = Routes(
        version=hashlib.sha256(text.encode()).hexdigest()[:12],
        zone=head.zone,
        hold_out=head.hold_out,
        channels=_each(source, raw, "channel", ChannelSettings),
        intervals=_each(source, raw, "interval", Interval),
        routes=tuple(source.convert(one, Route, ("route", n)) for n, one in enumerate(_list(source, raw, "route"))),
        inhibit={k: frozenset(v) for k, v in _each(source, raw, "inhibit", tuple[str, ...]).items()},
        ladders=_each(source, raw, "ladder", Ladder),
    )
    for path, wrong, mend in _mistakes(routes):
        raise source.wrong(path, wrong, mend)
    return routes


def _each(source: Source, raw: Mapping[str, Any], table: str, kind: Any) -> dict[str, Any]:
    entries = source.convert(raw.get(table, {}), dict[str, Any], (table,))
    return {name: source.convert(value, kind, (table, name)) for name, value in entries.items()}


def _list(source: Source, raw: Mapping[str, Any], table: str) -> list[Any]:
    return source.convert(raw.get(table, []), list[Any], (table,))


def _mistakes(routes: Routes) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
    """What each part allows but the whole does not: key, fault, mend."""
    if not routes.channels:
        yield ("channel",), "no channel", 'add one, such as [channel.log] with type = "log"'
    for number, route in enumerate(routes.routes):
        here = ("route", number)
        yield from _unknown((*here, "to"), route.to, routes.channels)
        yield from _unknown((*here, "kind"), route.kind, KINDS)
        if route.quiet:
            yield from _unknown((*here, "quiet"), (route.quiet,), routes.intervals)
        if bool(route.to) == bool(route.suppress):
            yield (*here, "to"), "goes nowhere or both ways", "give either channels in to, or a reason in suppress"
        if not route.conditions and number < len(routes.routes) - 1:
            yield here, "has no condition, so later routes are never reached", "move it to the end"
        if route.name in {other.name for other in routes.routes[:number]}:
            yield (*here, "name"), "is used twice", "give each route its own name"
    for larger, smaller in routes.inhibit.items():
        yield from _unknown(("inhibit", larger), (larger, *smaller), KINDS)
        if larger in _below(routes.inhibit, larger):
            yield ("inhibit", larger), "mutes itself in a circle", "take one of the two directions out"
    for tier, ladder in routes.ladders.items():
        yield from _unknown(("ladder", tier), (tier,), get_args(Tier))
        if ladder.remind is not None and ladder.remind <= 0:
            yield ("ladder", tier, "remind"), "is no time at all", "give a length of time, or leave remind out"
        for number, rung in enumerate(ladder.rungs):
            yield from _unknown(("ladder", tier, "rungs", number, "to"), rung.to, routes.channels)
            if number and rung.after <= ladder.rungs[number - 1].after:
                yield ("ladder", tier, "rungs", number), "comes before the rung above it", "order rungs by after"


def _unknown(
    path: tuple[str | int, ...], names: tuple[str, ...], known: Any
) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
    for name in names:
        if name not in known:
            yield path, f"{name!r} is not known", mend_name(name, known)


def _below(inhibit: Mapping[str, frozenset[str]], kind: str) -> set[str]:
    below: set[str] = set()
    reach = set(inhibit.get(kind, ()))
    while reach:
        below |= reach
        reach = {under for one in reach for under in inhibit.get(one, ())} - below
    return below


def _refuse_secrets(source: Source, raw: object, path: tuple[str | int, ...]) -> None:
    """A secret in the file is refused before anything could repeat it."""
    if isinstance(raw, Mapping):
        for key, value in raw.items():
            plain = key.lower().replace("-", "_")
            if len(path) > 1 and not plain.endswith(("_env", "_file")) and plain.rstrip("s").endswith(SECRETIVE):
                mend = f"put it in the environment and write {plain}_env, or in a file and write {plain}_file"
                raise source.wrong((*path, key), "a secret has no place in this file", mend)
            _refuse_secrets(source, value, (*path, key))
    elif isinstance(raw, list):
        for number, value in enumerate(raw):
            _refuse_secrets(source, value, (*path, number))
    elif isinstance(raw, str) and (raw.startswith("whsec_") or ("://" in raw and "@" in urlsplit(raw).netloc)):
        mend = "name an environment variable that holds it (secrets_env, url_env) instead"
        raise source.wrong(path, "a secret has no place in this file", mend)
