"""Every sound comes out as float32 at the rate asked for, of the right length and content, piece by piece."""

from __future__ import annotations

import wave
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest
from media_samples import SOUND_KINDS, picture, tone, write_sound, write_video

from mssync.errors import InputError, OutputError
from mssync.media import audio
from mssync.media.audio import iter_sound, load_sound, probe_sound, save_wav

RATE = 16_000
# Encoders that pad to whole frames without saying so in the file, in seconds of the coarsest frame and delay.
SLACK = {"mp3": 0.08, "aac": 0.05, "mkv": 0.05}


def spectrum_peak(samples: np.ndarray, rate: int) -> float:
    size = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(size.argmax() * rate / len(samples))


@pytest.mark.parametrize("kind", SOUND_KINDS)
def test_every_format(tmp_path: Path, kind: str) -> None:
    suffix, muxer, encoder = SOUND_KINDS[kind]
    rate = 48_000 if encoder == "libopus" else 44_100
    path = write_sound(tmp_path / f"a{suffix}", tone(1.5, rate, channels=2), rate, muxer, encoder)
    info = probe_sound(path)
    assert (info.rate, info.channels, info.path) == (rate, 2, path)
    assert info.seconds is not None and abs(info.seconds - 1.5) < 0.1
    samples = load_sound(path)
    assert samples.dtype == np.float32 and samples.ndim == 1
    assert abs(len(samples) / RATE - 1.5) <= SLACK.get(kind, 1.01 / RATE)
    middle = samples[RATE // 4 : RATE]
    assert abs(spectrum_peak(middle, RATE) - 300) < 3
    assert abs(np.sqrt(2) * middle.std() - 0.3) < 0.02  # mean of 0.4 and 0.2


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 22_050, 44_100, 96_000, 192_000])
@pytest.mark.parametrize("length", [0.2, 1.0])
def test_rates_and_lengths_are_exact(tmp_path: Path, rate: int, length: float) -> None:
    path = write_sound(tmp_path / "a.wav", tone(length, rate), rate, "wav", "pcm_s16le")
    samples = load_sound(path)
    assert abs(len(samples) - round(length * rate) * RATE / rate) < 1
    native = load_sound(path, rate=rate)
    assert len(native) == round(length * rate)
    assert np.abs(native - tone(length, rate)[:, 0]).max() < 1e-4


def test_channels(tmp_path: Path) -> None:
    six = tone(0.5, RATE, channels=6)
    path = write_sound(tmp_path / "a.wav", six, RATE, "wav", "pcm_f32le")
    assert np.allclose(load_sound(path), six.mean(axis=1), atol=1e-6)
    whole = np.concatenate(list(iter_sound(path, mono=False)))
    assert np.allclose(whole, six, atol=1e-6)
    assert whole.dtype == np.float32


@pytest.mark.parametrize(("count", "kind"), [(8, "m4a"), (8, "flac"), (16, "wv")])
def test_many_planar_channels(tmp_path: Path, count: int, kind: str) -> None:
    suffix, muxer, encoder = SOUND_KINDS.get(kind, (".wv", "wv", "wavpack"))
    many = tone(0.5, RATE, channels=count)
    path = write_sound(tmp_path / f"a{suffix}", many, RATE, muxer, encoder)
    assert probe_sound(path).channels == count
    whole = np.concatenate(list(iter_sound(path, mono=False)))
    assert whole.shape == many.shape
    quiet = np.delete(np.arange(count), 3)  # AAC cuts the high end of the channel for low tones
    assert np.abs(whole[2000:, quiet] - many[2000:, quiet]).max() < 0.1


@pytest.mark.parametrize("block", [1, 160, 4096, 10**6])
def test_block_size_changes_nothing(tmp_path: Path, block: int) -> None:
    path = write_sound(tmp_path / "a.wav", tone(0.7, 44_100), 44_100, "wav", "pcm_s16le")
    pieces = list(iter_sound(path, block=block))
    assert np.array_equal(np.concatenate(pieces), load_sound(path))
    assert all(len(piece) == block for piece in pieces[1:-1])
    assert len(pieces[0]) == min(max(block, 3200), 11_200)


