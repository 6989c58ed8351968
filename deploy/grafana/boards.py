"""The dashboards: their rows, and the panels of each row."""

from panels import Rows, by, chosen, counted, number, of_events, paid, panel, rate, share, times, value

LEAVING = 'kind=~"second-purchase-overdue|gone-quiet|risk-high|distributor-risk|defected"'
RAISED = 'change="raised", severity!="info"'  # without changes of state, which alarm nobody

AT_RISK: Rows = (
    ("Now", (
        number("Customers at risk", value("vigia_customers_at_risk"), of="vigia_customers_at_risk"),
        paid("vigia_value_at_risk_minor", "currency", "Value at risk", kind="stat", width=6, height=5),
        number("Customers known", value("vigia_customers"), of="vigia_customers"),
        number("Since the last loss", f"time() - {value('vigia_last_loss_time_seconds', 'tier')}", legend="{{tier}}", unit="s",
               say="How long ago a customer of each tier was lost last; the goal is that it grows."),
        by("vigia_customers_at_risk", "tier", "At risk by tier"),
        paid("vigia_value_at_risk_minor", "tier, currency", "Value at risk by tier"),
        by("vigia_alarms_open", "kind", "Open alarms by kind", kind="bargauge"),
    )),
    ("The base", (
        by("vigia_customers", "stage", "Customers by stage"),
        by("vigia_customers", "tier", "Customers by tier"),
        by("vigia_base_customers", "loyalty_type", "Customers by loyalty type"),
        paid("vigia_customers_year_minor", "stage, currency", "What they bring in a year, by stage"),
        paid("vigia_base_value_minor", "tier, currency", "Worth by tier"),
        paid("vigia_base_expected_loss_minor", "loyalty_type, currency", "Expected loss by loyalty type"),
    )),
    ("Coming and going", (
        by("vigia_flow_customers", "direction", "Lost and won", more='flow="base"'),
        by("vigia_flow_customers", "flow", "Lost by tier", more='flow!="base", direction="lost"'),
        paid("vigia_flow_minor", "direction, currency", "Lost and won in money", more='flow="base"'),
        by("vigia_stage_changes", "before, after", "Changes of stage", kind="bargauge"),
        panel("Retention by stage", (share("vigia_retention_customers", 'answer="stayed"', "stage"), "{{stage}}"),
              say="The share of the customers of a stage who bought within a horizon; it must rise from stage to stage.", unit="percentunit"),
        panel("When customers leave", (share("vigia_leaving_tenure", 'answer="left"', "from_day"), "from day {{from_day}}"),
              say="Of the customers who bought at so many days since the first purchase, the share that left then.",
              unit="percentunit", kind="bargauge"),
        by("vigia_leavers_by_reason", "reason", "Why customers left", kind="bargauge"),
        by("vigia_leavers_back", "state", "Winning back"),
        by("vigia_leavers", "type, state", "Who has left"),
    )),
)  # fmt: skip

ALARMS: Rows = (
    ("Worklist", (
        number("To reach", value("vigia_worklist_customers", more='state="funded"'), say="Customers with funds on the newest worklist."),
        number("Acted on", share("vigia_worklist_done", 'state="acted"'), of="vigia_worklist_done", unit="percentunit"),
        paid("vigia_worklist_funded_net_minor", "currency", "What the funded efforts bring", kind="stat", width=6, height=5),
        number("Age of the worklist", value("vigia_worklist_age_seconds"), of="vigia_worklist_age_seconds", unit="s"),
        by("vigia_worklist_customers", "state", "For whom an effort pays"),
        by("vigia_worklist_done", "state", "With funds: acted on or not"),
        by("vigia_outreach", "answer", "Our outreach and its answers"),
    )),
    ("Alarms", (
        by("vigia_alarms_open", "kind", "Open by kind", kind="bargauge"),
        by("vigia_alarms_open", "severity", "Open by severity"),
        by("vigia_alarms_open_by_age", "age", "Open by age"),
        counted("vigia_alarms", "kind", "Raised by kind", RAISED),
        counted("vigia_alarms", "change", "Changes of alarms", 'severity!="info"'),
        panel("How alarms ended", (f"sum by (outcome) (increase({chosen('vigia_alarm_outcomes')}[$__range]))", "{{outcome}}"),
              say="Alarms that have ended in the time that is shown, by outcome.", kind="bargauge"),
        panel("Deadlines met", (share("vigia_deadlines", 'answer="met"', "deadline"), "{{deadline}}"),
              say="The share of the deadlines of complaints and requests that were met.", unit="percentunit"),
        panel("Deadlines met by tier", (share("vigia_deadlines", 'answer="met"', "tier"), "{{tier}}"),
              say="The share of all deadlines that were met, by tier.", unit="percentunit"),
        by("vigia_customers_at_risk", "tier", "Customers with open alarms"),
    )),
    ("Notifications", (
        counted("vigia_notifications_decided", "rule", "Held back, by rule", 'state="stopped"'),
        counted("vigia_deliveries", "channel, outcome", "Deliveries"),
        times("vigia_delivery_seconds", "Time to deliver"),
        by("vigia_notifications_waiting", "channel", "Waiting before channels"),
        by("vigia_notifications_folded", "channel", "In a digest because the queue is full"),
        by("vigia_channel_disabled", "channel", "Channels whose receiver refuses"),
    )),
)  # fmt: skip

