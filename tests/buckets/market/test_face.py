"""What a stranger's learner imports: `progressive_training.market`."""

import subprocess
import sys

from progressive_training import market


def test_every_name_loads() -> None:
    assert all(getattr(market, name) is not None for name in market.__all__)


def test_the_import_alone_loads_neither_torch_nor_pandas() -> None:
    program = "import sys, progressive_training.market; print({'torch', 'pandas', 'numpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
