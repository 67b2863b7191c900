"""Leave room on a shared machine: no bucket walks more than 32 markets at a time."""

from attrs import evolve

from progressive_training import Resources, hookimpl


@hookimpl
def on_bucket_start(resources: Resources) -> Resources:
    return evolve(resources, parallel_episodes=min(resources.parallel_episodes, 32))
