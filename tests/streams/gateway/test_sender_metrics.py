"""Who sends what: requests, events and duplicates by the name of a token, bounded in number."""

from prometheus_client import CollectorRegistry

from streams.gateway.sender_metrics import SENDERS, SenderMetrics


def test_senders_are_shown_by_name_and_bounded() -> None:
    """Series of known tokens begin at 0; a name beyond the bound is one series with all others."""
    registry = CollectorRegistry()
    senders = SenderMetrics(registry, ["till"])
    value = registry.get_sample_value
    assert value("vigia_gateway_token_events_total", {"token": "till"}) == 0
    senders.answered("till", 202, 5, 2)
    senders.answered("till", 400, 0, 0)
    senders.answered("till", 429, 0, 0)
    senders.answered("till", 503, 0, 0)
    for result in ("taken", "refused", "too_many", "kafka_away"):
        assert value("vigia_gateway_token_requests_total", {"token": "till", "result": result}) == 1, result
    assert value("vigia_gateway_token_events_total", {"token": "till"}) == 5
    assert value("vigia_gateway_token_duplicates_total", {"token": "till"}) == 2
    for number in range(3 * SENDERS):
        senders.answered(f"hook-{number}", 200, 1, 0)
    names = {sample.labels["token"] for family in registry.collect() for sample in family.samples}
    assert len(names) <= SENDERS + 1
    assert value("vigia_gateway_token_events_total", {"token": "other"}) > SENDERS
