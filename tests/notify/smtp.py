"""A small real SMTP server (RFC 5321) that keeps mails and refuses on demand."""

import contextlib
import email
import socketserver
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import default


@dataclass
class MailServer:
    port: int = 0
    refuse: dict[str, str] = field(default_factory=dict)  # command -> the answer it gets instead
    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    vanish_after_data: bool = False


@contextlib.contextmanager
def mail_server() -> Iterator[MailServer]:
    state = MailServer()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.say("220 mail.example.org")
            while line := self.rfile.readline():
                command = line.decode().strip()
                if not self.obey(command):
                    return

        def say(self, text: str) -> None:
            self.wfile.write(f"{text}\r\n".encode())

        def obey(self, command: str) -> bool:
            verb = command.split(":")[0].split(" ")[0].upper()
            if answer := state.refuse.get(verb):
                self.say(answer)
                return True
            if verb == "DATA":
                return self.take()
            if verb == "RCPT":
                state.recipients.append(command.split("<")[1].rstrip(">"))
            self.say("221 bye" if verb == "QUIT" else "250 ok")
            return verb != "QUIT"

        def take(self) -> bool:
            self.say("354 go on")
            lines = []
            while (line := self.rfile.readline()) != b".\r\n":
                lines.append(line)
            state.mails.append(email.message_from_bytes(b"".join(lines), policy=default))
            if state.vanish_after_data:
                return False
            self.say("250 queued")
            return True

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        state.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield state
        server.shutdown()
        thread.join()
