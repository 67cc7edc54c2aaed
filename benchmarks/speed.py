"""How fast: 10 s of speech on a 512 x 512 photo, in all and in parts, and the generator early and late.

    python benchmarks/speed.py                        # prints a table and writes out/bench/speed.json
    python benchmarks/speed.py --sizes 256 512 1080   # the picture's part alone, by size, in out/bench/sizes.json

Beside the times by size stands the floor: the same frames from memory, converted and encoded, nothing drawn. Seconds of
the processor are given too, which other work on the machine changes less.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from common import demo_photo, demo_voice, show

from mssync import TalkingHead
from mssync.inputs import Speech
from mssync.media.audio import save_wav
from mssync.media.image import save_png
from mssync.media.video import VideoWriter
from mssync.motion.generator import GeneratorState
from mssync.speech.activity import ActivityStream, GateStream
from mssync.speech.features import FeatureStream, default_features
from mssync.timing import BLOCK_FRAMES, CONTEXT_FRAMES, LOOKAHEAD_FRAMES, STEPS_PER_FRAME

SECONDS = 10.0
RUNS = 3
SHORT = 4.0  # seconds of speech by size
LATE_FRAME = 10_000


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", help="longer sides in pixels")
    sizes = parser.parse_args().sizes
    if sizes:
        by_size(sizes)
    else:
        in_all()


def by_size(sizes: list[int]) -> None:
    """The photo's preparation, drawing, encoding and the whole, by size of the picture."""
    head = TalkingHead.load()
    _ = head.generator, head.tracker
    results: dict[str, Any] = {}
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        save_wav(folder / "speech.wav", demo_voice(SHORT), 16_000, force=True)
        for side in sizes:
            photo = cv2.resize(demo_photo(), (side, side), interpolation=cv2.INTER_CUBIC)
            save_png(folder / f"{side}.png", photo, force=True)
            results[str(side)] = one = one_size(head, folder, side)
            rows += [(f"{side} px: {name}", text(name, value)) for name, value in one.items()]
    show(f"By size, {SHORT:g} s of speech", rows, results, "sizes")


def one_size(head: TalkingHead, folder: Path, side: int) -> dict[str, float]:
    """Milliseconds of the picture's parts at one size."""
    source, speech, out = folder / f"{side}.png", folder / "speech.wav", folder / "out.mp4"

    def floor() -> None:
        with VideoWriter(out, side, side, sound=speech, force=True) as video:
            for frame in frames:
                video.write(frame)

    busy = time.process_time()
    photo = timed(lambda: head._scene(source, side, 1, "keep"))
    photo_busy = 1000 * (time.process_time() - busy)
    made = head.animate(source, speech, size=side)
    first = timed(lambda: next(iter(made)))
    frames: list[Any] = []
    made.motion  # noqa: B018 - made now, so that drawing is measured alone
    busy = time.process_time()
    draw = timed(lambda: frames.extend(made))
    draw_busy = 1000 * (time.process_time() - busy)
    encode = timed(floor)
    total = timed(lambda: made.save(out, force=True))
    n = len(frames)
    return {
        "photo: read, find the face, cut the layers": photo,
        "the same, processor": photo_busy,
        "first frame, the photo ready": first,
        "draw, per frame": draw / n,
        "draw, processor, per frame": draw_busy / n,
        "floor: convert and encode, per frame": encode / n,
        "draw and encode, over the speech's length": total / (1000 * SHORT),
    }


