"""docker-compose.yml without an engine: its schema, what each container may do, and that every command, file and setting exists."""

import asyncio
import json
import os
import re
import shutil
import subprocess
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import jsonschema_rs
import pytest
import typer
import yaml
from aiohttp import web

from alerts.pipeline import routes
from scorers.policy.reading import parse_policy
from tests.support.paths import DATA, ROOT
from vigia.cli import app
from vigia.lab.local_kafka import LocalKafka, free_port, new_cluster_id
from vigia.runtime import health
from vigia.runtime.settings import read

DEPLOY = ROOT / "deploy"
WHOLE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = WHOLE["services"]
OURS = {name: one for name, one in SERVICES.items() if one["image"] == "vigia"}
PROCESSES = {name for name, one in OURS.items() if one["restart"] == "unless-stopped"}
WRITES_TO_ITS_ROOT = {"kafka"}
NEEDS = {"proxy": ["NET_BIND_SERVICE"]}  # what its program is not started without
PUBLIC = "${VIGIA_LISTEN:-127.0.0.1}:"


def volumes(service: dict[str, Any]) -> dict[str, str]:
    """What stands where in a container: a path of the checkout, or the name of a volume, by the path inside."""
    parts = (volume.split(":") for volume in service.get("volumes", ()))
    return {inside: source for source, inside, *_ in parts}


def beside(service: dict[str, Any], inside: str) -> Path | None:
    """The file of the checkout that a container sees under a path; None where it is in a volume or in the image."""
    for mount, source in volumes(service).items():
        if source.startswith(".") and inside.startswith(f"{mount}/"):
            return ROOT / source / inside.removeprefix(f"{mount}/")
    return None


def test_the_schema_knows_every_key() -> None:
    """Of the Compose Specification, in which a key that is unknown is an error."""
    schema = jsonschema_rs.validator_for(json.loads((DATA / "compose-spec" / "compose-spec.json").read_text()))
    assert [f"{error.instance_path}: {error.message}" for error in schema.iter_errors(WHOLE)] == []
    assert not schema.is_valid({"services": {"x": {"image": "y", "stop_grace_perod": "1s"}}})


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_a_container_is_confined(name: str) -> None:
    """No capability, no gain of rights, nothing written beside volumes, a bound for memory, processors, processes and logs."""
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service.get("cap_add", []) == NEEDS.get(name, [])
    assert bool(service.get("read_only")) is (name not in WRITES_TO_ITS_ROOT)
    assert not service.get("privileged")
    assert service["deploy"]["resources"]["limits"].keys() == {"cpus", "memory"}
    assert service["pids_limit"] <= 500
    assert service["logging"]["options"].keys() == {"max-size", "max-file"}


@pytest.mark.parametrize("name", sorted(PROCESSES | set(SERVICES) - set(OURS)))
def test_what_runs_has_a_health_check(name: str) -> None:
    """Except what ends when it is done."""
    assert SERVICES[name]["healthcheck"]["test"][0] == "CMD"
    assert SERVICES[name]["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", sorted(PROCESSES))
def test_a_process_is_scraped_and_has_the_time_to_drain(name: str) -> None:
    """On the port that its command names; the grace of a stop is longer than the drain."""
    service = SERVICES[name]
    (port,) = re.findall(r"--metrics-port (\d+)", " ".join(service["command"]))
    assert int(service["stop_grace_period"].removesuffix("s")) >= read({}).drain + 10
    config = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())["scrape_configs"]
    fixed = {target for job in config for one in job.get("static_configs", ()) for target in one["targets"]}
    asked = {(name, one["port"]) for job in config for one in job.get("dns_sd_configs", ()) for name in one["names"]}
    aliases = service.get("networks", {}).get("default", {}).get("aliases", [])
    assert f"{name}:{port}" in fixed or asked & {(alias, int(port)) for alias in aliases}
    assert port in (DEPLOY / "Dockerfile").read_text()


def test_what_is_scraped_is_a_service() -> None:
    """And a process of Vigía."""
    config = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
    targets = [
        target for job in config["scrape_configs"] for one in job.get("static_configs", ()) for target in one["targets"]
    ]
    assert len(targets) > 4
    assert {target.partition(":")[0] for target in targets} <= PROCESSES


def test_workers_share_nothing() -> None:
    """Each has a name and a volume of its own, whatever profile starts it."""
    workers = [one for one in OURS.values() if one.get("command", [""])[0] == "worker"]
    assert len(workers) == 3
    assert len({one["environment"]["VIGIA_NAME"] for one in workers}) == 3
    assert len({volumes(one)["/var/lib/vigia/state"] for one in workers}) == 3
    assert [one.get("profiles") for one in workers] == [None, ["workers"], ["workers"]]


