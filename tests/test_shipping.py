"""What is shipped: wheel, source, container, workflows and citation, and that the installation without extras stays as small as it is."""

import json
import os
import re
import shlex
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator
from contextlib import chdir
from email import message_from_bytes
from pathlib import Path

import pytest

import progressive_training
from progressive_front.cli import main
from progressive_training import PluginError

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
BASE = "attrs cattrs jinja2 litecharts numpy nvidia-ml-py pandas pluggy psutil pyarrow rich safetensors structlog torch".split()
OF_EXTRAS = (
    "backtesting ccxt freqtrade gymnasium matplotlib mlflow onnx onnxruntime onnxscript optuna quantstats ray shtab stable_baselines3 "
    "tensorboard".split()
)
TINY = {"SYNTHETIC_BARS": 3000, "UPDATES_PER_EPISODE": 1, "HORIZON_RANGE": [1, 4], "EPISODES": 1}
README_COMMANDS = ["progressive-training", "pytest -n logical"]


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the wheel and the sdist, built with nothing from a network."""
    pytest.importorskip("hatchling", reason="needs the extra: test")
    directory = tmp_path_factory.mktemp("dist")
    run([sys.executable, "-m", "hatchling", "build", "-d", str(directory)], cwd=ROOT)
    return directory


@pytest.fixture(scope="module")
def wheel(dist: Path) -> Path:
    return next(dist.glob("*.whl"))


def run(command: list[str], **options: object) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_wheel_and_sdist_are_what_an_index_takes(dist: Path) -> None:
    pytest.importorskip("twine", reason="needs the extra: test")
    run([sys.executable, "-m", "twine", "check", "--strict", *map(str, sorted(dist.iterdir()))])


def test_the_wheel_has_the_packages_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert len({Path(name).parts[0] for name in names if ".dist-info/" not in name}) == 10
    assert [name for name in names if not name.startswith("progressive_")] == []
    assert [name for name in names if re.search(r"(^|/)(tests|benchmarks|examples|docs)/", name)] == []
    shipped = {file.suffix for file in map(Path, names) if ".dist-info" not in file.parts[0]}
    assert shipped <= {
        ".py",
        ".c",
        ".h",
        ".so",
        ".typed",
        ".css",
        ".js",
        ".html",
        ".j2",
        ".txt",
        ".md",
        ".json",
        ".svg",
    }, shipped
    assert (".so" in shipped) == (not wheel.name.endswith("-any.whl"))  # compiled where there was a compiler
    sources = {str(file.relative_to(ROOT / "core")) for file in (ROOT / "core").rglob("*.py")}
    assert sources <= set(names)


def test_the_sdist_has_what_the_tests_need(dist: Path) -> None:
    with tarfile.open(next(dist.glob("*.tar.gz"))) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout
    if not listed:
        pytest.skip("needs git, and its files")
    assert {each for each in listed.splitlines() if (ROOT / each).is_file()} <= names
    assert {name.partition("/")[0] for name in names} - {each.partition("/")[0] for each in listed.splitlines()} <= {
        "PKG-INFO",
        *git_new(),
    }


def git_new() -> set[str]:
    """The names at the root that are still to be committed."""
    listed = run(["git", "ls-files", "--others", "--exclude-standard"], cwd=ROOT)
    return {each.partition("/")[0] for each in listed.splitlines()}


def test_the_installation_without_extras_needs_no_more_than_it_did(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    metadata = message_from_bytes(archive.read(next(name for name in archive.namelist() if name.endswith("/METADATA"))))
    needs = [each for each in metadata.get_all("Requires-Dist") if "extra ==" not in each]
    assert [re.split(r"[<>=!~; ]", each)[0] for each in needs] == BASE
    assert set(metadata.get_all("Provides-Extra")) == set(PROJECT["optional-dependencies"])


@pytest.mark.parametrize("arguments", [["--help"], ["plugins"], ["--bucket", "Scalping", "--episodes", "1", "--quiet"]])
def test_the_wheel_runs_alone_and_loads_nothing_of_an_extra(arguments: list[str], wheel: Path, tmp_path: Path) -> None:
    """The wheel unpacked; -S leaves the editable installation out, and packages that it needs are put behind it."""
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    (tmp_path / "config.json").write_text(json.dumps(TINY))
    code = f"""
