"""Where state lies: at one place, from wherever a command is started."""

from pathlib import Path

import pytest

from vigia.commands.shared.seals import FILE, found
from vigia.runtime.settings import Settings, read


def test_the_state_folder_does_not_depend_on_where_a_command_runs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """By the rules of XDG; VIGIA_STATE says otherwise."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert read({}).state == tmp_path / "vigia"
    monkeypatch.delenv("XDG_STATE_HOME")
    assert read({}).state == Path.home() / ".local/state/vigia"
    assert read({"VIGIA_STATE": "elsewhere"}).state == Path("elsewhere")


def test_a_generated_secret_is_found_and_none_is_made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As the doctor looks for it: that of `vigia up` with this state folder, or that of this user."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home"))
    config = Settings(state=tmp_path / "state")
    assert found(config) == config
    assert not (tmp_path / "home").exists()
    (tmp_path / "home/vigia").mkdir(parents=True)
    (tmp_path / "home/vigia" / FILE).write_text("of the user\n")
    assert found(config).seal == "of the user"
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / FILE).write_text("of up\n")
    assert found(config).seal == "of up"
    given = Settings(state=tmp_path / "state", seal="given")
    assert found(given) == given
