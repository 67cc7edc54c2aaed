"""Recipes: YAML files checked by pydantic, so that an error names its field."""

from __future__ import annotations

from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mssync.errors import InputError


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


class LossConfig(_Strict):
    """Weights of the energy scores, one per group of columns, positions and speeds.

    ``mouth_spread`` scales the repulsion between two rollouts of the mouth (1 = the proper score), from step
    ``mouth_spread_from`` on.
    """

    head: float = 0.4
    head_speed: float = 0.25
    mouth: float = 4.0
    mouth_speed: float = 2.0
    closure: float = 1.0
    # Below 1 two takes of one sentence move their lips more alike than two people would.
    mouth_spread: float = Field(1.0, ge=0, le=1)
    mouth_spread_from: int = Field(0, ge=0)
    eyes: float = 0.3


class GeneratorConfig(_Strict):
    """``mssync train generator``: the whole recipe."""

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
    lr: float = Field(1e-3, gt=0)
    families: dict[str, float] = {"presenter": 0.55, "grid": 0.25, "various": 0.2}
    skip_speakers: list[str] = []
    mirror: bool = True
    align: bool = True
    sound_gain: float = 0.15
    sound_noise: float = 0.05
    ema: float = Field(0.998, ge=0, lt=1)
    save_every: int = Field(200, ge=1)
    dev_every: int = Field(400, ge=1)
    threads: int = Field(1, ge=1)
    net: NetConfig = NetConfig()
    loss: LossConfig = LossConfig()


def load_config(path: Path) -> GeneratorConfig:
    """Read a recipe.

    Raises:
        InputError: not YAML, or a field is unknown or out of range (the sentence names it).
    """
    try:
        raw = yaml.safe_load(path.read_text("utf-8")) or {}
        return GeneratorConfig.model_validate(raw)
    except ValidationError as e:
        first = e.errors()[0]
        field = ".".join(str(p) for p in first["loc"])
        raise InputError(f"{path}: the field {field!r} is wrong ({first['msg']}); correct it.") from e
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as e:
        raise InputError(f"{path} cannot be read as a YAML recipe ({e.__class__.__name__}); check the file.") from e
