"""The clock takes a policy when its file's content changes; one that cannot be used is refused, and the former stays."""

import logging
from pathlib import Path

import pytest

from streams.clock.policy_file import WatchedPolicy

CALM, HASTY = "[risk]\nhorizon = '90d'\n", "[risk]\nhorizon = '30d'\n"


def watched(tmp_path: Path) -> tuple[WatchedPolicy, Path]:
    path = tmp_path / "mine.toml"
    path.write_text(CALM)
    return WatchedPolicy(path, CALM), path


def test_only_another_content_is_a_change(tmp_path: Path) -> None:
    """A file that is written again with the same content is none; another content is one, once."""
    file, path = watched(tmp_path)
    path.write_text(CALM)
    assert file.look() is None
    path.write_text(HASTY)
    found = file.look()
    assert found is not None
    assert (found.text, found.policy.risk.horizon) == (HASTY, 30 * 86_400_000_000)
    assert file.look() is None


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"[risk]\nhorizn = '28d'\n", "mine.toml, line 2: risk.horizn is not a known key; did you mean 'horizon'?"),
        (b"\xff\xfe", "mine.toml: not UTF-8 text; save it as UTF-8"),
        (None, "mine.toml: no such file or directory"),
    ],
)
def test_what_cannot_be_used_is_refused_and_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: bytes | None, told: str
) -> None:
    """The log names the file, the line and the correction; the next good content is taken."""
    file, path = watched(tmp_path)
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    with caplog.at_level(logging.ERROR):
        assert file.look() is None
        assert file.look() is None
    assert [told in line for line in caplog.messages] == [True]
    assert file.refused
    path.write_text(HASTY)
    assert file.look() is not None
    assert not file.refused
