"""What people do about an open alarm: acting on it makes a later comeback `saved`, dismissing it settles it as false (J6).

An undo takes back the same person's last action on the alarm within a day, so the actions of a day are kept in the episode.
"""

from scorers.contract.events import AlarmAction
from scorers.timeline.compare import end
from scorers.timeline.episodes import ACTED, UNDO_WITHIN, Act, Episode
from scorers.timeline.facts import Ref
from scorers.timeline.subjects import Effects, State

MAX_ACTS = 16  # of one alarm that can still be undone; the oldest beyond it stands for good


def apply(state: State, action: AlarmAction, ref: Ref, effects: Effects) -> None:
    """Fold an action; without effect if its alarm is not open, unless it takes back a dismissal."""
    e = next((e for e in state.open if e.alarm_id == action.alarm_id), None)
    if e is None or (e.status != "open" and not e.dismissed):
        return
    if action.action == "undo":
        _undo(e, action, effects)
        return
    e.acts = [*e.acts, Act(int(action.time), action.by, action.action)]
    while len(e.acts) > MAX_ACTS or e.acts[0].at < action.time - UNDO_WITHIN:
        oldest, *e.acts = e.acts
        if oldest.action in ACTED:
            e.acted, e.actor = e.acted or oldest.at, e.actor or oldest.by
    if action.action == "dismiss" and e.status == "open":
        end(e, "spent", "false", int(action.time), ref, effects)


def _undo(e: Episode, undo: AlarmAction, effects: Effects) -> None:
    """Take back the person's last action; an alarm that nobody dismisses any more is open again."""
    own = [n for n, act in enumerate(e.acts) if act.by == undo.by and act.at >= undo.time - UNDO_WITHIN]
    if not own:
        return
    e.acts = [act for n, act in enumerate(e.acts) if n != own[-1]]
    if e.status != "open" and not e.dismissed:
        e.status, e.outcome, e.ended, e.cause = "open", None, 0, []
        effects.touched[e.alarm_id] = e
