"""Tags of a run: the job, the release, and the program that ran, as MLflow's own client names it."""

from __future__ import annotations

import getpass
import shutil
import subprocess
import sys
from pathlib import Path

JOB_TAG, RELEASE_TAG = "signalbox.job", "signalbox.release"
_MOST_TAG_CHARACTERS = 5000


def job_tags(job: str, release: str) -> dict[str, str]:
    """What Signalbox adds; the user interface groups runs by them: Runs, Group by, signalbox.release."""
    return {JOB_TAG: job} | ({RELEASE_TAG: release[:_MOST_TAG_CHARACTERS]} if release else {})


def program_tags() -> dict[str, str]:
    """Who ran which program; its commit where it is in a git repository that does not ignore it."""
    program = sys.argv[0] if sys.argv and sys.argv[0] else ""
    tags = {
        "mlflow.user": _user(),
        "mlflow.source.name": program or "<console>",
        "mlflow.source.type": "LOCAL",
    }
    return tags | (_commit_tags(Path(program)) if program and shutil.which("git") else {})


def _commit_tags(program: Path) -> dict[str, str]:
    folder = program.absolute().parent if program.is_file() else program
    commit = _git(folder, "rev-parse", "HEAD")
    if not commit or _git(folder, "check-ignore", str(folder)):
        return {}
    remote = _git(folder, "remote").partition("\n")[0]
    tags = {
        "mlflow.source.git.commit": commit,
        "mlflow.source.git.branch": _git(folder, "symbolic-ref", "--short", "-q", "HEAD"),
        "mlflow.source.git.repoURL": _git(folder, "remote", "get-url", remote) if remote else "",
    }
    return {key: value for key, value in tags.items() if value}


def _git(folder: Path, *arguments: str) -> str:
    """The output, empty where the command failed."""
    command = ["git", "-C", str(folder), *arguments]
    process = subprocess.run(command, check=False, capture_output=True, text=True)
    return "" if process.returncode else process.stdout.strip()


def _user() -> str:
    try:
        return getpass.getuser()
    except (ImportError, KeyError, OSError):  # a container's user need not have a name
        return "unknown"
