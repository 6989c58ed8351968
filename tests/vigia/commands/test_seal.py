"""Keys: how they are made, given, replaced and found."""

import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner

from streams.records.signing import ROLES, keyring, new_keys
from tests.support.seals import SECRET
from vigia.cli import app
from vigia.commands.shared.seals import generated, with_keys
from vigia.runtime import settings
from vigia.runtime.broker import Broker
from vigia.runtime.settings import Settings
from vigia.runtime.usage_error import UsageError


def test_a_role_gets_a_file_that_only_its_user_may_read(tmp_path: Path) -> None:
    """Each process signs with its own file and verifies with the public one; the keys are in no output."""
    folder = tmp_path / "keys"
    done = CliRunner().invoke(app, ["seal", "new", str(folder)])
    assert done.exit_code == 0, done.output
    for role in ROLES:
        file = folder / f"{role}.key"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert file.read_text().strip() not in done.output
        given = {"VIGIA_SEAL_FILE": str(file), "VIGIA_SEAL_TRUST_FILE": str(folder / "trust")}
        config = settings.read(given)
        keys = keyring(config.seal, config.seal_trust).require(role)
        assert "sign:" not in f"{config!r} {keys!r}"
        for other in set(ROLES) - {role}:
            with pytest.raises(UsageError, match=f"the {other} signs"):
                keys.require(other)
    again = CliRunner().invoke(app, ["seal", "new", str(folder)])
    assert isinstance(again.exception, UsageError)


SECRET_KEYS, PUBLIC = new_keys()
WRONG = {
    "short": ("fifteen letters", "", "at least 16 characters, this one has 15"),
    "public": (PUBLIC, "", "no key of the form sign:ROLE:KEY"),
    "secret": ("", SECRET_KEYS["clock"], "no key of the form trust:ROLE:KEY"),
    "role": (SECRET_KEYS["clock"].replace("clock", "baker"), "", "the role clock, trainer or worker"),
    "damaged": (SECRET_KEYS["clock"][:-3], "", "no key of the form"),
    "three": (f"{SECRET},{SECRET} two,{SECRET} three", "", "3 keys of the clock, 2 are accepted"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_key_is_named_and_not_repeated(what: str) -> None:
    """The message says which variable is wrong and what it takes."""
    seal, trust, said = WRONG[what]
    with pytest.raises(UsageError) as wrong:
        with_keys(settings.read({"VIGIA_SEAL": seal, "VIGIA_SEAL_TRUST": trust}), Broker())
    assert said in str(wrong.value)
    assert not any(secret and secret in str(wrong.value) for secret in (seal, trust))


def test_keys_that_do_not_suffice_are_named() -> None:
    """Whom a process must verify but cannot is said before it starts."""
    with pytest.raises(UsageError, match="no key of the clock and the trainer is trusted"):
        keyring(SECRET_KEYS["worker"]).require("worker")


def test_processes_of_one_user_find_one_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a setting, on this machine; a running `vigia up` has its own, and elsewhere keys must be given."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home"))
    here, config = Broker("127.0.0.1:9092"), Settings(state=tmp_path / "a")
    found = with_keys(config, here).seal
    assert found == with_keys(Settings(state=tmp_path / "b"), here).seal
    assert stat.S_IMODE((tmp_path / "home" / "vigia" / "seal").stat().st_mode) == 0o600
    assert with_keys(Settings(seal=SECRET), Broker("kafka:9092")).seal == SECRET
    of_up = generated(tmp_path / "a" / "seal")
    assert of_up != found
    assert with_keys(config, here).seal == of_up == generated(tmp_path / "a" / "seal")
    with pytest.raises(UsageError, match="for Kafka at kafka:9092 set VIGIA_SEAL"):
        with_keys(Settings(state=tmp_path / "c"), Broker("kafka:9092"))
