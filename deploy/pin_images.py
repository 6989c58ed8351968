"""`make pin-images`: write the digest of each image beside its tag. Status 3 if a registry does not answer; nothing is written then.

An image that has a digest gets the one that its tag has now. Images that are built here have no tag and are left alone.
"""

import re
import subprocess
import sys
from pathlib import Path

IMAGE = re.compile(r"(?P<key>^\s*image: |^FROM )(?P<name>[\w./-]+:[\w.-]+)(?:@sha256:[0-9a-f]{64})?", re.MULTILINE)
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
NO_ANSWER = 3


class NoAnswer(RuntimeError):
    """No registry could be asked; the message says why."""


def digest_of(image: str) -> str:
    """The digest that the tag of an image has in its registry."""
    command = ["docker", "buildx", "imagetools", "inspect", image, "--format", "{{.Manifest.Digest}}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired) as fault:
        raise NoAnswer(f"{image}: docker cannot be asked ({type(fault).__name__})") from None
    found = done.stdout.strip()
    if done.returncode != 0 or not DIGEST.fullmatch(found):
        raise NoAnswer(f"{image}: no digest ({(done.stderr.strip().splitlines() or ['no message'])[-1][:200]})")
    return found


def main(names: list[str]) -> int:
    """Ask for all images first, then write all files."""
    texts = {Path(name): Path(name).read_text() for name in names}
    images = sorted({found["name"] for text in texts.values() for found in IMAGE.finditer(text)})
    try:
        digests = {image: digest_of(image) for image in images}
    except NoAnswer as fault:
        print(f"{fault}; nothing was written", file=sys.stderr)  # noqa: T201
        return NO_ANSWER
    for path, text in texts.items():
        path.write_text(IMAGE.sub(lambda found: f"{found['key']}{found['name']}@{digests[found['name']]}", text))
    print(f"{len(digests)} images have the digests of their tags")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
