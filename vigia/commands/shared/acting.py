"""Who acts on an alarm from the command line, and how the action gets to Kafka."""

import os
import pwd
from typing import Annotated

from aiokafka import AIOKafkaProducer
from typer import Argument, Option

from scorers.contract.events import AlarmAction
from scorers.contract.wire import encode_event
from vigia.runtime.broker import Broker
from vigia.runtime.usage_error import UsageError

AlarmId = Annotated[str, Argument(metavar="ALARM_ID", help="The alarm's id, from the message or from alarms tail.")]
By = Annotated[
    str | None,
    Option(metavar="NAME", help="The person who acts; without it, the user of this machine. Marked as unverified."),
]
SOURCE = "vigia-alarms"
UNVERIFIED = " (unverified)"  # after a name that nobody has proved: the command line asks for no password


def person(by: str | None) -> str:
    """The name under which somebody acts: what they gave, else the user of the operating system, whatever the environment says."""
    who = (_user() if by is None else by).strip()
    if not who:
        raise UsageError("--by is empty: give the name of the person")
    return who + UNVERIFIED


async def send_action(where: Broker, key: str, action: AlarmAction) -> None:
    """Write the action to `alarm-actions`; it is durable on return."""
    producer = AIOKafkaProducer(acks="all", enable_idempotence=True, **where.client())
    try:
        await producer.start()
        await producer.send_and_wait(where.name("alarm-actions"), encode_event(action), key=key.encode())
    finally:
        await producer.stop()


def _user() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a user without a name, as in many containers
        return f"uid {os.getuid()}"
