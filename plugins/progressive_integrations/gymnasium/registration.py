"""The id by which `gymnasium.make` and `gymnasium.make_vec` know the market."""

ID = "ProgressiveTraining/Market-v0"


def register_envs() -> None:
    """Register the id, unless it is registered."""
    from gymnasium.envs.registration import register, registry

    if ID not in registry:
        register(
            id=ID,
            entry_point="progressive_training.envs:MarketEnv",
            vector_entry_point="progressive_training.envs:MarketVectorEnv",
        )
