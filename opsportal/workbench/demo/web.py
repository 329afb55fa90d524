"""`python -m opsportal.workbench.demo.web PORT`: the web server of the demo, gone when its launcher is."""

import sys

from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels

from opsportal.sweeps import processes


def main(port: int) -> None:
    processes.die_as_asked()
    server = Granian(
        "opsportal.workbench.demo.wsgi:application",
        address="127.0.0.1",
        port=port,
        interface=Interfaces.WSGI,
        workers=2,
        blocking_threads=4,
        respawn_failed_workers=True,
        websockets=False,
        log_level=LogLevels.warning,
    )
    server.serve()


if __name__ == "__main__":
    main(int(sys.argv[1]))
