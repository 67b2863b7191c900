"""A stranger's plugin has settings of its own: listed, checked, kept in the run, held when it resumes, as our own are."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from progressive_app.config.installed import installed_declarations
from progressive_app.config.resolve import defaults, resolve
from progressive_app.config.schema import config_schema
from progressive_front.cli import main
from progressive_training import ConfigError, PluginError, ProgressiveTrainer, hookimpl

ROOT = Path(__file__).resolve().parents[2]
RSI = """
from progressive_training import Setting, Whole, hookimpl

RSI_SPAN = Setting("RSI_SPAN", {default}, Whole(2, 500), "bars that the index looks back", "never")
settings = (RSI_SPAN,)

@hookimpl
def on_episode_end(bucket, episode):
    print("span", bucket.settings[RSI_SPAN])
"""


@pytest.fixture
def rsi(workshop: Any) -> Any:
    workshop.install("rsi", plugins={"rsi": "rsi_plugin"}, rsi_plugin=RSI.format(default=14))
    return workshop


def test_config_lists_it_with_value_origin_owner_and_meaning(
    rsi: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(rsi.directory)
    Path("config.json").write_text('{"FEE": 0.002}')
    assert main(["config", "--set", "RSI_SPAN=21", "-p", "no:report"]) == 0
    shown = capsys.readouterr().out
    assert "\nRSI_SPAN = 21  (--set; rsi)\n    bars that the index looks back\n" in shown
    assert "\nFEE = 0.002  (config.json; " in shown
    assert "\nSEED = 0  (default; core)\n" in shown
    assert '\nPLUGINS = ["no:report"]  (-p; program)\n' in shown
    assert main(["config", "--json"]) == 0
    owners = {row["key"]: row["owners"] for row in json.loads(capsys.readouterr().out)}
    assert owners["RSI_SPAN"] == ["rsi"]
    assert {"Long", "Medium", "Scalping", "Short"} <= set(owners["FEE"])


def test_the_schema_checks_it(rsi: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "--schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    check = jsonschema.Draft202012Validator(schema).is_valid
    assert check({"RSI_SPAN": 21, "LEARNING_RATE": {"Long": 3e-4}, "// why": "because"})
    assert not check({"RSI_SPAN": 1})
    assert not check({"RSI_SPAM": 21})
    assert not check({"LEARNING_RATE": {"Long": 2}})


def test_a_slip_is_pointed_to_it(rsi: Any) -> None:
    with pytest.raises(ConfigError, match="the nearest known setting is RSI_SPAN: a whole number from 2 to 500"):
        resolve(flags={"RSI_SPAM": 3})


def test_a_run_keeps_it_and_holds_to_it(rsi: Any, capsys: pytest.CaptureFixture[str]) -> None:
    rsi.trainer(RSI_SPAN=21).train_progressively()
    assert "span 21" in capsys.readouterr().out
    assert json.loads((rsi.directory / "run/config.json").read_text())["RSI_SPAN"] == 21
    with pytest.raises(ConfigError, match="RSI_SPAN 21 -> 30: a bucket that has begun keeps it"):
        rsi.trainer().resume({"RSI_SPAN": 30})


def test_of_a_disabled_plugin_it_is_left_out_of_a_file_and_refused_on_the_command_line(
    rsi: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(rsi.directory)
    Path("config.json").write_text('{"RSI_SPAN": 21, "SEED": 1}')
    settings = resolve(plugins=["no:rsi"])
    assert (settings["SEED"], "RSI_SPAN" in settings) == (1, False)
    assert "rsi_plugin" not in sys.modules
    with pytest.raises(ConfigError, match=r'unknown setting "RSI_SPAN" \(value 21\) \(or of a disabled plugin: rsi\)'):
        resolve(flags={"RSI_SPAN": 21}, plugins=["no:rsi"])


def test_two_that_declare_one_key_differently_are_both_named(rsi: Any) -> None:
    rsi.install("other", plugins={"other": "other_plugin"}, other_plugin=RSI.format(default=9))
    with pytest.raises(
        PluginError, match=r"plugin 'rsi' \(rsi 1\.2\): the setting RSI_SPAN is declared by plugin 'other'"
    ):
        resolve()


@pytest.mark.parametrize(
    ("declaration", "words"),
    [
        ('Setting("SEED", 14, Whole(2, 500), "x")', "the setting SEED is declared by the core as well"),
        ('Setting("span", 14, Whole(2, 500), "x")', "the setting 'span' must be in capital letters"),
        ('Setting("SPAN", 1, Whole(2, 500), "x")', "the default of SPAN is 1, expected a whole number from 2 to 500"),
        ('"SPAN"', "`settings` must be a tuple of Setting"),
    ],
)
def test_a_wrong_declaration_is_refused_by_its_owner(workshop: Any, declaration: str, words: str) -> None:
    source = RSI.format(default=14).replace("settings = (RSI_SPAN,)", f"settings = ({declaration},)")
    workshop.install("rsi", plugins={"rsi": "rsi_plugin"}, rsi_plugin=source)
    with pytest.raises(PluginError) as caught:
        resolve()
    assert str(caught.value).startswith("plugin 'rsi' (rsi 1.2): ")
    assert words in str(caught.value)


def test_the_shipped_schema_and_file_are_what_the_declarations_give() -> None:
    schema = json.loads((ROOT / "docs/config.schema.json").read_text())
    config = json.loads((ROOT / "config.json").read_text())
    assert schema == json.loads(json.dumps(config_schema(installed_declarations())))
    assert ROOT / config["$schema"] == ROOT / "docs/config.schema.json"
    jsonschema.Draft202012Validator(schema).validate(config)


def test_the_shipped_file_serves_where_a_plugin_is_disabled() -> None:
    settings = resolve(ROOT / "config.json", plugins=["no:memory"])
    assert {key: value for key, value in defaults().items() if key != "MEMORY_THRESHOLD"} == settings


def test_a_value_for_one_bucket_reaches_its_learner_only(tmp_path: Path) -> None:
    small = {"SYNTHETIC_BARS": 3000, "EPISODES": 1, "PARALLEL_EPISODES": 4, "HORIZON_RANGE": [1, 12], "DEVICE": "cpu"}
    asked = {**small, "SEQUENCE": ["Scalping", "Short"], "WIDTH": {"Short": 16}, "UPDATES_PER_EPISODE": 2}
    trainer = ProgressiveTrainer(settings=asked, run_dir=tmp_path / "run", plugins=["no:report"])
    models = trainer.train_progressively()
    widths = {name: json.loads(path.with_name("card.json").read_text())["width"] for name, path in models.items()}
    assert widths == {"Scalping": 128, "Short": 16}


def test_every_bucket_is_offered_the_sizes_that_are_set_for_it(workshop: Any) -> None:
    offered = {}

    class Sizes:
        @hookimpl
        def on_bucket_start(self, bucket: Any, resources: Any) -> None:
            offered[bucket.name] = resources.parallel_episodes, resources.batch_size

    asked = {"PARALLEL_EPISODES": {"First": 3}, "BATCH_SIZE": {"Second": 7}, "EPISODES": {"First": 1}}
    workshop.trainer(plugins=(Sizes(),), **asked).train_progressively()
    assert offered == {"First": (3, 512), "Second": (64, 7)}


def test_help_imports_no_plugin() -> None:
    code = (
        "import sys; from progressive_front.cli import main; main(['--help']); "
        "sys.exit(any(name.startswith(('progressive_plugins', 'progressive_buckets', 'pluggy')) for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0


def test_no_shipped_module_reads_a_setting_by_a_string() -> None:
    folders = ("core", "buckets", "plugins", "transfers")
    found = [
        f"{path}: {line.strip()}"
        for folder in folders
        for path in (ROOT / folder).rglob("*.py")
        for line in path.read_text().splitlines()
        if 'settings["' in line and "`settings[" not in line
    ]
    assert found == []
