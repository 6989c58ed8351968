"""The policies that the clock has put in force, by version, for what one process makes of the reports of all partitions."""

import logging

from scorers.policy.reading import PolicyError, parse_policy
from scorers.policy.tables import Policy
from streams.records.control_log import policy_texts
from streams.records.signing import Keyring
from vigia.runtime.broker import Broker

log = logging.getLogger(__name__)


class Policies:
    """Policies by version; one that is not known is looked up on the topic `clock`. `first` is that of this process."""

    def __init__(self, broker: Broker, keys: Keyring, first: Policy) -> None:
        self.first = first
        self._broker, self._keys = broker, keys
        self._known = {first.version: first}

    async def of(self, version: str) -> Policy:
        """The policy of a version; the first one where the version is empty or nowhere to be found."""
        if version and version not in self._known:
            for found, text in (await policy_texts(self._broker, self._keys)).items():
                try:
                    self._known.setdefault(found, parse_policy(text, "the policy on clock"))
                except PolicyError as error:
                    log.error("%s", error)
            if version not in self._known:
                log.warning("no policy of version %s is on the clock: version %s is used", version, self.first.version)
                self._known[version] = self.first
        return self._known.get(version, self.first)
