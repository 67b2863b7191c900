"""The directory of a walk-forward: what is in it once it is finished, and the model in it that is used."""

from __future__ import annotations

from pathlib import Path

from progressive_app.store.models import FILE_NAME
from progressive_core.contract.errors import ModelError

RESULT, TEXT, PAGE = "walk_forward.json", "walk_forward.md", "walk_forward.html"
MODELS = "models"


def is_walked(directory: Path) -> bool:
    """Whether a finished walk-forward is in `directory`."""
    return (directory / RESULT).is_file() and (directory / MODELS).is_dir()


def walked_model(directory: Path) -> Path:
    """The directory of the only model of the walk-forward in `directory`.

    :raise ModelError: it has several.
    """
    models = sorted(each for each in (directory / MODELS).iterdir() if (each / FILE_NAME).is_file())
    if len(models) != 1:
        example = models[0] if models else directory / MODELS
        raise ModelError(f"{directory}: a walk-forward of several buckets; name the model of one, like {example}")
    return models[0]
