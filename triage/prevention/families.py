"""The series that ``triage watch`` exposes: their names are a contract with dashboards and rules.

All are gauges. A series is absent while its figure could not be measured; it is never 0 for want of data.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Family:
    """One metric; ``labels`` in the order of their values. ``help`` says the unit."""

    name: str
    help: str
    labels: tuple[str, ...] = ("model",)


_FEATURE = ("model", "feature")

PSI = Family(
    "triage_feature_psi", "Population stability index of the window against the training baseline, in nats.", _FEATURE
)
PSI_CHANCE = Family(
    "triage_feature_psi_chance", "What chance alone makes of it in 1 of 100 such windows, in nats.", _FEATURE
)
KS = Family(
    "triage_feature_ks", "Kolmogorov-Smirnov distance to the training baseline, 0 to 1; numbers only.", _FEATURE
)
NULLS = Family("triage_feature_null_ratio", "Share of the window's rows without a value.", _FEATURE)
UNSEEN = Family(
    "triage_feature_unseen_ratio", "Share of the window's rows with a category that the baseline lacks.", _FEATURE
)
PARITY = Family(
    "triage_feature_parity_ratio", "Share of served rows whose value is what the pipeline recomputes.", _FEATURE
)
FEATURES = Family("triage_features_measured", "Features that were measured in this window.")
FEATURES_LOST = Family("triage_features_unmeasured", "Features that could not be measured in this window.")
FEATURES_LEFT = Family("triage_features_left_out", "Features without series, for watch.max_features is reached.")
ROWS = Family("triage_window_rows", "Served rows in the window; 0 where the log was read and holds none.")
WINDOW_END = Family("triage_window_end_timestamp_seconds", "End of the window that was measured.")
LOG_NEWEST = Family("triage_log_newest_timestamp_seconds", "Time of the newest row of the serving log.")
PREDICTION = Family("triage_prediction_mean", "Mean of what was answered in the window.")
PREDICTION_NULLS = Family("triage_prediction_null_ratio", "Share of the window's rows without an answer.")
LABEL_NEWEST = Family("triage_label_newest_timestamp_seconds", "When the newest label arrived.")
LABEL_COVERAGE = Family("triage_label_coverage_ratio", "Share of rows with a label, of the newest window that is due.")
LABEL_DELAY = Family("triage_label_delay_seconds", "Median time from an event to its label, in that window.")
LABEL_ROWS = Family("triage_label_rows", "Rows with a label in that window, of at most 20,000 that were sampled.")
METRIC = Family("triage_model_metric", "The model's own metric on those rows.", ("model", "metric"))
LAST_SUCCESS = Family("triage_watch_last_success_timestamp_seconds", "End of the last look that read the serving log.")
DURATION = Family("triage_watch_duration_seconds", "How long that look took.")

FAMILIES = (
    PSI, PSI_CHANCE, KS, NULLS, UNSEEN, PARITY, FEATURES, FEATURES_LOST, FEATURES_LEFT, ROWS, WINDOW_END, LOG_NEWEST,
    PREDICTION, PREDICTION_NULLS, LABEL_NEWEST, LABEL_COVERAGE, LABEL_DELAY, LABEL_ROWS, METRIC, LAST_SUCCESS, DURATION,
)  # fmt: skip
