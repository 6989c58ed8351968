"""`vigia policy show` and `diff` say which values are changed, from what to what, and what they mean."""

from collections.abc import Callable
from pathlib import Path

import pytest

from vigia.cli import main

Say = Callable[..., str]


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Say:
    """Run a command that succeeds in a folder with two policies; what it prints."""
    monkeypatch.chdir(tmp_path)
    Path("hasty.toml").write_text("[lifecycle]\ncore_tenure = '90d'\n[risk.threshold]\niron = 0.6\n")
    Path("calm.toml").write_text("[risk.threshold]\niron = 0.8\n")

    def run(*words: str) -> str:
        with pytest.raises(SystemExit) as ended:
            main(words)
        assert not ended.value.code
        return capsys.readouterr().out

    return run


def test_diff_tells_old_new_meaning_and_rules(say: Say) -> None:
    """Against the defaults: each changed key with its whole sentence, in which the values stand."""
    assert say("policy", "diff", "hasty.toml").splitlines() == [
        'lifecycle.core_tenure: "180d" -> "90d"',
        "    a core customer has bought on this many days at least (5), the first of them this long ago (90d), "
        "and is not less satisfied than this on average (1-5), where known (3.0) [L5]",
        "risk.threshold.iron: 0.75 -> 0.6",
        "    risk-high: the risk from which the customer of a tier is alarmed about (0.6) [A5 A7 T3]",
    ]


def test_diff_of_two_files_takes_the_second_as_the_newer(say: Say) -> None:
    """Keys of both files count; a file against itself has no difference."""
    told = say("policy", "diff", "hasty.toml", "calm.toml")
    assert 'lifecycle.core_tenure: "90d" -> "180d"' in told
    assert "risk.threshold.iron: 0.6 -> 0.8" in told
    assert say("policy", "diff", "calm.toml", "calm.toml").startswith("no difference: version ")


def test_show_marks_what_is_changed(say: Say) -> None:
    """Every key stands there; what is printed is a policy again, with the same version."""
    shown = say("policy", "show", "calm.toml")
    assert "every value, 1 changed from the defaults" in shown.splitlines()[0]
    assert "risk.threshold.iron = 0.8  # changed; the default is 0.75" in shown.splitlines()
    assert shown.count("# changed") == 1
    Path("again.toml").write_text(shown)
    assert say("policy", "diff", "calm.toml", "again.toml").startswith("no difference")
