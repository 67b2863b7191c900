"""A stranger's distribution, installed for one test: a .dist-info folder and its modules on sys.path."""

import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from textwrap import dedent

import pytest

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """`install("acme", plugins={"watch": "acme_watch"}, acme_watch="...source...", version="1.2")`."""
    installed: list[str] = []

    def install(
        distribution: str,
        *,
        version: str = "1.2",
        buckets: Mapping[str, str] | None = None,
        transfers: Mapping[str, str] | None = None,
        plugins: Mapping[str, str] | None = None,
        **modules: str,
    ) -> None:
        root = tmp_path / distribution
        info = root / f"{distribution}-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        groups = {"buckets": buckets, "transfers": transfers, "plugins": plugins}
        (info / "entry_points.txt").write_text(
            "".join(
                f"[progressive_training.{group}]\n" + "".join(f"{name} = {value}\n" for name, value in points.items())
                for group, points in groups.items()
                if points
            )
        )
        for name, source in modules.items():
            (root / f"{name}.py").write_text(dedent(source))
            installed.append(name)
        monkeypatch.syspath_prepend(root)

    yield install
    for name in installed:
        sys.modules.pop(name, None)


@pytest.fixture
def run_python() -> Callable[[str], str]:
    """Run code in a fresh interpreter, and give what it printed."""

    def run(code: str) -> str:
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run
