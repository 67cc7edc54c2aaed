"""Windows, balance, alignment and offsets on data whose truth is known."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mssync.errors import InputError
from mssync.motion.columns import Groups, mesh_columns
from mssync.training.data.linear_av_offsets import linear_av_offsets
from mssync.training.data.listing import Entry, read_list
from mssync.training.data.samples import Sample, aligned, clip_energy, manifest_hash, scales
from mssync.training.data.windows import SILENT_FEATURE, Sampler, cut

D = 14


def _sample(name: str, family: str, speaker: str, frames: int = 100, seed: int = 0, shift: int = 0) -> Sample:
    """A voice whose loudness opens the mouth at once; ``shift`` delays the picture."""
    rng = np.random.default_rng(seed)
    loud = np.convolve(rng.standard_normal(frames + 40), np.ones(4) / 4, "same").astype(np.float32)
    sound = np.repeat(loud[20 : 20 + frames], 4)[:, None] * np.linspace(0.5, 1, 26, dtype=np.float32)
    sound = (sound + 0.05 * rng.standard_normal(sound.shape)).astype(np.float32)
    motion = np.zeros((frames, D), np.float32)
    motion[:, -5] = 0.05 + 0.03 * loud[20 - shift : 20 - shift + frames]
    motion[:, 0] = rng.standard_normal(frames) * 0.01
    entry = Entry(name, "train", family, speaker)
    unknown, groups = np.full(frames, -1, np.int8), Groups.of(mesh_columns(D - 11))
    one, energy = np.ones(frames, np.float32), clip_energy(motion, groups)
    return Sample(entry, motion, sound, one, one > 0, energy, unknown, groups)


def test_list_is_read_and_checked(tmp_path: Path) -> None:
    good = tmp_path / "clips.csv"
    good.write_text("path,split,family,speaker,more\na/b.mp4,train,f,s,x\n")
    assert read_list(good) == [Entry("a/b", "train", "f", "s")]
    bad = tmp_path / "bad.csv"
    bad.write_text("path,speaker\na,b\n")
    with pytest.raises(InputError, match="columns"):
        read_list(bad)


def test_cut_pads_with_stillness_and_silence() -> None:
    s = _sample("a", "f", "s", frames=30)
    motion, sound, speech, _ = cut(s, 24, 16, before=4, after=2)
    assert motion.shape == (16, D) and sound.shape == (4 * 22, 26) and speech.shape == (16,)
    assert np.array_equal(motion[6], s.motion[-1]) and np.array_equal(motion[-1], s.motion[-1])
    assert (sound[4 * 10 :] == SILENT_FEATURE).all()
    assert np.array_equal(sound[: 4 * 10], s.sound[4 * 20 :])
    _, before, _, _ = cut(s, 0, 8, before=4, after=0)
    assert (before[:16] == SILENT_FEATURE).all() and np.array_equal(before[16:], s.sound[:32])


def test_families_are_drawn_by_weight_and_speakers_evenly() -> None:
    # One speaker has nine clips, the other one; the rare family has one clip in all.
    samples = [_sample(f"a{i}", "many", "one", seed=i) for i in range(9)]
    samples += [_sample("b", "many", "two", seed=20), _sample("c", "rare", "three", seed=30)]
    sampler = Sampler(samples, {"many": 0.5, "rare": 0.5}, 96, 0, 0, seed=1)
    owner = {s.energy.tobytes(): s.entry.name for s in samples}
    count = Counter(owner[e.tobytes()] for _ in range(5) for e in next(sampler.batches(60)).energy)
    total = sum(count.values())
    assert 0.35 < count["c"] / total < 0.65
    assert 0.12 < count["b"] / total < 0.4


def test_sampler_state_resumes_the_same_draw() -> None:
    samples = [_sample(f"a{i}", "f", f"s{i}", seed=i) for i in range(5)]
    one = Sampler(samples, {"f": 1.0}, 16, 4, 4, seed=3)
    next(one.batches(4))
    state = one.state()
    first = next(one.batches(4)).motion
    two = Sampler(samples, {"f": 1.0}, 16, 4, 4, seed=99)
    two.restore(state)
    assert np.array_equal(first, next(two.batches(4)).motion)
    with pytest.raises(InputError, match="weight"):
        Sampler(samples, {"f": 0.0}, 16, 4, 4, seed=3)


def test_a_clip_that_does_not_fill_a_window_is_left_out_and_named() -> None:
    samples = [
        _sample(n, "f", "s", frames, i) for i, (n, frames) in enumerate((("long", 64), ("short", 63), ("s", 24)))
    ]
    twice = [x for s in samples for x in (s, replace(s, motion=-s.motion))]  # and their mirror images
    with pytest.warns(UserWarning, match=r"2 of 3 clips are shorter than the 64 frames \(2\.6 s\).*: s, short\."):
        sampler = Sampler(twice, {}, 64, 4, 4, seed=0)
    motion = next(sampler.batches(20)).motion
    assert (np.abs(motion) == np.abs(samples[0].motion)).all(), "no pose that nobody held"
    with pytest.raises(InputError, match="smaller `frames`"):
        Sampler(samples[1:], {}, 64, 4, 4, seed=0)


def test_scales_weigh_families_alike() -> None:
    big = _sample("a", "big", "s", seed=1)
    big.motion[:, 0] = 1.0
    small = [_sample(f"b{i}", "small", "s", seed=i) for i in range(50)]
    assert scales([big, *small])[0] == pytest.approx(np.sqrt(0.5), rel=0.05)


@pytest.mark.parametrize("shift", [-3, 0, 4])
def test_known_offset_is_found_and_taken_out(shift: int) -> None:
    samples = [_sample(f"a{i}", "f", "s", seed=i) for i in range(30)]
    late = _sample("late", "f", "s", seed=77, shift=shift)
    found = linear_av_offsets([*samples, late], [True] * 30 + [False])
    assert found[-1].clear and found[-1].frames == shift
    assert all(o.frames == 0 for o in found[:-1])
    fixed = aligned(late, shift)
    assert len(fixed.motion) == len(late.motion) - abs(shift) and len(fixed.sound) == 4 * len(fixed.motion)
    again = linear_av_offsets([*samples, fixed], [True] * 30 + [False])
    assert again[-1].frames == 0


def test_unrelated_sound_is_called_unclear() -> None:
    samples = [_sample(f"a{i}", "f", "s", seed=i) for i in range(30)]
    a, b = _sample("x", "f", "s", seed=91), _sample("y", "f", "s", seed=92)
    mixed = replace(a, sound=b.sound, speech=b.speech, valid=b.valid)
    assert not linear_av_offsets([*samples, mixed], [True] * 30 + [False])[-1].clear


def test_a_name_that_no_file_can_have_is_not_in_the_fingerprint(tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_bytes(b"x")
    known = Entry("a", "train", "f", "s")
    odd = [Entry(name, "train", "f", "s") for name in ("b" * 300, "c\0", "missing")]
    assert manifest_hash(tmp_path, [known, *odd]) == manifest_hash(tmp_path, [known])
    assert manifest_hash(tmp_path, [known]) != manifest_hash(tmp_path, [])
