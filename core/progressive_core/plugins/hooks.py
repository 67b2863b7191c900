"""One typed method per hook: how plugins are called, how their answers combine, and what becomes of those that fail."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any, TypeVar

import structlog
from attrs import evolve

from progressive_core.contract.errors import PluginError
from progressive_core.contract.records import (
    BucketInfo,
    BucketResult,
    EpisodeReport,
    Knowledge,
    Phase,
    Resources,
    RunInfo,
    Skip,
    StopRequest,
    TransferContext,
)
from progressive_core.plugins import answers
from progressive_core.plugins.blame import Policy, call_plugin, describe_error, safe_repr
from progressive_core.plugins.copies import copied, device_of, outline, own_bucket, own_knowledge, read_only
from progressive_core.plugins.manager import ObserverError
from progressive_core.plugins.registry import Registry

T = TypeVar("T")
Given = Mapping[str, Any]
"""The arguments of a hook, by name."""
OnEpisode = Callable[[EpisodeReport], StopRequest | None]
log = structlog.get_logger("progressive_training")


class Hooks:
    """The hooks of all enabled plugins. Each plugin gets records that it cannot damage for the others.

    A plugin fails when it raises (`sys.exit()` counts) or answers with what no hook may. `policy` says what comes of it:

    - stop: `PluginError`, which names the plugin, its distribution, the hook and the bucket, and is chained from the cause.
    - disable: one warning; the plugin may clean up, and is unregistered.
    - warn: a warning each time; its answer is taken as None.

    Under each of them a failing `transfer` raises `PluginError`, for the engine to write into the ledger and go on. An
    observer fails when it raises or changes a result; the plugin that it observes is asked all the same.

    :param is_shortage: whether an error means that memory ran out, which is no plugin's failure: it is raised under every
        policy, since smaller sizes may help.
    :param watch: makes the context of each call from its description, such as `Machine.watch`.
    :param on_episode: a function of the program that trains, which is asked after the plugins.
    """

    def __init__(
        self,
        registry: Registry,
        policy: Policy = "stop",
        is_shortage: Callable[[BaseException], bool] = lambda _: False,
        on_episode: OnEpisode | None = None,
        watch: Callable[[str], AbstractContextManager[None]] = lambda _: nullcontext(),
    ) -> None:
        for reason in registry.left_out:
            log.warning("a plugin cannot be used, and is left out", reason=reason)
        self._registry = registry
        self._manager = registry.manager
        self._policy = policy
        self._is_shortage = is_shortage
        self._watch = watch
        self.on_episode = on_episode

    @property
    def transfers(self) -> tuple[str, ...]:
        """The enabled transfer strategies, in the order they are asked."""
        return tuple(name for name in self._registry.transfers if self._manager.has_plugin(name))

    @property
    def disabled(self) -> frozenset[str]:
        """Names of the plugins that failed, and are not called any more in this run."""
        return frozenset(name for name in self._registry.plugins if not self._manager.has_plugin(name))

    def disable(self, *names: str) -> None:
        """Unregister plugins that failed, in this process or another one of the run."""
        for name in names:
            self._manager.unregister(name=name)

    def on_bucket_start(self, bucket: BucketInfo, resources: Resources) -> Resources:
        """What the bucket may use, once each policy in turn has seen its predecessor's answer."""
        for name in self._manager.asked("on_bucket_start"):
            given = {"bucket": own_bucket(bucket), "resources": evolve(resources)}
            resources = self._ask("on_bucket_start", name, bucket, given, answers.resources) or resources
        return resources

    def transfer(self, name: str, source: Knowledge, target: Knowledge, context: TransferContext) -> Knowledge | Skip:
        """The target's new knowledge by one strategy, or why it transfers nothing.

        The strategy gets copies of the tensors, the source's on the target's device.

        :raise PluginError: it failed.
        """
        device = device_of(target)
        own = evolve(context, bucket=own_bucket(context.bucket))
        given = {"source": own_knowledge(source, device), "target": own_knowledge(target, device), "context": own}
        check = partial(answers.knowledge, origin=target.origin)
        try:
            return self._call("transfer", name, context.bucket, given, check)
        except PluginError as failure:
            self._disable_if_asked_to(name, "transfer", context.bucket, failure)
            raise

    def phases(self, name: str) -> tuple[Phase, ...]:
        """The phases in which a strategy wants to be asked: its `phases`, or all."""
        return self._registry.plugin(name).phases

    def alpha(self, name: str, settings: Mapping[str, Any]) -> float | None:
        """The mixing that a strategy works with: the value of the setting that its `alpha_setting` names, if it names one."""
        setting = self._registry.plugin(name).alpha_setting
        return None if setting is None else float(settings[setting])

    def memory_needed(self, name: str, bucket: BucketInfo, source: Knowledge, target: Knowledge) -> int:
        """Bytes that a strategy needs: its own `memory_needed`, which sees names and shapes, or those of both weights.

        :raise PluginError: it failed.
        """
        estimate = self._registry.plugin(name).memory_needed
        if estimate is None:
            return source.nbytes + target.nbytes
        where = f"{self._registry.owner(name)}: memory_needed(source, target) for bucket {bucket.name!r}"
        try:
            with self._watch(where):
                needed = call_plugin(where, "failed", estimate, outline(source), outline(target))
            if not isinstance(needed, int) or needed < 0:
                raise PluginError(f"{where} must return bytes, a whole number from 0; got {safe_repr(needed)}")
        except PluginError as failure:
            self._disable_if_asked_to(name, "memory_needed", bucket, failure)
            raise
        return needed

    def on_episode_end(self, bucket: BucketInfo, episode: EpisodeReport) -> tuple[StopRequest, str] | None:
        """The first request to stop, with the name of who made it; all plugins are asked in order, and then `on_episode`,
        which gets no episodes of probes and scratch arms."""
        stop: tuple[StopRequest, str] | None = None
        for name in self._manager.asked("on_episode_end"):
            given = {"bucket": own_bucket(bucket), "episode": evolve(episode, traces=copied(episode.traces))}
            request = self._ask("on_episode_end", name, bucket, given, answers.stop_request, episode=episode.episode)
            if request is not None:
                stop = stop or (request, name)
        if self.on_episode is not None and not (bucket.probe or bucket.scratch_arm):
            request = self.ask_on_episode(evolve(episode, traces=copied(episode.traces)))
            if request is not None:
                stop = stop or (request, "on_episode")
        return stop

    def ask_on_episode(self, episode: EpisodeReport) -> StopRequest | None:
        """The checked answer of the program's own function; a PluginError where it failed."""
        assert self.on_episode is not None
        with self._watch("on_episode"):
            try:
                return answers.stop_request(call_plugin("on_episode", "failed", self.on_episode, episode))
            except answers.WrongAnswer as wrong:
                raise PluginError(f"on_episode {wrong}") from wrong

    def cleanup(self, bucket: BucketInfo, error: BaseException | None) -> None:
        """Let every plugin clean up, also after another failed or was interrupted; then raise what went wrong."""
        self._call_all("cleanup", bucket, {"bucket": own_bucket(bucket), "error": error})

    def on_run_end(self, run: RunInfo, results: Sequence[BucketResult], error: BaseException | None) -> None:
        """Call every plugin at the end of the run, as in `cleanup`."""
        own = evolve(run, settings=read_only(run.settings))
        self._call_all("on_run_end", None, {"run": own, "results": tuple(results), "error": error})

    def _call_all(self, hook: str, bucket: BucketInfo | None, given: Given) -> None:
        failures: dict[str, PluginError] = {}
        interrupt: KeyboardInterrupt | None = None
        for name in self._manager.asked(hook):
            try:
                self._call_at_end(hook, name, bucket, given)
            except PluginError as failure:
                if self._is_shortage(failure):  # the bucket is done with; the others release what they hold
                    log.warning("memory ran out in a plugin", hook=hook, reason=str(failure))
                else:
                    failures[name] = failure
            except KeyboardInterrupt as caught:  # the others still release what they hold
                interrupt = caught
        if interrupt is not None:
            raise interrupt
        if len(failures) > 1 and self._policy == "stop":
            causes = ExceptionGroup(f"{hook} failed", list(failures.values()))
            to_blame = [name for name, failure in failures.items() if not isinstance(failure, ObserverError)]
            raise PluginError(f"{'; '.join(map(str, failures.values()))}{self._registry.way_on(*to_blame)}") from causes
        for name, failed in failures.items():
            self._apply_error_policy(name, hook, bucket, failed)

    def _ask(
        self, hook: str, name: str, bucket: BucketInfo, given: Given, check: Callable[[object], T | None], **when: int
    ) -> T | None:
        """One plugin's checked answer; None where it failed and the policy is to go on."""
        try:
            return self._call(hook, name, bucket, given, check)
        except PluginError as failure:
            self._apply_error_policy(name, hook, bucket, failure, **when)
            return None

    def _call(self, hook: str, name: str, bucket: BucketInfo | None, given: Given, check: Callable[[object], T]) -> T:
        """One plugin's checked answer.

        :raise PluginError: it failed, or one of its observers did and the policy is to stop.
        """
        where = f"{self._registry.owner(name)}: {hook}{f' for bucket {bucket.name!r}' if bucket else ''}"
        unobserved: set[str] = set()
        with self._watch(where):
            while True:
                outcome = call_plugin(where, "failed", self._manager.call, hook, name, given, unobserved)
                if outcome.observer_error is not None:
                    unobserved.update(self._observer_failed(hook, where, outcome.observer_error, unobserved))
                if outcome.answers is not None:
                    break
            answer = outcome.answers[0] if outcome.answers else None
            try:
                return check(answer)
            except answers.WrongAnswer as wrong:
                raise PluginError(f"{where} {wrong}") from wrong
            except Exception as error:  # an answer may be of a class of the plugin's own
                raise PluginError(f"{where} answered with what cannot be read: {describe_error(error)}") from error

    def _observer_failed(self, hook: str, where: str, error: BaseException, unobserved: set[str]) -> list[str]:
        """The observers that `error` is blamed on, where the policy is to go on without them.

        :raise ObserverError: it is not; or a function of `add_hookcall_monitoring` failed, which cannot be left out.
        """
        names = self._manager.observers_at_fault(hook, error, unobserved)
        who = f"observer {' or '.join(map(repr, names))}" if names else "a function of add_hookcall_monitoring"
        reason = f"{who} failed around {where}: {describe_error(error)}"
        if self._policy == "stop" or not names or self._is_shortage(error):
            raise ObserverError(f"{reason}{self._registry.way_on(*names)}") from error
        log.warning("an observer failed, and training goes on", reason=reason)
        if self._policy == "disable":
            self.disable(*names)
        return names

    def _call_at_end(self, hook: str, name: str, bucket: BucketInfo | None, given: Given) -> None:
        """One plugin's cleanup or end of the run, which leaves the `error` that it is given as it was."""
        error = given["error"]
        kept = (error.args, error.__traceback__) if error is not None else None
        try:
            self._call(hook, name, bucket, given, answers.nothing)
        finally:
            if kept is not None:
                error.args, error.__traceback__ = kept

    def _apply_error_policy(
        self, name: str, hook: str, bucket: BucketInfo | None, failure: PluginError, **when: int
    ) -> None:
        """Go on after a failure, if that is the policy.

        :raise PluginError: it is not, or memory ran out; the message says how to go on without the plugin.
        """
        if isinstance(failure, ObserverError) or self._is_shortage(failure):
            raise failure
        if self._policy == "stop":
            raise PluginError(f"{failure}{self._registry.way_on(name)}") from failure.__cause__
        if self._policy == "warn":
            log.warning("a plugin failed, and training goes on", reason=str(failure), **when)
        self._disable_if_asked_to(name, hook, bucket, failure)

    def _disable_if_asked_to(self, name: str, hook: str, bucket: BucketInfo | None, failure: PluginError) -> None:
        """Let a plugin that failed release what it holds, and unregister it."""
        if self._policy != "disable" or isinstance(failure, ObserverError) or self._is_shortage(failure):
            return
        log.warning("a plugin failed, and is disabled for the rest of this run", plugin=name, reason=str(failure))
        try:
            if bucket and hook != "cleanup" and name in self._manager.asked("cleanup"):
                given = {"bucket": own_bucket(bucket), "error": failure}
                self._call_at_end("cleanup", name, bucket, given)
        except PluginError as second:
            log.info("the cleanup of a disabled plugin failed, too", plugin=name, reason=str(second))
        finally:
            self.disable(name)
