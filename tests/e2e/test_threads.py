"""One talking head in several threads gives what it gives in one."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mssync import TalkingHead
from mssync.media.image import load_image, save_png

THREADS, TAKES = 4, 5


def test_four_threads_make_five_takes_each(photo: Path, voice_samples: NDArray[np.float32], tmp_path: Path) -> None:
    mirrored = tmp_path / "mirrored.png"
    save_png(mirrored, load_image(photo).rgb[:, ::-1], force=False)
    voice = voice_samples[8000:12800]
    jobs = [((photo, mirrored)[n % 2], n, "none" if n % 5 == 3 else "keep") for n in range(THREADS * TAKES)]

    def job(head: TalkingHead, which: Path, seed: int, background: str) -> list[bytes]:
        made = head.animate(which, voice, seed=seed, size=160, background=background)  # type: ignore[arg-type]
        return [frame.tobytes() for frame in made]

    alone = TalkingHead.load()
    serial = [job(alone, *one) for one in jobs]
    shared = TalkingHead.load()  # fresh: its networks are started by the threads
    with ThreadPoolExecutor(THREADS) as pool:
        together = [f.result() for f in [pool.submit(job, shared, *one) for one in jobs]]
    assert [len(frames) for frames in serial] == [8] * len(jobs)
    assert together == serial
    assert len({tuple(frames) for frames in serial}) == len(jobs)


def test_animations_may_be_iterated_in_any_way(
    talking_head: TalkingHead, photo: Path, voice_samples: NDArray[np.float32]
) -> None:
    # Over a second of sound: rows come in several blocks.
    first, second = (talking_head.animate(photo, voice_samples[8000:32000], seed=n, size=160) for n in (1, 2))
    apart = [[frame.tobytes() for frame in talking_head.animate(photo, voice_samples[8000:32000], seed=n, size=160)]
             for n in (1, 2)]  # fmt: skip
    assert apart[0] != apart[1]
    in_turn = [(a.tobytes(), b.tobytes()) for a, b in zip(first, second, strict=True)]
    assert [list(frames) for frames in zip(*in_turn, strict=True)] == apart
    once_more = talking_head.animate(photo, voice_samples[8000:32000], seed=2, size=160)
    with ThreadPoolExecutor(THREADS) as pool:
        runs = list(pool.map(lambda _: [frame.tobytes() for frame in once_more], range(THREADS)))
    assert runs == [apart[1]] * THREADS
