"""Reads and checks the routes file: channels, routes, quiet hours, which alarm inhibits which, and the ladder of each tier.

It holds no secret, only the name of the place where one is. A file with any mistake is rejected as a whole, with the
line and the correction.
"""

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path as FilePath
from typing import Any, TypeVar, get_args
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct

from alerts.channels.catalogue import CHANNELS
from alerts.channels.contract import ChannelSettings
from alerts.settings.away import Away, stand_in
from alerts.settings.away import mistakes as wrong_absences
from alerts.settings.hours import Interval, Minutes
from alerts.settings.toml import BadSetting, SettingsText
from alerts.wording.playbooks import KINDS
from alerts.wording.templates import BadTemplate, MessageTemplate, read_template
from scorers.contract.alarms import Alarm, Severity, Skill, SubjectType, Tier, Treatment
from scorers.contract.events import Instant
from scorers.policy.business_calendar import Calendar
from scorers.policy.by_tier import ByTier
from scorers.policy.spans import Span
from scorers.policy.tables import Policy
from scorers.policy.toml_errors import Path, did_you_mean
from vigia.runtime.answering.links import wrong_address

T = TypeVar("T")
UTC = ZoneInfo("UTC")
CLOSED = "closed"  # the quiet hours in which the business is closed, by the calendar of the policy
NIGHT = "night"  # the quiet hours of reminders and escalations whose route names none
DEFAULT_NIGHT = Interval(Minutes.read("21:00"), Minutes.read("08:00"))
SECRET_WORDS = ("secret", "password", "passwd", "token", "apikey", "api_key", "key", "credential")


