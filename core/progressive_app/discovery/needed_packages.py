"""Packages that a plugin needs and may be installed without: one that is absent is found out before a run is begun."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from shlex import quote

from progressive_core.contract.errors import PluginError
from progressive_core.plugins.blame import call_plugin, safe_repr

NEEDS = "needs_packages"
"""The attribute by which a plugin, strategy or bucket names them: what is imported, and what pip installs for it, such as
`{"mlflow": "progressive-training[mlflow]"}`."""


def check_packages(plugin: object, owner: str) -> None:
    """Look for the packages that a plugin, strategy or bucket names; none of them is imported.

    :param owner: whose object it is, such as "plugin 'memory' (acme 1.2)".
    :raise PluginError: one is not installed, or the attribute is no such mapping.
    """
    needed: object = call_plugin(owner, "cannot be examined", getattr, plugin, NEEDS, {})
    if not isinstance(needed, Mapping) or not all(isinstance(word, str) for pair in needed.items() for word in pair):
        raise PluginError(
            f'{owner}: `{NEEDS}` must map what is imported to what pip installs, such as {{"mlflow": "mlflow>=3"}}; '
            f"got {safe_repr(needed)}"
        )
    missing = [name for name in needed if not _is_there(name)]
    if missing:
        wanted = " ".join(dict.fromkeys(quote(needed[name]) for name in missing))
        raise PluginError(f"{owner} needs {' and '.join(missing)}: pip install {wanted}")


def _is_there(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except (ImportError, ValueError):  # the package that it is a part of is not there, or is no package
        return False
