"""Reading recipes: YAML without its surprises, checked by pydantic, so that an error names its field."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from mssync.errors import InputError
from mssync.files import readable_file
from mssync.texts import clean

MAX_BYTES: Final = 2**20
MAX_DEPTH: Final = 10
_RECIPES: Final = Path(__file__).parent.parent / "recipes"

Recipe = TypeVar("Recipe", bound=BaseModel)


def shipped_recipes() -> list[str]:
    """Names of the recipes inside the package."""
    return sorted(path.stem for path in _RECIPES.glob("*.yaml"))


def recipe_path(name: str | Path) -> Path:
    """The file of a recipe: of the shipped one where ``name`` is its bare name (``default``), else ``name`` itself.

    Raises:
        InputError: there is no such file.
    """
    known = shipped_recipes()
    path = _RECIPES / f"{name}.yaml" if str(name) in known else Path(name)
    try:
        there = path.exists()
    except (OSError, ValueError):  # a name that no file can have
        there = False
    if not there:
        raise InputError(f"There is no recipe {clean(name)}; use one of {', '.join(known)}, or name a YAML file.")
    return readable_file(path, "recipe")


def load_config(name: str | Path, kind: type[Recipe]) -> Recipe:
    """Read a recipe, a shipped one by its name or any by its file.

    Raises:
        InputError: not YAML, or a field is unknown, named twice or out of range (the sentence names it).
    """
    path = recipe_path(name)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as e:
        raise InputError(f"The recipe {path} cannot be read ({e.strerror}); check its rights.") from e
    if len(data) > MAX_BYTES:
        raise InputError(f"{path} has over a megabyte: it is no recipe; see docs/training.md for one.")
    try:
        raw = yaml.load(_text(data), _Loader)
    except yaml.YAMLError as e:
        mark = getattr(e, "problem_mark", None)
        where = f"line {mark.line + 1}: " if mark else ""
        why = getattr(e, "problem", None) or str(e)
        raise InputError(f"{path} cannot be read as a YAML recipe ({clean(where + why)}); mend it.") from e
    except Exception as e:  # PyYAML passes on whatever int(), float() and bool() say of odd scalars
        raise InputError(f"{path} cannot be read as a YAML recipe ({clean(e)}); mend it.") from e
    if raw is None:
        raw = {}
    if not isinstance(raw, dict):
        raise InputError(f"{path} is no recipe: it has no lines like `steps: 400`; see docs/training.md for one.")
    try:
        return kind.model_validate(raw)
    except ValidationError as e:
        first = e.errors(include_input=False, include_url=False)[0]
        message = first["msg"].removeprefix("Value error, ")
        field = ".".join(str(part) for part in first["loc"])
        what = f"the field {clean(field)!r} is wrong ({clean(message)})" if field else clean(message)
        raise InputError(f"{path}: {what}; correct it.") from e


def _text(data: bytes) -> str:
    """YAML comes in UTF-8 or UTF-16."""
    try:
        return data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError as e:
        raise yaml.YAMLError("it is no text in UTF-8") from e


class _Loader(yaml.SafeLoader):
    """Plain values, lists and mappings only.

    No aliases (a few lines of them stand for millions of values), no dates (nothing in a recipe is one), every key
    once, and no deeper nesting than a recipe has.
    """

    def compose_node(self, parent: Any, index: Any) -> Any:
        mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
        if self.check_event(yaml.AliasEvent):
            raise yaml.composer.ComposerError(None, None, "aliases (*name) are not taken; write the value out", mark)
        self._depth = getattr(self, "_depth", 0) + 1
        if self._depth > MAX_DEPTH:
            raise yaml.composer.ComposerError(None, None, "it is nested too deeply", mark)
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(None, None, f"{key.value!r} is named twice", key.start_mark)
                seen.add(key.value)
        return super().construct_mapping(node, deep)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in found if tag != "tag:yaml.org,2002:timestamp"]
    for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
