"""What the author of a broken plugin reads: who, where, what was expected, what was got, what to do."""

from collections.abc import Callable

import pytest

from progressive_app.discovery.installed_plugins import installed_registry
from progressive_app.discovery.listing import survey
from progressive_core.contract.catalogue import PluginRecord
from progressive_training import PluginError

Install = Callable[..., None]
HEAD = "from progressive_training import hookimpl\n"
OWNER = "plugin 'watch' (acme 1.2)"


def refused(*choices: str, transfer_order: tuple[str, ...] = ()) -> str:
    with pytest.raises(PluginError) as caught:
        installed_registry(choices, transfer_order)
    message = str(caught.value)
    assert "\n" not in message
    return message


def refused_for(name: str) -> str:
    """What is wrong with a plugin, which is also told how to do without, and that another policy does so by itself."""
    message, way_on, ending = refused().partition(
        f" (to go on without it: -p no:{name}, or --set PLUGIN_ERRORS=disable)"
    )
    assert way_on and not ending
    for registry in (
        installed_registry([f"no:{name}"]),
        installed_registry(policy="disable"),
        installed_registry(policy="warn"),
    ):
        assert name not in (*registry.plugins, *registry.transfers)
    assert installed_registry(policy="warn").left_out == [message]
    return message


def surveyed(name: str) -> PluginRecord:
    """A listing never fails: what the registry refuses is a record with the same reason."""
    return next(record for record in survey() if record.name == name)


def refused_plugin(install: Install, source: str) -> str:
    install("acme", plugins={"watch": "acme_watch:watch"}, acme_watch=HEAD + source)
    message = refused_for("watch")
    assert surveyed("watch").reason == message and not surveyed("watch").enabled
    return message


def refused_strategy(install: Install, source: str) -> str:
    install("acme", transfers={"nudge": "acme_nudge"}, acme_nudge=HEAD + source)
    message = refused_for("nudge")
    assert surveyed("nudge").reason == message and not surveyed("nudge").enabled
    return message


def refused_bucket(install: Install, source: str) -> str:
    install("acme", buckets={"Swing": "acme_swing:swing"}, acme_swing=source)
    with pytest.raises(PluginError) as caught:
        installed_registry().bucket("Swing")
    assert surveyed("Swing").reason == str(caught.value)
    return str(caught.value)


def test_a_hook_without_its_mark(install: Install) -> None:
    message = refused_plugin(install, "class W:\n    def cleanup(self, bucket: object, error=None): ...\nwatch = W()\n")
    assert message == (
        f"{OWNER}: cleanup(self, bucket, error=None) has a hook's name but no @hookimpl, so it would never be called: "
        "put @hookimpl (from progressive_training) above it, or rename it. The hook is cleanup(bucket, error)"
    )


def test_a_class_where_an_instance_is_meant(install: Install) -> None:
    message = refused_plugin(install, "class watch:\n    @hookimpl\n    def cleanup(self, bucket): ...\n")
    assert message.startswith(f"{OWNER}: its entry point leads to the class watch, and an instance is meant: write")


def test_a_misspelled_hook(install: Install) -> None:
    message = refused_plugin(
        install, "class W:\n    @hookimpl\n    def on_epsiode_end(self, bucket): ...\nwatch = W()\n"
    )
    assert message == (
        f"{OWNER}: on_epsiode_end(bucket) is marked @hookimpl, but there is no hook 'on_epsiode_end'. "
        "Did you mean 'on_episode_end'? The hooks are on_bucket_start, transfer, on_episode_end, cleanup, on_run_end"
    )


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        (
            "self, *, bucket",
            "cleanup(*, bucket): the keyword-only argument 'bucket' would never be passed: drop the *.",
        ),
        ("self, **kw", "cleanup(**kw): **kw would stay empty: name the arguments you want."),
        ("self, *args", "cleanup(*args): *args would stay empty: name the arguments you want."),
        ("self, buckets", "cleanup(buckets): the hook has no argument 'buckets'. Did you mean 'bucket'?"),
        ("self, trainer", "cleanup(trainer): the hook has no argument 'trainer'."),
        (
            "self, bucket, error=None",
            (
                "cleanup(bucket, error=None): the argument 'error' has a default, so its real value would never be "
                "passed: drop the default."
            ),
        ),
    ],
)
def test_parameters_that_would_never_be_filled(install: Install, parameters: str, told: str) -> None:
    message = refused_plugin(install, f"class W:\n    @hookimpl\n    def cleanup({parameters}): ...\nwatch = W()\n")
    assert message == (
        f"{OWNER}: {told} The hook is cleanup(bucket, error), and arguments may be left out but not renamed"
    )


def test_an_order_of_ones_own(install: Install) -> None:
    message = refused_plugin(
        install, "class W:\n    @hookimpl(tryfirst=True)\n    def cleanup(self): ...\nwatch = W()\n"
    )
    assert message == (
        f"{OWNER}: cleanup(): @hookimpl(tryfirst=True) is not allowed for cleanup: the configuration decides the order; "
        "leave it out, and set the order with PLUGINS or TRANSFERS"
    )


def test_no_hook_at_all(install: Install) -> None:
    message = refused_plugin(install, "class W: ...\nwatch = W()\n")
    assert message.startswith(
        f"{OWNER}: a W implements no hook, so it would do nothing: mark a function with @hookimpl"
    )


def test_a_strategy_in_the_wrong_group(install: Install) -> None:
    message = refused_plugin(install, "class W:\n    @hookimpl\n    def transfer(self, source): ...\nwatch = W()\n")
    assert message == (
        f"{OWNER}: implements the hook transfer, which is asked of transfer strategies only: declare it in the "
        'entry-point group "progressive_training.transfers"'
    )


