"""Every bucket, strategy and plugin that is installed passes the checks that we ship for authors."""

from importlib.util import find_spec

import pytest

from progressive_app.discovery.installed_plugins import installed_registry
from progressive_app.discovery.listing import survey
from progressive_core.contract.catalogue import PluginRecord
from progressive_core.contract.protocols import trains
from progressive_core.plugins.registry import Registry
from progressive_training.testing import check_bucket, check_plugin, check_transfer

INSTALLED = survey(["console", "picture", "mlflow", "tensorboard"])
OF_EXTRAS = {"mlflow", "tensorboard"}
"""Plugins named as the package that they need."""


def of(kind: str) -> list[PluginRecord]:
    return [record for record in INSTALLED if record.kind == kind]


@pytest.fixture(scope="module")
def registry() -> Registry:
    return installed_registry([record.name for record in INSTALLED if record.kind == "plugin"])


@pytest.mark.parametrize("record", INSTALLED, ids=str)
def test_it_can_be_used(record: PluginRecord) -> None:
    assert record.enabled, record.reason


@pytest.mark.parametrize("record", of("bucket"), ids=str)
def test_bucket(registry: Registry, record: PluginRecord) -> None:
    bucket = registry.bucket(record.name)
    check_bucket(bucket, before=() if trains(bucket) else [registry.bucket(name) for name in ("Scalping", "Short")])


@pytest.mark.parametrize("record", of("transfer"), ids=str)
def test_transfer(registry: Registry, record: PluginRecord) -> None:
    check_transfer(registry.plugin(record.name).plugin)


@pytest.mark.parametrize("record", of("plugin"), ids=str)
def test_plugin(registry: Registry, record: PluginRecord) -> None:
    if record.name in OF_EXTRAS and find_spec(record.name) is None:
        pytest.skip(f"the extra {record.name} is not installed")
    check_plugin(registry.plugin(record.name).plugin)