def test_streams(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first piece comes out when only a little of the file was decoded, and little is held at any time."""
    path = write_sound(tmp_path / "a.flac", tone(60, RATE), RATE, "flac", "flac")
    decoded = 0
    original = audio.frame_samples

    def counting(frame):  # type: ignore[no-untyped-def]
        nonlocal decoded
        decoded += frame.samples
        return original(frame)

    monkeypatch.setattr(audio, "frame_samples", counting)
    given = 0
    for piece in iter_sound(path, block=1600):
        given += len(piece)
        assert decoded - given < 2 * RATE
    assert given == 60 * RATE


def test_values_that_are_no_numbers(tmp_path: Path) -> None:
    raw = tone(0.5, RATE)[:, 0]
    raw[100], raw[200], raw[300], raw[400] = np.nan, np.inf, -np.inf, 1e30
    # PyAV's resampler would clip; the float WAV is written by hand.
    data = raw.astype("<f4").tobytes()
    header = b"RIFF" + (36 + len(data)).to_bytes(4, "little") + b"WAVEfmt " + (16).to_bytes(4, "little")
    header += (3).to_bytes(2, "little") + (1).to_bytes(2, "little") + RATE.to_bytes(4, "little")
    header += (RATE * 4).to_bytes(4, "little") + (4).to_bytes(2, "little") + (32).to_bytes(2, "little")
    (tmp_path / "n.wav").write_bytes(header + b"data" + len(data).to_bytes(4, "little") + data)
    samples = load_sound(tmp_path / "n.wav")
    assert samples[[100, 200, 300]].tolist() == [0, 0, 0]
    assert samples[400] == 1.0
    assert np.isfinite(samples).all() and np.abs(load_sound(tmp_path / "n.wav", rate=8000)).max() <= 1.0


def test_sound_of_a_video(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mp4", [picture()] * 30, sound=tone(1.2, RATE))
    samples = load_sound(path)
    assert len(samples) == round(1.2 * RATE)
    assert abs(spectrum_peak(samples[2000:16_000], RATE) - 300) < 3


def test_rate_and_channels_may_change_on_the_way(tmp_path: Path) -> None:
    parts = [(44_100, 2), (22_050, 1)]
    joined = b""
    for rate, channels in parts:
        part = write_sound(tmp_path / "p.mp3", tone(1, rate, channels=channels), rate, "mp3", "libmp3lame")
        joined += part.read_bytes()
    (tmp_path / "j.mp3").write_bytes(joined)
    samples = load_sound(tmp_path / "j.mp3")
    assert abs(len(samples) / RATE - 2) < 0.25
    assert abs(spectrum_peak(samples[-10_000:-2000], RATE) - 300) < 5
    assert {piece.shape[1] for piece in iter_sound(tmp_path / "j.mp3", mono=False)} == {2}


def test_unrecorded_pause_becomes_silence() -> None:
    """Time stamps that jump by a second keep later words in their place; a jump of hours is a broken stamp."""
    for gap, extra in ((1.0, 1.0), (3600.0, 0.0)):
        rates = list(audio._native(*_fake_track(gap)))
        assert sum(len(block) for _, block in rates) == 10 * 1600 + extra * RATE


def _fake_track(gap):  # type: ignore[no-untyped-def]
    """A container of ten frames of 0.1 s whose time stamps jump by ``gap`` in the middle."""
    packets = []
    for k in range(10):
        frame = av.AudioFrame.from_ndarray(np.ones((1, 1600), np.float32), format="fltp", layout="mono")
        frame.sample_rate = RATE
        frame.pts = k * 1600 + (round(gap * RATE) if k >= 5 else 0)
        frame.time_base = Fraction(1, RATE)
        packets.append(SimpleNamespace(decode=lambda frame=frame: [frame], duration=None, time_base=None))
    return SimpleNamespace(format=SimpleNamespace(name="ogg"), demux=lambda stream: iter(packets)), None


@pytest.mark.parametrize("kind", ["wav-s16", "mp3", "flac", "opus", "aac", "webm"])
def test_cut_off_files_keep_what_decodes(tmp_path: Path, kind: str) -> None:
    suffix, muxer, encoder = SOUND_KINDS[kind]
    rate = 48_000
    path = write_sound(tmp_path / f"a{suffix}", tone(3, rate), rate, muxer, encoder)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3])
    assert 1.2 < len(load_sound(path)) / RATE < 2.5


def test_damaged_tail_keeps_what_decodes(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "a.flac", tone(3, RATE), RATE, "flac", "flac")
    data = bytearray(path.read_bytes())
    data[len(data) // 2 :] = np.random.default_rng(0).bytes(len(data) - len(data) // 2)
    path.write_bytes(bytes(data))
    samples = load_sound(path)
    good = RATE // 2
    assert len(samples) > good and np.abs(samples[:good] - tone(0.5, RATE)[:, 0]).max() < 1e-3


@pytest.mark.parametrize(
    ("content", "says"),
    [(None, "does not exist"), (b"", "is empty"), (b"words, not sound\n" * 50, "is a text file")],
)
def test_bad_files(tmp_path: Path, content: bytes | None, says: str) -> None:
    path = tmp_path / "bad.wav"
    if content is not None:
        path.write_bytes(content)
    for read in (load_sound, probe_sound):
        with pytest.raises(InputError, match=says) as caught:
            read(path)
        assert "bad.wav" in str(caught.value)


def test_too_short_folder_and_no_track(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "s.wav", tone(0.19, RATE), RATE, "wav", "pcm_s16le")
    with pytest.raises(InputError, match=r"s\.wav has only 0\.19 s"):
        load_sound(path)
    with pytest.raises(InputError, match=r"0\.2 s"):
        list(iter_sound(path, block=10))
    save_wav(tmp_path / "e.wav", np.zeros(0, np.float32), RATE, force=False)
    with pytest.raises(InputError):
        load_sound(tmp_path / "e.wav")
    with pytest.raises(InputError, match="is a folder"):
        load_sound(tmp_path)
    silent = write_video(tmp_path / "v.mp4", [picture()] * 3)
    with pytest.raises(InputError, match="no sound track"):
        load_sound(silent)


def test_playlists_open_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_sound(tmp_path / "secret.wav", tone(1, RATE), RATE, "wav", "pcm_s16le")
    lists = ["ffconcat version 1.0\nfile secret.wav\n", "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nsecret.wav\n"]
    for text in lists:
        (tmp_path / "list.wav").write_text(text)
        with pytest.raises(InputError):
            load_sound(tmp_path / "list.wav")


def test_max_seconds(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "a.wav", tone(2, RATE), RATE, "wav", "pcm_s16le")
    assert len(load_sound(path, max_seconds=2)) == 2 * RATE
    with pytest.raises(InputError, match=r"longer than 1\.5 s"):
        load_sound(path, max_seconds=1.5)
    with pytest.raises(ValueError, match="positive"):
        next(iter_sound(path, block=0))


def test_odd_names(tmp_path: Path) -> None:
    for name in ("größe %d 東京.wav", "pipe:1.wav", "a b'c.wav"):
        path = write_sound(tmp_path / "x", tone(0.3, RATE), RATE, "wav", "pcm_s16le").rename(tmp_path / name)
        assert len(load_sound(path)) == 4800


def test_save_wav(tmp_path: Path) -> None:
    stereo = tone(0.5, 22_050, channels=2)
    stereo[0] = 3.0
    save_wav(tmp_path / "o.wav", stereo, 22_050, force=False)
    with wave.open(str(tmp_path / "o.wav")) as saved:
        assert saved.getparams()[:4] == (2, 2, 22_050, 11_025)
    again = np.concatenate(list(iter_sound(tmp_path / "o.wav", 22_050, mono=False)))
    assert np.abs(again - np.clip(stereo, -1, 1)).max() < 1e-4
    with pytest.raises(OutputError, match="exists already"):
        save_wav(tmp_path / "o.wav", stereo, 22_050, force=False)
    save_wav(tmp_path / "o.wav", stereo[:, 0], 22_050, force=True)
    assert probe_sound(tmp_path / "o.wav").channels == 1
    assert len(list(tmp_path.iterdir())) == 1
