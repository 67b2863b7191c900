"""What a plugin, a transfer strategy and a bucket must look like: the checks that pluggy does not make.

Each check raises `PluginError`; `owner` says whose object it is, such as "plugin 'memory' (acme 1.2)".
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from importlib.metadata import version
from itertools import pairwise
from typing import Any, cast, get_args

import pluggy

from progressive_app.config.settings import SETTINGS
from progressive_core import PROGRAM, PROJECT
from progressive_core.contract import hookspecs
from progressive_core.contract.errors import PluginError
from progressive_core.contract.names import NAME_RULE, is_name
from progressive_core.contract.protocols import Bucket
from progressive_core.contract.records import Phase
from progressive_core.contract.suggest import did_you_mean
from progressive_core.plugins.blame import shown

PHASES: tuple[Phase, ...] = get_args(Phase)
ALPHAS = tuple(key for key in SETTINGS if key.endswith("_ALPHA"))
"""The settings that say how much of a source is mixed in."""
API = "progressive_training_api"
"""The attribute by which a plugin, or its module, may say which API version it needs at least."""
HOOKS: Mapping[str, tuple[str, ...]] = {
    name: tuple(inspect.signature(value).parameters)
    for name, value in vars(hookspecs).items()
    if inspect.isfunction(value) and hasattr(value, f"{PROJECT}_spec")
}
"""Each hook's name and its arguments."""


def new_manager() -> pluggy.PluginManager:
    """A pluggy manager that knows the hooks and no plugin."""
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(hookspecs)
    return manager


def check_api(holder: object, owner: str) -> None:
    """A plugin may say which API version it needs; one that is newer than ours may look misspelled, or worse, fit.

    :param holder: the plugin, or its module.
    :raise PluginError: it needs a newer one, or says so in no whole number.
    """
    needed = getattr(holder, API, hookspecs.API_VERSION)
    if type(needed) is not int or needed < 1:
        raise PluginError(
            f"{owner}: `{API}` must be a whole number from 1, such as {hookspecs.API_VERSION}; got {shown(needed)}"
        )
    if needed > hookspecs.API_VERSION:
        raise PluginError(
            f"{owner}: needs plugin API {needed}, and this progressive-training {version(PROGRAM)} has "
            f"{hookspecs.API_VERSION}: update it (pip install --upgrade progressive-training)"
        )


def check_plugin_object(plugin: object, owner: str) -> tuple[str, ...]:
    """The hooks that `plugin` (an instance or a module) implements, in the order of the specifications.

    :raise PluginError: it is a class, it has no hook, or a hook is unmarked, misspelled or of a wrong signature.
    """
    _refuse_class(plugin, owner)
    for hook, arguments in HOOKS.items():
        value = inspect.getattr_static(plugin, hook, None)
        if callable(value) and _options(plugin, hook) is None:
            raise PluginError(
                f"{owner}: {hook}{_signature(value)} has a hook's name but no @hookimpl, so it would never be called: "
                f"put @hookimpl (from progressive_training) above it, or rename it. "
                f"The hook is {_expected(hook, arguments)}"
            )
    found: set[str] = set()
    for name in dir(plugin):
        options = _options(plugin, name)
        if options is None:
            continue
        function = getattr(plugin, name)
        hook = options.get("specname") or name
        where = f"{owner}: {name}{_signature(function)}"
        if hook not in HOOKS:
            if options.get("optionalhook"):
                continue
            raise PluginError(
                f"{where} is marked @hookimpl, but there is no hook {hook!r}.{did_you_mean(hook, HOOKS)} "
                f"The hooks are {', '.join(HOOKS)}"
            )
        _check_options(options, hook, where)
        _check_signature(function, hook, where)
        if hook in found:
            raise PluginError(f"{where}: the hook {hook} is implemented twice here: keep one")
        found.add(hook)
    if not found:
        raise PluginError(
            f"{owner}: {_kind_of(plugin)} implements no hook, so it would do nothing: mark a function with @hookimpl "
            f"(from progressive_training) and name it after one of {', '.join(HOOKS)}"
        )
    return tuple(hook for hook in HOOKS if hook in found)


def check_observer_object(plugin: object, owner: str) -> tuple[str, ...]:
    """As `check_plugin_object`, for the group of plugins, where `transfer` has no place."""
    hooks = check_plugin_object(plugin, owner)
    if "transfer" in hooks:
        raise PluginError(
            f"{owner}: implements the hook transfer, which is asked of transfer strategies only: declare it in the "
            'entry-point group "progressive_training.transfers"'
        )
    return hooks


def check_transfer_object(strategy: object, owner: str) -> tuple[str, ...]:
    """As `check_plugin_object`, and the hook `transfer` must be there; `phases`, `memory_needed` and `alpha_setting` must
    fit.

    :raise PluginError: naming what is wrong.
    """
    hooks = check_plugin_object(strategy, owner)
    if "transfer" not in hooks:
        raise PluginError(
            f"{owner}: a transfer strategy must implement {_expected('transfer', HOOKS['transfer'])} under @hookimpl; "
            f"got only {', '.join(hooks)}"
        )
    phases = getattr(strategy, "phases", PHASES)
    if not isinstance(phases, tuple) or not phases:
        raise PluginError(f"{owner}: `phases` must be a tuple of {', '.join(map(repr, PHASES))}; got {shown(phases)}")
    for phase in phases:
        if phase not in PHASES:
            raise PluginError(
                f"{owner}: unknown phase {shown(phase)} in `phases`.{did_you_mean(str(phase), PHASES)} "
                f"The phases are {', '.join(PHASES)}"
            )
    needed = getattr(strategy, "memory_needed", None)
    if needed is not None and not callable(needed):
        raise PluginError(
            f"{owner}: `memory_needed` must be a function of (source, target) that returns bytes; got {shown(needed)}"
        )
    alpha = getattr(strategy, "alpha_setting", None)
    if alpha is not None and alpha not in ALPHAS:
        raise PluginError(
            f"{owner}: `alpha_setting` must name the setting of the mixing that the ledger tells, one of "
            f"{', '.join(ALPHAS)}; got {shown(alpha)}"
        )
    return hooks


