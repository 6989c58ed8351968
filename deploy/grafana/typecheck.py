"""Checks the dashboards against the types of @grafana/schema: `make grafana-types`. Needs Node.js and npm.

Each dashboard becomes a TypeScript module whose only value has the type of a dashboard; a JSON file that is imported would lose its literals.
"""

import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
TSC = ("--noEmit", "--strict", "--moduleResolution", "bundler", "--module", "esnext", "--target", "es2022")


def main(out: Path) -> int:
    """Install the packages that are locked into a folder, and check all dashboards there; the status of the compiler."""
    npm = shutil.which("npm")
    if npm is None:
        sys.stderr.write("npm is not on the PATH: install Node.js 18 or newer (apt install npm)\n")
        return 2
    shutil.copytree(HERE / "types", out, dirs_exist_ok=True)
    install = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
    subprocess.run(install, cwd=out, check=True)  # noqa: S603
    boards = sorted((HERE / "dashboards").glob("*.json"))
    for path in boards:
        text = path.read_text(encoding="utf-8").strip()
        module = f"import type {{ Board }} from './board';\nexport const board: Board = {text};\n"
        (out / f"{path.stem}.ts").write_text(module, encoding="utf-8")
    files = [f"{path.stem}.ts" for path in boards]
    compiler = out / "node_modules" / ".bin" / "tsc"
    status = subprocess.run([compiler, *TSC, *files], cwd=out, check=False).returncode  # noqa: S603
    if status == 0:
        sys.stdout.write(f"{len(boards)} dashboards have the types of @grafana/schema\n")
    return status


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve()))
