"""`vigia hooks test`: what a delivery would become."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.support.deliveries import SHOPIFY, SHOPIFY_REFUND, SQUARE, stripe
from tests.support.taking_hooks import SECRET, URL, signed
from vigia.cli import app
from vigia.runtime.usage_error import UsageError

CONFIG = f"""
[hook.till]
type = "square"
source = "till-1"
secret_env = "SECRET"
notification_url = "{URL}"
"""


def tried(*arguments: str, env: dict[str, str] | None = None) -> Result:
    """The command, run."""
    return CliRunner().invoke(app, ["hooks", "test", *arguments], env=env)


@pytest.fixture
def body(tmp_path: Path) -> Path:
    """A payment of Square."""
    file = tmp_path / "body.json"
    file.write_text(json.dumps(SQUARE))
    return file


def test_the_events_are_printed(body: Path, tmp_path: Path) -> None:
    """A line each on standard output; a type is enough to try with."""
    done = tried("square", str(body))
    assert (done.exit_code, json.loads(done.stdout)["id"]) == (0, "payment:PAY1")
    assert "not verified" in done.stderr
    (tmp_path / "gateway.toml").write_text(CONFIG)
    done = tried("till", str(body), "--config", str(tmp_path / "gateway.toml"))
    assert json.loads(done.stdout)["source"] == "till-1"


def test_a_signature_is_checked_where_it_is_given(body: Path, tmp_path: Path) -> None:
    """The right one is named, a wrong one ends with 1."""
    (tmp_path / "gateway.toml").write_text(CONFIG)
    header, value = next(reversed(signed("square", body.read_bytes(), {}).items()))
    with_header = ("till", str(body), "--config", str(tmp_path / "gateway.toml"), "--header")
    done = tried(*with_header, f"{header}={value}", env={"SECRET": SECRET})
    assert (done.exit_code, "the signature is right" in done.stderr) == (0, True)
    done = tried(*with_header, f"{header}={value}x", env={"SECRET": SECRET})
    assert (done.exit_code, done.stdout, "401" in done.stderr) == (1, "", True)


def test_what_would_happen_otherwise_is_said(body: Path) -> None:
    """Nothing taken and why; what waits; a body of another shape, with the path."""
    body.write_text(json.dumps(SHOPIFY))
    done = tried("shopify", str(body), "--header", "X-Shopify-Topic=orders/updated")
    assert (done.exit_code, done.stdout) == (0, "")
    assert "nothing is taken: orders/updated is not used" in done.stderr
    body.write_text(json.dumps(SHOPIFY_REFUND))
    assert "waits for it up to 3 days" in tried("shopify", str(body)).stderr
    body.write_text(json.dumps(stripe("charge.succeeded", {"id": 7})))
    done = tried("stripe", str(body))
    assert (done.exit_code, "400: not a delivery of stripe" in done.stderr, "$.id" in done.stderr) == (1, True, True)
    body.write_text(json.dumps(SHOPIFY | {"total_price": "-1"}))
    done = tried("shopify", str(body))
    assert (done.exit_code, "amount_minor" in done.stderr) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["shopfy", "x"], "known are square, shopify"),
        (["square", "/nowhere"], "name a file with the body"),
        (["square", "{body}", "--header", "X"], "is not K=V"),
    ],
)
def test_arguments_that_cannot_be_used(body: Path, arguments: list[str], said: str) -> None:
    """The argument and the correction are named."""
    done = tried(*[one.format(body=body) for one in arguments])
    assert isinstance(done.exception, UsageError)
    assert said in str(done.exception)