def check_bucket_object(bucket: object, owner: str, expected_name: str | None = None) -> Bucket:
    """A bucket has `name`, `horizons`, `memory_needed`, `check` and `open`, and its entry point has the same name.

    :raise PluginError: naming what is missing or wrong.
    """
    _refuse_class(bucket, owner)
    name: Any = getattr(bucket, "name", None)
    if not is_name(name):
        raise PluginError(
            f"{owner}: a bucket needs `name`, {NAME_RULE}, since it names its directory; got {shown(name)} on {_kind_of(bucket)}"
        )
    if expected_name is not None and name != expected_name:
        raise PluginError(
            f"{owner}: the bucket calls itself {name!r} and its entry point {expected_name!r}: give both one name"
        )
    horizons = getattr(bucket, "horizons", None)
    if not (
        isinstance(horizons, tuple)
        and horizons
        and all(type(bars) is int and bars > 0 for bars in horizons)
        and all(earlier < later for earlier, later in pairwise(horizons))
    ):
        raise PluginError(
            f"{owner}: `horizons` must be a tuple of positive whole numbers of bars, ascending, such as (12, 24, 48); "
            f"got {shown(horizons)}"
        )
    for method in ("memory_needed", "check", "open"):
        if not callable(getattr(bucket, method, None)):
            raise PluginError(
                f"{owner}: a bucket needs the method {method}(bucket, resources); "
                f"{_kind_of(bucket)} has none (MarketBucket brings it along)"
            )
    return cast("Bucket", bucket)


def _options(plugin: object, name: str) -> Mapping[str, Any] | None:
    """What @hookimpl noted on an attribute, without running properties."""
    value = inspect.getattr_static(plugin, name, None)
    if isinstance(value, (staticmethod, classmethod)):
        value = value.__func__
    if not inspect.isroutine(value):
        return None
    options = getattr(value, f"{PROJECT}_impl", None)
    return options if isinstance(options, Mapping) else None


def _check_options(options: Mapping[str, Any], hook: str, where: str) -> None:
    for option in ("tryfirst", "trylast", "wrapper", "hookwrapper"):
        if options.get(option):
            raise PluginError(
                f"{where}: @hookimpl({option}=True) is not taken for {hook}: the configuration decides the order; "
                f"write a plain @hookimpl, and set the order with PLUGINS or TRANSFERS"
            )


def _check_signature(function: Any, hook: str, where: str) -> None:
    """pluggy passes by position only what it finds by name, and says nothing about the rest."""
    known = HOOKS[hook]
    expected = f"The hook is {_expected(hook, known)}, and arguments may be left out but not renamed"
    if (
        inspect.iscoroutinefunction(function)
        or inspect.isasyncgenfunction(function)
        or inspect.isgeneratorfunction(function)
    ):
        raise PluginError(
            f"{where}: is async or yields, so its body would never run: write a plain function. {expected}"
        )
    for parameter in inspect.signature(function).parameters.values():
        name = parameter.name
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            stars = "*" if parameter.kind is parameter.VAR_POSITIONAL else "**"
            raise PluginError(f"{where}: {stars}{name} would stay empty: name the arguments you want. {expected}")
        if parameter.kind is parameter.KEYWORD_ONLY:
            raise PluginError(
                f"{where}: the keyword-only argument {name!r} would never be passed: drop the *. {expected}"
            )
        if name in known and parameter.default is not parameter.empty:
            raise PluginError(
                f"{where}: the argument {name!r} has a default, so its real value would never be passed: "
                f"drop the default. {expected}"
            )
        if name not in known and parameter.default is parameter.empty:
            raise PluginError(f"{where}: the hook has no argument {name!r}.{did_you_mean(name, known)} {expected}")


def _refuse_class(value: object, owner: str) -> None:
    if inspect.isclass(value):
        raise PluginError(
            f"{owner}: its entry point leads to the class {value.__qualname__}, and an instance is meant: write "
            f"`{value.__name__.lower()} = {value.__name__}()` below the class and let the entry point name that"
        )


def _expected(hook: str, arguments: tuple[str, ...]) -> str:
    return f"{hook}({', '.join(arguments)})"


def _signature(function: Any) -> str:
    """Parameter names with their stars and defaults; annotations would only make the message long."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return "(...)"
    bare = [parameter.replace(annotation=inspect.Parameter.empty) for parameter in signature.parameters.values()]
    return str(signature.replace(parameters=bare, return_annotation=inspect.Signature.empty))


def _kind_of(value: object) -> str:
    return f"the module {value.__name__}" if inspect.ismodule(value) else f"a {type(value).__qualname__}"