@pytest.mark.parametrize("name", sorted(set(OURS) - {"secrets"}))
def test_every_command_and_option_exists(name: str) -> None:
    """Of our services, down to the last option."""
    command: Any = typer.main.get_command(app)
    args = list(OURS[name]["command"])
    while args and args[0] in getattr(command, "commands", ()):
        command, args = command.commands[args[0]], args[1:]
    known = {option for parameter in command.params for option in parameter.opts}
    assert {arg for arg in args if arg.startswith("--")} <= known, command.name
    assert command is not typer.main.get_command(app)


def test_every_variable_is_a_setting() -> None:
    """Of those that we read, and those that the shop may set."""
    documented = "".join((ROOT / name).read_text() for name in ("docs/settings.md", "docs/operations.md"))
    given = {name for one in OURS.values() for name in one.get("environment", ()) if name.startswith("VIGIA_")}
    known = {
        *re.findall(r"VIGIA_[A-Z_]+", documented),
        *re.findall(r"VIGIA_[A-Z_]+", (DEPLOY / "make_secrets.py").read_text()),
    }
    assert given <= known
    lines = [line for line in (ROOT / ".env.example").read_text().splitlines() if not line.startswith("#")]
    assert [line.partition("=")[0] for line in lines] == ["VIGIA_ADDRESS", "VIGIA_LISTEN"]
    assert set(re.findall(r"\$\{(\w+)", (ROOT / "docker-compose.yml").read_text())) >= {"VIGIA_ADDRESS", "VIGIA_LISTEN"}


def test_what_is_mounted_and_named_is_there() -> None:
    """Files and folders of the checkout, volumes, and services that others wait for."""
    for name, service in SERVICES.items():
        for source in volumes(service).values():
            assert (ROOT / source).exists() if source.startswith(".") else source in WHOLE["volumes"], (
                f"{name}: {source}"
            )
        assert service.get("depends_on", {}).keys() <= SERVICES.keys()
        for other, how in service.get("depends_on", {}).items():
            assert how["condition"] != "service_healthy" or "healthcheck" in SERVICES[other]
        for arg in service.get("command", ()):
            file = beside(service, arg)
            assert file is None or file.exists(), f"{name}: {arg}"
    used = {source for service in SERVICES.values() for source in volumes(service).values()}
    assert {*WHOLE["volumes"]} == {source for source in used if not source.startswith(".")}
    made = re.search(r"^RUN mkdir (.+?) &&", (DEPLOY / "Dockerfile").read_text(), flags=re.MULTILINE)
    ours = {
        inside.rpartition("/")[2]
        for one in OURS.values()
        for inside, source in volumes(one).items()
        if source[0] != "."
    }
    assert made  # a volume under a folder that the image lacks would belong to root
    assert ours <= set(made[1].split())


def test_the_mounted_policy_and_routes_can_be_read() -> None:
    """By those who read them in the containers."""
    policy, notices = (
        beside(OURS["clock"], "/etc/vigia/policy.toml"),
        beside(OURS["notifier"], "/etc/vigia/routes.toml"),
    )
    assert policy is not None
    assert notices is not None
    assert parse_policy(policy.read_text())
    assert routes.load(notices).channels


def test_only_the_proxy_can_be_opened_to_others() -> None:
    """All other ports are for this machine, and so is the proxy's until the shop says otherwise."""
    ports = [(name, str(port)) for name, service in SERVICES.items() for port in service.get("ports", [])]
    assert len(ports) >= 6
    assert {name for name, port in ports if not port.startswith("127.0.0.1:")} == {"proxy"}
    assert all(port.startswith(PUBLIC) for name, port in ports if name == "proxy")


def test_the_console_believes_the_proxy_and_nobody_else() -> None:
    """The address of the proxy is fixed, and no other container can be given it."""
    address = SERVICES["proxy"]["networks"]["default"]["ipv4_address"]
    assert SERVICES["secrets"]["environment"]["VIGIA_PROXY"] == address
    (network,) = WHOLE["networks"]["default"]["ipam"]["config"]
    assert network == {"subnet": "172.31.71.0/24", "ip_range": "172.31.71.128/25"}
    assert address == "172.31.71.2"


