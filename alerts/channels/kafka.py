"""A Kafka topic for an audience, such as a shop's own systems: the JSON of a webhook, keyed by the customer.

The broker is Vigía's own, with its address, encryption and log-in; the topic must exist, and the notifier needs the right to write it.
A record that is repeated after a failure has the same header `webhook-id`.
"""

from typing import ClassVar

from aiokafka.errors import KafkaError, MessageSizeTooLargeError, TopicAuthorizationFailedError

from alerts.channels.contract import ChannelSettings, Environment, Notification, Refused, Retry
from alerts.channels.webhook import body
from vigia.runtime import broker
from vigia.runtime.sending.renewed_producer import RenewedProducer
from vigia.runtime.topics import TOPICS
from vigia.runtime.usage_error import UsageError

ADDRESS, PREFIX = "VIGIA_KAFKA", "VIGIA_PREFIX"
LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")


class Settings(ChannelSettings, frozen=True, kw_only=True, tag="kafka"):
    """To a Kafka topic of an audience, as the JSON of a webhook.

    The prefix of all topics precedes `topic` as well.
    """

    topic: str
    tell_end: bool = True
    tell_actions: bool = True

    knows_repeats: ClassVar[bool] = True
    example: ClassVar[str] = 'topic = "alarms-of-the-desk"'

    def connect(self, environment: Environment) -> "KafkaTopic":
        """The channel; opens no connection yet."""
        if not self.topic or len(self.topic) > 200 or not set(self.topic) <= LETTERS:
            raise ValueError(
                "the topic has letters, digits, dots, hyphens and underscores; write one like alarms-of-the-desk"
            )
        if self.topic in {topic.name for topic in TOPICS}:
            raise ValueError(f"{self.topic} is one of Vigía's own topics; give the audience one of its own")
        address, prefix = environment.get(ADDRESS) or "127.0.0.1:9092", environment.get(PREFIX, "")
        try:
            return KafkaTopic(broker.read(environment, address, prefix), prefix + self.topic)
        except UsageError as fault:
            raise ValueError(str(fault)) from None

    def target(self) -> str:
        """The topic."""
        return f"topic {self.topic}"


class KafkaTopic:
    """Writes each notification as one record."""

    def __init__(self, where: broker.Broker, topic: str) -> None:
        self.topic = topic
        self._producer = RenewedProducer(where.client())

    async def send(self, notification: Notification) -> None:
        """Return once all replicas in sync have the record."""
        customers = {alarm.customer_id or alarm.subject.id for alarm in notification.alarms}
        key = customers.pop().encode() if len(customers) == 1 else None
        headers = [("webhook-id", notification.id.encode()), ("content-type", b"application/json")]
        try:
            await self._producer.send(self.topic, body(notification), key=key, headers=headers)
        except MessageSizeTooLargeError:
            raise Refused("the topic takes no record of this size") from None
        except TopicAuthorizationFailedError:
            raise Retry(f"the notifier may not write to {self.topic}; grant it that right") from None
        except (KafkaError, OSError) as fault:
            raise Retry(f"not written ({type(fault).__name__}); does the topic {self.topic} exist?") from fault

    async def close(self) -> None:
        """Release the connection."""
        await self._producer.close()
