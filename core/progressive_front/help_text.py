"""What `--help` shows below the flags: commands, examples, and the program's own settings."""

from __future__ import annotations

from collections.abc import Mapping

from progressive_app.config.declarations import program_declarations
from progressive_core import PROGRAM
from progressive_core.contract.setting import When

_COMMANDS_HELP = """commands (PROGRAM COMMAND --help explains each):
  study                train a grid of runs: seeds, markets, settings; then means and paired differences
  walk-forward         train folds in the order of time; the bars behind each, which none has seen, as one result
  tune                 search for better settings of a bucket, and adopt what fresh bars confirm
  plugins              list the installed buckets, transfers and plugins, and which are enabled
  config               list every setting with its value, where that is from, its owner and its meaning
  runs                 list the runs, how far they are, and their scores
  evaluate RUN         show a run's models beside their baselines
  signal RUN           show what a run's models decide on the newest closed bar of a file
  paper RUN            follow a file or an exchange bar by bar, and keep an account on paper; no order is sent
  report RUN           write a run's report again: report.html and report.json
  transfer-report RUN  show what the buckets of a run gained from one another
  challenge RUN        show how the strategies of a run break: late fills, dear trades, features that fail
  export RUN/Bucket    write a model, or what it did, as files for another tool: onnx, backtesting, quantstats, freqtrade

examples:
  PROGRAM --data btc.csv --episodes 50        train all buckets on bars of your own
  PROGRAM --bucket Long --transfer Scalping   train one, from what another learned last
  PROGRAM plugins -p no:early_stopping        what is enabled without early stopping
  PROGRAM runs --set RUNS_DIR=elsewhere       the runs in another directory
  PROGRAM --resume --set LEARNING_RATE=3e-4   go on with the newest unfinished run, at another learning rate
  PROGRAM evaluate runs/mine --data new.csv   a run's models on other bars
  PROGRAM signal runs/mine --data new.csv     what they decide now
  PROGRAM --scratch-arms --run-dir runs/mine  train all buckets, and what is taught from scratch too
  PROGRAM transfer-report runs/mine           then see what being taught was worth
"""
_MARKS: Mapping[When, str] = {"any time": "", "later buckets": " [later]", "never": " [fixed]"}
"""Behind a setting in the help: when it may change in a run that has begun."""


def epilog_text() -> str:
    """Commands, examples and settings."""
    return f"{_COMMANDS_HELP.replace('PROGRAM', PROGRAM)}\n{_settings_help()}"


def _settings_help() -> str:
    settings = program_declarations().settings.values()
    lines = [f"  {setting.key:26}{setting.meaning}{_MARKS[setting.may_change]}" for setting in settings]
    marks = "[fixed]: not in a run that has begun (--fork); [later]: there, for buckets that have not begun"
    more = f"`{PROGRAM} config` lists these and the settings of the market, the learner, transfers and plugins"
    return "\n".join(["settings of the program (--set KEY=VALUE, or in config.json):", *lines, marks, more])
