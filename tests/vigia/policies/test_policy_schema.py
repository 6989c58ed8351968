"""The schema by which editors check a policy says what `vigia policy check` says."""

import re
import tomllib

import jsonschema_rs
import pytest

from scorers.policy.reading import PolicyError, parse_policy
from scorers.policy.tables import Policy
from tests.scorers.policy.test_policy import FINE, WRONG
from tests.support.paths import ROOT
from vigia.policies.guide import guide
from vigia.policies.schema import NAME, policy_schema, schema_text
from vigia.policies.values import leaves

VALIDATOR = jsonschema_rs.Draft202012Validator(policy_schema())
SEEN_BY_EDITORS = ("known key", "wrong type", "at most 1.0", "more than 0.0", "not a length of time", "unknown learner")


def fits(text: str) -> bool:
    return VALIDATOR.is_valid(tomllib.loads(text))


def test_the_schema_beside_the_shipped_policy_is_the_present_one() -> None:
    """`vigia schema --out deploy` would change nothing, and the policy's first line names the file."""
    mend = f"run python -m vigia.policies.schema > deploy/{NAME}"
    assert (ROOT / "deploy" / NAME).read_text(encoding="utf-8") == schema_text(), mend
    assert (ROOT / "deploy/policy.toml").read_text().startswith(f"#:schema ./{NAME}\n")


def test_editors_accept_what_the_check_accepts() -> None:
    """The shipped policy and each correct policy of the tests fit the schema."""
    assert fits((ROOT / "deploy/policy.toml").read_text())
    for text in ("", *FINE, "[time]\nallowed_lateness = ' 1d12h '", "[calendar]\nholidays = ['20261225']"):
        parse_policy(text)
        assert fits(text), text


@pytest.mark.parametrize(("text", "told"), [(text, told) for text, _, told in WRONG if "not TOML" not in told])
def test_editors_reject_only_what_the_check_rejects(text: str, told: str) -> None:
    """Wrong keys, types, bounds and closed lists are seen while writing; what compares keys is left to the check."""
    with pytest.raises(PolicyError):
        parse_policy(text)
    if any(words in told for words in SEEN_BY_EDITORS) or " is gone" in told:
        assert not fits(text)


def test_every_key_has_a_meaning_with_its_rules() -> None:
    """The guide and the schema describe exactly the keys of a policy, and no sentence begins in the middle."""
    assert guide().keys() == {key for key, _ in leaves(Policy())}
    for key, meaning in guide().items():
        assert meaning.rules
        assert meaning.parts[-1][1][-1] not in ",:", key
        assert not re.match(r"(and|or|of|is|by|than|that|but) ", meaning.parts[0][1]), key
