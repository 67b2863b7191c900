"""Conformance checks: what the built-in buckets, strategies and plugins pass, a stranger's can be held to as well."""

from progressive_core.testing.bucket import check_bucket
from progressive_core.testing.plugin import check_plugin
from progressive_core.testing.transfer import check_transfer

__all__ = ["check_bucket", "check_plugin", "check_transfer"]
