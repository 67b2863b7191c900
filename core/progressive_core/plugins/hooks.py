"""One typed method per hook: how plugins are called, how their answers combine, and what becomes of those that fail."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

import structlog
from attrs import evolve
from pluggy import HookImpl

from progressive_app.machine.shortage import is_shortage
from progressive_core.contract.errors import PluginError
from progressive_core.contract.records import (
    BucketInfo,
    EpisodeReport,
    Knowledge,
    Phase,
    Resources,
    StopRequest,
    TransferContext,
)
from progressive_core.plugins import answers
from progressive_core.plugins.blame import Policy, blamed, shown, told, without
from progressive_core.plugins.registry import Registry
from progressive_core.plugins.validation import HOOKS, PHASES
from progressive_core.plugins.watchdog import watched

if TYPE_CHECKING:
    import torch

T = TypeVar("T")
log = structlog.get_logger("progressive_training")


class Hooks:
    """The hooks of all enabled plugins. Each plugin gets records that it cannot damage for the others.

    A plugin fails when it raises (`sys.exit()` counts) or answers with what no hook may. `policy` says what comes of it:

    - stop: `PluginError`, which names the plugin, its distribution, the hook and the bucket, and is chained from the cause.
    - disable: that is told once, the plugin may clean up, and is not called again.
    - warn: that is told each time, and its answer is None.

    Under each of them a failing `transfer` raises `PluginError`, for the core to write into the ledger and go on.
    `disabled` are the names of those that failed before and are not called any more.
    """

    def __init__(self, registry: Registry, policy: Policy = "stop") -> None:
        for reason in registry.left_out:
            log.warning("a plugin cannot be used, and is left out", reason=reason)
        self._registry = registry
        self._policy = policy
        self.disabled: set[str] = set()
        self._implementations: dict[str, dict[str, HookImpl]] = {}
        for hook in HOOKS:
            caller = getattr(registry.manager.hook, hook)
            # pluggy lists them in the order of registration, and calls them from the end.
            self._implementations[hook] = {
                implementation.plugin_name: implementation for implementation in reversed(caller.get_hookimpls())
            }
        # Read once: a property of a plugin's own could fail in the middle of a run.
        self._phases: dict[str, tuple[Phase, ...]] = {}
        self._alphas: dict[str, str | None] = {}
        self._estimates: dict[str, Callable[[Knowledge, Knowledge], int] | None] = {}
        for name in registry.transfers:
            look = partial(blamed, registry.owner(name), "cannot be examined", getattr, registry.plugin(name))
            self._phases[name] = look("phases", PHASES)
            self._alphas[name] = look("alpha_setting", None)
            self._estimates[name] = look("memory_needed", None)

    @property
    def transfers(self) -> tuple[str, ...]:
        """The enabled transfer strategies, in the order they are asked."""
        return tuple(name for name in self._registry.transfers if name not in self.disabled)

    def on_bucket_start(self, bucket: BucketInfo, resources: Resources) -> Resources:
        """What the bucket may use, once each policy in turn has seen its predecessor's answer."""
        for name in self._implementations["on_bucket_start"]:
            given = {"bucket": _own_bucket(bucket), "resources": evolve(resources)}
            resources = self._ask("on_bucket_start", name, bucket, given, answers.resources) or resources
        return resources

    def transfer(self, name: str, source: Knowledge, target: Knowledge, context: TransferContext) -> Knowledge | None:
        """The target's new knowledge by one strategy, or None when it has nothing to transfer.

        The strategy works on copies of the tensors, so one that writes into its arguments harms nobody; the source's
        lie on the target's device.

        :raise PluginError: it failed.
        """
        device = device_of(target)
        given = {
            "source": own_knowledge(source, device),
            "target": own_knowledge(target, device),
            "context": evolve(context, bucket=_own_bucket(context.bucket)),
        }
        try:
            return self._call("transfer", name, context.bucket, given, partial(answers.knowledge, origin=target.origin))
        except PluginError as failure:
            self._disable_if_asked_to(name, "transfer", context.bucket, failure)
            raise

    def phases(self, name: str) -> tuple[Phase, ...]:
        """The phases in which a strategy wants to be asked: its `phases`, or all."""
        return self._phases[name]

    def alpha(self, name: str, settings: Mapping[str, Any]) -> float | None:
        """The mixing that a strategy works with: the value of the setting that its `alpha_setting` names, if it names one."""
        setting = self._alphas[name]
        return None if setting is None else float(settings[setting])

    def memory_needed(self, name: str, bucket: BucketInfo, source: Knowledge, target: Knowledge) -> int:
        """Bytes that a strategy needs: its own `memory_needed`, which sees names and shapes, or those of both weights.

        :raise PluginError: it failed.
        """
        estimate = self._estimates[name]
        if estimate is None:
            return source.nbytes + target.nbytes
        where = f"{self._registry.owner(name)}: memory_needed(source, target) for bucket {bucket.name!r}"
        try:
            with watched(where):
                needed = blamed(where, "failed", estimate, outline(source), outline(target))
            if not isinstance(needed, int) or needed < 0:
                raise PluginError(f"{where} must return bytes, a whole number from 0; got {shown(needed)}")
        except PluginError as failure:
            self._disable_if_asked_to(name, "memory_needed", bucket, failure)
            raise
        return needed

    def on_episode_end(self, bucket: BucketInfo, episode: EpisodeReport) -> tuple[StopRequest, str] | None:
        """The first request to stop, in order, with the name of the plugin that made it; all plugins are asked."""
        stop: tuple[StopRequest, str] | None = None
        for name in self._implementations["on_episode_end"]:
            given = {"bucket": _own_bucket(bucket), "episode": evolve(episode, traces=_copied(episode.traces))}
            request = self._ask("on_episode_end", name, bucket, given, answers.stop_request, episode=episode.episode)
            if request is not None:
                stop = stop or (request, name)
        return stop

    def cleanup(self, bucket: BucketInfo, error: BaseException | None) -> None:
        """Let every plugin clean up, also after another's failed or was interrupted; then raise what went wrong."""
        failures: dict[str, PluginError] = {}
        interrupt: KeyboardInterrupt | None = None
        for name in self._implementations["cleanup"]:
            if name in self.disabled:
                continue
            try:
                self._clean_up(name, bucket, error)
            except PluginError as failure:
                if is_shortage(failure):  # the bucket is done with; the others release what they hold
                    log.warning("memory ran out in a cleanup", reason=str(failure))
                else:
                    failures[name] = failure
            except KeyboardInterrupt as caught:  # the others still release what they hold
                interrupt = caught
        if interrupt is not None:
            raise interrupt
        if len(failures) > 1 and self._policy == "stop":
            causes = ExceptionGroup("cleanup failed", list(failures.values()))
            raise PluginError(f"{'; '.join(map(str, failures.values()))} {without(*failures)}") from causes
        for name, failed in failures.items():
            self._outlast(name, "cleanup", bucket, failed)

    def _ask(
        self,
        hook: str,
        name: str,
        bucket: BucketInfo,
        given: Mapping[str, object],
        check: Callable[[object], T | None],
        **when: int,
    ) -> T | None:
        """One plugin's answer; None from one that failed, or did before, and that the run outlasts."""
        if name in self.disabled:
            return None
        try:
            return self._call(hook, name, bucket, given, check)
        except PluginError as failure:
            self._outlast(name, hook, bucket, failure, **when)
            return None

    def _call(
        self,
        hook: str,
        name: str,
        bucket: BucketInfo,
        given: Mapping[str, object],
        check: Callable[[object], T | None],
    ) -> T | None:
        """One plugin's checked answer; as pluggy does, it is given the arguments that it names.

        :raise PluginError: it failed.
        """
        implementation = self._implementations[hook][name]
        where = f"{self._registry.owner(name)}: {hook} for bucket {bucket.name!r}"
        with watched(where):
            answer = blamed(
                where, "failed", implementation.function, *(given[wanted] for wanted in implementation.argnames)
            )
            try:
                return check(answer)
            except answers.WrongAnswer as wrong:
                raise PluginError(f"{where} {wrong}") from wrong
            except Exception as error:  # an answer may be of a class of the plugin's own
                raise PluginError(f"{where} answered with what cannot be read: {told(error)}") from error

    def _clean_up(self, name: str, bucket: BucketInfo, error: BaseException | None) -> None:
        """One plugin's cleanup; what ended the bucket leaves it as it came."""
        kept = (error.args, error.__traceback__) if error is not None else None
        try:
            self._call("cleanup", name, bucket, {"bucket": _own_bucket(bucket), "error": error}, answers.nothing)
        finally:
            if error is not None and kept is not None:
                error.args, error.__traceback__ = kept

    def _outlast(self, name: str, hook: str, bucket: BucketInfo, failure: PluginError, **when: int) -> None:
        """Go on after a failure, if that is the policy.

        :raise PluginError: it is not; the line says how to go on without the plugin. Memory that ran out is no matter of
            policy: smaller sizes may mend it, for all plugins.
        """
        if is_shortage(failure):
            raise failure
        if self._policy == "stop":
            raise PluginError(f"{failure} {without(name)}") from failure.__cause__
        if self._policy == "warn":
            log.warning("a plugin failed, and training goes on", reason=str(failure), **when)
        self._disable_if_asked_to(name, hook, bucket, failure)

    def _disable_if_asked_to(self, name: str, hook: str, bucket: BucketInfo, failure: PluginError) -> None:
        """Have a plugin release what it holds, and call it no more."""
        if self._policy != "disable" or is_shortage(failure):
            return
        self.disabled.add(name)
        log.warning("a plugin failed, and is disabled for the rest of this run", plugin=name, reason=str(failure))
        if hook != "cleanup" and name in self._implementations["cleanup"]:
            try:
                self._clean_up(name, bucket, failure)
            except PluginError as second:
                log.info("the cleanup of a disabled plugin failed, too", plugin=name, reason=str(second))


