"""Recipes: YAML files checked by pydantic, so that an error names its field."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mssync.errors import InputError
from mssync.motion.pyramid import View

_RECIPES = Path(__file__).parent.parent / "recipes"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class NetConfig(_Strict):
    """Sizes of the generator (see :class:`mssync.nets.generator.GeneratorShape`)."""

    channels: int = Field(64, ge=4)
    width: int = Field(128, ge=8)
    hidden: int = Field(64, ge=4)
    branch: int = Field(160, ge=8)
    window: int = Field(40, ge=2)
    style_noise: int = Field(8, ge=0)
    noise: int = Field(8, ge=1)
    leak: int = Field(20, ge=0, lt=1000)
    masks: Literal["softmax", "sigmoid"] = "softmax"


class LossConfig(_Strict):
    """Weights of the losses (:mod:`mssync.training.objective`).

    ``head`` to ``face`` are energy scores per group of columns, positions and speeds (``mouth`` weighs the expression
    by how far it moves the lips, ``face`` all of it alike). ``mouth_spread`` scales the repulsion between two rollouts
    of the mouth (1 = the proper score), from step ``mouth_spread_from`` on. ``synchrony`` has one weight per view, from
    step ``synchrony_from`` on; with ``synchrony_up_to_real`` a rollout need agree no better than the real motion does.
    ``adversarial`` and its discriminator set in at step ``adversarial_from``. ``supervised``, ``warm_up`` and
    ``velocity`` are the paper's L2, warm-up reconstruction and velocity L1 (there 0.01, 0.001 and 0).
    """

    head: float = Field(0.4, ge=0)
    head_speed: float = Field(0.25, ge=0)
    mouth: float = Field(4.0, ge=0)
    mouth_speed: float = Field(2.0, ge=0)
    closure: float = Field(1.0, ge=0)
    # Below 1 two takes of one sentence move their lips more alike than two people would.
    mouth_spread: float = Field(1.0, ge=0, le=1)
    mouth_spread_from: int = Field(0, ge=0)
    eyes: float = Field(0.3, ge=0)
    face: float = Field(0.5, ge=0)
    synchrony: dict[View, Annotated[float, Field(ge=0)]] = {"lips": 1.0, "head": 1.0, "all": 1.0}
    synchrony_from: int = Field(0, ge=0)
    synchrony_up_to_real: bool = True
    adversarial: float = Field(0.1, ge=0)
    adversarial_from: int = Field(0, ge=0)
    supervised: float = Field(0.01, ge=0)
    warm_up: float = Field(1e-3, ge=0)
    velocity: float = Field(0.0, ge=0)


class DiscriminatorConfig(_Strict):
    """Sizes and pace of the window discriminator (:mod:`mssync.nets.discriminator`)."""

    width: int = Field(96, ge=4)
    hidden: int = Field(64, ge=4)
    lr: float = Field(2e-4, gt=0)


class ClosureConfig(_Strict):
    """The net that hears whether lips touch (:mod:`mssync.training.closure`)."""

    width: int = Field(96, ge=4)
    dropout: float = Field(0.3, ge=0, lt=1)
    augment: float = Field(0.8, ge=0)
    lr: float = Field(1e-3, gt=0)
    steps: int = Field(1500, ge=1)


class GeneratorConfig(_Strict):
    """``mssync train generator``: the whole recipe.

    ``warm_min`` to ``warm_max`` frames of each window are observed; ``nudge`` moves them off the real path; with
    probability ``carry`` a rollout goes on from where an older one ended instead, and its first ``settle`` frames do
    not count; ``memory``: share of the gradient that flows back through each step. ``augment``: other voices and rooms
    (:mod:`mssync.training.augment`). ``motion_scale``: head motion times 1 +- this. ``patience``: dev probes without a
    better one before the run stops; 0 never. ``sample_every``: steps between sample videos; 0 none. ``betas``, ``lr``:
    of Adam (the paper: 0, 0.999 and 2e-5, for days on a GPU).
    """

    name: str = "default"
    release: str = "0.1"
    seed: int = 0
    steps: int = Field(3000, ge=1)
    batch: int = Field(24, ge=1)
    frames: int = Field(64, ge=16, multiple_of=8)
    warm_min: int = Field(2, ge=1)
    warm_max: int = Field(32, ge=1)
    nudge: float = Field(0.4, ge=0)
    carry: float = Field(0.6, ge=0, le=1)
    settle: int = Field(8, ge=0)
    memory: float = Field(0.93, gt=0, le=1)
    lr: float = Field(1e-3, gt=0)
    betas: tuple[Annotated[float, Field(ge=0, lt=1)], Annotated[float, Field(gt=0, lt=1)]] = (0.9, 0.99)
    families: dict[str, float] = {"presenter": 0.55, "grid": 0.25, "various": 0.2}
    skip_speakers: list[str] = []
    mirror: bool = True
    augment: float = Field(0.7, ge=0)
    motion_scale: float = Field(0.1, ge=0, lt=1)
    ema: float = Field(0.998, ge=0, lt=1)
    save_every: int = Field(200, ge=1)
    dev_every: int = Field(400, ge=1)
    patience: int = Field(0, ge=0)
    sample_every: int = Field(0, ge=0)
    threads: int = Field(1, ge=1)
    net: NetConfig = NetConfig()
    discriminator: DiscriminatorConfig = DiscriminatorConfig()
    closure: ClosureConfig = ClosureConfig()
    loss: LossConfig = LossConfig()


class SyncerConfig(_Strict):
    """``mssync train syncer``: one recipe for every view and level of a pyramid.

    ``ear``: ``bands`` hears the generator's 26 filterbank bands, ``mel`` the judges' log-mel. ``clips`` x ``windows``
    pairs make a batch. ``shift`` is the size of a constant added to a clip's expression columns, so that a resting face
    tells nothing; ``centred`` names the views from which the head's place is hidden and only its moving left;
    ``head_scale`` is the spread (in logarithms) of a clip's head motion, so that a still head may count as well,
    ``head_drop`` the share of clips whose head columns are hidden, so that lips count without them;
    ``motion_noise`` is in standard deviations of each column. ``families_of`` replaces ``families`` for a view. Of
    ``folds`` groups of speakers (a speaker with more than 200 clips is split by clip) the group ``leave_out`` is not
    trained on. ``patience``: dev probes without a better one before a level stops; 0 never.
    """

    name: str = "syncer"
    release: str = "0.1"
    seed: int = 0
    ear: Literal["bands", "mel"] = "bands"
    views: list[View] = ["lips", "head", "all"]
    levels: list[Annotated[int, Field(ge=0, le=3)]] = [0, 1, 2, 3]
    steps: int = Field(3000, ge=1)
    clips: int = Field(24, ge=2)
    windows: int = Field(10, ge=2)
    width: int = Field(192, ge=8)
    out: int = Field(64, ge=4)
    dropout: float = Field(0.1, ge=0, lt=1)
    lr: float = Field(1e-3, gt=0)
    weight_decay: float = Field(0.01, ge=0)
    augment: float = Field(0.7, ge=0)
    shift: float = Field(0.3, ge=0)
    centred: list[View] = ["all"]
    head_scale: float = Field(0.5, ge=0)
    head_drop: float = Field(0.0, ge=0, lt=1)
    motion_noise: float = Field(0.1, ge=0)
    families: dict[str, float] = {"presenter": 0.55, "grid": 0.25, "various": 0.2}
    families_of: dict[View, dict[str, float]] = {}
    skip_speakers: list[str] = []
    folds: int = Field(0, ge=0)
    leave_out: int = Field(0, ge=0)
    mirror: bool = True
    save_every: int = Field(500, ge=1)
    dev_every: int = Field(250, ge=1)
    patience: int = Field(6, ge=0)
    threads: int = Field(1, ge=1)


Recipe = TypeVar("Recipe", bound=BaseModel)


def shipped_recipes() -> list[str]:
    """Names of the recipes inside the package: those that the shipped weights were trained by."""
    return sorted(path.stem for path in _RECIPES.glob("*.yaml"))


def recipe_path(name: str | Path) -> Path:
    """The file of a recipe: of the shipped one where ``name`` is its bare name (``default``), else ``name`` itself.

    Raises:
        InputError: there is no such file.
    """
    known = shipped_recipes()
    path = _RECIPES / f"{name}.yaml" if str(name) in known else Path(name)
    if not path.exists():
        raise InputError(f"There is no recipe {name}; use one of {', '.join(known)}, or name a YAML file.")
    return path


def load_config(name: str | Path, kind: type[Recipe]) -> Recipe:
    """Read a recipe, a shipped one by its name or any by its file.

    Raises:
        InputError: not YAML, or a field is unknown or out of range (the sentence names it).
    """
    path = recipe_path(name)
    try:
        raw = yaml.safe_load(path.read_text("utf-8")) or {}
        return kind.model_validate(raw)
    except ValidationError as e:
        first = e.errors()[0]
        field = ".".join(str(p) for p in first["loc"])
        raise InputError(f"{path}: the field {field!r} is wrong ({first['msg']}); correct it.") from e
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as e:
        raise InputError(f"{path} cannot be read as a YAML recipe ({e.__class__.__name__}); check the file.") from e