def in_all() -> None:
    """Everything at 512 pixels, and the generator early and late."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        save_png(folder / "photo.png", demo_photo(), force=True)
        save_wav(folder / "speech.wav", demo_voice(SECONDS), 16_000, force=True)
        start = time.perf_counter()
        head = TalkingHead.load()
        _ = head.generator, head.tracker, head.renderer
        load = time.perf_counter() - start
        totals = [whole(folder) for _ in range(RUNS)]
        parts = in_parts(head, folder)
    early, late = early_and_late(head)
    factor = statistics.median(totals) / SECONDS
    results: dict[str, Any] = {
        "seconds_of_speech": SECONDS, "size": [512, 512], "load_s": load, "total_s": totals,
        "real_time_factor": factor, "parts": parts,
        "generator_ms_per_frame": {"frame 10": early, f"frame {LATE_FRAME}": late},
    }  # fmt: skip
    rows = [
        (f"total, median of {RUNS} (everything but loading)", f"{statistics.median(totals):.2f} s"),
        ("real-time factor (total / length of the speech)", f"{factor:.3f}"),
        ("loading", f"{load:.2f} s"),
        *((name, text(name, value)) for name, value in parts.items()),
        ("generator at frame 10", f"{early:.2f} ms/frame"),
        (f"generator at frame {LATE_FRAME}", f"{late:.2f} ms/frame"),
    ]
    show("10 s of speech, 512 x 512", rows, results, "speed")


def text(name: str, value: float) -> str:
    if name.endswith("length"):
        return f"{value:.3f}"
    return f"{value:.2f} {'ms/frame' if name.endswith('per frame') else 'ms'}"


def whole(folder: Path) -> float:
    """Seconds for everything a user waits for after loading: photo, speech, motion, frames, file."""
    head = TalkingHead.load()  # a new one: nothing of the photo is remembered
    _ = head.generator, head.tracker, head.renderer
    start = time.perf_counter()
    head.animate(folder / "photo.png", folder / "speech.wav", size=512).save(folder / "out.mp4", force=True)
    return time.perf_counter() - start


def in_parts(head: TalkingHead, folder: Path) -> dict[str, float]:
    """Milliseconds of each part on its own, one after the other."""
    voice = Speech.open(folder / "speech.wav")
    sound = np.concatenate(list(voice.chunks()))
    made = head.animate(folder / "photo.png", folder / "speech.wav", size=512)
    rows = made.motion.values
    prepared = TalkingHead.load()
    _ = prepared.generator, prepared.tracker
    scene, face = made._scene, made._rest
    controls = [head.space.decode(face, row) for row in rows]
    frames = [head.renderer.render(scene, c) for c in controls]
    noisy = default_features(sound)
    n = len(rows)

    def features() -> None:
        stream, activity, gate = FeatureStream(), ActivityStream(), GateStream()
        for chunk in voice.chunks():
            stream.push(chunk)
            gate.push(activity.push(chunk))

    def generate() -> None:
        state = head.generator.start(0)
        need = (CONTEXT_FRAMES + BLOCK_FRAMES + LOOKAHEAD_FRAMES) * STEPS_PER_FRAME
        for block in range((len(noisy) - need) // (BLOCK_FRAMES * STEPS_PER_FRAME)):
            state, _ = head.generator.block(state, noisy[block * 32 : block * 32 + need])

    blocks = max(1, (len(noisy) - 272) // 32)

    def encode() -> None:
        with VideoWriter(folder / "part.mp4", 512, 512, sound=folder / "speech.wav", force=True) as video:
            for frame in frames:
                video.write(frame)

    return {
        "photo: read, find the face, cut the layers": timed(
            lambda: prepared._scene(folder / "photo.png", 512, 1, "keep")
        ),
        "speech: decode, measure": timed(lambda: Speech.open(folder / "speech.wav")),
        "features and silence, per frame": timed(features) / n,
        "generator, per frame": timed(generate) / (blocks * BLOCK_FRAMES),
        "decode motion, per frame": timed(lambda: [head.space.decode(face, row) for row in rows]) / n,
        "warp, per frame": timed(lambda: [head.renderer.render(scene, c) for c in controls]) / n,
        "encode, per frame": timed(encode) / n,
    }


def timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - start)


def early_and_late(head: TalkingHead) -> tuple[float, float]:
    """Milliseconds per frame of the block around frame 10 and of the one around frame 10,000, medians of 50."""
    features = default_features(demo_voice(60.0))
    need = (CONTEXT_FRAMES + BLOCK_FRAMES + LOOKAHEAD_FRAMES) * STEPS_PER_FRAME

    def sound(block: int) -> np.ndarray:
        start = block * BLOCK_FRAMES * STEPS_PER_FRAME % (len(features) - need)
        return features[start : start + need]

    def cost(state: GeneratorState, block: int) -> float:
        times = [timed(lambda: head.generator.block(state, sound(block))) for _ in range(50)]
        return statistics.median(times) / BLOCK_FRAMES

    state, early = head.generator.start(0), 0.0
    for block in range(LATE_FRAME // BLOCK_FRAMES):
        if block == 10 // BLOCK_FRAMES:
            early = cost(state, block)
        state, _ = head.generator.block(state, sound(block))
    return early, cost(state, LATE_FRAME // BLOCK_FRAMES)


if __name__ == "__main__":
    main()
