"""The recipes of training: every field with its range (:mod:`mssync.training.recipe` reads the files).

The upper ends are far beyond anything sensible: they keep a slip of the keyboard from taking all memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from mssync.motion.pyramid import VIEWS, View
from mssync.texts import clean


class _Strict(BaseModel):
    # A release like 0.2 and a speaker like 12 are numbers in YAML, and names all the same.
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, coerce_numbers_to_str=True)
    OLD_NAMES: ClassVar[Mapping[str, str]] = {}
    """Names that fields had in recipes and checkpoints of older versions -> theirs now."""

    @model_validator(mode="before")
    @classmethod
    def _renamed(cls, values: Any) -> Any:
        return cls.renamed(values)

    @classmethod
    def renamed(cls, values: Any) -> Any:
        """The same values, by the names that fields have now, parts of the recipe too.

        Raises:
            ValueError: a field is given by both its names.
        """
        if not isinstance(values, dict):
            return values
        both = [old for old, new in cls.OLD_NAMES.items() if old in values and new in values]
        if both:
            raise ValueError(f"{both[0]} is the older name of {cls.OLD_NAMES[both[0]]}: give one of them")
        out = {cls.OLD_NAMES.get(name, name): value for name, value in values.items()}
        for name, field in cls.model_fields.items():
            if name in out and isinstance(field.annotation, type) and issubclass(field.annotation, _Strict):
                out[name] = field.annotation.renamed(out[name])
        return out


Name = Annotated[str, Field(min_length=1, max_length=80), AfterValidator(lambda name: clean(name))]
Seed = Annotated[int, Field(ge=0, lt=2**31)]
Steps = Annotated[int, Field(ge=1, le=10**8)]
Step = Annotated[int, Field(ge=0, le=10**8)]
Weight = Annotated[float, Field(ge=0, le=1e6)]
Rate = Annotated[float, Field(gt=0, le=1)]
Threads = Annotated[int, Field(ge=1, le=256)]
Roles = Annotated[dict[str, Weight], Field(max_length=1000)]
Speakers = Annotated[list[str], Field(max_length=100_000)]


class NetConfig(_Strict):
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
    context: int = Field(48, ge=48, le=1024, multiple_of=8)
    lookahead: int = Field(12, ge=0, le=256)
    block: int = Field(8, ge=8, le=256, multiple_of=8)

    @model_validator(mode="after")
    def _hears(self) -> Self:
        if self.context < (least := 59 - min(self.lookahead, 12)):
            raise ValueError(f"context must be at least {least} frames with a lookahead of {self.lookahead}")
        return self


class LossConfig(_Strict):
    """Weights of the losses (:mod:`mssync.training.objective`).

    ``head`` to ``face`` are energy scores per group of columns, positions and velocities (``mouth`` weighs the
    expression by how far it moves the lips, ``face`` all of it alike). ``mouth_spread`` scales the repulsion between
    two rollouts of the mouth (1 = the proper score), from step ``mouth_spread_from`` on. ``synchrony`` has one weight
    per view, from step ``synchrony_from`` on; with ``synchrony_up_to_real`` a rollout need agree no better than the
    real motion does. ``adversarial`` and its discriminator set in at step ``adversarial_from``. ``supervised``,
    ``warm_up`` and ``velocity`` are the paper's L2, warm-up reconstruction and velocity L1 (there 0.01, 0.001 and 0).
    """

    OLD_NAMES = {"head_speed": "head_velocity", "mouth_speed": "mouth_velocity"}

    head: Weight = 0.4
    head_velocity: Weight = 0.25
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


class DiscriminatorConfig(_Strict):
    """Sizes and pace of the window discriminator (:mod:`mssync.nets.discriminator`)."""

    width: int = Field(96, ge=4, le=2048)
    hidden: int = Field(64, ge=4, le=2048)
    lr: Rate = 2e-4


class ClosureConfig(_Strict):
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


class GeneratorConfig(_Strict):
    """``mssync train generator``: the whole recipe.

    ``warm_min`` to ``warm_max`` frames of each window are observed; ``nudge`` moves them off the real path; with
    probability ``carry`` a rollout goes on from where an older one ended instead, and its first ``burn_in`` frames do
    not count; ``gradient_scale``: factor on the gradient that flows back through each step. ``augment``: other voices
    and rooms (:mod:`mssync.training.data.augment`). ``motion_scale``: head motion times 1 +- this. ``patience``: dev
    probes without a better one before the run stops; 0 never. ``sample_every``: steps between sample videos; 0 none.
    ``betas``, ``lr``: of Adam (the paper: 0, 0.999 and 2e-5, for days on a GPU). ``roles``: how often each role is
    drawn; one that is not named is not trained on; where none is named all weigh alike. ``init``: the shipped model,
    model folder or run that a new run goes on from; nothing: from random weights. ``steps`` may be 0 then: nothing is
    trained.
    """

    OLD_NAMES = {"settle": "burn_in", "memory": "gradient_scale", "families": "roles"}

    name: Name = "own"
    release: Name = "0.1"
    seed: Seed = 0
    init: str = Field("", max_length=4096)
    steps: Step = 3000
    batch: int = Field(24, ge=1, le=4096)
    frames: int = Field(64, ge=16, le=2048, multiple_of=8)
    warm_min: int = Field(2, ge=1, le=1024)
    warm_max: int = Field(32, ge=1, le=1024)
    nudge: float = Field(0.4, ge=0, le=100)
    carry: float = Field(0.6, ge=0, le=1)
    burn_in: int = Field(8, ge=0, le=1024)
    gradient_scale: float = Field(0.93, gt=0, le=1)
    lr: Rate = 1e-3
    betas: tuple[Annotated[float, Field(ge=0, lt=1)], Annotated[float, Field(gt=0, lt=1)]] = (0.9, 0.99)
    roles: Roles = {}
    skip_speakers: Speakers = []
    mirror: bool = True
    augment: float = Field(0.7, ge=0, le=100)
    motion_scale: float = Field(0.1, ge=0, lt=1)
    ema: float = Field(0.998, ge=0, lt=1)
    save_every: Steps = 200
    dev_every: Steps = 400
    patience: Step = 0
    sample_every: Step = 0
    threads: Threads = 1
    net: NetConfig = NetConfig()
    discriminator: DiscriminatorConfig = DiscriminatorConfig()
    closure: ClosureConfig = ClosureConfig()
    loss: LossConfig = LossConfig()

    @model_validator(mode="after")
    def _fits(self) -> Self:
        half = self.frames // 2
        if self.warm_min > min(self.warm_max, half):
            raise ValueError(f"warm_min must be at most warm_max and half of frames, which is {half}")
        if self.burn_in > half:
            raise ValueError(f"burn_in must be at most half of frames, which is {half}")
        return self


class SyncerConfig(_Strict):
    """``mssync train syncer``: one recipe for every view and level of a pyramid.

    ``features``: audio features, ``bands`` (the generator's 26 filterbank bands) or ``mel`` (the judges' log-mel).
    ``clips`` x ``windows`` pairs make a batch. ``shift`` is the size of a constant added to a clip's expression
    columns, so that a resting face tells nothing; ``centred`` names the views from which the head's place is hidden
    and only its moving left; ``head_scale`` is the spread (in logarithms) of a clip's head motion, so that a still
    head may count as well, ``head_drop`` the share of clips whose head columns are hidden, so that lips count without
    them; ``motion_noise`` is in standard deviations of each column. ``matched``: share of the clips in a batch of
    which not random windows are told apart but such as sound equally loud and open equally far
    (:mod:`mssync.training.matched`; views that show the lips). ``roles_of`` replaces ``roles`` for a view. Of
    ``folds`` groups of speakers (a speaker with more than 200 clips is split by clip) the group ``leave_out`` is not
    trained on. ``patience``: dev probes without a better one before a level stops; 0 never.
    """

    OLD_NAMES = {"ear": "features", "families": "roles", "families_of": "roles_of"}

    name: Name = "syncer"
    release: Name = "0.1"
    seed: Seed = 0
    features: Literal["bands", "mel"] = "bands"
    views: list[View] = Field(["lips", "head", "all"], min_length=1, max_length=len(VIEWS))
    levels: list[Annotated[int, Field(ge=0, le=3)]] = Field([0, 1, 2, 3], min_length=1, max_length=4)
    steps: Steps = 3000
    clips: int = Field(24, ge=2, le=4096)
    windows: int = Field(10, ge=2, le=1024)
    width: int = Field(192, ge=8, le=2048)
    out: int = Field(64, ge=4, le=2048)
    dropout: float = Field(0.1, ge=0, lt=1)
    lr: Rate = 1e-3
    weight_decay: Weight = 0.01
    augment: float = Field(0.7, ge=0, le=100)
    shift: float = Field(0.3, ge=0, le=100)
    centred: list[View] = Field(["all"], max_length=len(VIEWS))
    head_scale: float = Field(0.5, ge=0, le=10)
    head_drop: float = Field(0.0, ge=0, lt=1)
    motion_noise: float = Field(0.1, ge=0, le=100)
    matched: float = Field(0.0, ge=0, le=1)
    roles: Roles = {}
    roles_of: dict[View, Roles] = {}
    skip_speakers: Speakers = []
    folds: int = Field(0, ge=0, le=10_000)
    leave_out: int = Field(0, ge=0, le=10_000)
    mirror: bool = True
    save_every: Steps = 500
    dev_every: Steps = 250
    patience: Step = 6
    threads: Threads = 1

    @model_validator(mode="after")
    def _once(self) -> Self:
        if len(set(self.views)) < len(self.views) or len(set(self.levels)) < len(self.levels):
            raise ValueError("views and levels name each one once")
        if self.matched and not set(self.views) <= {"lips", "all"}:
            raise ValueError("matched windows need views that show the lips: lips, all")
        return self