import sys
sys.path[:0] = [{str(tmp_path / "site")!r}]
sys.path += {[sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]!r}
import progressive_training
from progressive_front.cli import main
code = main({arguments!r})
print()
print(code, progressive_training.__file__.startswith({str(tmp_path)!r}), sorted({OF_EXTRAS!r} & sys.modules.keys()))
""".replace(repr(OF_EXTRAS), repr(set(OF_EXTRAS)))
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    printed = run([sys.executable, "-S", "-c", code], cwd=tmp_path, env=environment)
    assert printed.splitlines()[-1] == "0 True []"


WINDOWS = """
import signal, sys
import multiprocessing.connection, pandas, psutil, torch  # what others import stays as it is
for name in ("fcntl", "grp", "pwd", "resource", "termios"):
    sys.modules[name] = None
for name in ("SIGHUP", "SIGKILL", "pthread_sigmask", "pthread_kill"):
    delattr(signal, name)
from importlib import import_module
from pathlib import Path
from progressive_front.cli import main
for folder in ("core", "buckets", "transfers", "plugins"):
    for file in sorted(Path(ROOT, folder).rglob("*.py")):
        import_module(".".join(file.relative_to(Path(ROOT, folder)).with_suffix("").parts).removesuffix(".__init__"))
print(main(["--bucket", "Scalping", "--episodes", "1", "--quiet"]))
"""


def test_a_system_without_posix_modules_and_signals_imports_all_and_trains(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(TINY))
    printed = run([sys.executable, "-c", WINDOWS.replace("ROOT", repr(str(ROOT)))], cwd=tmp_path)
    assert printed.splitlines()[-1] == "0"


# ---------------------------------------------------------------------- extras


def texts() -> Iterator[str]:
    """All that says what to install: shipped code and documents."""
    for folder in ("progressive_training", "core", "buckets", "transfers", "plugins", "docs"):
        for file in sorted((ROOT / folder).rglob("*")):
            if file.suffix in {".py", ".md"}:
                yield file.read_text("utf-8")
    yield (ROOT / "README.md").read_text("utf-8")


def test_each_extra_that_is_named_exists() -> None:
    named = {
        extra.strip()
        for text in texts()
        for found in re.findall(r"progressive-training\[([a-z0-9, ]+)\]|`\[([a-z0-9]+)\]`|\"\.\[([a-z0-9,]+)\]\"", text)
        for extra in ",".join(found).split(",")
    } - {""}
    assert {"completion", "ray", "report", "tune"} <= named
    assert named <= set(PROJECT["optional-dependencies"])


ABSENT = {
    "ccxt": ("live", "signal mine --exchange binance"),
    "matplotlib": ("report", "report mine --png"),
    "onnx": ("onnx", "export mine/Scalping --to onnx"),
    "optuna": ("tune", "tune --bucket Scalping"),
    "ray": ("ray", "--engine ray"),
    "shtab": ("completion", "--print-completion bash"),
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory to run commands in, with the run `mine`."""
    directory = tmp_path_factory.mktemp("trained")
    (directory / "config.json").write_text(json.dumps(TINY))
    with chdir(directory):
        assert main(["--bucket", "Scalping", "--quiet", "--run-dir", "runs/mine"]) == 0
    return directory


def without(package: str, patch: pytest.MonkeyPatch) -> None:
    """As if the package were not installed."""
    for name in [package, *(each for each in sys.modules if each.startswith(f"{package}."))]:
        patch.setitem(sys.modules, name, None)