STORES: Rows = (
    ("Stores", (
        by("vigia_store_customers", "store", "Customers by store", kind="bargauge"),
        paid("vigia_store_value_minor", "store, currency", "Worth by store", kind="bargauge"),
        paid("vigia_store_expected_loss_minor", "store, currency", "Expected loss by store", kind="bargauge"),
        by("vigia_store_alarms_open", "store", "Open alarms by store"),
        by("vigia_store_customers", "store", "Dormant customers by store", more='stage="dormant"'),
        by("vigia_store_customers", "store, tier", "Platinum and gold by store", more='tier=~"platinum|gold"'),
    )),
    ("What customers say", (
        by("vigia_dissatisfied_customers", "state", "Dissatisfied, observed and implied"),
        by("vigia_word_of_mouth_people", "state", "Word of mouth"),
        panel("Stores that are heard", (value("vigia_stores_heard"), "heard"), (value("vigia_stores_selling"), "selling"),
              say="Stores with a complaint or a mark lately, beside those that sell; of a store that is never heard, silence proves nothing."),
        by("vigia_store_heard", "store", "Stores that were ever heard", kind="bargauge"),
        by("vigia_store_dissatisfied_customers", "store, state", "Dissatisfied by store"),
        counted("vigia_alarms", "severity", "Rising themes", 'kind="complaint-theme", change="raised"'),
        counted("vigia_events", "type", "Complaints", 'topic="complaints"'),
        counted("vigia_alarms", "kind", "Alarms about the base", 'kind=~"base-outflow|retention-order", change="raised"'),
    )),
    ("Sites and feeds", (
        by("vigia_staff_pulse_age_seconds", "pulse", "Since staff were asked and thanked", unit="s"),
        panel("Since staff were asked and thanked, by store", ("time() - " + value("vigia_site_pulse_time_seconds", "store, pulse"), "{{store}} {{pulse}}"),
              of="vigia_site_pulse_time_seconds", unit="s"),
        by("vigia_site_score", "store", "What the staff answer", kind="bargauge"),
        panel("Sites", (value("vigia_sites"), "sites"), of="vigia_sites"),
        panel("Silent feeds", (value("vigia_feeds_silent"), "silent"), of="vigia_feeds_silent"),
    )),
)  # fmt: skip

MODEL: Rows = (
    ("The told risk", (
        number("Log-loss", value("vigia_model_log_loss"), of="vigia_model_log_loss"),
        number("AUC", value("vigia_model_auc"), of="vigia_model_auc", unit="percentunit"),
        number("Calibration error", value("vigia_model_calibration_error"), of="vigia_model_calibration_error", unit="percentunit"),
        number("Answers", value("vigia_model_answers"), of="vigia_model_answers"),
        panel("Log-loss over time", (value("vigia_model_log_loss"), "told risk"), of="vigia_model_log_loss"),
        panel("Separation and calibration", (value("vigia_model_auc"), "AUC"), (value("vigia_model_calibration_error"), "calibration error"),
              say="How well the told risk separates who left from who stayed, and how far it lies from what happened.", unit="percentunit"),
        panel("Age of the labels", (value("vigia_model_label_age_seconds"), "newest label"),
              (f"time() - {value('vigia_model_time_seconds')}", "newest model"),
              say="How long ago the newest learned question was asked, and since when the newest model is in force.", unit="s"),
    )),
    ("Champion and challengers", (
        by("vigia_trainer_loss", "learner", "Log-loss by learner"),
        by("vigia_trainer_gain", "learner", "Gain on the champion"),
        by("vigia_trainer_champion", "learner", "Champion"),
        panel("Lessons", (value("vigia_trainer_lessons"), "lessons"), of="vigia_trainer_lessons"),
        panel("Drifts", (value("vigia_trainer_drifts"), "of answers"), (value("vigia_trainer_shifts"), "of columns"),
              (value("vigia_trainer_shaken"), "forgets faster"), say="How often answers or columns drifted, and whether the model forgets faster now."),
        panel("Changes of champion", (value("vigia_trainer_elections"), "changes"), of="vigia_trainer_elections"),
    )),
    ("The alarms", (
        panel("Right, by kind", (share("vigia_alarms_answered", 'answer="right"', "kind", LEAVING), "{{kind}}"),
              say="Precision: of the answered alarms about leaving, the share whose customers bought nothing within the horizon.", unit="percentunit"),
        panel("Right, by tier", (share("vigia_alarms_answered_leaving", 'answer="right"', "tier"), "{{tier}}"),
              say="Precision of the alarms about leaving, by the tier when they were raised.", unit="percentunit"),
        panel("Told before", (share("vigia_leavers", 'state="told"', "type"), "{{type}}"),
              say="Recall: of those who have left, the share of whom an alarm was told before.", unit="percentunit"),
        panel("Days before the loss", (f"histogram_quantile(0.5, sum by (le, kind) ({chosen('vigia_lead_days_bucket')}))", "{{kind}}"),
              say="Median lead from the first alarm of a silence to the instant at which the customer is given up.", unit="d"),
        panel("Came back, told and held out", (share("vigia_trial_alarms", 'answer="returned"', "arm"), "{{arm}}"),
              say="The share that bought within the horizon; the difference is what telling brings. Needs hold_out.share.", unit="percentunit"),
        by("vigia_contradictions", "what", "Contradictions"),
    )),
)  # fmt: skip

