"""How much memory: the peak of a short and of a long speech, each in a process of its own.

python benchmarks/memory.py   prints a table and writes out/bench/memory.json   (not on Windows)
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from common import demo_photo, demo_voice, show

SHORT, LONG = 10.0, 600.0
SIDE = 320


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--one", nargs=2, metavar=("PHOTO", "SPEECH"), help="animate this, print the peak in MB")
    parser.add_argument("--long", type=float, default=LONG, help="seconds of the long speech")
    options = parser.parse_args()
    if options.one:
        print(peak_of(*map(Path, options.one)))
        return
    from mssync.media.audio import save_wav
    from mssync.media.image import save_png

    peaks: dict[float, float] = {}
    with tempfile.TemporaryDirectory() as scratch:
        photo = Path(scratch) / "photo.png"
        save_png(photo, demo_photo(), force=True)
        for seconds in (SHORT, options.long):
            speech = Path(scratch) / f"{seconds:g}.wav"
            save_wav(speech, demo_voice(seconds), 16_000, force=True)
            command = [sys.executable, __file__, "--one", str(photo), str(speech)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            peaks[seconds] = float(done.stdout.split()[-1])
    ratio = peaks[options.long] / peaks[SHORT]
    rows = [(f"{seconds:g} s of speech", f"{peak:.1f} MB") for seconds, peak in peaks.items()]
    rows.append(("ratio", f"{ratio:.3f}"))
    results = {"size": SIDE, "peak_mb": {f"{s:g} s": p for s, p in peaks.items()}, "ratio": ratio}
    show("Peak resident memory", rows, results, "memory")


def peak_of(photo: Path, speech: Path) -> float:
    """Peak resident memory in MB of this process after animating."""
    from mssync import TalkingHead

    TalkingHead.load().animate(photo, speech, size=SIDE).save(speech.with_suffix(".mp4"))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e3)


if __name__ == "__main__":
    main()
