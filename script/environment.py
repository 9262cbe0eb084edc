"""Make (once) and reuse the project's own environment in `.venv`, from the hash-locked lists. Standard library only.

Nothing outside the clone is touched. A stamp of everything that decides the content makes the second run immediate.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / "crmsync-environment"
PROJECTS = (ROOT, ROOT / "connectors" / "salesforce", ROOT / "connectors" / "hubspot")


def python() -> Path:
    """The environment's interpreter."""
    return VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def ensure(group: str) -> Path:
    """Make sure the environment holds `group` ("runtime", or "dev" which includes it); give its interpreter."""
    if not (3, 11) <= sys.version_info[:2] <= (3, 13):
        sys.exit(f"crmsync needs Python 3.11 to 3.13; this is {sys.version.split()[0]}. Start the script with another one.")
    wanted = _stamp(group)
    held = STAMP.read_text(encoding="utf-8").splitlines() if STAMP.exists() else []
    if wanted in held and python().exists():
        return python()
    _make(group)
    STAMP.write_text("\n".join(sorted({wanted, _stamp("runtime")})) + "\n", encoding="utf-8")
    return python()


def run(*command: str | Path) -> None:
    """Run a command in the clone with the environment's interpreter; leave with its exit code when it fails."""
    result = subprocess.run([str(part) for part in command], cwd=ROOT, check=False)
    if result.returncode:
        sys.exit(result.returncode)


def say(text: str) -> None:
    print(f"== {text}", flush=True)


def _make(group: str) -> None:
    say(f"Making the environment in .venv ({group}); the first time takes a minute or two")
    try:
        if Path(sys.prefix).resolve() != VENV.resolve():  # started by the environment itself, it is there already
            venv.create(VENV, with_pip=True, clear=not _is_of_this_python())
    except subprocess.CalledProcessError:
        sys.exit("This Python cannot make environments (ensurepip is missing). On Debian: install python3-venv.")
    quiet = ("-q", "--disable-pip-version-check", "--no-input")
    locked = ROOT / "requirements" / f"{group}.txt"
    run(python(), "-m", "pip", "install", *quiet, "--require-hashes", "--only-binary", ":all:", "-r", locked)
    say("Installing crmsync and its two connectors in place")
    places = [part for project in PROJECTS for part in ("-e", str(project))]
    run(python(), "-m", "pip", "install", *quiet, "--no-deps", "--no-build-isolation", *places)
    # Where Python may not write byte code by itself, every start would compile our sources anew.
    run(python(), "-m", "compileall", "-q", *(project / "src" for project in PROJECTS))


def _is_of_this_python() -> bool:
    """Whether the environment there is of the version at work: another one is made anew, not mixed with this one."""
    made = VENV / "pyvenv.cfg"
    version = f"version = {sys.version_info.major}.{sys.version_info.minor}."
    return python().exists() and made.exists() and version in made.read_text(encoding="utf-8")


def _stamp(group: str) -> str:
    digest = hashlib.sha256(f"{sys.version_info[:2]} {ROOT}".encode())
    for file in (ROOT / "requirements" / f"{group}.txt", *(p / "pyproject.toml" for p in PROJECTS)):
        digest.update(file.read_bytes())
    return f"{group} {digest.hexdigest()}"
