"""What a plugin, a transfer strategy and a bucket must look like: the checks that pluggy does not make.

Each check raises `PluginError`; `owner` says whose object it is, such as "plugin 'memory' (acme 1.2)".
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from importlib.metadata import version
from itertools import pairwise
from typing import Any, cast

from progressive_core import PROGRAM, PROJECT
from progressive_core.contract.errors import PluginError
from progressive_core.contract.hookspecs import API_VERSION, HOOKS
from progressive_core.contract.names import NAME_RULE, is_name
from progressive_core.contract.protocols import Bucket
from progressive_core.contract.records import PHASES
from progressive_core.contract.suggest import did_you_mean
from progressive_core.plugins.blame import safe_repr

API = "progressive_training_api"
"""The attribute by which a plugin, or its module, may say which API version it needs at least."""


def check_api(holder: object, owner: str) -> None:
    """A plugin may say which API version it needs; one that is newer than ours may look misspelled, or worse, fit.

    :param holder: the plugin, or its module.
    :raise PluginError: it needs a newer one, or states something else than a whole number.
    """
    needed = getattr(holder, API, API_VERSION)
    if type(needed) is not int or needed < 1:
        raise PluginError(
            f"{owner}: `{API}` must be a whole number from 1, such as {API_VERSION}; got {safe_repr(needed)}"
        )
    if needed > API_VERSION:
        raise PluginError(
            f"{owner}: needs plugin API {needed}, and this progressive-training {version(PROGRAM)} has "
            f"{API_VERSION}: update it (pip install --upgrade progressive-training)"
        )


def check_hooks(plugin: object, owner: str) -> tuple[str, ...]:
    """The hooks that `plugin` (an instance or a module) implements, in the order of the specifications.

    :raise PluginError: it is a class or not hashable, it has no hook, or a hook is unmarked, misspelled or of a wrong
        signature.
    """
    _refuse_class(plugin, owner)
    if type(plugin).__hash__ is None:
        raise PluginError(
            f"{owner}: {_kind_of(plugin)} is not hashable, and pluggy keeps plugins in sets: give its class eq=False, or a "
            "__hash__"
        )
    for hook, arguments in HOOKS.items():
        value = inspect.getattr_static(plugin, hook, None)
        if callable(value) and _options(plugin, hook) is None:
            raise PluginError(
                f"{owner}: {hook}{_signature(value)} has a hook's name but no @hookimpl, so it would never be called: "
                f"put @hookimpl (from progressive_training) above it, or rename it. "
                f"The hook is {_expected(hook, arguments)}"
            )
    found: dict[str, bool] = {}
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
        wraps = bool(options.get("wrapper") or options.get("hookwrapper"))
        _check_options(options, hook, where)
        _check_signature(function, hook, where, wraps=wraps)
        if hook in found:
            raise PluginError(f"{where}: the hook {hook} is implemented twice here: keep one")
        found[hook] = wraps
    if not found:
        raise PluginError(
            f"{owner}: {_kind_of(plugin)} implements no hook, so it would do nothing: mark a function with @hookimpl "
            f"(from progressive_training) and name it after one of {', '.join(HOOKS)}"
        )
    if len(set(found.values())) > 1:
        raise PluginError(
            f"{owner}: some of its hooks are wrappers and some are not: an observer has wrappers only (wrapper=True), and "
            "what answers is another plugin"
        )
    return tuple(hook for hook in HOOKS if hook in found)


def is_observer(plugin: object) -> bool:
    """Whether the hooks of a plugin that passed `check_hooks` are wrappers."""
    options = (_options(plugin, name) for name in dir(plugin))
    return any(each.get("wrapper") or each.get("hookwrapper") for each in options if each)


def check_plugin_object(plugin: object, owner: str) -> tuple[str, ...]:
    """As `check_hooks`, for the group of plugins, where only an observer implements `transfer`."""
    hooks = check_hooks(plugin, owner)
    if "transfer" in hooks and not is_observer(plugin):
        raise PluginError(
            f"{owner}: implements the hook transfer, which is asked of transfer strategies only: declare it in the "
            'entry-point group "progressive_training.transfers"'
        )
    return hooks


def check_observer(plugin: object, owner: str) -> None:
    """As `check_hooks`, for what a program registers on the trainer's manager: it may observe, and nothing else.

    :raise PluginError: naming what is wrong.
    """
    check_hooks(plugin, owner)
    if not is_observer(plugin):
        raise PluginError(f"{owner}: the manager takes observers (@hookimpl(wrapper=True)) only")


def check_transfer_object(strategy: object, owner: str) -> tuple[str, ...]:
    """As `check_hooks`, and the hook `transfer` must be there; `phases`, `memory_needed` and `alpha_setting` must
    fit.

    :raise PluginError: naming what is wrong.
    """
    hooks = check_hooks(strategy, owner)
    if "transfer" not in hooks or is_observer(strategy):
        raise PluginError(
            f"{owner}: a transfer strategy must implement {_expected('transfer', HOOKS['transfer'])} under @hookimpl; "
            f"got only {', '.join(hooks)}"
        )
    phases = getattr(strategy, "phases", PHASES)
    if not isinstance(phases, tuple) or not phases:
        raise PluginError(
            f"{owner}: `phases` must be a tuple of {', '.join(map(repr, PHASES))}; got {safe_repr(phases)}"
        )
    for phase in phases:
        if phase not in PHASES:
            raise PluginError(
                f"{owner}: unknown phase {safe_repr(phase)} in `phases`.{did_you_mean(str(phase), PHASES)} "
                f"The phases are {', '.join(PHASES)}"
            )
    needed = getattr(strategy, "memory_needed", None)
    if needed is not None and not callable(needed):
        raise PluginError(
            f"{owner}: `memory_needed` must be a function of (source, target) that returns bytes; got {safe_repr(needed)}"
        )
    alpha = getattr(strategy, "alpha_setting", None)
    keys = [getattr(setting, "key", "") for setting in getattr(strategy, "settings", ())]
    if alpha is not None and alpha not in keys:
        raise PluginError(
            f"{owner}: `alpha_setting` must name one of the strategy's `settings`, whose value the ledger shows as alpha: "
            f"{', '.join(keys) or 'it declares none'}; got {safe_repr(alpha)}"
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
            f"{owner}: a bucket needs `name`, {NAME_RULE}, since it names its directory; got {safe_repr(name)} on {_kind_of(bucket)}"
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
            f"got {safe_repr(horizons)}"
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
    for option in ("tryfirst", "trylast"):
        if options.get(option):
            raise PluginError(
                f"{where}: @hookimpl({option}=True) is not allowed for {hook}: the configuration decides the order; "
                f"leave it out, and set the order with PLUGINS or TRANSFERS"
            )


def _check_signature(function: Any, hook: str, where: str, *, wraps: bool) -> None:
    """pluggy passes by position only what it finds by name, and ignores the rest silently."""
    known = HOOKS[hook]
    expected = f"The hook is {_expected(hook, known)}, and arguments may be left out but not renamed"
    yields = inspect.isgeneratorfunction(function)
    if wraps and not yields:
        raise PluginError(
            f"{where}: a wrapper must yield once, and return what that gave: `return (yield)`. {expected}"
        )
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function) or (yields and not wraps):
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
