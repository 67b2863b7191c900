"""One typed method per hook: how plugins are called, how their answers combine, and how their failures are told."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import evolve
from pluggy import HookImpl

from progressive_core.contract import HOOKS, PHASES
from progressive_core.errors import PluginError
from progressive_core.records import (
    BucketInfo,
    EpisodeReport,
    Knowledge,
    Phase,
    Resources,
    StopRequest,
    TransferContext,
)
from progressive_core.registry import Registry

if TYPE_CHECKING:
    import torch

T = TypeVar("T")


class Hooks:
    """The hooks of all enabled plugins. Each plugin gets records that it cannot damage for the others.

    Every method raises `PluginError`, chained from the cause, when a plugin fails or answers with a wrong type; the
    message names the plugin, its distribution, the hook and the bucket.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._implementations: dict[str, dict[str, HookImpl]] = {}
        for hook in HOOKS:
            caller = getattr(registry.manager.hook, hook)
            # pluggy lists them in the order of registration, and calls them from the end.
            self._implementations[hook] = {
                implementation.plugin_name: implementation for implementation in reversed(caller.get_hookimpls())
            }

    @property
    def transfers(self) -> tuple[str, ...]:
        """The enabled transfer strategies, in the order they are asked."""
        return self._registry.transfers

    def on_bucket_start(self, bucket: BucketInfo, resources: Resources) -> Resources:
        """What the bucket may use, once each policy in turn has seen its predecessor's answer."""
        for name in self._implementations["on_bucket_start"]:
            answer = self._call(
                "on_bucket_start", name, bucket, {"bucket": _own_bucket(bucket), "resources": resources}
            )
            if answer is not None:
                resources = self._expect(Resources, answer, "on_bucket_start", name, bucket)
        return resources

    def transfer(self, name: str, source: Knowledge, target: Knowledge, context: TransferContext) -> Knowledge | None:
        """The target's new knowledge by one strategy, or None when it has nothing to transfer.

        The strategy works on copies of the tensors, so one that writes into its arguments harms nobody; the source's
        lie on the target's device.
        """
        device = device_of(target)
        answer = self._call(
            "transfer",
            name,
            context.bucket,
            {
                "source": own_knowledge(source, device),
                "target": own_knowledge(target, device),
                "context": evolve(context, bucket=_own_bucket(context.bucket)),
            },
        )
        if answer is None:
            return None
        knowledge = self._expect(Knowledge, answer, "transfer", name, context.bucket)
        if knowledge.origin != target.origin:
            raise PluginError(
                f"{self._where(name, 'transfer', context.bucket)}: the new knowledge must keep the target's origin "
                f"{target.origin!r}; got {knowledge.origin!r}: answer with attrs.evolve(target, ...)"
            )
        return knowledge

    def phases(self, name: str) -> tuple[Phase, ...]:
        """The phases in which a strategy wants to be asked: its `phases`, or all."""
        phases: tuple[Phase, ...] = getattr(self._registry.plugin(name), "phases", PHASES)
        return phases

    def alpha(self, name: str, settings: Mapping[str, Any]) -> float | None:
        """The mixing that a strategy works with: the value of the setting that its `alpha_setting` names, if it names one."""
        setting: str | None = getattr(self._registry.plugin(name), "alpha_setting", None)
        return None if setting is None else float(settings[setting])

    def memory_needed(self, name: str, source: Knowledge, target: Knowledge) -> int:
        """Bytes that a strategy needs: its own `memory_needed`, or those of both weights."""
        estimate = getattr(self._registry.plugin(name), "memory_needed", None)
        if estimate is None:
            return source.nbytes + target.nbytes
        where = f"{self._registry.owner(name)}: memory_needed(source, target) for bucket {target.origin!r}"
        try:
            needed = estimate(source, target)
        except Exception as error:
            raise PluginError(f"{where} failed: {_told(error)}") from error
        if not isinstance(needed, int) or needed < 0:
            raise PluginError(f"{where} must return bytes, a whole number from 0; got {needed!r}")
        return needed

    def on_episode_end(self, bucket: BucketInfo, episode: EpisodeReport) -> tuple[StopRequest, str] | None:
        """The first request to stop, in order, with the name of the plugin that made it; all plugins are asked."""
        stop: tuple[StopRequest, str] | None = None
        for name in self._implementations["on_episode_end"]:
            own = evolve(episode, traces=_copied(episode.traces))
            answer = self._call("on_episode_end", name, bucket, {"bucket": _own_bucket(bucket), "episode": own})
            if answer is not None:
                request = self._expect(StopRequest, answer, "on_episode_end", name, bucket)
                stop = stop or (request, name)
        return stop

    def cleanup(self, bucket: BucketInfo, error: BaseException | None) -> None:
        """Let every plugin clean up, also after another's failed or was interrupted; then raise what went wrong."""
        failures: list[PluginError] = []
        interrupt: BaseException | None = None
        for name in self._implementations["cleanup"]:
            try:
                answer = self._call("cleanup", name, bucket, {"bucket": _own_bucket(bucket), "error": error})
                if answer is not None:
                    self._expect(type(None), answer, "cleanup", name, bucket)
            except PluginError as failure:
                failures.append(failure)
            except BaseException as caught:  # noqa: BLE001  (Ctrl-C: the others still release what they hold)
                interrupt = caught
        if interrupt is not None:
            raise interrupt
        if len(failures) == 1:
            raise failures[0]
        if failures:
            told = "; ".join(str(failure) for failure in failures)
            raise PluginError(told) from ExceptionGroup("cleanup failed", failures)

    def _call(self, hook: str, name: str, bucket: BucketInfo, arguments: Mapping[str, object]) -> object:
        """One plugin's answer; as pluggy does, it is given the arguments that it names."""
        implementation = self._implementations[hook][name]
        try:
            answer: object = implementation.function(*(arguments[wanted] for wanted in implementation.argnames))
        except Exception as error:
            raise PluginError(f"{self._where(name, hook, bucket)} failed: {_told(error)}") from error
        return answer

    def _expect(self, kind: type[T], answer: object, hook: str, name: str, bucket: BucketInfo) -> T:
        if isinstance(answer, kind):
            return answer
        expected = "None" if kind is type(None) else f"{kind.__name__} or None"
        got = f"a {type(answer).__qualname__}: {answer!r:.80}"
        raise PluginError(f"{self._where(name, hook, bucket)} must return {expected}; got {got}")

    def _where(self, name: str, hook: str, bucket: BucketInfo) -> str:
        return f"{self._registry.owner(name)}: {hook} for bucket {bucket.name!r}"


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _own_bucket(bucket: BucketInfo) -> BucketInfo:
    return evolve(bucket, settings=_read_only(bucket.settings))


def device_of(knowledge: Knowledge) -> torch.device | None:
    """Where the weights lie; None where there are none."""
    return next((tensor.device for tensor in knowledge.weights.values()), None)


def own_knowledge(knowledge: Knowledge, device: torch.device | None) -> Knowledge:
    """A copy on `device` (None: where it is) that nobody else holds; its mappings refuse to be written to."""
    weights = {name: tensor.to(device, copy=True) for name, tensor in knowledge.weights.items()}
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
