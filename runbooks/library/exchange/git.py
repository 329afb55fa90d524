"""What a git working tree says about a folder: the commit it stands at, and which files have changes of their own."""

import shutil
import subprocess
from pathlib import Path

TIMEOUT_SECONDS = 30


def commit_of(folder: Path) -> str:
    """The commit checked out around a folder; empty where there is no git."""
    return _git(folder, "rev-parse", "--verify", "HEAD").strip()


def changed_in(folder: Path) -> set[str]:
    """Paths below the folder that differ from the commit, or are not in it."""
    if not commit_of(folder):
        return set()
    prefix = _git(folder, "rev-parse", "--show-prefix").strip()
    lines = _git(folder, "status", "--porcelain", "-z", "--no-renames", "--untracked-files=all", ".").split("\0")
    return {line[3:].removeprefix(prefix) for line in lines if len(line) > 3}


def _git(folder: Path, *arguments: str) -> str:
    """The output of a git command that reads; empty where it fails. No hook and no pager runs."""
    program = shutil.which("git")
    if program is None:
        return ""
    command = [program, "-C", str(folder), "--no-pager", "-c", "core.fsmonitor=false", *arguments]
    done = subprocess.run(command, capture_output=True, timeout=TIMEOUT_SECONDS, check=False)  # noqa: S603 - no shell
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else ""