HEALTH: Rows = (
    ("Flow", (
        counted("vigia_events", "topic", "Events folded"),
        by("vigia_lag_records", "topic", "Records behind"),
        panel("Behind in event time", (value("vigia_event_time_lag_seconds", "instance"), "{{instance}}"), of="vigia_event_time_lag_seconds", unit="s"),
        times("vigia_step_seconds", "Folding one event"),
        times("vigia_commit_seconds", "Until durable"),
        counted("vigia_fates", "fate", "What became of the events"),
    )),
    ("What is not taken", (
        counted("vigia_rejects", "code", "Dead letters by reason"),
        counted("vigia_rejects", "topic", "Dead letters by topic"),
        panel("Too late and in conflict", (of_events("too_late"), "too late"), (of_events("conflict"), "in conflict"),
              say="The share of the events that came after the allowed lateness, or contradict an event of the same identity.", unit="percentunit"),
    )),
    ("Workers", (
        panel("Partitions", (value("vigia_partitions", "instance"), "{{instance}}"), of="vigia_partitions"),
        panel("Recovery", (value("vigia_recovered_rows"), "done"), (value("vigia_recovery_rows"), "to do"),
              say="Rows that are read back after partitions were assigned."),
        panel("Rebalances and fences", (rate("vigia_rebalances"), "rebalances"), (rate("vigia_fence_hits"), "records read again"),
              say="Assignments of partitions, and records that were in the rows already.", unit="ops"),
        panel("State", (value("vigia_state_bytes"), "used"), (value("vigia_state_free_bytes"), "free on the disk"),
              say="Size of the state directories, and the least free space of their disks.", unit="bytes"),
        panel("Records and rows", (rate("vigia_records"), "records taken"), (rate("vigia_rows_written"), "rows written"),
              say="Records of all inputs, and rows of the state that were written for them.", unit="ops"),
        counted("vigia_forgotten", "bound", "What bounds made it forget"),
    )),
    ("Clock, notifier, console", (
        panel("Clock", (value("vigia_clock_lag_seconds"), "lag"), of="vigia_clock_lag_seconds", unit="s"),
        panel("Partitions that the clock waits for", (value("vigia_clock_waiting_partitions"), "waiting"), of="vigia_clock_waiting_partitions"),
        panel("Policy refused", (value("vigia_policy_refused"), "refused"), of="vigia_policy_refused"),
        by("vigia_notifier_lag_records", "topic", "Notifier behind"),
        panel("Console behind", (value("vigia_console_behind"), "records"), of="vigia_console_behind"),
        panel("Customer cards", (value("vigia_board_up"), "kept up to date"), of="vigia_board_up"),
    )),
    ("Gateway", (
        counted("vigia_gateway_requests", "status", "Requests by status", unit="reqps"),
        counted("vigia_gateway_token_events", "token", "Events by token"),
        times("vigia_gateway_ack_seconds", "Until acknowledged"),
        counted("vigia_gateway_token_requests", "token, result", "Requests by token", unit="reqps"),
        counted("vigia_gateway_rejects", "code", "Items that are no events"),
        panel("Certificates", (f'{value("vigia_certificate_end_time_seconds", "job, certificate")} - time()', "{{job}} {{certificate}}"),
              say="Time until a certificate ends that a process was given at its start.", unit="s"),
        panel("Versions", (value("vigia_build_info", "job, version"), "{{job}} {{version}}"), of="vigia_build_info"),
    )),
)  # fmt: skip

BOARDS: dict[str, tuple[str, str, str, Rows]] = {
    "customers-at-risk": (
        "vigia-at-risk",
        "Customers at risk",
        "Who may leave, what it would cost, and how the base moves.",
        AT_RISK,
    ),
    "worklist-and-alarms": (
        "vigia-alarms",
        "Worklist and alarms",
        "Whom to reach, which alarms stand, and what was sent.",
        ALARMS,
    ),
    "stores-and-themes": (
        "vigia-stores",
        "Stores and themes",
        "Stores, what customers say there, their staff and their feeds.",
        STORES,
    ),
    "model-quality": ("vigia-model", "Model quality", "How good the told risk and the alarms were.", MODEL),
    "pipeline-health": ("vigia-health", "Pipeline health", "Whether Vigía itself is well.", HEALTH),
}
"""By the name of the file: uid, title, description and rows."""
