"""Take over the teacher's feature extractor, and keep one's own heads."""

from attrs import evolve

from progressive_training import Knowledge, hookimpl

phases = ("initial",)


@hookimpl
def transfer(source: Knowledge, target: Knowledge) -> Knowledge | None:
    taught = {name: tensor for name, tensor in source.weights.items() if name.startswith("extractor.")}
    return evolve(target, weights=taught) if taught else None
