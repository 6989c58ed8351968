"""A policy comes into force at its instant of event time: deadlines before it are judged by the former one."""

from scorers.contract.events import DAY, Instant
from scorers.in_force.control import PolicyInForce
from scorers.policy.reading import parse_policy
from streams.worker.worklists.parts import ListPart, decode_part
from tests.support.desk import MAY, Desk
from tests.support.driver import purchase, record

PATIENT, HASTY = "[prospects]\nconversion_window = '90d'\n", "[prospects]\nconversion_window = '15d'\n"


def from_instant(text: str, at: int, sent: int = MAY) -> PolicyInForce:
    return PolicyInForce(in_force=Instant(at), version=parse_policy(text).version, text=text, sent=Instant(sent))


def prospect(desk: Desk, name: str, at: int) -> None:
    desk.send("feedback", record("lead.created", at, name, value_minor=1000))


def cooling(desk: Desk) -> dict[str, list[tuple[str, int]]]:
    """By customer: each change of `prospect-cooling`, with its `at` in days after the first of May."""
    found: dict[str, list[tuple[str, int]]] = {}
    for alarm in desk.alarms():
        if alarm.kind == "prospect-cooling":
            found.setdefault(alarm.subject.id, []).append((alarm.type, (alarm.at - MAY) // DAY))
    return found


def test_it_waits_for_the_tick_that_passes_its_instant() -> None:
    """Of two prospects whose deadline is at 20 days, the one that falls due before the instant is judged by the former policy."""
    desk = Desk()
    prospect(desk, "first", MAY)
    prospect(desk, "second", MAY + 2 * DAY)
    desk.tick(MAY + 15 * DAY)
    desk.control(from_instant(PATIENT, MAY + 21 * DAY))
    assert desk.processor.ctx.policy_version == desk.policy.version
    desk.tick(MAY + 30 * DAY)
    assert desk.processor.ctx.policy_version == parse_policy(PATIENT).version
    first, second = cooling(desk)["first"], cooling(desk).get("second")
    assert first[0] == ("alarm.raised", 20)
    assert first[1][0] == "alarm.withdrawn"  # there is no history of policies: judged again, it was never true
    assert second is None


def test_a_deadline_that_comes_earlier_is_met_without_waiting_for_the_former_one() -> None:
    """Everybody is judged again when the policy comes into force; rows on disk too."""
    desk = Desk()
    prospect(desk, "C1", MAY)
    desk.tick(MAY + 12 * DAY)
    desk.flush()
    desk.rows.evict(0)
    desk.control(from_instant(HASTY, MAY + 12 * DAY + 1))
    desk.tick(MAY + 13 * DAY)
    assert cooling(desk) == {"C1": [("alarm.raised", 10)]}


def test_a_restart_before_and_after_the_instant_changes_nothing() -> None:
    """The policy that waits is stored; so is that customers are still to be judged again."""
    whole: dict[str, list[tuple[str, int]]] | None = None
    for restarts in ((), (0,), (1,), (0, 1)):
        desk = Desk()
        prospect(desk, "C1", MAY)
        desk.tick(MAY + 12 * DAY)
        desk.control(from_instant(HASTY, MAY + 14 * DAY))
        for n, until in enumerate((13, 15, 16)):
            desk.tick(MAY + until * DAY)
            if n in restarts:
                desk.flush()
                desk.open()
        assert desk.processor.ctx.policy_version == parse_policy(HASTY).version
        whole = whole or cooling(desk)
        assert cooling(desk) == whole == {"C1": [("alarm.raised", 10)]}


def test_two_policies_come_into_force_in_turn() -> None:
    """Each at its own instant; one that was sent before another is ignored after it."""
    desk = Desk()
    desk.tick(MAY)
    desk.control(from_instant(PATIENT, MAY + DAY, sent=1))
    desk.control(from_instant(HASTY, MAY + 3 * DAY, sent=2))
    versions = []
    for days in (1, 2, 4):
        desk.tick(MAY + days * DAY)
        versions.append(desk.processor.ctx.policy_version)
    assert versions == [parse_policy(text).version for text in (PATIENT, PATIENT, HASTY)]
    desk.control(from_instant(PATIENT, MAY + 5 * DAY, sent=1))
    desk.tick(MAY + 6 * DAY)
    assert desk.processor.ctx.policy_version == parse_policy(HASTY).version


def test_what_a_partition_tells_names_the_policy() -> None:
    """The reports of days and the parts of worklists carry the version by which the aggregator closes them."""
    desk, text = Desk(), "[worklist]\nper_day = 2\n"
    for n in range(6):
        desk.send("purchases", purchase(MAY + n * 3 * DAY))
    for day in range(16, 20):
        desk.tick(MAY + day * DAY)
    desk.control(from_instant(text, MAY + 20 * DAY))
    for day in range(20, 26):
        desk.tick(MAY + day * DAY + 1)
    parts = [p for o in desk.outputs if o.key == b"worklist" and isinstance(p := decode_part(o.value or b""), ListPart)]
    before, after = desk.policy.version, parse_policy(text).version
    assert [report.policy for report in desk.reports()] == [
        before if report.newest < MAY + 20 * DAY else after for report in desk.reports()
    ]
    assert {p.policy for p in parts if p.end < MAY + 18 * DAY} == {before}
    assert {p.policy for p in parts if p.end > MAY + 22 * DAY} == {after}
