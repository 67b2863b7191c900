"""For plugin authors: the checks that the built-in buckets, strategies and plugins pass in our own tests."""

from progressive_app.testing import check_bucket, check_engine, check_plugin, check_store, check_transfer

__all__ = ["check_bucket", "check_engine", "check_plugin", "check_store", "check_transfer"]
