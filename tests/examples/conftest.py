"""Packages installed beside the project, as a stranger's would be, and the program run with them."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from attrs import frozen


@frozen
class Site:
    """A directory to run commands in, and the folders of the packages installed for them."""

    cwd: Path
    packages: tuple[Path, ...]

    def start(self, *command: str) -> "subprocess.Popen[str]":
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(map(str, self.packages))}
        python = (sys.executable, *command)
        return subprocess.Popen(
            python, cwd=self.cwd, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def python(self, *command: str) -> str:
        """Run to the end, which must be a success; what it printed."""
        with self.start(*command) as process:
            out, err = process.communicate()
        assert process.returncode == 0, out + err
        return out

    def program(self, *arguments: str) -> str:
        return self.python("-m", "progressive_training", *arguments)

    def programs(self, *commands: str) -> list[str]:
        """Run the program with each of the command lines, one after the other in one process; what each printed."""
        code = (
            "import sys; from progressive_front.cli import main\n"
            "for words in sys.argv[1:]:\n"
            "    assert main(words.split()) == 0\n"
            "    print('\\f', flush=True)"
        )
        return self.python("-c", code, *commands).split("\f\n")[:-1]

    def killed(self, moment: str, *arguments: str) -> None:
        """Run the program, and kill it when it prints `moment`."""
        with self.start("-m", "progressive_training", *arguments) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            seen = any(moment in line for line in process.stdout)
            process.send_signal(signal.SIGKILL)
            assert seen, process.stderr.read()


@pytest.fixture(scope="session")
def install(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """`install(package)`: a folder with this source package installed in it by pip."""

    def install(package: Path) -> Path:
        target = tmp_path_factory.mktemp("site")
        pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-index")
        options = ("--no-deps", "--no-build-isolation", "--target", str(target))
        done = subprocess.run((*pip, *options, str(package)), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return target

    return install


@pytest.fixture(scope="session")
def site_at() -> type[Site]:
    """`site_at(directory, (folder, ...))`: the program run in `directory`, with what is installed in the folders."""
    return Site
