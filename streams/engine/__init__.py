"""The exactly-once engine on Faust: chunks in, rows written behind, outputs before state. It knows no customer.

What it relies on in faust-streaming 0.15.3, held by tests/streams/engine/test_faust_internals.py, which fails first when
that changes. In `consumer`:

| what                                                    | how                                                        |
|---------------------------------------------------------|------------------------------------------------------------|
| `app.transport` setter, `Schema.loads_*`                | public                                                     |
| `resume_partitions`, `pause_partitions`, `resume_flow`  | public: inputs are held until `resume_flow`                |
| `perform_seek`, `seek_wait`, `earliest_offsets`         | public: they determine where a partition starts            |
| `getmany`, `ack`, `on_partitions_assigned`              | public: overridden                                         |
| `noack().events()`, `event.ack()`                       | public: only an agent that is done acknowledges            |
| `scheduler` of the consumer                             | attribute, replaced                                        |
| `_to_message`                                           | reads the attributes of a record; a Chunk has them         |
| `_new_offset`                                           | overridden for inputs: the offset to commit                |
| `_acked`                                                | written: its keys are the partitions with something to commit |
| `_committed_offset`                                     | read after `perform_seek`                                  |
| `_read_offset`                                          | cleared for inputs: switches Faust's duplicate filter off  |
| `_getmany`, `on_buffer_full`                            | overridden: what is fetched, and what holds it             |
| `_new_consumer_thread`, `_create_worker_consumer`       | overridden for aiokafka's `_fetch_max_wait_ms`             |
| `_isolation_level`, `highwater`, `last_stable_offset`   | set and overridden: committed records only, and their end  |
| `_subscription.subscription.assignment` of aiokafka     | read: up to where a partition was fetched                  |
| `_coordinator.request_rejoin` of aiokafka, `call_thread` | called when a topic was created after the assignment      |
| `_commit`, `_ensure_consumer` of the consumer's thread  | overridden: a commit names the topic's incarnation         |
| `last_poll_timestamp` of aiokafka                       | public: how fresh the known end of a topic is              |
| `_buffered_partitions`                                  | emptied at assignment: a buffer that was full holds nothing |
| `_unacked_messages`, `_waiting_for_ack`, `_n_acked`     | kept as `ack` keeps them, for `wait_empty` and commits     |

Elsewhere:

| what                                                    | where, and how                                             |
|---------------------------------------------------------|------------------------------------------------------------|
| `_db_for_partition`, `offset_key` of the rocksdict store | `row_store`: rows and their changelog offset in one batch |
| `apply_changelog_batch` of the table, `Table` of the app | public: overridden in `row_store`, for chunks of rows     |
| `recovery_buffer_size` of the table                     | `row_store`: not one, or its changelog is read for ever    |
| `partition_path` ends in `.db`                          | `row_store`: how a damaged store is found and moved aside  |
| `in_recovery`, `active_remaining_total` of the recovery | the worker: ready or not, and how far                      |
| `ConsistencyError` of the recovery                      | ends a worker whose disk holds more than the changelog     |
| `flow_active`, `rebalancing`, `crash_reason`            | the worker: whether a rebalance is on, and what ended it   |
"""