@pytest.mark.parametrize("package", ABSENT)
def test_what_is_absent_is_one_line_that_says_what_to_install(
    package: str, monkeypatch: pytest.MonkeyPatch, trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    extra, command = ABSENT[package]
    monkeypatch.chdir(trained)
    without(package, monkeypatch)
    before = sorted(trained.rglob("*"))
    assert main(shlex.split(command)) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    hints = [line for line in printed.err.splitlines() if "pip install" in line]
    assert [line.rpartition("pip install ")[2] for line in hints] == [f"'progressive-training[{extra}]'"]
    assert sorted(trained.rglob("*")) == before


@pytest.mark.parametrize("tracker", ["tensorboard", "mlflow"])
def test_an_absent_tracker_ends_the_training_before_its_first_episode(
    tracker: str, monkeypatch: pytest.MonkeyPatch, trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(trained)
    without(tracker, monkeypatch)
    assert main(["--bucket", "Scalping", "--quiet", "--run-dir", f"runs/{tracker}", "-p", tracker]) == 2
    assert f"pip install 'progressive-training[{tracker}]' (to go on without it: " in capsys.readouterr().err
    assert not (trained / f"runs/{tracker}/metrics.jsonl").exists()


@pytest.mark.parametrize(
    ("package", "extra", "code"),
    [
        ("gymnasium", "gym", "from progressive_training.envs import MarketEnv"),
        (
            "stable_baselines3",
            "sb3",
            "from progressive_training.sb3 import SB3Bucket\n"
            "from progressive_training.testing import check_bucket\n"
            "check_bucket(SB3Bucket(name='Mine', horizons=(3, 12)), {'SYNTHETIC_BARS': 3000})",
        ),
    ],
)
def test_what_is_absent_in_python_says_what_to_install(
    package: str, extra: str, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(package, monkeypatch)
    monkeypatch.setattr(progressive_training, "envs", None, raising=False)
    monkeypatch.delitem(sys.modules, "progressive_training.envs", raising=False)
    with pytest.raises(PluginError, match=rf"pip install 'progressive-training\[{extra}\]'$"):
        exec(code, {})


# ---------------------------------------------------------------------- container, workflows, citation


def test_the_container_trains_and_tests_by_the_commands_of_the_readme() -> None:
    lines = (ROOT / "Containerfile").read_text("utf-8").splitlines()
    commands = [" ".join(json.loads(line.split(" ", 1)[1])) for line in lines if re.match(r"(CMD|ENTRYPOINT) ", line)]
    assert sorted(commands) == README_COMMANDS
    readme = (ROOT / "README.md").read_text("utf-8")
    assert all(f"&& {command} " in readme for command in README_COMMANDS)
    stages = [line.split()[-1] for line in lines if line.startswith("FROM ")]
    assert stages[-1] == "train"
    assert "test" in stages
    for stage in "\n".join(lines).split("\nFROM ")[1:]:
        assert "\nUSER trader" in stage or stage.split()[2] in {"python", "wheel"}
    torch = next(each for each in PROJECT["dependencies"] if each.startswith("torch"))
    assert f'"{torch}"' in "\n".join(lines)


def workflow(name: str) -> dict[str, dict[str, dict[str, object]]]:
    yaml = pytest.importorskip("yaml", reason="needs the extra: docs")
    return yaml.safe_load((ROOT / f".github/workflows/{name}.yml").read_text("utf-8"))


def test_the_workflow_runs_the_readme_on_each_python_and_system() -> None:
    jobs = workflow("ci")["jobs"]
    pythons = sorted({each.split()[-1] for each in PROJECT["classifiers"] if ":: Python :: 3." in each})
    for job in ("works", "tests"):
        matrix = jobs[job]["strategy"]["matrix"]
        assert sorted(matrix["python"]) == pythons
        assert sorted(matrix["os"]) == ["macos-latest", "ubuntu-latest", "windows-latest"]
    assert "pytest -n logical" in [step.get("run") for step in jobs["tests"]["steps"]]


def test_a_release_holds_no_password() -> None:
    jobs = workflow("release")["jobs"]
    assert jobs["publish"]["permissions"] == {"id-token": "write"}
    assert "secrets." not in (ROOT / ".github/workflows/release.yml").read_text("utf-8")


def test_the_citation_is_of_this_version() -> None:
    yaml = pytest.importorskip("yaml", reason="needs the extra: docs")
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert {"cff-version", "message", "title", "authors"} <= citation.keys()
    assert citation["version"] == PROJECT["version"]
    assert citation["license"] == PROJECT["license"]
    assert citation["repository-code"] == PROJECT["urls"]["Repository"]
    assert [author["name"] for author in citation["authors"]] == [author["name"] for author in PROJECT["authors"]]
