"""What a user sees of the registry: which plugins run, in which order, and how to leave one out."""

import sys
from collections.abc import Callable

import pytest

from progressive_app.discovery.installed_plugins import installed_registry
from progressive_app.discovery.listing import survey
from progressive_core.plugins.registry import Registry
from progressive_training import PluginError

WATCH = """
from progressive_training import hookimpl

@hookimpl
def cleanup(bucket, error):
    pass
"""
STRATEGY = """
from progressive_training import hookimpl

@hookimpl
def transfer(source, target):
    return None
"""
BUCKET = """
class Swing:
    name = "Swing"
    horizons = (12, 24)

    def memory_needed(self, bucket, resources):
        return 0

    def check(self, bucket, resources):
        pass

    def open(self, bucket, resources):
        raise NotImplementedError

swing = Swing()
"""
BUILT_IN_TRANSFERS = ("weights", "features", "horizons", "reverse")


def record(name: str, *choices: str) -> object:
    return next(record for record in survey(choices) if record.name == name)


def test_a_strangers_bucket_strategy_and_plugin_are_found_like_the_built_ins(install: Callable[..., None]) -> None:
    install(
        "acme",
        buckets={"Swing": "acme_swing:swing"},
        transfers={"nudge": "acme_nudge"},
        plugins={"watch": "acme_watch"},
        acme_swing=BUCKET,
        acme_nudge=STRATEGY,
        acme_watch=WATCH,
    )
    registry = installed_registry()
    assert registry.bucket("Swing").horizons == (12, 24)
    assert "Swing" in registry.bucket_names and "Scalping" in registry.bucket_names
    assert "nudge" in registry.transfers
    assert registry.owner("watch") == "plugin 'watch' (acme 1.2)"
    found = {each.name: each for each in registry.records}
    assert found["watch"].kind == "plugin" and found["watch"].hooks == ("cleanup",) and found["watch"].enabled
    assert found["nudge"].kind == "transfer" and found["nudge"].value == "acme_nudge"


def test_the_name_shown_is_the_name_that_disables_before_the_import(install: Callable[..., None]) -> None:
    install(
        "acme",
        buckets={"Swing": "acme_swing:swing"},
        transfers={"nudge": "acme_nudge"},
        plugins={"watch": "acme_watch"},
        acme_swing=BUCKET,
        acme_nudge=STRATEGY,
        acme_watch=WATCH,
    )
    choices = [f"no:{each.name}" for each in survey() if each.distribution == "acme"]
    assert sorted(choices) == ["no:Swing", "no:nudge", "no:watch"]
    for module in ("acme_swing", "acme_nudge", "acme_watch"):
        del sys.modules[module]
    registry = installed_registry(choices)
    surveyed = survey(choices)
    assert not {"acme_swing", "acme_nudge", "acme_watch"} & set(sys.modules)
    assert not {"Swing", "nudge", "watch"} & {*registry.bucket_names, *registry.transfers, *registry.plugins}
    assert {each.reason for each in surveyed if each.name == "watch"} == {"disabled by 'no:watch'"}
    with pytest.raises(PluginError, match=r"bucket 'Swing' \(acme 1.2\) is disabled by 'no:Swing'"):
        registry.bucket("Swing")


def test_a_later_choice_wins(install: Callable[..., None]) -> None:
    install("acme", plugins={"watch": "acme_watch"}, acme_watch=WATCH)
    assert "watch" in installed_registry(["no:watch", "watch"]).plugins
    assert "watch" not in installed_registry(["watch", "no:watch"]).plugins


def test_a_bucket_is_imported_only_when_it_is_used(install: Callable[..., None]) -> None:
    install("acme", buckets={"Swing": "acme_swing:swing"}, acme_swing=BUCKET)
    registry = installed_registry()
    assert "Swing" in registry.bucket_names and "acme_swing" not in sys.modules
    registry.bucket("Swing")
    assert "acme_swing" in sys.modules


def test_an_opt_in_plugin_waits_to_be_named(install: Callable[..., None]) -> None:
    install("acme", plugins={"loud": "acme_loud"}, acme_loud=WATCH + "\nopt_in = True\n")
    assert "loud" not in installed_registry().plugins
    assert "loud" in installed_registry(["loud"]).plugins
    assert record("loud").reason == "off unless named: -p loud"
    assert record("loud", "loud").enabled


def test_strategies_follow_the_configured_order_and_the_rest_their_names(install: Callable[..., None]) -> None:
    install("acme", transfers={"zeal": "acme_z", "ardour": "acme_a"}, acme_z=STRATEGY, acme_a=STRATEGY)
    assert installed_registry(transfer_order=BUILT_IN_TRANSFERS).transfers == (*BUILT_IN_TRANSFERS, "ardour", "zeal")
    assert installed_registry(transfer_order=("zeal", "reverse")).transfers[:3] == ("zeal", "reverse", "ardour")


def test_plugins_are_called_by_name_and_those_asked_for_have_the_last_word(install: Callable[..., None]) -> None:
    install(
        "acme",
        plugins={"aa": "acme_aa", "zz": "acme_zz", "mm": "acme_mm"},
        acme_aa=WATCH,
        acme_mm=WATCH,
        acme_zz=WATCH,
    )

    def mine(registry: Registry) -> list[str]:
        return [name for name in registry.plugins if name in ("aa", "mm", "zz")]

    assert mine(installed_registry()) == ["aa", "mm", "zz"]
    assert mine(installed_registry(["mm", "aa"])) == ["zz", "mm", "aa"]
    called = installed_registry(["mm", "aa"]).manager.asked("cleanup")
    assert [name for name in called if name in ("aa", "mm", "zz")] == ["zz", "mm", "aa"]


def test_registries_share_nothing() -> None:
    first, second = installed_registry(), installed_registry(["no:memory"])
    assert first.manager is not second.manager
    assert first.manager.has_plugin("memory") and not second.manager.has_plugin("memory")


def test_loading_the_built_ins_imports_neither_torch_nor_pandas(run_python: Callable[[str], str]) -> None:
    loaded = run_python(
        "import sys\n"
        "from progressive_app.discovery.listing import survey\n"
        "records = survey(['console', 'mlflow', 'picture', 'tensorboard'])\n"
        "assert all(record.enabled for record in records), [record.reason for record in records]\n"
        "print(sorted({'torch', 'pandas'} & set(sys.modules)))"
    )
    assert loaded.strip() == "[]"
