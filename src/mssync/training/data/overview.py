"""The picture ``report.png`` of a preprocessed folder: minutes per speaker, av-offsets, head angles, face sizes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np

from mssync.files import written_aside
from mssync.texts import clean
from mssync.training.data.index import Record

ANGLES: Final = ("yaw", "pitch", "roll")
MOST: Final = 40
LONGEST: Final = 40  # characters of a name
BOX: Final = "\u25a1"
# The first comes with Matplotlib; the others, where they are installed, have the letters of other scripts.
FONTS: Final = (
    "DejaVu Sans", "Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans SC", "WenQuanYi Micro Hei", "PingFang SC",
    "Hiragino Sans", "Microsoft YaHei", "SimHei", "Yu Gothic", "Malgun Gothic", "Apple SD Gothic Neo",
    "Arial Unicode MS", "Noto Sans Arabic", "Noto Sans Devanagari", "Noto Sans Thai", "Noto Sans Hebrew",
)  # fmt: skip


def draw_overview(records: dict[str, Record], out: Path) -> Path:
    """Draw the report: minutes per speaker folder, offsets, head-angle ranges, face sizes, and what was left out.

    Args:
        records: of :func:`mssync.training.data.index.read_report`.
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
    longest = longest[::-1]
    axis.barh(range(len(longest)), [m for _, m in longest], color="#1f6fb4")
    families = fonts()
    axis.set_yticks(range(len(longest)), labels=[drawable(w, families) for w, _ in longest])
    for label in axis.get_yticklabels():
        label.set_parse_math(False)  # a $ in a name is a $
        label.set_fontfamily(families)
    if longest:  # an axis of nothing has no logarithm
        axis.set_xscale("log")
    axis.set_xlabel(f"minutes per speaker ({len(minutes)} in all)")
    axis.tick_params(axis="y", labelsize=5)


def fonts() -> list[str]:
    """The fonts of this computer that names are drawn in: the first that has a letter draws it."""
    from matplotlib.font_manager import fontManager

    there = {f.name for f in fontManager.ttflist}
    return [f for f in FONTS if f in there]


def drawable(name: str, families: list[str]) -> str:
    """A name in letters that the fonts have: any other becomes a box."""
    from matplotlib.font_manager import findfont, get_font

    drawn = [get_font(findfont(f)) for f in families]
    return "".join(c if any(f.get_char_index(ord(c)) for f in drawn) else BOX for c in clean(name, LONGEST))
