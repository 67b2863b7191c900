"""The engines that are installed, by the names of their entry points."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from progressive_app.discovery.named_object import named_object
from progressive_app.engines.engine import Engine
from progressive_core.contract.errors import ConfigError, PluginError
from progressive_core.plugins.blame import describe_error

GROUP = "progressive_training.engines"


def engine_named(name: str, address: str | None = None) -> Engine:
    """The engine of that name, ready to run tasks.

    :param address: of the cluster, for one that has one; None: one of its own, on this machine.
    :raise ConfigError: no engine has the name, or it has no use for an address. :raise PluginError: it cannot be made.
    """
    made = named_object(GROUP, "engine", name, "--engine")
    try:
        engine: Engine = made(address)
    except (ConfigError, PluginError):
        raise
    except Exception as error:
        raise PluginError(f"engine {name!r} cannot be made: {describe_error(error)}") from error
    return engine


@contextmanager
def opened_engine(engine: str | Engine | None, workers: int, address: str | None = None) -> Iterator[Engine]:
    """The engine that a caller asked for. It is closed at the end, unless the caller made it.

    :param engine: an engine or its name; None: "here" for one worker, "local" for more. :param address: as for `engine_named`.
    :raise ConfigError: as `engine_named`. :raise PluginError: as there.
    """
    from progressive_app.engines.here import Here
    from progressive_app.engines.local import Local

    used = engine_named(engine, address) if isinstance(engine, str) else engine
    if used is None:
        used = Here(address) if workers == 1 else Local(address)
    try:
        yield used
    finally:
        if used is not engine:
            used.close()


def refuse_address(name: str, address: str | None) -> None:
    """For an engine of this machine.

    :raise ConfigError: there is an address.
    """
    if address is not None:
        raise ConfigError(
            f"--address {address}: the engine {name} runs on this machine; leave the address out, or use --engine ray"
        )
