"""What all recipes share: types of fields with their ranges, and names of older versions.

The upper ends are far beyond anything sensible: they keep a slip of the keyboard from taking all memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from mssync.texts import clean


class Recipe(BaseModel):
    """A recipe or a part of one: every field checked, none unknown, older names understood."""

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
            if name in out and isinstance(field.annotation, type) and issubclass(field.annotation, Recipe):
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
