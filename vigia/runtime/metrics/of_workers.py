"""The metrics of a worker: what it folds, the state of its partitions, and how good its alarms were."""

from vigia.runtime.metrics.definition import Definition, defined

COUNTED: tuple[Definition, ...] = defined(
    "worker",
    "counter",
    ("vigia_events", "topic type", "events", "", "Events folded, by topic and type."),
    ("vigia_fates", "fate", "events", "D5 D6", "What became of the events: folded, folded again, too late, a duplicate, in conflict, anonymous."),
    ("vigia_rejects", "code topic", "records", "D1", "Records that went to the dead letters, by reason and topic."),
    ("vigia_forgotten", "bound", "times", "", "What bounds of the state made it forget."),
    ("vigia_alarms", "kind severity change", "changes", "A2", "Changes of alarms sent."),
    ("vigia_alarm_outcomes", "kind outcome", "alarms", "A2 J6", "Alarms that have ended, by outcome: returned, saved, false, lost, resolved, expired."),
    ("vigia_control_repeats", "", "records", "F14", "Control records that were not newer than what is in force."),
    ("vigia_worklist_editions", "edition", "editions", "J7", "Editions of worklists published, early and final ones."),
    ("vigia_records", "", "records", "", "Records of all inputs that were taken, whatever became of them."),
    ("vigia_fence_hits", "", "records", "F2", "Records that were read again and were in the rows already, so that they changed nothing."),
    ("vigia_rows_written", "", "rows", "", "Rows of the state that were written."),
    ("vigia_rebalances", "", "times", "F7", "Assignments of partitions, the first one included."),
)  # fmt: skip

TIMED: tuple[Definition, ...] = defined(
    "worker",
    "histogram",
    ("vigia_step_seconds", "", "seconds", "", "Time to fold one event."),
    ("vigia_commit_seconds", "", "seconds", "", "Time until what follows from a chunk is durable."),
    ("vigia_lead_days", "kind", "days", "A9", "From the first alarm of a kind in a silence to the loss."),
)

RUNNING: tuple[Definition, ...] = defined(
    "worker",
    "gauge",
    ("vigia_lag_records", "topic", "records", "", "Records still to be read."),
    ("vigia_partitions", "", "partitions", "F7", "Partitions that this worker has."),
    ("vigia_recovered_rows", "", "rows", "F8", "Rows read back since partitions were given last."),
    ("vigia_recovery_rows", "", "rows", "F8", "Rows to read back since partitions were given last."),
    ("vigia_stores_set_aside", "", "stores", "F13", "Damaged stores in the state directory that were set aside."),
    ("vigia_state_bytes", "", "bytes", "", "Size of the state directory."),
) + defined(
    "worker",
    "gauge",
    ("vigia_event_time_lag_seconds", "", "seconds", "", "How far the slowest partition's event time lies back."),
    together="max",
) + defined(
    "worker",
    "gauge",
    ("vigia_state_free_bytes", "", "bytes", "F12", "Free space of the disk with the state directory."),
    together="min",
)  # fmt: skip

THE_BASE: tuple[Definition, ...] = defined(
    "worker",
    "gauge",
    ("vigia_customers", "stage tier", "customers", "L7 T2", "Customers, by stage and tier."),
    ("vigia_customers_year_minor", "stage tier currency", "minor units", "T2", "What the customers have brought in a year: margin where it is known, else revenue."),
    ("vigia_stage_changes", "before after", "customers", "L7", "Customers who went from one stage to another, ever."),
    ("vigia_retention_customers", "stage answer", "customers", "L7", "Customers of a stage a horizon ago, of the horizons that ended within the last one: who bought since, and who did not."),
    ("vigia_flow_customers", "flow direction", "customers", "L8", "Customers lost and won in the window of base-outflow, of the base and of each tier."),
    ("vigia_flow_minor", "flow direction currency", "minor units", "L8", "What the customers lost and won would spend in such a window at their own pace."),
    ("vigia_leaving_tenure", "from_day answer", "customers", "L9", "Customers by days since the first purchase: who left after their last purchase there, and who went on."),
    ("vigia_deadlines", "deadline tier answer", "deadlines", "X6 X7", "Deadlines of complaints and requests that were met and missed."),
    ("vigia_outreach", "answer", "messages", "X8", "Our own outreach by its answer: messages sent, and those answered within the time."),
    ("vigia_contradictions", "what", "facts", "", "Facts that contradict what is known of their customer."),
    ("vigia_stores_heard", "", "stores", "X2", "Stores with a complaint or a mark lately."),
    ("vigia_stores_selling", "", "stores", "X2", "Stores that sell; of those that were never heard, silence proves nothing."),
    ("vigia_dissatisfied_customers", "state", "customers", "X2 X3 X4", "Dissatisfied customers of stores lately: who said so, and for how many silent ones that stands."),
    ("vigia_word_of_mouth_people", "state", "people", "X5", "People who hear of stores from satisfied and dissatisfied customers."),
    ("vigia_feeds_silent", "", "feeds", "J3", "Stores and sources that are silent for too long."),
    ("vigia_sites", "", "sites", "P2", "Sites with a pulse of their staff."),
) + defined(
    "worker",
    "gauge",
    ("vigia_last_loss_time_seconds", "tier", "time", "A6", "The day on which a customer of the tier was lost last, within 400 days; none shown means none lost."),
    ("vigia_staff_pulse_age_seconds", "pulse", "seconds", "P2", "How long ago the staff of the site that waits longest were asked, and thanked."),
    together="max",
)  # fmt: skip

QUALITY: tuple[Definition, ...] = defined(
    "worker",
    "gauge",
    ("vigia_alarms_answered", "kind arm answer", "alarms", "A9", "Alarms with an answer; right: no purchase within the horizon, or a case's deadline breached."),
    ("vigia_alarms_answered_leaving", "tier stage answer", "alarms", "A9", "Alarms about leaving with an answer, by tier and stage when they were raised."),
    ("vigia_leavers", "type state", "customers", "A9", "Customers who have left, by silence or as they said; missed: no alarm before."),
    ("vigia_leavers_by_reason", "reason", "customers", "A4", "Customers who have left, by reason."),
    ("vigia_leavers_back", "state", "customers", "L6", "Customers who have left: approached by somebody, won back after that, or come back by themselves."),
    ("vigia_trial_alarms", "treatment arm answer", "alarms", "A8 J6", "First alarms of customers in a quarter that could be held out, by arm and by what the customer did."),
    ("vigia_trial_margin_minor", "treatment currency", "minor units", "J6", "Expected margin within the horizon of those told; times the uplift it is what was kept."),
)  # fmt: skip

WORKLIST: tuple[Definition, ...] = defined(
    "worker",
    "gauge",
    ("vigia_worklist_customers", "state", "customers", "J7 A6", "Customers for whom an effort pays, on the newest worklist; only the worker that publishes it has any."),
    ("vigia_worklist_funded_net_minor", "currency", "minor units", "J7 A5", "What the funded efforts of the newest worklist bring."),
) + defined(
    "worker",
    "gauge",
    ("vigia_worklist_age_seconds", "", "seconds", "J7", "How long ago the date of the newest worklist ended."),
    together="min",
)  # fmt: skip

WORKERS = (*COUNTED, *TIMED, *RUNNING, *THE_BASE, *QUALITY, *WORKLIST)
