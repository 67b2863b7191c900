"""Conformance checks: what the built-in buckets, strategies and plugins pass, a stranger's can be held to as well."""

from progressive_app.testing.check_bucket import check_bucket
from progressive_app.testing.check_engine import check_engine
from progressive_app.testing.check_plugin import check_plugin
from progressive_app.testing.check_store import check_store
from progressive_app.testing.check_transfer import check_transfer

__all__ = ["check_bucket", "check_engine", "check_plugin", "check_store", "check_transfer"]
