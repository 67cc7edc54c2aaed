"""The recipe of the published generator: every switch of MS-Sync's network, losses and optimisers as a field.

The defaults are the authors' (GitHub LouisBearing/HMo-audio at e4d18e8: ``Config`` in ``utils`` under nets).
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from mssync.motion.pyramid import View
from mssync.training.config.base import Name, Rate, Recipe, Roles, Seed, Speakers, Step, Steps, Threads, Weight

Blocks = Annotated[int, Field(ge=1, le=16)]
Beta = Annotated[float, Field(ge=0, lt=1)]
Level = Annotated[int, Field(ge=0, le=3)]


class PaperNetConfig(Recipe):
    """Sizes and switches of :class:`mssync.nets.paper.PaperShape`.

    ``masks``: shared by the branches (softmax) or each for itself (sigmoid), one ``masks_per`` keypoint (in spaces of
    points) or column. ``branches``: 4, one per level of sound, or 1, of level 0 alone; ``bias`` adds the one without
    sound. ``positions``: the transformer knows how old a frame is. ``style``, ``noise``: columns beside the pose.
    """

    channels: int = Field(512, ge=4, le=1024)
    width: int = Field(512, ge=8, le=2048)
    hidden: int = Field(64, ge=4, le=1024)
    layers: int = Field(1, ge=1, le=16)
    heads: int = Field(1, ge=1, le=64)
    feed_forward: int = Field(1024, ge=8, le=4096)
    positions: bool = False
    context: int = Field(40, ge=2, le=1000)
    branch: int = Field(272, ge=8, le=2048)
    trunk: Annotated[list[Blocks], Field(max_length=8)] = []
    ends: Blocks = 4
    expansion: Blocks = 4
    branches: Literal[1, 4] = 4
    bias: bool = True
    masks: Literal["softmax", "sigmoid"] = "softmax"
    masks_per: Literal["keypoint", "column"] = "keypoint"
    style: int = Field(0, ge=0, le=256)
    noise: int = Field(0, ge=0, le=256)

    @model_validator(mode="after")
    def _even(self) -> Self:
        if self.width % self.heads:
            raise ValueError("width must be a multiple of heads")
        return self


class PaperLossConfig(Recipe):
    """Weights of the losses; 0: not computed.

    ``synchrony``: per view of the syncers; ``levels``: how much each level of the pyramid counts in it. ``supervised``
    and ``warm_up``: squared distances per keypoint after and within the observed frames. ``velocity``: mean absolute
    velocity. ``rigidity``: relative change of the distances between the points of skull, nose and eye corners, from the
    ``init`` of the window or from frame to frame (``delta``); in the space ``landmarks`` only (the authors weigh it
    1.0, in three dimensions).
    """

    adversarial: Weight = 1.0
    adversarial_from: Step = 0
    synchrony: dict[View, Weight] = {"all": 1.0}
    levels: dict[Level, Weight] = {0: 1.0, 1: 1.0, 2: 1.0, 3: 1.0}
    supervised: Weight = 0.01
    warm_up: Weight = 1e-3
    velocity: Weight = 0.0
    rigidity: Weight = 0.0
    rigidity_to: Literal["init", "delta"] = "init"


class PaperOptimiserConfig(Recipe):
    """Adam: ``lr`` falls by the factor ``gamma`` every ``every`` steps (``step``), along a cosine to a twentieth
    (``cosine``), or not (``constant``); ``clip``: largest norm of the gradient, 0 without end."""

    lr: Rate = 2e-5
    betas: tuple[Beta, Beta] = (0.0, 0.999)
    schedule: Literal["constant", "step", "cosine"] = "step"
    gamma: Rate = 1.0
    every: Steps = 2000
    clip: float = Field(0.0, ge=0, le=1e6)


class PaperDiscriminatorConfig(PaperOptimiserConfig):
    """Sizes, windows and optimiser of :class:`mssync.nets.discriminator.WindowDiscriminator`."""

    width: int = Field(512, ge=4, le=2048)
    hidden: int = Field(1024, ge=4, le=2048)
    windows: Annotated[list[Annotated[int, Field(ge=2, le=1000)]], Field(min_length=1, max_length=16)] = [5, 10, 20, 40]
    lr: Rate = 1e-5
    every: Steps = 500


class PaperConfig(Recipe):
    """``mssync train paper``: the whole recipe.

    A window has ``observed`` frames and ``frames`` to predict, or any number up to ``frames_max``. ``mirror``,
    ``motion_scale`` (1 +- this) and ``gain`` (a constant added to the features, of 1 +- this times a tenth of
    their range) are the paper's augmentation, beside the motion's average over three frames.
    """

    name: Name = "paper"
    release: Name = "0.1"
    seed: Seed = 0
    steps: Steps = 3000
    batch: int = Field(50, ge=1, le=4096)
    observed: int = Field(3, ge=1, le=1000)
    frames: int = Field(40, ge=5, le=2048)
    frames_max: int = Field(0, ge=0, le=2048)
    mirror: bool = True
    motion_scale: float = Field(0.1, ge=0, lt=1)
    gain: float = Field(1.0, ge=0, le=10)
    roles: Roles = {}
    skip_speakers: Speakers = []
    save_every: Steps = 200
    dev_every: Steps = 400
    threads: Threads = 1
    net: PaperNetConfig = PaperNetConfig()
    loss: PaperLossConfig = PaperLossConfig()
    optimiser: PaperOptimiserConfig = PaperOptimiserConfig()
    discriminator: PaperDiscriminatorConfig = PaperDiscriminatorConfig()

    @property
    def longest(self) -> int:
        """Frames to predict, at most."""
        return max(self.frames, self.frames_max)
