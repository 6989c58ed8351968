"""The metrics of all processes but the workers."""

from vigia.runtime.metrics.definition import Definition, defined

EVERY: tuple[Definition, ...] = defined(
    "every",
    "gauge",
    ("vigia_build_info", "version", "1", "", "1, with the version that runs."),
    ("vigia_start_time_seconds", "", "time", "", "When the process was started."),
    together="max",
) + defined(
    "every",
    "gauge",
    ("vigia_certificate_end_time_seconds", "certificate", "time", "F20", "When a certificate ends that the process was given at its start; of a file with several authorities the last one, of a chain the first."),
    together="min",
)  # fmt: skip

TRAINER: tuple[Definition, ...] = defined(
    "trainer",
    "gauge",
    ("vigia_trainer_lessons", "", "lessons", "", "Lessons read, of all partitions."),
    ("vigia_trainer_snapshots", "", "snapshots", "", "Snapshots written of what was learned."),
    ("vigia_trainer_refused", "", "snapshots", "F14", "Snapshots rejected, because they were damaged, old or not signed."),
    ("vigia_trainer_drifts", "", "times", "", "Times that answers drifted from the predictions."),
    ("vigia_trainer_shifts", "", "times", "", "Times that a column drifted from its past."),
    ("vigia_trainer_shaken", "", "0 or 1", "", "1 while a drift makes the model forget faster."),
    ("vigia_trainer_elections", "", "times", "", "Changes of champion."),
    ("vigia_trainer_loss", "learner", "nats", "", "Recent log-loss of what each learner said when it was asked."),
    ("vigia_trainer_gain", "learner", "nats", "", "What a challenger gains on the champion with each lesson; 0 for the champion."),
    ("vigia_trainer_champion", "learner", "0 or 1", "", "1 for the learner that speaks."),
    ("vigia_model_answers", "", "answers", "A9", "Answers on which the quality of the told risk rests; old ones fade."),
    ("vigia_model_log_loss", "", "nats", "A9", "Recent log-loss of the told risk."),
    ("vigia_model_auc", "", "share", "A9", "Of a customer who left and one who stayed, how often the one who left had the higher risk, recently."),
    ("vigia_model_calibration_error", "", "share", "A9 J5", "How far the told risk lies from what happened, recently (expected calibration error)."),
    ("vigia_model_label_age_seconds", "", "seconds", "", "How long ago the newest question was asked to which the answer is learned."),
    ("vigia_model_time_seconds", "", "time", "", "The instant in event time from which the newest model is in force."),
    together="max",
)  # fmt: skip

CLOCK: tuple[Definition, ...] = defined(
    "clock",
    "gauge",
    ("vigia_clock_waiting_partitions", "", "partitions", "", "Partitions whose workers have not yet committed what a tick must come after."),
    ("vigia_clock_lag_seconds", "", "seconds", "", "How far the slowest partition's newest tick lies back."),
    ("vigia_policy_refused", "", "0 or 1", "A12", "1 while the file of the policy cannot be used, so that the former policy stays in force."),
    ("vigia_clock_follows_events", "", "0 or 1", "", "1 where the clock follows the time of the events and not that of the wall (--follow-events), so that ages and lags against the wall mean nothing."),
    together="max",
) + defined(
    "clock",
    "counter",
    ("vigia_policy_changes", "", "policies", "A12", "Policies that were put in force because their file has changed."),
)  # fmt: skip

NOTIFIER: tuple[Definition, ...] = (
    defined(
        "notifier",
        "counter",
        ("vigia_notifications_decided", "state rule", "changes", "A3 T4 A8", "Changes of alarms, by what was decided and by which rule: held, snoozed, muted, duplicate and more."),
        ("vigia_deliveries", "channel outcome", "attempts", "N1", "Attempts to deliver, by channel and outcome."),
        ("vigia_notifier_rejects", "topic", "records", "", "Records that could not be used."),
        ("vigia_incidents_deleted", "", "incidents", "N5", "Incidents of ended alarms that were deleted after their time."),
    )
    + defined(
        "notifier",
        "histogram",
        ("vigia_delivery_seconds", "channel", "seconds", "N2", "Time that an attempt to deliver took."),
    )
    + defined(
        "notifier",
        "gauge",
        ("vigia_notifications_waiting", "channel", "deliveries", "N4", "Deliveries that wait for a channel."),
        ("vigia_notifications_folded", "channel", "deliveries", "N5", "Deliveries that wait in a digest because the queue is full."),
        ("vigia_channel_disabled", "channel", "0 or 1", "N1", "1 where a receiver refuses all further notifications."),
        ("vigia_notifier_lag_records", "topic", "records", "", "Records still to be read."),
        ("vigia_notifier_active", "", "0 or 1", "", "1 for the notifier that serves; 0 for one that stands by."),
        ("vigia_alarms_open", "kind severity tier stage", "alarms", "A2", "Open alarms."),
        ("vigia_alarms_open_by_age", "severity age", "alarms", "A2 A3", "Open alarms by the time since they became true: under a day, a week, 30 days, or longer."),
        ("vigia_customers_at_risk", "tier", "customers", "T2 A5", "Customers with open alarms."),
        ("vigia_value_at_risk_minor", "tier currency", "minor units", "A5 J11", "Value of the customers with open alarms, each with the alarm of the highest value."),
    )
)  # fmt: skip

