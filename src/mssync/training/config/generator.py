"""The recipe of a generator, field by field."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from mssync.motion.pyramid import View
from mssync.timing import BLOCK_FRAMES, CONTEXT_FRAMES, LOOKAHEAD_FRAMES, Timing
from mssync.training.config.base import Name, Rate, Recipe, Roles, Seed, Speakers, Step, Steps, Threads, Weight


class NetConfig(Recipe):
    """Sizes of the generator (see :class:`mssync.nets.generator.GeneratorShape`)."""

    OLD_NAMES = {"leak": "decay"}

    channels: int = Field(64, ge=4, le=1024)
    width: int = Field(128, ge=8, le=2048)
    hidden: int = Field(64, ge=4, le=1024)
    branch: int = Field(160, ge=8, le=2048)
    window: int = Field(40, ge=2, le=1000)
    style_noise: int = Field(8, ge=0, le=256)
    noise: int = Field(8, ge=1, le=256)
    decay: int = Field(20, ge=0, lt=1000)
    masks: Literal["softmax", "sigmoid"] = "softmax"
    # What takes differ by: noise that follows the voice (:mod:`mssync.motion.drive`), or noise independent of it.
    variation: Literal["voice", "noise"] = "voice"
    context: int = Field(CONTEXT_FRAMES, ge=1, le=1024)
    lookahead: int = Field(LOOKAHEAD_FRAMES, ge=0, le=256)
    block: int = Field(BLOCK_FRAMES, ge=1, le=256)

    @model_validator(mode="after")
    def _hears(self) -> Self:
        Timing(self.context, self.lookahead, self.block)
        return self


class LossConfig(Recipe):
    """Weights of the losses (:mod:`mssync.training.objective`).

    ``head`` to ``face`` are energy scores per group of columns, positions and velocities (``mouth`` weighs the
    expression by how far it moves the lips, ``face`` all of it alike, or the points of a motion space of points; groups
    that a space lacks do not count). ``head_axes`` scores each axis of the head once more by itself, positions and
    velocities, ``posture`` its slow course; where ``heads_of`` names roles, only their windows count in the losses of
    the head: people who read commands keep their heads still, and teach that heads do not hear. ``mouth_spread`` scales
    the repulsion between two rollouts of the mouth (1 = the proper score), from step ``mouth_spread_from`` on.
    ``synchrony`` has one weight per view, from step ``synchrony_from`` on; with ``synchrony_up_to_real`` a rollout need
    agree no better than the real motion does. ``adversarial`` and its discriminator set in at step
    ``adversarial_from``. ``supervised``, ``warm_up`` and ``velocity`` are the paper's L2, warm-up reconstruction and
    velocity L1 (there 0.01, 0.001 and 0).
    """

    OLD_NAMES = {"head_speed": "head_velocity", "mouth_speed": "mouth_velocity"}

    head: Weight = 0.4
    head_velocity: Weight = 0.25
    head_axes: Weight = 0.0
    posture: Weight = 0.0
    heads_of: list[Name] = Field([], max_length=1000)
    mouth: Weight = 4.0
    mouth_velocity: Weight = 2.0
    closure: Weight = 1.0
    # Below 1 two takes of one sentence move their lips more alike than two people would.
    mouth_spread: float = Field(1.0, ge=0, le=1)
    mouth_spread_from: Step = 0
    eyes: Weight = 0.3
    face: Weight = 0.5
    synchrony: dict[View, Weight] = {"lips": 1.0, "head": 1.0, "all": 1.0}
    synchrony_from: Step = 0
    synchrony_up_to_real: bool = True
    adversarial: Weight = 0.1
    adversarial_from: Step = 0
    supervised: Weight = 0.01
    warm_up: Weight = 1e-3
    velocity: Weight = 0.0


class DiscriminatorConfig(Recipe):
    """Sizes and pace of the window discriminator (:mod:`mssync.nets.discriminator`)."""

    width: int = Field(96, ge=4, le=2048)
    hidden: int = Field(64, ge=4, le=2048)
    lr: Rate = 2e-4


class ClosureConfig(Recipe):
    """The net that hears whether lips touch (:mod:`mssync.training.closure`).

    ``steps``: where it is not given, a quarter more than the run's own, at most 1500.
    """

    width: int = Field(96, ge=4, le=2048)
    dropout: float = Field(0.3, ge=0, lt=1)
    augment: float = Field(0.8, ge=0, le=100)
    lr: Rate = 1e-3
    steps: Steps | None = None

    def steps_of(self, run: int) -> int:
        """Steps of the net after a run of so many."""
        return self.steps or min(1500, max(1, round(1.25 * run)))


class ArticulationConfig(Recipe):
    """The net that hears what the mouth does (:mod:`mssync.training.articulation`).

    ``steps``: where it is not given, twice the run's own, at most 2500. It hears as far ahead as the generator.
    """

    width: int = Field(128, ge=4, le=2048)
    dropout: float = Field(0.35, ge=0, lt=1)
    augment: float = Field(0.8, ge=0, le=100)
    lr: Rate = 2e-3
    steps: Steps | None = None

    def steps_of(self, run: int) -> int:
        """Steps of the net after a run of so many."""
        return self.steps or min(2500, max(1, 2 * run))


class GeneratorConfig(Recipe):
    """The recipe of ``mssync train generator``."""

    OLD_NAMES = {"settle": "burn_in", "memory": "gradient_scale", "families": "roles"}

    name: Name = "own"
    """Of the model."""
    release: Name = "0.1"
    """Of the model."""
    seed: Seed = 0
    """Of everything that is drawn."""
    init: str = Field("", max_length=4096)
    """Model or run whose weights it begins with; empty: random weights."""
    steps: Step = 3000
    """Optimiser steps; 0 trains nothing, for a model that is only calibrated anew."""
    batch: int = Field(24, ge=1, le=4096)
    """Windows per step."""
    frames: int = Field(64, ge=16, le=2048, multiple_of=8)
    """Frames of a window."""
    warm_min: int = Field(2, ge=1, le=1024)
    """Fewest observed frames at the start of a window."""
    warm_max: int = Field(32, ge=1, le=1024)
    """Most of them."""
    nudge: float = Field(0.4, ge=0, le=100)
    """Standard deviation of a constant added to the observed frames, normalised (0.3 of it but for the head)."""
    carry: float = Field(0.6, ge=0, le=1)
    """Share of rollouts that continue an older one instead of starting on observed frames."""
    burn_in: int = Field(8, ge=0, le=1024)
    """Frames at the start of a continued rollout that no loss counts."""
    gradient_scale: float = Field(0.93, gt=0, le=1)
    """Factor on the gradient that flows back through each step."""
    lr: Rate = 1e-3
    """Of Adam, cosine to 5 %; the paper: 2e-5, for days on a GPU."""
    betas: tuple[Annotated[float, Field(ge=0, lt=1)], Annotated[float, Field(gt=0, lt=1)]] = (0.9, 0.99)
    """Of Adam; the paper: 0, 0.999."""
    roles: Roles = {}
    """How often each role is drawn; roles that are not named are not trained on; none named: all alike."""
    skip_speakers: Speakers = []
    """Speakers to leave out."""
    mirror: bool = True
    """Train on mirror images too."""
    augment: float = Field(0.7, ge=0, le=100)
    """Strength of other voices and rooms (:mod:`mssync.training.data.augment`)."""
    motion_scale: float = Field(0.1, ge=0, lt=1)
    """Head motion is multiplied by 1 +- this."""
    ema: float = Field(0.998, ge=0, lt=1)
    """Decay of the averaged weights."""
    save_every: Steps = 200
    """Steps between checkpoints."""
    dev_every: Steps = 400
    """Steps between dev metrics."""
    patience: Step = 0
    """Dev metrics without a better one before the run stops; 0: never."""
    sample_every: Step = 0
    """Steps between sample videos; 0: none."""
    threads: Threads = 1
    """Of PyTorch on the CPU."""
    net: NetConfig = NetConfig()
    discriminator: DiscriminatorConfig = DiscriminatorConfig()
    closure: ClosureConfig = ClosureConfig()
    articulation: ArticulationConfig = ArticulationConfig()
    loss: LossConfig = LossConfig()

    @model_validator(mode="after")
    def _fits(self) -> Self:
        half = self.frames // 2
        if self.warm_min > min(self.warm_max, half):
            raise ValueError(f"warm_min must be at most warm_max and half of frames, which is {half}")
        if self.burn_in > half:
            raise ValueError(f"burn_in must be at most half of frames, which is {half}")
        return self
