"""Values of a setting that buckets have each for themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from progressive_core.contract.setting import Setting


def with_own_values(setting: Setting[Any], value: Any, own: Mapping[str, Any], buckets: Iterable[str]) -> Any:
    """The `value` of a setting with another for each bucket in `own`; `buckets` keep what it means for them.

    :return: one value for each bucket; `value` itself where that comes to the same.
    """
    before = {bucket: setting.value_for(bucket, value) for bucket in buckets}
    each = {**before, **own}
    if each == before:
        return value
    return {bucket: one for bucket, one in each.items() if one is not None or setting.default is not None} or None
