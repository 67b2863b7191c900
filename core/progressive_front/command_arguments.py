"""The arguments of the commands beside the training of a run, and the function that each is handed to."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from progressive_app.config.choices import named, plugin_choices
from progressive_core import PROGRAM
from progressive_core.contract.errors import ConfigError
from progressive_core.contract.suggest import did_you_mean
from progressive_front.flags import Parser, add_configuration, add_plugin_choice, flags_of, path_of, required_path


def _plugins(arguments: list[str]) -> int:
    parser = Parser(
        prog=f"{PROGRAM} plugins",
        description="List the installed buckets, transfers and plugins; import none disabled.",
    )
    parser.add_argument("--json", action="store_true", help="for programs")
    add_configuration(parser)
    add_plugin_choice(parser)
    options = parser.parse_args(arguments)

    from progressive_front.commands.listings import show_plugins

    chosen = plugin_choices(options.plugins, "-p")
    return show_plugins(flags_of(options), path_of(options.config, "--config"), chosen, as_json=options.json)


def _config(arguments: list[str]) -> int:
    parser = Parser(
        prog=f"{PROGRAM} config",
        description="List every setting: its value with these flags, where that is from, its owner and its meaning.",
    )
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument("--schema", action="store_true", help="the JSON Schema of config.json, for editors")
    add_configuration(parser)
    add_plugin_choice(parser)
    options = parser.parse_args(arguments)

    from progressive_front.commands.show_config import show_config

    return show_config(
        flags_of(options),
        path_of(options.config, "--config"),
        plugin_choices(options.plugins, "-p"),
        as_json=options.json,
        as_schema=options.schema,
    )


def _runs(arguments: list[str]) -> int:
    parser = Parser(prog=f"{PROGRAM} runs", description="List the runs in RUNS_DIR, oldest first.")
    parser.add_argument("--json", action="store_true", help="for programs")
    add_configuration(parser)
    options = parser.parse_args(arguments)

    from progressive_front.commands.listings import show_runs

    return show_runs(flags_of(options), path_of(options.config, "--config"), as_json=options.json)


def _evaluate(arguments: list[str]) -> int:
    parser = Parser(
        prog=f"{PROGRAM} evaluate",
        description="Show each model of a run and its baselines, net of costs: on validation and test data as they "
        "were measured when the verdict was made, or on a file of other bars, at the costs that the run was begun with.",
        epilog="Of the settings only RUNS_DIR is taken and, with --data, MARKET: each model knows how its bars are read.",
    )
    parser.add_argument("run", metavar="RUN", help="the directory of a run or a walk-forward, or its name")
    parser.add_argument("--data", metavar="FILE", dest="bars", help="measure the models on these bars instead")
    parser.add_argument("--since", metavar="TIME", help="with --data: from this time on; bars before are history alone")
    parser.add_argument("--market", metavar="NAME", help="with --data: the market to take where the file holds several")
    parser.add_argument("--json", action="store_true", help="for programs")
    add_configuration(parser)
    options = parser.parse_args(arguments)

    run, bars = required_path(options.run, "RUN"), path_of(options.bars, "--data")
    if options.since is not None and bars is None:
        raise ConfigError("--since goes with --data FILE, the bars that are measured on")
    flags = flags_of(options)
    taken = {"RUNS_DIR"} | ({"MARKET"} if bars is not None else set())
    takes = "evaluate takes RUNS_DIR and, with --data FILE, MARKET"
    _refuse_settings_but(taken, flags, "evaluated", takes)

    from progressive_front.commands.show_evaluation import show_evaluation

    return show_evaluation(run, flags, path_of(options.config, "--config"), bars, options.since, as_json=options.json)


def _signal(arguments: list[str]) -> int:
    parser = Parser(
        prog=f"{PROGRAM} signal",
        description="Show what a run's models decide on the newest closed bar of a file, to be executed at the open of "
        "the next bar: flat, long or short, why, and the return that is expected over the longest horizon. A bar that is "
        "still forming is left out. The exit status is 0 whatever they decide.",
        epilog="Of the settings only RUNS_DIR and MARKET are taken: each model knows how its bars are read. --json has the value of "
        "each action and the expected return over each horizon.",
    )
    parser.add_argument("run", metavar="RUN", help="the directory of a run or a walk-forward, or its name")
    parser.add_argument("--data", metavar="FILE", dest="bars", required=True, help="the bars up to now")
    parser.add_argument("--bucket", metavar="NAME", help="of this bucket alone")
    parser.add_argument(
        "--position",
        choices=("flat", "long", "short"),
        default="flat",
        help="what is held now (default: flat); a model that pays for each trade may decide otherwise in another position",
    )
    parser.add_argument("--market", metavar="NAME", help="the market to take where the file holds several")
    parser.add_argument("--json", action="store_true", help="for programs")
    add_configuration(parser)
    options = parser.parse_args(arguments)

    run, bars, flags = required_path(options.run, "RUN"), required_path(options.bars, "--data"), flags_of(options)
    _refuse_settings_but({"RUNS_DIR", "MARKET"}, flags, "used", "signal takes RUNS_DIR and MARKET")
    bucket = named(options.bucket, "--bucket")

    from progressive_front.commands.show_signal import show_signal

    config = path_of(options.config, "--config")
    return show_signal(run, flags, config, bars, bucket, options.position, as_json=options.json)


def _refuse_settings_but(taken: Collection[str], flags: Mapping[str, Any], done: str, takes: str) -> None:
    for key in flags:
        if key not in taken:
            near = did_you_mean(key, taken)
            raise ConfigError(
                f"--set {key}:{near} A run is {done} with the settings that it was begun with. Leave it out; {takes}"
            )


def _report(arguments: list[str]) -> int:
    parser = Parser(
        prog=f"{PROGRAM} report",
        description="Write the report of a run again, from its files: report.html and report.json in its directory. Every run "
        "writes it when it ends; this is for one that was copied, that was trained without it, or of which more is known since, "
        "by a transfer-report for example.",
        epilog="Of the settings only RUNS_DIR is taken. The last line names the page.",
    )
    parser.add_argument("run", metavar="RUN", help="a run's directory, or its name in RUNS_DIR")
    shown = parser.add_mutually_exclusive_group()
    shown.add_argument("--json", action="store_true", help="for programs: show report.json")
    shown.add_argument("--open", action="store_true", help="open the page in the browser")
    parser.add_argument("--png", action="store_true", help="draw report.png too, a picture to embed; needs matplotlib")
    add_configuration(parser)
    options = parser.parse_args(arguments)

    run, flags = required_path(options.run, "RUN"), flags_of(options)
    _refuse_settings_but({"RUNS_DIR"}, flags, "reported on", "report takes RUNS_DIR")

    from progressive_front.commands.show_report import show_report

    config = path_of(options.config, "--config")
    return show_report(run, flags, config, as_json=options.json, to_open=options.open, png=options.png)


def _transfer_report(arguments: list[str]) -> int:
    parser = Parser(
        prog=f"{PROGRAM} transfer-report",
        description="Show what each bucket of a run gained from what it was taught, beside the same bucket from scratch "
        "(trained by --scratch-arms): jumpstart, episodes to 90 % of scratch's best, best score, area ratio, each without "
        "and with the episodes of the buckets that taught it (Taylor and Stone 2009); how every model does on every "
        "bucket, with forward and backward transfer (GEM, arXiv 1706.08840); and what each strategy did, and took.",
        epilog="It is also written into the run's directory, as transfer.json and transfer.md, and as transfer.png where "
        "matplotlib is installed.",
    )
    parser.add_argument("run", metavar="RUN", help="a run's directory, or its name in RUNS_DIR")
    parser.add_argument("--json", action="store_true", help="for programs")
    add_configuration(parser)
    options = parser.parse_args(arguments)

    run, flags = required_path(options.run, "RUN"), flags_of(options)
    _refuse_settings_but({"RUNS_DIR"}, flags, "reported on", "transfer-report takes RUNS_DIR")

    from progressive_front.commands.show_transfer_report import show_transfer_report

    return show_transfer_report(run, flags, path_of(options.config, "--config"), as_json=options.json)


def _challenge(arguments: list[str]) -> int:
    parser = Parser(
        prog=f"{PROGRAM} challenge",
        description="Show how the strategies of a run break: each is attacked with late fills, rising costs, features that fail, "
        "outages and other paths of the price, and judged by the other models of the run. Nothing is trained.",
        epilog="It is also written into the run's directory, as challenge.json and challenge.md, which `report` shows too. Of the "
        "settings only RUNS_DIR is taken.",
    )
    parser.add_argument("run", metavar="RUN", help="a run's directory, or its name in RUNS_DIR")
    parser.add_argument(
        "--bucket", metavar="NAME", help="attack this bucket's model alone; the others judge it all the same"
    )
    parser.add_argument(
        "--test",
        action="store_true",
        help="on the test part instead of validation; how often that was done is recorded, since what is chosen by it is not tested "
        "by it any more",
    )
    parser.add_argument("--json", action="store_true", help="for programs")
    add_configuration(parser)
    add_plugin_choice(parser)
    options = parser.parse_args(arguments)

    run, flags = required_path(options.run, "RUN"), flags_of(options)
    _refuse_settings_but({"RUNS_DIR"}, flags, "challenged", "challenge takes RUNS_DIR")

    from progressive_front.commands.show_challenge import show_challenge
    from progressive_studies.challenge.challenging import Challenge

    asked = Challenge(
        part="test" if options.test else "validation",
        bucket=named(options.bucket, "--bucket"),
        choices=plugin_choices(options.plugins, "-p"),
    )
    return show_challenge(run, flags, path_of(options.config, "--config"), asked, as_json=options.json)


def _study(arguments: list[str]) -> int:
    from progressive_front.study.study_arguments import study

    return study(arguments)


def _walk_forward(arguments: list[str]) -> int:
    from progressive_front.study.walk_arguments import walk_forward

    return walk_forward(arguments)


def _tune(arguments: list[str]) -> int:
    from progressive_front.tune.tune_arguments import tune

    return tune(arguments)


COMMANDS: Mapping[str, Callable[[list[str]], int]] = {
    "study": _study,
    "walk-forward": _walk_forward,
    "tune": _tune,
    "plugins": _plugins,
    "config": _config,
    "runs": _runs,
    "evaluate": _evaluate,
    "signal": _signal,
    "report": _report,
    "transfer-report": _transfer_report,
    "challenge": _challenge,
}
