"""Counts per channel: there to be read on this machine, or with the token, and by nobody else."""

import httpx
import pytest
from fastapi import FastAPI
from structlog.testing import capture_logs

from bot import edges
from connectors import metrics

LOCAL, ELSEWHERE = ("127.0.0.1", 5000), ("203.0.113.9", 5000)


def client(address: tuple[str, int], token: str | None = None) -> httpx.AsyncClient:
    app = FastAPI()
    edges.install(app, metrics_token=token)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app, client=address), base_url="http://kefu")


async def test_each_event_is_counted_and_logged_by_channel() -> None:
    with capture_logs() as logs:
        metrics.received("counted")
        metrics.repeated("counted")
        metrics.acknowledged("counted", 0.0421)
        metrics.answered("counted")
        metrics.delivered("counted", 3)
        metrics.undelivered("counted", "quota")
    async with client(LOCAL) as http:
        said = (await http.get("/metrics")).text
    assert 'kefu_messages_received_total{channel="counted"} 1.0' in said
    assert 'kefu_messages_repeated_total{channel="counted"} 1.0' in said
    assert 'kefu_acknowledgement_seconds_bucket{channel="counted",le="0.025"} 0.0' in said
    assert 'kefu_acknowledgement_seconds_bucket{channel="counted",le="0.05"} 1.0' in said
    assert 'kefu_messages_answered_total{channel="counted"} 1.0' in said
    assert 'kefu_messages_delivered_total{channel="counted"} 3.0' in said
    assert 'kefu_messages_undelivered_total{channel="counted",failure="quota"} 1.0' in said
    assert [line["event"] for line in logs] == [
        "received",
        "repeated",
        "acknowledged",
        "answered",
        "delivered",
        "undelivered",
    ]
    assert logs[2]["ms"] == 42.1


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP"])
async def test_counts_are_for_this_machine_only(header: str) -> None:
    async with client(ELSEWHERE) as http:
        assert (await http.get("/metrics")).status_code == 403
    async with client(LOCAL) as http:
        assert (await http.get("/metrics", headers={header: "203.0.113.9"})).status_code == 403


async def test_with_a_token_only_the_token_opens_the_counts() -> None:
    async with client(ELSEWHERE, token="right") as http:
        assert (await http.get("/metrics", headers={"Authorization": "Bearer right"})).status_code == 200
        assert (await http.get("/metrics", headers={"Authorization": "Bearer wrong"})).status_code == 403
    async with client(LOCAL, token="right") as http:
        assert (await http.get("/metrics")).status_code == 403