class Route(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where alarms go that meet all its conditions; the first route that matches an alarm is used."""

    name: str
    severity: tuple[Severity, ...] = ()
    tier: tuple[Tier, ...] = ()
    kind: tuple[str, ...] = ()
    subject: tuple[SubjectType, ...] = ()
    treatment: tuple[Treatment, ...] = ()
    skill: tuple[Skill, ...] = ()
    store: tuple[str, ...] = ()
    owner: tuple[str, ...] = ()
    language: tuple[str, ...] = ()
    to: tuple[str, ...] = ()
    quiet: str = ""
    digest: tuple[Minutes, ...] = ()
    suppress: str = ""

    def matches(self, alarm: Alarm) -> bool:
        """Whether all conditions hold; an alarm about no customer has the tier `none`."""
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
                (self.owner, alarm.owner_id),
                (self.language, (alarm.locale or "").replace("_", "-").partition("-")[0].lower()),
            )
        )

    @property
    def has_conditions(self) -> bool:
        """Whether it has any condition."""
        conditions = (self.severity, self.tier, self.kind, self.subject, self.treatment, self.skill, self.store)
        return any((*conditions, self.owner, self.language))


class Rung(Struct, frozen=True, forbid_unknown_fields=True):
    """Whom to notify next if nobody has acknowledged so long after the first notification."""

    after: Span
    to: tuple[str, ...]


class Ladder(Struct, frozen=True, forbid_unknown_fields=True):
    """What follows if nobody acknowledges: escalations, and reminders at growing intervals."""

    rungs: tuple[Rung, ...] = ()
    remind: Span | None = None


class WorklistRoute(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When the worklist of the day before goes, and to which channels: those of the last route if none is named."""

    send: bool = True
    digest: tuple[Minutes, ...] = (Minutes.read("09:00"),)
    to: tuple[str, ...] = ()


class General(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The settings above the tables."""

    zone: ZoneInfo | None = None  # that of the policy, if it is left out


class Messages(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The files of own templates of messages, by language, as seen from the folder of the routes."""

    en: str = ""
    es: str = ""


class Console(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where people answer: the address of the console, which signed links in messages lead to; empty makes no links."""

    public_url: str = ""


class Routes(Struct, frozen=True, kw_only=True):
    """The whole file."""

    version: str
    zone: ZoneInfo = UTC
    has_own_zone: bool = False
    hold_out: float = 0.0
    channels: Mapping[str, ChannelSettings]
    intervals: Mapping[str, Interval]
    routes: tuple[Route, ...]
    inhibit: Mapping[str, frozenset[str]]
    ladders: ByTier[Ladder]
    worklist: WorklistRoute = WorklistRoute()
    console: Console = Console()
    away: tuple[Away, ...] = ()
    templates: Mapping[str, MessageTemplate] = {}  # by language, in the place of those that ship with Vigía
    calendars: Mapping[str, Calendar] = {}  # of stores with hours of their own, and under "" that of the business

    @property
    def worklist_channels(self) -> tuple[str, ...]:
        """The channels to which the worklist goes."""
        return self.worklist.to or next((route.to for route in reversed(self.routes) if route.to), ())

    def match(self, alarm: Alarm) -> Route | None:
        """The first route that matches the alarm."""
        return next((route for route in self.routes if route.matches(alarm)), None)

    def under(self, policy: Policy) -> "Routes":
        """The routes with the hold-out of the policy, and in its zone unless their file names another."""
        zone = self.zone if self.has_own_zone else ZoneInfo(policy.time.zone)
        opening, name = policy.calendar, policy.time.zone
        calendars = {store: Calendar(opening.of_store(store), name) for store in opening.stores}
        calendars[""] = Calendar(opening, name)
        return msgspec.structs.replace(self, zone=zone, hold_out=policy.hold_out.share, calendars=calendars)

    def awake(self, alarm: Alarm, at: Instant) -> Instant:
        """The instant, or the end of the quiet hours that it is in: those of the alarm's route, else `night`. Nothing critical waits."""
        if alarm.severity == "critical":
            return at
        route = self.match(alarm)
        return self.quiet_until(route.quiet if route is not None and route.quiet else NIGHT, alarm, at) or at

    def quiet_until(self, name: str, alarm: Alarm, at: Instant) -> Instant | None:
        """The end of these quiet hours if the instant is in them; `closed` are those in which the alarm's store, or the business, is."""
        if name != CLOSED:
            return self.intervals.get(name, DEFAULT_NIGHT).ends(at, self.zone)
        calendar = self.calendars.get(alarm.store_id or "", self.calendars.get(""))
        opens = at if calendar is None else Instant(calendar.add(at, 1) - 1)
        return opens if opens > at else None

    def stand_in(self, channel: str, now: Instant) -> str:
        """The channel that gets what would go to this one now: its deputy while it is away."""
        return stand_in(self.away, channel, now, self.zone)

    def ladder(self, alarm: Alarm) -> Ladder:
        """The ladder of the alarm's tier; an empty one does nothing."""
        return self.ladders.of(alarm.tier or "none")


TABLES = ("channel", "interval", "route", "inhibit", "ladder", "worklist", "console", "away", "messages")
TIERS: tuple[Tier, ...] = get_args(Tier)


def load(path: FilePath) -> Routes:
    """The routes in this file."""
    try:
        return read(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as fault:
        raise BadSetting(f"{path}: cannot be read ({type(fault).__name__}); give a readable UTF-8 file") from fault


def read(text: str, name: str = "routes.toml") -> Routes:
    """The routes in this text."""
    toml = SettingsText(text, name)
    raw = toml.parse()
    known = (*TABLES, *General.__struct_fields__)
    if "hold_out" in raw:
        raise toml.wrong(
            ("hold_out",), "is gone; write share under [hold_out] in the policy, which the worklist follows too"
        )
    for key in raw.keys() - set(known):
        raise toml.wrong((key,), f"is not a known key; {did_you_mean(key, known)}")
    general = toml.convert({k: v for k, v in raw.items() if k not in TABLES}, General, ())
    _refuse_secrets(toml, raw.get("channel", {}), ("channel",))
    ladders = toml.convert(raw.get("ladder", {}), dict[str, Any], ("ladder",))
    routes = Routes(
        version=hashlib.sha256(text.encode()).hexdigest()[:12],
        zone=general.zone or UTC,
        has_own_zone=general.zone is not None,
        channels=_each(toml, raw, "channel", _channel_type),
        intervals=_each(toml, raw, "interval", lambda *_: Interval),
        routes=tuple(
            toml.convert(table, Route, ("route", number))
            for number, table in enumerate(toml.convert(raw.get("route", []), list[Any], ("route",)))
        ),
        inhibit=_each(toml, raw, "inhibit", lambda *_: frozenset[str]),
        worklist=toml.convert(raw.get("worklist", {}), WorklistRoute, ("worklist",)),
        templates=dict(_templates(toml, toml.convert(raw.get("messages", {}), Messages, ("messages",)))),
        away=tuple(
            toml.convert(table, Away, ("away", number))
            for number, table in enumerate(toml.convert(raw.get("away", []), list[Any], ("away",)))
        ),
        console=toml.convert(raw.get("console", {}), Console, ("console",)),
        ladders=toml.convert({tier: ladders.pop(tier, {}) for tier in TIERS} | ladders, ByTier[Ladder], ("ladder",)),
    )
    for path, why in _mistakes(routes):
        raise toml.wrong(path, why)
    return routes


def _each(
    toml: SettingsText, raw: Mapping[str, Any], table: str, type_of: Callable[[SettingsText, str, Any], type[T]]
) -> dict[str, T]:
    """The entries of a table by name, each as the type that `type_of` names for it."""
    entries = toml.convert(raw.get(table, {}), dict[str, Any], (table,))
    return {name: toml.convert(value, type_of(toml, name, value), (table, name)) for name, value in entries.items()}


def _templates(toml: SettingsText, named: Messages) -> Iterator[tuple[str, MessageTemplate]]:
    for language, file in msgspec.structs.asdict(named).items():
        if file:
            try:
                yield language, read_template(FilePath(toml.name).parent / file)
            except BadTemplate as fault:
                raise toml.wrong(("messages", language), str(fault)) from None


def _channel_type(toml: SettingsText, name: str, value: object) -> type[ChannelSettings]:
    kind = toml.convert(value, dict[str, Any], ("channel", name)).get("type")
    if kind not in CHANNELS:
        wrong = f"{kind!r} is not a type of channel" if kind is not None else "is missing"
        raise toml.wrong(("channel", name, "type"), f"{wrong}; {did_you_mean(str(kind), CHANNELS)}")
    return CHANNELS[str(kind)]


def _mistakes(routes: Routes) -> Iterator[tuple[Path, str]]:
    """What is wrong between parts that are each right: the key, and the fault with its correction."""
    if not routes.channels:
        yield ("channel",), "no channel; add one, such as [channel.log] with type = 'log'"
    for number, route in enumerate(routes.routes):
        here = ("route", number)
        yield from _unknown((*here, "to"), route.to, routes.channels)
        yield from _unknown((*here, "kind"), route.kind, KINDS)
        if route.quiet:
            yield from _unknown((*here, "quiet"), (route.quiet,), (*routes.intervals, CLOSED))
        if bool(route.to) == bool(route.suppress):
            yield (*here, "to"), "needs channels here or a reason in suppress, not both; give one of the two"
        if not route.has_conditions and number < len(routes.routes) - 1:
            yield here, "has no condition, so later routes are never reached; move it to the end"
        if route.name in {other.name for other in routes.routes[:number]}:
            yield (*here, "name"), "is used twice; give each route its own name"
    if CLOSED in routes.intervals:
        yield (
            ("interval", CLOSED),
            "is the name of the hours in which the business is closed, by the policy; give another",
        )
    for number, absence in enumerate(routes.away):
        for key in ("channel", "deputy"):
            yield from _unknown(("away", number, key), (getattr(absence, key),), routes.channels)
    for number, key, why in wrong_absences(routes.away):
        yield ("away", number, key), why
    if routes.console.public_url and (wrong := wrong_address(routes.console.public_url)):
        yield ("console", "public_url"), wrong
    yield from _unknown(("worklist", "to"), routes.worklist.to, routes.channels)
    if not routes.worklist.digest:
        yield ("worklist", "digest"), "is empty; give a time of day, or write send = false to send no worklist"
    for larger, smaller in routes.inhibit.items():
        yield from _unknown(("inhibit", larger), (larger, *smaller), KINDS)
        if larger in _all_inhibited(routes.inhibit, larger):
            yield ("inhibit", larger), "inhibits itself in a circle; take one of the two directions out"
    for tier in TIERS:
        ladder = routes.ladders.of(tier)
        if ladder.remind is not None and ladder.remind <= 0:
            yield ("ladder", tier, "remind"), "is zero; give a length of time, or leave remind out"
        for number, rung in enumerate(ladder.rungs):
            yield from _unknown(("ladder", tier, "rungs", number, "to"), rung.to, routes.channels)
            if number and rung.after <= ladder.rungs[number - 1].after:
                yield ("ladder", tier, "rungs", number), "comes before the rung above it; order rungs by after"


def _unknown(path: Path, names: Iterable[str], known: Collection[str]) -> Iterator[tuple[Path, str]]:
    for name in names:
        if name not in known:
            yield path, f"{name!r} is not known; {did_you_mean(name, sorted(known))}"


def _all_inhibited(inhibit: Mapping[str, frozenset[str]], kind: str) -> set[str]:
    """The kinds that this one inhibits, directly or through others."""
    found: set[str] = set()
    direct = set(inhibit.get(kind, ()))
    while direct:
        found |= direct
        direct = {smaller for one in direct for smaller in inhibit.get(one, ())} - found
    return found


def _refuse_secrets(toml: SettingsText, raw: object, path: Path) -> None:
    """Refuse a secret in the file before any other message could repeat it."""
    if isinstance(raw, Mapping):
        for key, value in raw.items():
            plain = key.lower().replace("-", "_")
            if len(path) > 1 and not plain.endswith(("_env", "_file")) and plain.rstrip("s").endswith(SECRET_WORDS):
                instead = f"put it in the environment and write {plain}_env, or in a file and write {plain}_file"
                raise toml.wrong((*path, key), f"a secret does not belong in this file; {instead}")
            _refuse_secrets(toml, value, (*path, key))
    elif isinstance(raw, list):
        for number, value in enumerate(raw):
            _refuse_secrets(toml, value, (*path, number))
    elif isinstance(raw, str) and (raw.startswith("whsec_") or ("://" in raw and "@" in urlsplit(raw).netloc)):
        instead = "name an environment variable that holds it (secrets_env, url_env) instead"
        raise toml.wrong(path, f"a secret does not belong in this file; {instead}")
