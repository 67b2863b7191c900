"""One event of `--json`: a JSON object on a line of its own."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, TextIO

from progressive_app.json_values import json_values


def write_event(stream: TextIO, event: str, **values: Any) -> None:
    """Write an event with the time, and flush it. Where nobody reads any more, what is trained goes on."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    with suppress(OSError, ValueError):
        stream.write(json.dumps(json_values({"event": event, "time": now, **values})) + "\n")
        stream.flush()
