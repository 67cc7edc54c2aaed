"""The picture of a preprocessed folder: who is in it, how far sound and picture were apart, how heads turn."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np

from mssync.files import written_aside
from mssync.training.index import Record

ANGLES: Final = ("yaw", "pitch", "roll")
MOST: Final = 40


def draw_overview(records: dict[str, Record], out: Path) -> Path:
    """Draw the report: minutes per speaker folder, offsets, head-angle ranges, face sizes, and what was left out.

    Args:
        records: of :func:`mssync.training.index.read_report`.
        out: a ``.png``; an older one is replaced.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    good = {k: r for k, r in records.items() if r.kept}
    unclear = sum(r.clear is False for r in records.values())
    broken = sum(bool(r.problem) for r in records.values())
    figure = Figure(figsize=(14, 9), layout="constrained")
    FigureCanvasAgg(figure)
    axes: list[Any] = list(figure.subplots(2, 3).flat)
    minutes = sum(r.seconds for r in good.values()) / 60
    figure.suptitle(
        f"{len(good)} of {len(records)} clips kept, {minutes:.1f} minutes; {unclear} dropped for an unclear offset, "
        f"{broken} for other reasons"
    )
    _speakers(axes[0], good)
    offsets = [r.offset for r in records.values() if r.offset is not None and r.clear]
    axes[1].hist(offsets, bins=np.arange(-9.5, 10.5), color="#1f6fb4")
    axes[1].set_yscale("symlog", linthresh=10)
    axes[1].set_xlabel("offset taken out [frames of 40 ms; + picture later]")
    axes[1].set_ylabel("clips")
    agree = [[r.agreement for r in records.values() if r.clear is x] for x in (True, False)]
    axes[2].hist(agree, bins=30, stacked=True, color=["#3a923a", "#d1602a"], label=["clear", "unclear: dropped"])
    axes[2].set_xlabel("agreement at the best lag")
    axes[2].legend()
    spans = [[b - a for r in good.values() for a, b in [getattr(r, n)]] for n in ANGLES]
    axes[3].boxplot(spans, tick_labels=list(ANGLES), whis=(5, 95), showfliers=False)
    axes[3].set_ylabel("5th to 95th percentile [degrees]")
    axes[4].hist([r.face for r in good.values()], bins=30, color="#1f6fb4")
    axes[4].set_xlabel("face width [pixels]")
    axes[5].hist([100 * r.talk for r in good.values()], bins=20, color="#1f6fb4")
    axes[5].set_xlabel("share of frames with speech [%]")
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
    with written_aside(out, (".png",), "A report", force=True) as part:
        figure.savefig(part, dpi=90)
    return out


def _speakers(axis: Any, good: dict[str, Record]) -> None:
    """Minutes per folder of videos, the longest first."""
    minutes: dict[str, float] = {}
    for name, r in good.items():
        who = name.rsplit("/", 1)[0] if "/" in name else name
        minutes[who] = minutes.get(who, 0.0) + r.seconds / 60
    longest = sorted(minutes.items(), key=lambda x: -x[1])[:MOST]
    axis.barh([w for w, _ in longest][::-1], [m for _, m in longest][::-1], color="#1f6fb4")
    axis.set_xscale("log")
    axis.set_xlabel(f"minutes per speaker ({len(minutes)} in all)")
    axis.tick_params(axis="y", labelsize=5)
