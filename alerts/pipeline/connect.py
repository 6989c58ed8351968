"""From the channel tables of the routes to open channels; secrets are read here and nowhere else."""

from alerts.channels.contract import Channel, ChannelSettings, Environment
from alerts.pipeline.routes import Routes
from alerts.settings.secret import NoSecret
from alerts.settings.toml import BadSetting


def connect(name: str, settings: ChannelSettings, environment: Environment) -> Channel:
    """Open the channel of this table; an error names the table and never a secret."""
    try:
        return settings.connect(environment)
    except (ValueError, NoSecret) as fault:
        raise BadSetting(f"channel.{name}: {fault}") from None


def connect_all(routes: Routes, environment: Environment) -> dict[str, Channel]:
    """Open all channels of the routes."""
    return {name: connect(name, settings, environment) for name, settings in routes.channels.items()}
