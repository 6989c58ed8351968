"""The rights of each process: the code cannot name what is not in the table, and the documents print the table."""

import ast
from pathlib import Path

import pytest
from typer.testing import CliRunner

from alerts.pipeline.notifier import GROUP, TOPICS
from scorers.policy.tables import Policy
from streams.gateway.intake import Intake
from streams.metrics.worker import WorkerMetrics
from streams.worker.worker import Worker
from tests.support.seals import SECRET
from vigia.cli import app
from vigia.operations.inspection import GROUPS, TRAINER
from vigia.runtime import topics
from vigia.runtime.broker import ACTIONS, INPUTS, Broker, NotInTheTable
from vigia.runtime.rights import table
from vigia.runtime.rights.acls import Acl, acls
from vigia.runtime.rights.table import COMMANDS, PROCESSES, RIGHTS
from vigia.runtime.settings import Settings

ROOT = Path(__file__).resolve().parents[3]
UNLIMITED = {
    "up",
    "worker",
    "kafka",
}  # all processes in one; it creates the topics of all first; tells why Kafka refuses


def test_the_documents_print_the_table() -> None:
    """docs/operations.md has the rows that the table gives; after a change: python -m vigia.runtime.rights.table."""
    page = (ROOT / "docs/operations.md").read_text()
    for rows in (PROCESSES, COMMANDS):
        assert "\n".join(table.markdown(rows)) in page


def test_a_process_cannot_name_what_is_not_in_its_row() -> None:
    """A worker that named the notifier's topic would work here and end under the rights that its operator granted."""
    limited = Broker(prefix="north-").limited_to(PROCESSES["worker"].names)
    assert limited.name("alarms") == "north-alarms"
    with pytest.raises(NotInTheTable, match=r"notifications .*rights/table\.py"):
        limited.name("notifications")


def test_processes_are_limited_to_their_rows(tmp_path: Path) -> None:
    """Each is limited where it is made, so that every test of it asks for its rights."""
    worker = Worker(Broker(), Settings(state=tmp_path, seal=SECRET), Policy(), WorkerMetrics())
    assert worker.broker.names == PROCESSES["worker"].names
    assert Intake(Broker()).broker.names == {*INPUTS, ACTIONS}


def test_every_command_asks_for_its_rights() -> None:
    """A command that connects to Kafka names its row, and each row has a command."""
    named = set()
    for path in sorted((ROOT / "vigia/commands").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "broker":
                who = node.args[2] if len(node.args) > 2 else None
                assert who is not None or path.stem in UNLIMITED, f"{path}: broker() without its row of rights"
                named |= {who.value} if isinstance(who, ast.Constant) else set()
    assert named | {"worker"} == RIGHTS.keys()


def test_the_table_agrees_with_what_is_read_and_joined() -> None:
    """What other tables of the code say of topics and groups stands in the rows."""
    worker, notifier = PROCESSES["worker"], PROCESSES["notifier"]
    assert worker.reads[: len(topics.READ)] == topics.READ
    assert set(topics.WRITTEN) <= set(worker.writes)
    assert set(TOPICS) <= set(notifier.reads)
    assert notifier.joins == (GROUP,)
    assert PROCESSES["trainer"].joins == (TRAINER,)
    assert set(COMMANDS["doctor"].watches) == GROUPS.keys()
    known = {topic.name for topic in topics.TOPICS}
    assert {name for rights in RIGHTS.values() for name in rights.topics} == known
    assert {name for rights in PROCESSES.values() for name in (*rights.reads, *rights.writes)} == known


def test_rights_are_granted_once_and_no_more_than_needed() -> None:
    """No operation beside these five, none on all topics, and reading a topic needs no right to describe it."""
    for who, rights in RIGHTS.items():
        found = list(acls(rights, "north-"))
        assert len(found) == len(set(found)), who
        assert {acl.operation for acl in found} <= {"Read", "Write", "Describe", "DescribeConfigs", "Create"}
        assert all(acl.name.startswith("north-") for acl in found if acl.resource != "cluster")
        strong = {acl.name for acl in found if acl.operation in ("Read", "Write")}
        assert not any(acl.name in strong for acl in found if acl.operation == "Describe")
    assert Acl("topic", "alarms", "Read") in set(acls(PROCESSES["worker"]))
    assert Acl("topic", "feedback", "Write") in set(acls(PROCESSES["worker"]))


def test_the_commands_that_grant_the_rights_are_printed() -> None:
    """For all processes or for those named, under a prefix and a principal; an unknown name says which there are."""
    said = CliRunner().invoke(app, ["topics", "rights", "--kafka", "kafka:9093", "--prefix", "north-"]).stdout
    assert [line for line in said.splitlines() if line.startswith("# ")] == [f"# {who}" for who in PROCESSES]
    one = CliRunner().invoke(app, ["topics", "rights", "alarms ack", "--principal", "User:{who} of the desk"]).stdout
    assert one.splitlines() == [
        "# alarms ack",
        *(
            f"kafka-acls --bootstrap-server 127.0.0.1:9092 --add --allow-principal 'User:alarms-ack of the desk' {right}"
            for right in ("--operation Read --topic alarms", "--operation Write --topic alarm-actions")
        ),
    ]