def test_the_proxy_reads_its_file(tmp_path: Path) -> None:
    """By its own check; and the services behind it listen where it says."""
    file = DEPLOY / "caddy" / "Caddyfile"
    upstreams = re.findall(r"reverse_proxy (\w+):(\d+)", file.read_text())
    assert upstreams == [("gateway", "8080"), ("console", "8090")]
    for name, port in upstreams:
        (listens,) = [one for one in typer.main.get_command(app).commands[name].params if one.name == "port"]  # type: ignore[attr-defined]
        assert str(listens.default) == port
    if shutil.which("caddy") is None:
        pytest.skip("caddy is not on the PATH: apt install caddy")
    env = os.environ | {"HOME": str(tmp_path), "VIGIA_ADDRESS": "vigia.example.com"}
    command = ["caddy", "validate", "--config", str(file), "--adapter", "caddyfile"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr


async def test_the_proxy_leads_where_it_should(tmp_path: Path) -> None:
    """Events to the gateway, runbooks as text, everything else to the console; nobody's own forwarded header is passed on."""
    if shutil.which("caddy") is None:
        pytest.skip("caddy is not on the PATH: apt install caddy")

    def answering(who: str) -> web.Application:
        async def echo(request: web.Request) -> web.Response:
            seen = {name: request.headers.get(name, "") for name in ("X-Forwarded-Host", "X-Forwarded-For")}
            return web.json_response({"who": who, "path": request.path, **seen})

        app = web.Application()
        app.router.add_route("*", "/{path:.*}", echo)
        return app

    text, door = (DEPLOY / "caddy" / "Caddyfile").read_text(), free_port()
    async with AsyncExitStack() as stack:
        for who, port in (("gateway", 8080), ("console", 8090)):
            bound = await stack.enter_async_context(health.serving(answering(who), "127.0.0.1", 0))
            text = text.replace(f"{who}:{port}", f"127.0.0.1:{bound}")
        text = text.replace("{$VIGIA_ADDRESS:localhost}", f"http://127.0.0.1:{door}").replace(
            "/srv/docs", str(ROOT / "docs")
        )
        file = tmp_path / "Caddyfile"
        file.write_text("{\n\tadmin off\n}\n" + text)
        command = ["caddy", "run", "--config", str(file), "--adapter", "caddyfile"]
        log = stack.enter_context((tmp_path / "log").open("wb"))
        caddy = subprocess.Popen(command, env=os.environ | {"HOME": str(tmp_path)}, stdout=log, stderr=log)
        stack.callback(caddy.wait, 20)
        stack.callback(caddy.terminate)
        session = await stack.enter_async_context(aiohttp.ClientSession(f"http://127.0.0.1:{door}"))
        for attempt in range(200):
            try:
                async with session.get("/healthz") as answer:
                    break
            except aiohttp.ClientError:
                assert attempt < 199, (tmp_path / "log").read_text()
                assert caddy.poll() is None, (tmp_path / "log").read_text()
                await asyncio.sleep(0.1)
        for path, who in (
            ("/v1/events", "gateway"),
            ("/v1/hooks/square", "gateway"),
            ("/api/v1/alarms", "console"),
            ("/", "console"),
        ):
            async with session.post(path, headers={"X-Forwarded-For": "6.6.6.6"}) as answer:
                seen = await answer.json()
            assert (seen["who"], seen["path"]) == (who, path)
            assert (seen["X-Forwarded-For"], seen["X-Forwarded-Host"]) == ("127.0.0.1", f"127.0.0.1:{door}")
        for path in ("/docs/runbooks/VigiaDown", "/docs/runbooks/VigiaDown.md"):
            async with session.get(path) as answer:
                assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
                assert answer.headers["Strict-Transport-Security"]
                assert await answer.text() == (ROOT / "docs" / "runbooks" / "VigiaDown.md").read_text()
        async with session.get("/docs/../docker-compose.yml", allow_redirects=False) as answer:
            assert "services:" not in await answer.text()


def test_grafana_finds_its_dashboards_and_prometheus() -> None:
    """The provisioning names the folder that is mounted and the service that answers."""
    provisioning = DEPLOY / "grafana" / "provisioning"
    (provider,) = yaml.safe_load((provisioning / "dashboards" / "vigia.yml").read_text())["providers"]
    assert volumes(SERVICES["grafana"])[provider["options"]["path"]] == "./deploy/grafana/dashboards"
    (source,) = yaml.safe_load((provisioning / "datasources" / "prometheus.yml").read_text())["datasources"]
    assert (source["type"], source["url"]) == ("prometheus", "http://prometheus:9090")
    home = SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert beside(SERVICES["grafana"], home) is not None
    assert beside(SERVICES["grafana"], home).exists()  # type: ignore[union-attr]


@pytest.mark.kafka
def test_kafka_accepts_its_settings(tmp_path: Path) -> None:
    """The variables of the image are properties of the broker, which it reads when it makes its folder."""
    given = SERVICES["kafka"]["environment"].items()
    named = {
        name.removeprefix("KAFKA_").lower().replace("_", "."): value
        for name, value in given
        if name != "KAFKA_HEAP_OPTS"
    }
    named["log.dirs"] = str(tmp_path / "data")
    properties = tmp_path / "server.properties"
    properties.write_text("".join(f"{name}={value}\n" for name, value in named.items()))
    kafka = LocalKafka(tmp_path / "unused")
    command = kafka._java(
        "kafka.tools.StorageTool", "format", f"--cluster-id={new_cluster_id()}", "-c", str(properties)
    )
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    properties.write_text(properties.read_text().replace("node.id=1", "node.id=one"))
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode != 0
