"""Each part of Faust that the engine overrides, replaces or looks into is where it was; when Faust changes, this fails first."""

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.consumer.subscription_state import TopicPartitionState
from faust.app.base import App
from faust.stores.rocksdb import Store
from faust.tables.recovery import Recovery
from faust.transport.consumer import Consumer
from faust.transport.drivers import aiokafka as driver

import streams.engine

OVERRIDDEN = {
    "resume_partitions", "pause_partitions", "resume_flow", "perform_seek", "seek_wait", "earliest_offsets", "getmany",
    "ack", "on_partitions_assigned", "_to_message", "_new_offset", "_getmany", "on_buffer_full", "_new_consumer_thread",
}  # fmt: skip


def _source(of: Any) -> str:
    return inspect.getsource(of)


PRIVATE: dict[str, Callable[[], bool]] = {
    **{name: partial(hasattr, driver.Consumer, name) for name in sorted(OVERRIDDEN)},
    **{
        name: partial(lambda name: f"self.{name}" in _source(Consumer), name)
        for name in (
            "scheduler", "_acked", "_committed_offset", "_read_offset", "_buffered_partitions", "_n_acked",
            "_unacked_messages", "_waiting_for_ack",
        )
    },
    "_fetch_max_wait_ms": lambda: "self._fetch_max_wait_ms" in _source(driver.aiokafka.AIOKafkaConsumer),
    "_isolation_level": lambda: "isolation_level=self._isolation_level" in _source(driver.aiokafka.AIOKafkaConsumer),
    "highwater": lambda: "highwater" in vars(driver.AIOKafkaConsumerThread),
    "last_stable_offset": lambda: callable(driver.aiokafka.AIOKafkaConsumer.last_stable_offset),
    "_subscription.subscription.assignment": lambda: (
        "self._subscription.subscription.assignment" in _source(driver.aiokafka.AIOKafkaConsumer)
        and {"has_valid_position", "position"} <= vars(TopicPartitionState).keys()
    ),
    "_create_worker_consumer": lambda: "_create_worker_consumer" in vars(driver.AIOKafkaConsumerThread),
    "_commit": lambda: list(inspect.signature(driver.AIOKafkaConsumerThread._commit).parameters) == ["self", "offsets"],
    "_coordinator.request_rejoin": lambda: (
        "self._coordinator =" in _source(driver.aiokafka.AIOKafkaConsumer) and callable(GroupCoordinator.request_rejoin)
    ),
    "call_thread": lambda: callable(driver.AIOKafkaConsumerThread.call_thread),
    "_ensure_consumer": lambda: "_ensure_consumer" in vars(driver.AIOKafkaConsumerThread),
    "last_poll_timestamp": lambda: "state_value(partition).timestamp" in _source(
        driver.aiokafka.AIOKafkaConsumer.last_poll_timestamp
    ),
    "_db_for_partition": lambda: list(inspect.signature(Store._db_for_partition).parameters) == ["self", "partition"],
    "apply_changelog_batch": lambda: (
        "table.apply_changelog_batch(buf)" in _source(Recovery) and "len(buf) >= bufsize" in _source(Recovery)
    ),
    "offset_key": lambda: "int(offset)" in _source(Store.persisted_offset) and isinstance(Store.offset_key, bytes),
    "partition_path": lambda: 'suffix: str = ".db"' in _source(Store._path_with_suffix),
    "in_recovery": lambda: "in_recovery" in vars(Recovery),
    "active_remaining_total": lambda: callable(Recovery.active_remaining_total),
    "flow_active": lambda: "self.flow_active" in _source(Consumer),
    "rebalancing": lambda: hasattr(App, "rebalancing"),
    "crash_reason": lambda: hasattr(App, "crash_reason"),
    "ConsistencyError": lambda: "raise ConsistencyError" in _source(Recovery),
}  # fmt: skip


@pytest.mark.parametrize("name", PRIVATE)
def test_faust_has_what_the_engine_relies_on(name: str) -> None:
    """Each part of Faust that is overridden, replaced or looked into is where it was, and stands in the list."""
    assert PRIVATE[name](), f"faust-streaming has changed: {name} is not what it was"
    assert f"`{name}" in str(streams.engine.__doc__), f"{name} is not in the list in streams/engine/__init__.py"
