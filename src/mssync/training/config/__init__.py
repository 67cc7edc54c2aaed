"""The recipes of training: every field with its range (:mod:`mssync.training.recipe` reads the files)."""

from mssync.training.config.generator import (
    ArticulationConfig,
    ClosureConfig,
    DiscriminatorConfig,
    GeneratorConfig,
    LossConfig,
    NetConfig,
)
from mssync.training.config.paper import PaperConfig
from mssync.training.config.syncer import SyncerConfig

__all__ = [
    "ArticulationConfig",
    "ClosureConfig",
    "DiscriminatorConfig",
    "GeneratorConfig",
    "LossConfig",
    "NetConfig",
    "PaperConfig",
    "SyncerConfig",
]
