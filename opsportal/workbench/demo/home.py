"""Where a demo lives: its folder, its environment, its access file."""

import json
import os
import secrets
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from opsportal.workbench.demo.receiver import PORT_VARIABLE

HOME_VARIABLE = "OPSPORTAL_DEMO_HOME"
ALLOW_VARIABLE = "OPSPORTAL_OUTBOUND_ALLOW"
# A demo is a machine of its own: what a developer has set for another database has no say in it.
FOREIGN = ("MIGRATION_DATABASE_URL", "OPSPORTAL_PRODUCTION", "DEBUG", "OPSPORTAL_TIME_TRAVEL")


class Home:
    """The folder of one demo. Everything in it survives a restart; deleting it makes a fresh one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database = folder / "opsportal.sqlite3"
        self.access_file = folder / "access.json"
        self.key_file = folder / "secret_key"
        self.lock_file = folder / "lock"
        self.port_file = folder / "receiver_port"
        self.mail_folder = folder / "mail"

    @classmethod
    def from_environment(cls) -> "Home":
        return cls(Path(os.environ[HOME_VARIABLE]))

    def create(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def environment(self, *, url: str) -> dict[str, str]:
        """What every process of the demo runs with. Slack, outbound allowances and the base URL come from outside."""
        kept = {name: value for name, value in os.environ.items() if name not in FOREIGN}
        port = self.receiver_port()
        allowed = [*filter(None, [os.environ.get(ALLOW_VARIABLE)]), f"127.0.0.1:{port}"]
        own = {
            PORT_VARIABLE: str(port),
            ALLOW_VARIABLE: ",".join(allowed),
            HOME_VARIABLE: str(self.folder),
            "DJANGO_SETTINGS_MODULE": "opsportal.settings",
            "DATABASE_URL": f"sqlite:///{self.database}",
            "SECRET_KEY": self.secret_key(),
            "OPSPORTAL_BASE_URL": url,
        }
        # Four slashes in all: what follows the third is read as a relative path otherwise.
        defaults = {"EMAIL_URL": f"filemail:///{self.mail_folder}", "OPSPORTAL_LOG_LEVEL": "WARNING"}
        return {**defaults, **kept, **own}

    def receiver_port(self) -> int:
        """Where the demo plays what payloads are sent to: chosen at its first start."""
        if not self.port_file.exists():
            write_privately(self.port_file, f"{free_port()}\n")
        return int(self.port_file.read_text())

    def give_way(self) -> None:
        """Choose another port for the receiver where somebody else has taken it meanwhile."""
        if not is_free(self.receiver_port()):
            self.port_file.unlink()

    def secret_key(self) -> str:
        """This demo's own key, made at its first start."""
        if not self.key_file.exists():
            write_privately(self.key_file, secrets.token_urlsafe(48))
        return self.key_file.read_text().strip()

    def read_access(self) -> dict[str, Any]:
        """{url, logins, token}; empty when it cannot be read."""
        try:
            access = json.loads(self.access_file.read_text())
        except (OSError, ValueError):
            return {}
        return access if isinstance(access, dict) else {}

    def write_access(self, access: Mapping[str, Any]) -> None:
        write_privately(self.access_file, json.dumps(access, indent=2) + "\n")


def is_free(port: int) -> bool:
    """Whether this port of the machine can be listened on."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def write_privately(path: Path, text: str) -> None:
    """Whole or not at all, and readable to nobody else at any moment."""
    partial = path.with_name(path.name + ".part")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    partial.replace(path)
