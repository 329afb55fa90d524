"""Files people send: kept in memory, and read no further than a limit, so that no upload fills a disk."""

from typing import Any

from django.core.files.uploadhandler import MemoryFileUploadHandler, StopUpload
from django.http import HttpRequest

MAX_BYTES = 10 * 1024 * 1024


class BoundedUploadHandler(MemoryFileUploadHandler):
    """The site's only handler. Past the limit it drops what came and marks the request: `is_too_large` asks."""

    received = 0

    def handle_raw_input(self, *args: Any, **kwargs: Any) -> None:
        self.activated = True

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes | None:
        self.received += len(raw_data)
        if self.received > MAX_BYTES:
            self.request.upload_is_too_large = True  # type: ignore[union-attr]
            raise StopUpload(connection_reset=False)
        return super().receive_data_chunk(raw_data, start)


def is_too_large(request: HttpRequest) -> bool:
    """Whether this request's files were dropped for their size."""
    _ = request.FILES  # reads the body, if nobody has
    return bool(getattr(request, "upload_is_too_large", False))
