"""The one path on which a hook is called: pluggy's, one plugin at a time, with every observer around it."""

from __future__ import annotations

from collections.abc import Collection, Generator, Mapping, Sequence
from traceback import walk_tb
from typing import Any

import pluggy
from attrs import frozen

from progressive_core import PROJECT
from progressive_core.contract import hookspecs
from progressive_core.contract.errors import PluginError
from progressive_core.contract.names import object_name


class Manager(pluggy.PluginManager):
    """pluggy's manager of one trainer.

    An observer is a plugin whose hooks are all wrappers (`@hookimpl(wrapper=True)`): it sees every call, and returns what it
    received. It may be registered here, as may functions by `add_hookcall_monitoring`.

    :param objects: plugins, strategies and buckets of this process, by name; every run takes them like what is installed.
    """

    def __init__(self, objects: Mapping[str, object] | None = None) -> None:
        super().__init__(PROJECT)
        self.objects = dict(objects or {})
        self.add_hookspecs(hookspecs)
        self._innermost = _Innermost()
        self.register(self._innermost, PROJECT)
        self._of_run: dict[str, bool] = {}

    def get_canonical_name(self, plugin: object) -> str:
        """The name of a plugin that is registered without one: its own, or its class's."""
        name = object_name(plugin)
        return f"{name}-{id(plugin)}" if name in dict(self.list_name_plugin()) else name

    @property
    def of_this_process(self) -> list[str]:
        """Names of what other processes do not have: the objects, and what the user registered."""
        return [*self.objects, *self.strangers()]

    def forget_run(self) -> None:
        """Unregister and unblock what the run before this one brought; what the user registered or blocked stays."""
        for name, blocked in self._of_run.items():
            if blocked:
                self.unblock(name)
            else:
                self.unregister(name=name)
        self._of_run.clear()

    def block(self, name: str) -> None:
        """Keep a plugin out of this run."""
        if not self.is_blocked(name):
            self.set_blocked(name)
            self._of_run[name] = True

    def admit(self, name: str, plugin: object) -> None:
        """Register a plugin for this run; plugins are called in the order in which they are registered."""
        self.register(plugin, name=name)
        self._of_run[name] = False

    def strangers(self) -> list[str]:
        """Names of what the user registered here."""
        ours = {PROJECT, *self._of_run}
        return [name for name, plugin in self.list_name_plugin() if plugin is not None and name not in ours]

    def asked(self, hook: str) -> list[str]:
        """Names of the plugins that answer a hook, in order; observers do not."""
        return [each.plugin_name for each in self._implementations(hook) if not _wraps(each)]

    def observers(self, hook: str) -> list[str]:
        """Names of the plugins that observe a hook."""
        found = [each for each in self._implementations(hook) if _wraps(each)]
        return [each.plugin_name for each in found if each.plugin is not self._innermost]

    def call(self, hook: str, name: str, given: Mapping[str, object], unobserved: Collection[str] = ()) -> Outcome:
        """Call one plugin's hook: every other plugin is removed, and the observers that are `unobserved`.

        The subset is made for this call alone: if built in advance, a plugin registered later would be called once for
        every other one.

        :raise BaseException: what the plugin raised, whatever observers made of it; and KeyboardInterrupt from any of them.
        """
        plugin, inner = self.get_plugin(name), self._innermost
        others = [
            each.plugin
            for each in self._implementations(hook)
            if each.plugin is not plugin and (each.plugin_name in unobserved or not _wraps(each))
        ]
        try:
            seen = self.subset_hook_caller(hook, others)(**given)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            if inner.raised is error:
                raise
            if inner.raised is not None:
                raise inner.raised from inner.raised.__cause__
            return Outcome(answers=inner.answers, observer_error=error)
        else:
            if inner.raised is not None:
                raise inner.raised
            if inner.answers is None or not _same(inner.answers, seen):
                return Outcome(answers=inner.answers, observer_error=ResultChanged())
            return Outcome(answers=inner.answers)
        finally:
            inner.answers = inner.raised = None  # a traceback would hold memory

    def observers_at_fault(self, hook: str, error: BaseException, unobserved: Collection[str]) -> list[str]:
        """The observers that may have raised `error`: those whose code it passed through, or all."""
        names = [name for name in self.observers(hook) if name not in unobserved]
        modules = {frame.f_globals.get("__name__") for frame, _ in walk_tb(error.__traceback__)}
        return [name for name in names if _module_of(self.get_plugin(name)) in modules] or names

    def _implementations(self, hook: str) -> list[pluggy.HookImpl]:
        caller: pluggy.HookCaller = getattr(self.hook, hook)
        return caller.get_hookimpls()


@frozen(kw_only=True)
class Outcome:
    """What came of a call: the plugin's `answers` (one or none; None where an observer kept it from being called), and what
    an observer did wrong."""

    answers: tuple[object, ...] | None
    observer_error: BaseException | None = None


class ObserverError(PluginError):
    """An observer failed; the plugin that it observes did not."""


class ResultChanged(Exception):
    """An observer returned something else than it received."""

    def __init__(self) -> None:
        super().__init__("an observer must return the result unchanged: `result = yield`, then `return result`")


class _Innermost:
    """The wrapper next to the plugin: records the plugin's answer or error, before an observer sees it."""

    def __init__(self) -> None:
        self.answers: tuple[object, ...] | None = None
        self.raised: BaseException | None = None


@hookspecs.hookimpl(wrapper=True, trylast=True)
def _note(self: _Innermost) -> Generator[None, Sequence[object], Sequence[object]]:
    try:
        answers = yield
    except BaseException as error:
        self.raised = error
        raise
    self.answers = tuple(answers)
    return answers


for _hook in hookspecs.HOOKS:
    setattr(_Innermost, _hook, _note)


def _wraps(implementation: pluggy.HookImpl) -> bool:
    return implementation.wrapper or implementation.hookwrapper


def _same(answers: Sequence[object], seen: Any) -> bool:
    return type(seen) is list and len(seen) == len(answers) and all(a is b for a, b in zip(answers, seen, strict=True))


def _module_of(plugin: object) -> str:
    return str(getattr(plugin, "__name__", None) or type(plugin).__module__)
