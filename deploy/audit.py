"""`make audit`: known vulnerabilities of the packages in locks. Status 0: none, 1: some, 3: no service answers."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

NONE, SOME, NO_ANSWER = 0, 1, 3


def audit(lock: str, program: str) -> tuple[int, list[str]]:
    """The status of one lock, and what to print."""
    command = [program, "--disable-pip", "--require-hashes", "--requirement", lock, "--format", "json"]
    done = subprocess.run([*command, "--progress-spinner", "off"], capture_output=True, text=True)  # noqa: S603
    try:
        packages: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError, TypeError):
        why = (done.stderr.strip().splitlines() or ["no message"])[-1]
        return NO_ANSWER, [f"{lock}: NOT AUDITED, because no vulnerability service answers: {why[:300]}"]
    found = [
        f"{lock}: {one['name']} {one['version']}: {fault['id']}, fixed in {', '.join(fault['fix_versions']) or 'no version'}"
        for one in packages
        for fault in one.get("vulns", ())
    ]
    skipped = [f"{one['name']}: {one['skip_reason']}" for one in packages if "skip_reason" in one]
    if skipped:
        said = f"{lock}: NOT AUDITED are {len(skipped)} of {len(packages)} packages, which the service does not know, such as {skipped[0]}"
        return (SOME if found else NO_ANSWER), [*found, said]
    return (SOME, found) if found else (NONE, [f"{lock}: no known vulnerability in {len(packages)} packages"])


def main(locks: list[str]) -> int:
    """Audit every lock; vulnerabilities weigh more than a service that does not answer."""
    program = str(Path(sys.executable).with_name("pip-audit"))
    statuses = []
    for lock in locks:
        status, lines = audit(lock, program)
        statuses.append(status)
        print("\n".join(lines), file=sys.stdout if status == NONE else sys.stderr)
    return SOME if SOME in statuses else max(statuses, default=NONE)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
