from swing_plugin import policy, transfer
from swing_plugin.bucket import bucket

from progressive_training.testing import check_bucket, check_plugin, check_transfer


def test_bucket() -> None:
    check_bucket(bucket)


def test_transfer() -> None:
    check_transfer(transfer)


def test_policy() -> None:
    check_plugin(policy)