def _own_bucket(bucket: BucketInfo) -> BucketInfo:
    return evolve(bucket, settings=_read_only(bucket.settings))


def device_of(knowledge: Knowledge) -> torch.device | None:
    """Where the weights lie; None where there are none."""
    return next((tensor.device for tensor in knowledge.weights.values()), None)


def own_knowledge(knowledge: Knowledge, device: torch.device | None) -> Knowledge:
    """A copy on `device` (None: where it is) that nobody else holds; its mappings refuse to be written to."""
    weights = {name: tensor.to(device, copy=True) for name, tensor in knowledge.weights.items()}
    return _sealed(knowledge, weights)


def outline(knowledge: Knowledge) -> Knowledge:
    """A copy that takes no memory: of the weights, on the device "meta", it has names, types and shapes."""
    return _sealed(knowledge, {name: tensor.to("meta") for name, tensor in knowledge.weights.items()})


def _sealed(knowledge: Knowledge, weights: dict[str, torch.Tensor]) -> Knowledge:
    return evolve(
        knowledge,
        weights=MappingProxyType(weights),
        feature_importance=MappingProxyType(dict(knowledge.feature_importance)),
        horizons=MappingProxyType(dict(knowledge.horizons)),
    )


def _read_only(value: Any) -> Any:
    """Nested settings that refuse to be written to."""
    if isinstance(value, Mapping):
        return MappingProxyType({key: _read_only(item) for key, item in value.items()})
    return tuple(_read_only(item) for item in value) if isinstance(value, (list, tuple)) else value


def _copied(value: Any) -> Any:
    """Nested JSON values as plain dicts and lists, which a plugin can write to a file as they are."""
    if isinstance(value, Mapping):
        return {key: _copied(item) for key, item in value.items()}
    return [_copied(item) for item in value] if isinstance(value, (list, tuple)) else value
