"""The two ways a request to the outside does not succeed."""

from opsportal.errors import InvalidInput


class OutboundRefused(InvalidInput):
    """Our own policy forbids the address or the request; nothing was sent. Shown at the field it was typed into."""

    def __init__(self, message: str, *, field: str = "url") -> None:
        super().__init__("target_refused", message, field=field)


class OutboundFailed(Exception):
    """The network or the other side failed. `reason` is dns, connect, tls, timeout, broken or protocol.

    `may_have_arrived` is False only when it is certain that the other side has not seen the request.
    """

    def __init__(self, reason: str, detail: str, *, may_have_arrived: bool) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.may_have_arrived = may_have_arrived
