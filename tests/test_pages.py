"""Pages and docstrings: links lead somewhere, and what they name exists."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SRC = ROOT / "src" / "mssync"
FILES = sorted(SRC.rglob("*.py"))
ENTRY_POINTS = {"mssync.motion_spaces"}  # a group of names, no module


def test_links_between_documents_lead_somewhere() -> None:
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *SRC.rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8")):
            if "://" not in target and not target.startswith("mailto:"):
                assert (page.parent / target).exists(), f"{page.relative_to(ROOT)} -> {target}"


def names_in(body: list[ast.stmt]) -> dict[str, list[ast.stmt]]:
    """What a module or class defines or imports, and the bodies of its classes."""
    out: dict[str, list[ast.stmt]] = {}
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            out[node.name] = node.body if isinstance(node, ast.ClassDef) else []
        elif isinstance(node, ast.Import | ast.ImportFrom):
            out |= {alias.asname or alias.name: [] for alias in node.names}
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            out |= {name.id: [] for t in targets for name in ast.walk(t) if isinstance(name, ast.Name)}
    return out


def there(dotted: str) -> bool:
    """Whether ``mssync.room.module.name`` exists."""
    place, parts = SRC, dotted.split(".")[1:]
    while parts and (place / parts[0]).is_dir():
        place /= parts.pop(0)
    if parts and (place / f"{parts[0]}.py").exists():
        body = ast.parse((place / f"{parts.pop(0)}.py").read_text("utf-8")).body
    else:
        body = ast.parse((place / "__init__.py").read_text("utf-8")).body if (place / "__init__.py").exists() else []
    for part in parts:
        if part not in (found := names_in(body)):
            return False
        body = found[part]
    return True


def test_what_docstrings_and_pages_name_exists() -> None:
    assert there("mssync.timing.FPS") and there("mssync.training.data") and there("mssync.motion.space.Motion.load")
    assert not there("mssync.evaluation.judge") and not there("mssync.timing.SPEECH_RATE")
    pages = [*FILES, *ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *SRC.rglob("*.md")]
    for page in [*pages, *(ROOT / "benchmarks").rglob("*.py")]:
        text = page.read_text(encoding="utf-8")
        for name in re.findall(r"[`~](mssync(?:\.[A-Za-z_]\w*)+)`", text):
            assert there(name) or name in ENTRY_POINTS, f"{page.relative_to(ROOT)} names {name}"
        for name in re.findall(r"`((?:[\w-]+/)+\w+\.py)", text):
            assert any((base / name).exists() for base in (ROOT, SRC.parent, SRC)), f"{page.relative_to(ROOT)}: {name}"


def test_the_page_for_package_indexes_stands_alone() -> None:
    """Where a wheel is shown, no file of the clone is near: links are whole addresses, and there is no picture."""
    name = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["readme"]
    text = (ROOT / name).read_text("utf-8")
    assert all(target.startswith("https://") for target in re.findall(r"\]\(([^)]+)\)", text))
    assert "![" not in text and "<img" not in text
