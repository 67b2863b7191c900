"""A process that runs tasks of the honesty table: one JSON line in, one out, until there are no more.

    python honesty_worker.py DATA quick|full

It runs with whichever version of the program PYTHONPATH names first, and with that version's benchmarks where it has them.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
import warnings
from pathlib import Path
from time import process_time


def main() -> None:
    """Answer every task with its rows and the CPU seconds that it took, or with the error that ended it."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever else is printed does not come between the answers
    warnings.simplefilter("ignore")
    import structlog
    import torch
    from honesty_pieces import measured

    structlog.configure(logger_factory=structlog.ReturnLoggerFactory(), processors=[])
    torch.set_num_threads(1)
    data, quick = Path(sys.argv[1]), sys.argv[2] == "quick"
    for line in sys.stdin:
        task, start = json.loads(line), process_time()
        answer = {"task": task}
        try:
            answer["rows"] = measured(task, data, quick)
        except Exception:  # noqa: BLE001  (the other tasks go on)
            answer["error"] = traceback.format_exc()
        answer["seconds"] = round(process_time() - start, 2)
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
