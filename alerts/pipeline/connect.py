"""From a channel's table in the routes to the open channel: the only place where secrets are looked up.

A new channel is a file with `Settings` and a `send`, and one line in `CHANNELS`.
"""

from collections.abc import Callable, Mapping
from typing import Any

from alerts.channels import email, log, webhook
from alerts.channels.contract import Channel
from alerts.pipeline.routes import ChannelSettings, Routes
from alerts.settings.secret import NoSecret, Secret, from_environment, from_file
from alerts.settings.toml import BadSetting

Environment = Mapping[str, str]


def _log(settings: log.Settings, environment: Environment) -> Channel:
    return log.Log(settings)


def _webhook(settings: webhook.Settings, environment: Environment) -> Channel:
    if bool(settings.url) == bool(settings.url_env):
        raise ValueError("a webhook goes to one URL; give either url or url_env")
    url = Secret(settings.url) if settings.url else from_environment(settings.url_env, environment)
    secrets = [from_environment(name, environment) for name in settings.secrets_env]
    return webhook.Webhook(settings, url, secrets + [from_file(path) for path in settings.secrets_file])


def _email(settings: email.Settings, environment: Environment) -> Channel:
    if settings.password_env and settings.password_file:
        raise ValueError("a password lies in one place; give either password_env or password_file")
    password = from_environment(settings.password_env, environment) if settings.password_env else None
    return email.Email(settings, from_file(settings.password_file) if settings.password_file else password)


CHANNELS: dict[type, Callable[[Any, Environment], Channel]] = {
    log.Settings: _log,
    webhook.Settings: _webhook,
    email.Settings: _email,
}


def connect(name: str, settings: ChannelSettings, environment: Environment) -> Channel:
    """The channel of this table; what is wrong with it is told by its name, never by its secret."""
    try:
        return CHANNELS[type(settings)](settings, environment)
    except (ValueError, NoSecret) as fault:
        raise BadSetting(f"channel.{name}: {fault}") from None


def connect_all(routes: Routes, environment: Environment) -> dict[str, Channel]:
    """All channels of the routes."""
    return {name: connect(name, settings, environment) for name, settings in routes.channels.items()}
