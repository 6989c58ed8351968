"""Compares the kinds that hold at an instant with the episodes of the state: raises, updates and settles alarms."""

import hashlib
from itertools import compress
from typing import Any

from scorers.contract.alarms import Outcome
from scorers.contract.events import Micros
from scorers.in_force.context import Context
from scorers.timeline.episodes import MAX_EVIDENCE, NEVER, Episode, Finding
from scorers.timeline.facts import NO_FACT, Ref
from scorers.timeline.kinds import Key, Kind, Plan, severity_for
from scorers.timeline.subjects import AlarmingType, Effects, State

Found = dict[Key, tuple[Kind, Finding]]
"""What holds."""


def alarm_id(subject: str, subject_id: str, kind: str, opener: Ref, more: str = "") -> str:
    """The id of an episode: a hash of its subject, its kind and the fact that opened it.

    So a replay, a restart and another order of arrival give the same id. `more` separates state changes opened by one fact.
    """
    text = "\x1f".join((subject, subject_id, kind, opener.source, opener.id, more))
    return hashlib.blake2b(text.encode(), digest_size=10).hexdigest()


def note(state: State, kind: Kind, at: Micros, opener: Ref, detail: str, effects: Effects) -> None:
    """Record a state change: an alarm that is raised and needs no end."""
    name = alarm_id(kind.about, state.id, kind.name, opener, detail)
    effects.touched[name] = Episode(name, kind.name, kind.about, "", at, opener, kind.severity, "noted", detail=detail)


def ask(state: State, plan: Plan, now: Micros, ctx: Context) -> tuple[Found, Micros]:
    """The kinds that hold at an instant, and the next instant at which time alone may change an answer."""
    found: Found = {}
    soon = NEVER
    episodes = {(e.kind, e.subject_id): e for e in state.open} if state.open else _NO_EPISODES
    asked, read, gates = plan
    parts = read(state)
    if any(parts):
        for (conditions, case_conditions), cases in zip(compress(gates, parts), filter(None, parts), strict=True):
            asked += conditions
            for kind, case_condition in case_conditions:
                for case in cases:
                    key = kind.name, case.id
                    answer = case_condition(state, case, now, ctx, episodes.get(key))
                    if isinstance(answer, Finding):
                        found[key] = kind, answer
                        answer = answer.until
                    if now <= answer < soon:
                        soon = answer
    for key, kind, condition in asked:
        answer = condition(state, now, ctx, episodes.get(key))
        if answer is NEVER:  # as most are
            continue
        if isinstance(answer, Finding):
            found[key] = kind, answer
            answer = answer.until
        if now <= answer < soon:
            soon = answer
    return found, soon


def compare(
    subject: AlarmingType[Any], state: State, plan: Plan, now: Micros, ref: Ref, ctx: Context, effects: Effects
) -> Micros:
    """Raise what newly holds, update what changed, settle what ended; return the instant at which to compare again.

    An episode continues while its kind holds with the same opener. It stays in `state.open` after it has expired, so that it is
    not raised a second time while its condition still holds.
    """
    found, soon = ask(state, plan, now, ctx)
    if not found and not state.open:
        return soon
    kept: list[Episode] = []
    for e in state.open:
        answer = found.get((e.kind, e.subject_id))
        if answer is None or answer[1].opener != e.opener:
            if subject.was_never_true(state, subject.kinds[e.kind], e, now, ctx):
                effects.withdrawn.add(e.alarm_id)
                effects.touched.pop(e.alarm_id, None)
            elif e.status == "open":
                outcome = e.outcome or subject.outcome(state, subject.kinds[e.kind])
                end(e, "settled", "saved" if outcome == "returned" and e.was_acted_on else outcome, now, ref, effects)
            continue
        del found[e.kind, e.subject_id]
        kept.append(e)
        if e.status == "open" and now <= (ends := _update(subject, state, e, *answer, now, ctx, effects)) < soon:
            soon = ends
    if found:
        for (_, case_id), (kind, finding) in sorted(found.items(), key=lambda new: subject.order[new[0][0]]):
            e = _raise(subject, state, kind, case_id, finding, now, ctx, effects)
            kept.append(e)
            if now <= (ends := subject.expires(state, kind, e, ctx)) < soon:
                soon = ends
    state.open = kept
    return soon


_NO_EPISODES: dict[Key, Episode] = {}


def end(e: Episode, status: str, outcome: Outcome, now: Micros, ref: Ref, effects: Effects) -> None:
    """End an alarm; `spent` if its condition may still hold."""
    e.status = "spent" if status == "spent" else "settled"
    e.outcome, e.ended = outcome, now
    if ref is not NO_FACT:
        e.cause = [ref]
    effects.touched[e.alarm_id] = e


def _update(
    subject: AlarmingType[Any],
    state: State,
    e: Episode,
    kind: Kind,
    finding: Finding,
    now: Micros,
    ctx: Context,
    effects: Effects,
) -> Micros:
    """Update an open alarm, or end it if it has expired; return the instant after which it expires, `NEVER` if it has ended."""
    ends = subject.expires(state, kind, e, ctx)
    if ends < now and finding.since <= e.at:  # what has become graver begins anew
        end(e, "spent", subject.expired(state, e), now, NO_FACT, effects)
        return NEVER
    if subject.closes(state, kind, now):
        end(e, "spent", "lost", now, NO_FACT, effects)
        return NEVER
    evidence = finding.evidence[:MAX_EVIDENCE]
    graver = finding.severity == "critical" != e.severity
    if finding.since != e.at or len(evidence) > len(e.evidence) or graver:
        e.at, e.evidence = finding.since, list(evidence)
        if graver:
            e.severity = "critical"
        effects.touched[e.alarm_id] = e
        ends = subject.expires(state, kind, e, ctx)
    return ends


def _raise(
    subject: AlarmingType[Any],
    state: State,
    kind: Kind,
    case_id: str,
    finding: Finding,
    now: Micros,
    ctx: Context,
    effects: Effects,
) -> Episode:
    severity = subject.severity(state, kind, finding, now, ctx)
    if not kind.fixed and severity != "critical":
        severity = severity_for(severity, subject.tier(state))
    name = alarm_id(kind.about, case_id or state.id, kind.name, finding.opener)
    e = Episode(
        name,
        kind.name,
        kind.about,
        case_id,
        finding.since,
        finding.opener,
        severity,
        evidence=list(finding.evidence[:MAX_EVIDENCE]),
    )
    effects.touched[name] = e
    subject.raised(state, kind, e, ctx, effects)
    return e