def test_one_object_under_two_names(install: Install) -> None:
    install("acme", plugins={"watch": "acme_w", "match": "acme_w"}, acme_w=HEAD + "@hookimpl\ndef cleanup(): ...\n")
    assert refused_for("watch") == (
        "plugin 'watch' (acme 1.2): its entry point leads to the same object as that of match (acme 1.2): "
        "keep one entry point, or give each an instance of its own"
    )
    assert [surveyed(name).enabled for name in ("match", "watch")] == [True, False]


def test_a_plugin_that_cannot_be_imported(install: Install) -> None:
    message = refused_plugin(install, "import no_such_module_anywhere\n")
    assert message == (
        f"{OWNER} cannot be imported from 'acme_watch:watch': ModuleNotFoundError: No module named "
        "'no_such_module_anywhere'"
    )
    assert "watch" not in installed_registry(["no:watch"]).plugins


def test_an_entry_point_that_leads_nowhere(install: Install) -> None:
    assert "AttributeError: module 'acme_watch' has no attribute 'watch'" in refused_plugin(install, "")


def test_a_strategy_without_transfer(install: Install) -> None:
    assert refused_strategy(install, "@hookimpl\ndef cleanup(bucket): ...\n") == (
        "transfer 'nudge' (acme 1.2): a transfer strategy must implement transfer(source, target, context) under "
        "@hookimpl; got only cleanup"
    )


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("phases = 'initial'", "`phases` must be a tuple of 'initial', 'periodic', 'reverse'; got 'initial'"),
        ("phases = ('inital',)", "unknown phase 'inital' in `phases`. Did you mean 'initial'?"),
        ("memory_needed = 5", "`memory_needed` must be a function of (source, target) that returns bytes; got 5"),
    ],
)
def test_a_strategys_attributes(install: Install, line: str, told: str) -> None:
    message = refused_strategy(install, f"@hookimpl\ndef transfer(source, target): ...\n{line}\n")
    assert message.startswith("transfer 'nudge' (acme 1.2): ") and told in message


GOOD_BUCKET = {
    "name": "'Swing'",
    "horizons": "(12, 24)",
    "memory_needed": "lambda bucket, resources: 0",
    "check": "lambda bucket, resources: None",
    "open": "lambda bucket, resources: None",
}


@pytest.mark.parametrize(
    ("attribute", "value", "told"),
    [
        (
            "name",
            None,
            "a bucket needs `name`, letters, digits, - and _ such as 'Swing', 64 at most, since it names its directory; got None",
        ),
        ("name", "'../Swing'", "since it names its directory; got '../Swing' on a Swing"),
        ("name", "'Swings'", "calls itself 'Swings' and its entry point 'Swing': give both one name"),
        ("horizons", None, "`horizons` must be a tuple of positive whole numbers of bars, ascending"),
        ("horizons", "(24, 12)", "got (24, 12)"),
        ("horizons", "(0, 12)", "got (0, 12)"),
        ("horizons", "(12, 12)", "got (12, 12)"),
        ("horizons", "(1.5, 12)", "got (1.5, 12)"),
        ("horizons", "()", "got ()"),
        ("open", None, "a bucket needs the method open(bucket, resources); a Swing has none"),
        ("check", None, "a bucket needs the method check(bucket, resources); a Swing has none"),
    ],
)
def test_a_bucket_that_lacks_something(install: Install, attribute: str, value: str | None, told: str) -> None:
    members = {**GOOD_BUCKET, attribute: value}
    body = "".join(f"    {name} = {text}\n" for name, text in members.items() if text is not None)
    message = refused_bucket(install, f"class Swing:\n{body}swing = Swing()\n")
    assert message.startswith("bucket 'Swing' (acme 1.2): ") and told in message


def test_a_bucket_class(install: Install) -> None:
    assert "leads to the class swing, and an instance is meant" in refused_bucket(install, "class swing: ...\n")


def test_two_distributions_with_one_name(install: Install) -> None:
    source = HEAD + "@hookimpl\ndef cleanup(): ...\n"
    install("acme", plugins={"watch": "acme_watch"}, acme_watch=source)
    install("zenith", version="0.3", plugins={"watch": "zenith_watch"}, zenith_watch=source)
    message = refused_for("watch")
    assert message == (
        "the name 'watch' is taken twice: plugin 'acme_watch' of acme 1.2 and plugin 'zenith_watch' of zenith 0.3. "
        "Uninstall one, or rename its entry point"
    )
    assert [record.reason for record in survey() if record.name == "watch"] == [message, message]
    assert "watch" not in installed_registry(["no:watch"]).plugins


def test_one_name_in_two_groups(install: Install) -> None:
    install("acme", plugins={"weights": "acme_watch"}, acme_watch="")
    message = refused()
    assert "plugin 'acme_watch' of acme 1.2" in message and "transfer 'progressive_transfers.weights'" in message


def test_an_unknown_name() -> None:
    assert refused("no:memroy").startswith(
        "no plugin 'memroy' is installed (named in 'no:memroy'). Did you mean 'memory'?"
    )
    assert "Known: " in refused("xyzzy") and "Did you mean" not in refused("xyzzy")
    assert refused(transfer_order=("wieghts",)).startswith(
        "no transfer 'wieghts' is installed (named in TRANSFERS). Did you mean 'weights'?"
    )
    with pytest.raises(
        PluginError, match=r"no bucket 'scalpin' .* Did you mean 'Scalping'\? Known: Committee, Long, Medium,"
    ):
        installed_registry().bucket("scalpin")
