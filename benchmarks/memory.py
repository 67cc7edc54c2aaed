"""How much memory: the peak of a short and of a long speech, each in a process of its own.

python benchmarks/memory.py            prints a table and writes out/bench/memory.json   (not on Windows)
python benchmarks/memory.py --photos   the same for finding the face in pictures of 119 megapixels (3 GB of disk)
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
PHOTOS: dict[str, dict[str, object]] = {
    "JPEG": {},
    "JPEG progressive": {"progressive": True, "subsampling": 0},
    "PNG": {"compress_level": 1},
    "TIFF": {},
    "WEBP": {"method": 0},
    "WEBP lossless": {"lossless": True, "method": 0, "quality": 0},
    "AVIF": {"speed": 10},
}
MAKE = """
import ast, sys
from matplotlib.cbook import get_sample_data
from PIL import Image
path, kind, options = sys.argv[1:]
with get_sample_data("grace_hopper.jpg") as file:
    picture = Image.open(file).convert("RGB").resize((10080, 11812), Image.Resampling.BICUBIC)
picture.save(path, kind, **ast.literal_eval(options))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--one", nargs=2, metavar=("PHOTO", "SPEECH"), help="animate this, print the peak in MB")
    parser.add_argument("--long", type=float, default=LONG, help="seconds of the long speech")
    parser.add_argument("--photos", action="store_true", help="large pictures instead of long speech")
    parser.add_argument("--photo", type=Path, help="find the face in this, print the peak in MB")
    options = parser.parse_args()
    if options.photo:
        print(peak_of_photo(options.photo))
        return
    if options.photos:
        photos()
        return
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
    return peak_so_far()


def peak_of_photo(photo: Path) -> float:
    """Peak resident memory in MB of this process after finding the face in a photo."""
    from mssync.face.tracking import FaceTracker
    from mssync.inputs import choose_face, load_photo

    image, scale = load_photo(photo, None)
    choose_face(FaceTracker(), image, 1, scale)
    return peak_so_far()


def photos() -> None:
    """A large portrait in every format, each read in a process of its own (started before the picture is made)."""
    peaks = {}
    with tempfile.TemporaryDirectory() as scratch:
        for kind, options in PHOTOS.items():
            path = Path(scratch) / kind
            subprocess.run([sys.executable, "-c", MAKE, str(path), kind.split()[0], repr(options)], check=True)
            command = [sys.executable, __file__, "--photo", str(path)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            peaks[kind] = float(done.stdout.split()[-1])
            path.unlink()
    rows = [(kind, f"{peak:.0f} MB") for kind, peak in peaks.items()]
    show("Peak resident memory, 119 megapixels", rows, {"peak_mb": peaks}, "memory-photos")


def peak_so_far() -> float:
    """Peak resident memory in MB of this process."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e3)


if __name__ == "__main__":
    main()
