"""Ways to spoil lists (CSV) and recipes (YAML)."""

from __future__ import annotations

import csv
import io
import json
import random
from collections.abc import Sequence
from typing import Any, Final

from fuzz.mutations import TEXTS, spoil_bytes, spoil_tree, strange

YAML: Final = (
    "2024-13-45", "2024-02-30", "2001-12-14t21:59:43.10-05:00", "0o17", "0x_", "1_000", "1:2:3", "190:20:30.15", ".nan",
    "-.inf", "1e400", "9" * 5000, "!!python/object/apply:os.system [x]", "!!binary =", "!!timestamp x", "!!int x",
    "!!float .", "!!set {a, b}", "!!omap [a: 1]", "&a [*a]", "*missing", "? [a, b]", "{a: 1, a: 2}", "<<: 3", "~",
    "yes",
    "\t- a", "[", "'", '"\\ud800"', "|\n  text", ">\n x", "!unknown x", "%YAML 9.9", "- " * 3000 + "a", "{a: " * 2000,
)  # fmt: skip
_BOMB: Final = "\n".join(
    ["a0: &a0 [x, x, x, x, x, x, x, x, x]"] + [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 10)]
)


def spoil_table(rows: Sequence[Sequence[str]], rng: random.Random) -> bytes:
    """A CSV file with one to three changes."""
    table = [list(row) for row in rows]
    delimiter, encoding, ending = ",", "utf-8", "\n"
    for _ in range(rng.choice((1, 1, 2, 3))):
        way = rng.randrange(12)
        row = rng.choice(table) if table else []
        if way <= 3 and row:
            row[rng.randrange(len(row))] = rng.choice(
                (*TEXTS, ".", "..", "out", "a" * 300, "\\\\server\\share", "a\0b")
            )
        elif way == 4 and row:
            del row[rng.randrange(len(row))]
        elif way == 5:
            row += ["more"] * rng.choice((1, 3, 3000))
        elif way == 6 and table:
            del table[rng.randrange(len(table))]
        elif way == 7 and table:
            table += [list(rng.choice(table))] * rng.choice((1, 2, 5000))
        elif way == 8:
            delimiter = rng.choice(";\t|: ")
        elif way == 9:
            encoding = rng.choice(("utf-16", "utf-16-le", "utf-32", "cp1252", "utf-8-sig", "utf-7"))
        elif way == 10:
            ending = rng.choice(("\r", "\r\n", "\n\n", "\0"))
        else:
            table.insert(rng.randrange(len(table) + 1), rng.choice(([], [""], ["sep=;"], ['"'], ["x" * 200_000])))
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator=ending, quoting=rng.choice((0, 1))).writerows(table)
    data = out.getvalue().encode(encoding, "replace" if encoding == "cp1252" else "surrogatepass")
    return spoil_bytes(data, rng) if rng.random() < 0.35 else data


def spoil_yaml(recipe: dict[str, Any], rng: random.Random) -> bytes:
    """A recipe with a changed entry, a strange piece of YAML in it, or changed bytes."""
    way = rng.random()
    lines = [f"{key}: {json.dumps(value)}" for key, value in recipe.items()]
    if way < 0.45:
        spoiled = spoil_tree(recipe, rng)
        return json.dumps(spoiled).encode("utf-8", "surrogatepass")
    if way < 0.75 and lines:
        at = rng.randrange(len(lines))
        key = rng.choice((lines[at].split(":")[0], "new", rng.choice(YAML)[:60]))
        lines[at] = f"{key}: {rng.choice(YAML)}" if rng.random() < 0.8 else rng.choice(YAML)
        return "\n".join(lines).encode("utf-8", "surrogatepass")
    if way < 0.8:
        return rng.choice((_BOMB, "[" * 20_000, "- " * 20_000, "", "null", "3", "a", "---\n---\n", "\ufeff")).encode()
    if way < 0.85 and lines:
        key = rng.choice(list(recipe))
        return "\n".join([*lines, f"{key}: {json.dumps(strange(rng), default=str)}"]).encode("utf-8", "surrogatepass")
    return spoil_bytes("\n".join(lines).encode(), rng)