GATEWAY: tuple[Definition, ...] = (
    defined(
        "gateway",
        "counter",
        ("vigia_gateway_requests", "status", "requests", "", "Requests, by the answer's status."),
        ("vigia_gateway_events", "topic type", "events", "", "Events that Kafka acknowledged."),
        ("vigia_gateway_rejects", "code", "items", "", "Items that are no events, by reason."),
        ("vigia_gateway_refused_tokens", "reason", "requests", "D8", "Requests whose token was refused, by reason."),
        ("vigia_gateway_token_requests", "token result", "requests", "D8", "Requests by the name of the token: taken, refused, too many, or Kafka away."),
        ("vigia_gateway_token_events", "token", "events", "D8", "Events that Kafka acknowledged, by the name of the token."),
        ("vigia_gateway_token_duplicates", "token", "events", "D6", "Events that had been accepted before, by the name of the token."),
    )
    + defined(
        "gateway",
        "histogram",
        ("vigia_gateway_ack_seconds", "", "seconds", "", "Time until Kafka acknowledged."),
    )
    + defined(
        "board",
        "gauge",
        ("vigia_board_up", "", "0 or 1", "F16", "1 while the cards in Redis are kept up to date."),
        together="max",
    )
    + defined(
        "board",
        "counter",
        ("vigia_board_records", "", "records", "F16", "Records put into the cards."),
        ("vigia_board_refills", "", "times", "F16", "Times that Redis was found emptied."),
    )
)  # fmt: skip

CONSOLE: tuple[Definition, ...] = defined(
    "console",
    "counter",
    ("vigia_console_records", "", "records", "", "Records put into the read model."),
) + defined(
    "console",
    "gauge",
    ("vigia_console_behind", "", "records", "", "Records that the read model has not read yet."),
    ("vigia_console_data_age_seconds", "", "seconds", "", "Seconds since the read model was current."),
    ("vigia_base_customers", "stage tier loyalty_type", "customers", "L7 T2 Q1", "Customers of the read model, by stage, tier and loyalty type."),
    ("vigia_base_value_minor", "stage tier loyalty_type currency", "minor units", "A5 J11", "What these customers are worth, replacement cost included (value at risk)."),
    ("vigia_base_expected_loss_minor", "stage tier loyalty_type currency", "minor units", "A5 J11", "Risk x worth of these customers."),
    ("vigia_store_customers", "store stage tier", "customers", "L7 T2", "Customers, by store; stores beyond the 50 largest are one."),
    ("vigia_store_value_minor", "store currency", "minor units", "A5 J11", "What the customers of a store are worth."),
    ("vigia_store_expected_loss_minor", "store currency", "minor units", "A5 J11", "Risk x worth of the customers of a store."),
    ("vigia_store_alarms_open", "store", "alarms", "A2 L8", "Open alarms, by store."),
    ("vigia_store_heard", "store", "1 or 0", "X2", "Whether a complaint or a mark ever came from a store; where none came, silence proves nothing."),
    ("vigia_store_dissatisfied_customers", "store state", "customers", "X2 X3", "Dissatisfied customers of a store that was heard, lately: who said so, and for how many silent ones that stands."),
    ("vigia_site_pulse_time_seconds", "store pulse", "seconds since 1970", "P2", "The day on which the staff of a store were last asked how they are, and thanked; of stores with a pulse."),
    ("vigia_site_score", "store", "1 to 5", "P2", "The mean of the scores that the staff of a store gave lately; of stores with one."),
    ("vigia_worklist_done", "state", "customers", "J7", "Customers with funds on the newest worklist: somebody acted on them, or not."),
    together="max",
)  # fmt: skip
