"""The card of an exported model: what is known of it, and what only its maker knows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mssync import __version__
from mssync.texts import clean


def model_card(manifest: Mapping[str, Any]) -> str:
    """Markdown for ``MODEL_CARD.md``.

    Args:
        manifest: of the model, with its files' hashes.
    """
    data, recipe = manifest["data"], manifest["recipe"]
    clips, speakers = data.get("clips", {}), data.get("speakers", {})
    score = recipe["best_dev_score"]
    rows = {
        "made with": f"mssync {__version__}, `mssync train generator` and `mssync export`",
        "begun from": data.get("init") or "nothing",
        "recipe": f"{recipe['config']['name']} {recipe['config']['release']}, {recipe['steps']} steps",
        "best dev score": "not measured" if score is None else f"{score:.4f}",
        "trained on": f"{clips.get('train', 0)} clips of {speakers.get('train', 0)} speakers, "
        f"{data.get('minutes', 0)} minutes",
        "kept aside": f"{clips.get('dev', 0)} clips of {speakers.get('dev', 0)} speakers",
        "families": ", ".join(f"{k} {n}" for k, n in data.get("families", {}).items()) or "not known",
        "fingerprint of the data": f"sha256 `{data['manifest_sha256']}`",
        **{f"`{name}`": f"sha256 `{digest}`" for name, digest in manifest["files"].items()},
    }
    table = "\n".join(f"| {k} | {_cell(v)} |" for k, v in rows.items())
    title = _cell(f"{manifest['name']} {manifest['release']}")
    return f"""# {title}

A motion model of mssync: speech to head, lip and eye motion. The whole recipe stands in `manifest.json`.

| | |
|---|---|
{table}

## To fill in

- Who is in the clips, and did they agree to this use? Motion of a person is personal data.
- Where the clips come from, and under which terms they may be used and this model passed on.
- What the model is for, and what it does badly (`mssync evaluate` measures its videos).
- Name, address and licence of whoever publishes it.
"""


def _cell(text: str) -> str:
    return clean(text, 300).replace("|", "\\|")
