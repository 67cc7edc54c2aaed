"""The recipe of a pyramid of syncers, field by field."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from mssync.motion.pyramid import VIEWS, View
from mssync.training.config.base import Name, Rate, Recipe, Roles, Seed, Speakers, Step, Steps, Threads, Weight


class SyncerConfig(Recipe):
    """The recipe of ``mssync train syncer``: one for every view and level of a pyramid."""

    OLD_NAMES = {"ear": "features", "families": "roles", "families_of": "roles_of"}

    name: Name = "syncer"
    """Of the pyramid."""
    release: Name = "0.1"
    """Of the pyramid."""
    seed: Seed = 0
    """Of everything that is drawn."""
    features: Literal["bands", "mel"] = "bands"
    """Audio features: the generator's 26 filterbank bands, or the judges' log-mel."""
    views: list[View] = Field(["lips", "head", "all"], min_length=1, max_length=len(VIEWS))
    """What of the motion is seen (:mod:`mssync.motion.pyramid`)."""
    levels: list[Annotated[int, Field(ge=0, le=3)]] = Field([0, 1, 2, 3], min_length=1, max_length=4)
    """Of the pyramid."""
    steps: Steps = 3000
    """Most optimiser steps of a level."""
    clips: int = Field(24, ge=2, le=4096)
    """Clips per batch."""
    windows: int = Field(10, ge=2, le=1024)
    """Windows of each clip in a batch."""
    width: int = Field(192, ge=8, le=2048)
    """Of the towers."""
    out: int = Field(64, ge=4, le=2048)
    """Length of the unit vectors."""
    dropout: float = Field(0.1, ge=0, lt=1)
    """Of both towers."""
    lr: Rate = 1e-3
    """Of AdamW, linear to 5 %."""
    weight_decay: Weight = 0.01
    """Of AdamW."""
    augment: float = Field(0.7, ge=0, le=100)
    """Strength of other voices and rooms (:mod:`mssync.training.data.augment`)."""
    shift: float = Field(0.3, ge=0, le=100)
    """Standard deviation of a constant added to a clip's expression columns: a resting face tells nothing."""
    centred: list[View] = Field(["all"], max_length=len(VIEWS))
    """Views from which the head's place is taken out, so that only its moving is left."""
    head_scale: float = Field(0.5, ge=0, le=10)
    """Spread, in logarithms, of a factor on a clip's head motion: a still head may count as well."""
    head_drop: float = Field(0.0, ge=0, lt=1)
    """Share of clips whose head columns are hidden: lips count without them."""
    motion_noise: float = Field(0.1, ge=0, le=100)
    """Noise on the motion, in standard deviations of each column."""
    matched: float = Field(0.0, ge=0, le=1)
    """Share of clips in a batch whose windows are equally loud and open (:mod:`mssync.training.data.matched`)."""
    roles: Roles = {}
    """How often each role is drawn; roles that are not named are not trained on; none named: all alike."""
    roles_of: dict[View, Roles] = {}
    """For a view, instead of ``roles``."""
    skip_speakers: Speakers = []
    """Speakers to leave out."""
    folds: int = Field(0, ge=0, le=10_000)
    """Groups of speakers (one with more than 200 clips is split by clip); 0: none."""
    leave_out: int = Field(0, ge=0, le=10_000)
    """The group that is not trained on."""
    mirror: bool = True
    """Train on mirror images too."""
    save_every: Steps = 500
    """Steps between checkpoints."""
    dev_every: Steps = 250
    """Steps between dev metrics."""
    patience: Step = 6
    """Dev metrics without a better one before a level stops; 0: never."""
    threads: Threads = 1
    """Of PyTorch on the CPU."""

    @model_validator(mode="after")
    def _once(self) -> Self:
        if len(set(self.views)) < len(self.views) or len(set(self.levels)) < len(self.levels):
            raise ValueError("views and levels name each one once")
        if self.matched and not set(self.views) <= {"lips", "all"}:
            raise ValueError("matched windows need views that show the lips: lips, all")
        return self
