"""``evaluate``, ``compare`` and ``bench-suite`` on videos that this project made itself."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import PAUSE, Done
from numpy.typing import NDArray

from mssync import TalkingHead
from mssync.evaluation.results.result import read_result
from mssync.evaluation.results.systems import GENERATED, REAL
from mssync.evaluation.run.bench import Bench
from mssync.media.audio import load_sound, save_wav
from mssync.media.video import VideoWriter, iter_frames, probe_video

Run = Callable[..., Done]


@pytest.fixture(scope="module")
def frozen(photo: Path, voice: Path, workplace: Path, talking_head: TalkingHead) -> Path:
    """The same voice under a face that does not move."""
    frames = next(talking_head.animate(photo, voice).frames())
    out = workplace / "frozen.mp4"
    with VideoWriter(out, frames.shape[1], frames.shape[0], sound=voice) as video:
        for _ in range(135):
            video.write(frames)
    return out


@pytest.fixture(scope="module")
def folders(spoken: Path, frozen: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """made/ with a talking and a frozen face and no video at all, real/ with the talking one for both."""
    root = tmp_path_factory.mktemp("evaluation")
    for folder, name, source in (
        ("made", "talks.mp4", spoken), ("made", "frozen.mp4", frozen), ("real", "talks.mp4", spoken),
        ("real", "frozen.mp4", spoken),
    ):  # fmt: skip
        (root / folder).mkdir(exist_ok=True)
        (root / folder / name).write_bytes(source.read_bytes())
    (root / "made" / "broken.mp4").write_text("not a video")
    return root


def values(result: dict, key: str) -> dict[str, float]:
    return {
        f"{row['name']} {row['system']}": score["value"]
        for row in result["rows"]
        for score in row["scores"]
        if score["key"] == key
    }


def test_a_folder_beside_its_references(mssync_cli: Run, folders: Path, photo: Path) -> None:
    out, page = folders / "r.json", folders / "r.html"
    done = mssync_cli(
        "evaluate", folders / "made", "--reference", folders / "real", "--photo", photo, "--json", out, "--report", page
    )
    assert done.code == 2, done.err
    assert "Skipped: broken (generated)" in done.err and "has no partner named broken" in done.err
    assert "Traceback" not in done.err
    lines = done.out.splitlines()
    assert lines[0].strip() == "generated beside its reference" and max(map(len, lines)) <= 80
    words = [line.split()[:2] for line in lines if line]
    for question in ("sync", "closures", "silence", "head", "picture"):
        assert any(w[0] == question and w[1] in ("better", "like", "worse", "unclear") for w in words), done.out
    assert "articulation.loudness" not in done.out and "--all" in done.out
    result = read_result(out)
    assert [(r["name"], r["kind"], bool(r["problem"])) for r in result["rows"]] == [
        ("broken", REAL, True), ("broken", GENERATED, True), ("frozen", REAL, False), ("frozen", GENERATED, False),
        ("talks", REAL, False), ("talks", GENERATED, False),
    ]  # fmt: skip
    moving = values(result, "head.pitch_speed")
    assert moving["frozen generated"] < 0.2 * moving["frozen real"], "a frozen face is told from a talking one"
    assert moving["talks generated"] == moving["talks real"], "the same file has the same score"
    psnr = values(result, "picture.psnr")
    assert psnr["talks generated"] > psnr["frozen generated"]
    share = values(result, "collapse.share")
    assert share == {}, "a score of the set belongs to no row"
    (collapse,) = (e for e in result["summary"] if e["key"] == "collapse.share")
    assert collapse["systems"][GENERATED]["median"] == 0.5
    quiet = result["rows"][2]["curves"]
    speech = np.interp([np.mean(PAUSE), 1.0], quiet["t"], quiet["speech"])
    assert speech[0] < 0.2 < speech[1]
    text = page.read_text("utf-8")
    assert text.count("<video") == 2 and "Real footage" in text and "not a video" not in text
    assert "broken.mp4" in text


def test_what_was_finished_is_not_done_again(
    mssync_cli: Run, folders: Path, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run before had a bad file, so its parts are there."""
    parts = folders / "r.json.parts"
    assert len(list(parts.glob("*.json"))) == 2
    worked: list[str] = []
    from mssync.evaluation.run import runner

    inner = runner.evaluate_one
    monkeypatch.setattr(runner, "evaluate_one", lambda item, *rest: (worked.append(item.name), inner(item, *rest))[1])
    before = read_result(folders / "r.json")
    (folders / "made" / "broken.mp4").unlink()
    words = [
        "evaluate",
        folders / "made",
        "--reference",
        folders / "real",
        "--photo",
        photo,
        "--json",
        folders / "r.json",
    ]
    done = mssync_cli(*words)
    assert done.code == 2 and "--force" in done.err
    done = mssync_cli(*words, "--force")
    assert (done.code, done.err, worked) == (0, "", [])
    assert read_result(folders / "r.json")["rows"] == before["rows"][2:]
    assert not parts.exists(), "the parts go when all went well"


def test_one_video_and_the_sound_of_another_file(
    mssync_cli: Run, spoken: Path, voice_samples: NDArray[np.float32], tmp_path: Path
) -> None:
    save_wav(tmp_path / "late.wav", np.roll(voice_samples, 4 * 640), 16_000, True)
    heard, moved = [], []
    for extra in ([], ["--audio", tmp_path / "late.wav"]):
        out = tmp_path / f"{len(extra)}.json"
        done = mssync_cli("evaluate", spoken, "--json", out, *extra)
        assert (done.code, done.err) == (0, ""), done.err
        (row,) = read_result(out)["rows"]
        heard.append(np.array(row["curves"]["loudness"]))
        moved.append(row["curves"]["lip_gap"])
    assert np.abs(heard[1][4:130] - heard[0][:126]).mean() < 1.0, "the sound comes four frames later"
    assert np.abs(heard[1] - heard[0]).mean() > 2.0
    assert moved[0] == moved[1]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["0.json", "2.json", "late.wav"]


def test_several_processes_find_the_same(mssync_cli: Run, folders: Path, tmp_path: Path) -> None:
    (tmp_path / "l.csv").write_text(
        f"generated,reference\n{folders / 'made' / 'talks.mp4'},{folders / 'real' / 'talks.mp4'}\n"
        f"{folders / 'made' / 'frozen.mp4'},\n"
    )
    done = mssync_cli("evaluate", tmp_path / "l.csv", "--json", tmp_path / "r.json", "--workers", 2)
    assert done.code == 0, done.err
    one, other = (values(read_result(p), "head.yaw_std") for p in (tmp_path / "r.json", folders / "r.json"))
    assert one["talks generated"] == pytest.approx(other["talks generated"], rel=1e-4)
    assert set(one) == {"talks real", "talks generated", "frozen generated"}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["evaluate", "gone.mp4"], "gone.mp4"),
        (["evaluate", "v.mp4", "--json", "r.txt"], ".json"),
        (["evaluate", "v.mp4", "--report", "r.htm"], ".html"),
        (["evaluate", "v.mp4", "--json", "no/r.json"], "no"),
        (["evaluate", "v.mp4", "--reference", "gone.mp4"], "gone.mp4"),
        (["evaluate", "v.mp4", "--syncnet", "gone.model"], "gone.model"),
        (["evaluate", "l.csv", "--text", "hello"], "leave out"),
        (["compare", "a=v.mp4", "-o", "o.avi"], ".avi"),
        (["compare", "a=gone.mp4", "-o", "o.mp4"], "gone.mp4"),
        (["compare", "a=v.mp4", "b=v.mp4", "--grid", "1x1", "-o", "o.mp4"], "--grid"),
        (["bench-suite", "."], "items.csv"),
        (["bench-suite", "list"], "r.mp4"),
    ],
)
def test_wrong_words_end_in_one_sentence(
    mssync_cli: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "v.mp4").write_text("x")
    (tmp_path / "l.csv").write_text("generated\nv.mp4\n")
    (tmp_path / "list").mkdir()
    (tmp_path / "list" / "items.csv").write_text("photo,speech,real\n../v.mp4,../v.mp4,r.mp4\n")
    before = sorted(tmp_path.rglob("*"))
    done = mssync_cli(*words)
    assert done.code == 2
    assert done.err.count("\n") == 1 and says in done.err, done.err
    assert sorted(tmp_path.rglob("*")) == before


def test_evaluation_without_the_extra(mssync_cli: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "v.mp4").write_text("x")
    monkeypatch.setitem(sys.modules, "mssync.evaluation.run.suite", None)
    for name in ("mssync.evaluation.run.items", "mssync.evaluation.run.runner"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    done = mssync_cli("evaluate", tmp_path / "v.mp4")
    assert done.code == 2
    assert "'jinja2>=" in done.err and "mssync[" not in done.err


def test_without_the_extra_only_the_page_and_the_closures_are_missing(
    mssync_cli: Run, tmp_path: Path, spoken: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("jinja2", "threadpoolctl", "pocketsphinx", "mssync.evaluation.report.page"):
        monkeypatch.setitem(sys.modules, name, None)
    words = ("evaluate", spoken, "--text", "hello", "--json", tmp_path / "r.json")
    done = mssync_cli(*words, "--report", tmp_path / "r.html")
    assert done.code == 2 and "'jinja2>=" in done.err and list(tmp_path.iterdir()) == [], "said before the work"
    done = mssync_cli(*words)
    assert done.code == 0 and "threadpoolctl" in done.err, done.err
    assert "PocketSphinx" in " ".join(done.out.split())
    assert values(read_result(tmp_path / "r.json"), "head.yaw_std")


def test_side_by_side(mssync_cli: Run, spoken: Path, frozen: Path, voice: Path, tmp_path: Path) -> None:
    out = tmp_path / "o.mp4"
    done = mssync_cli(
        "compare", f"talks={spoken}", f"still={frozen}", "--audio", voice, "--landmarks", "--height", 160, "-o", out
    )
    assert (done.code, done.err) == (0, ""), done.err
    assert "2 videos in 1 x 2" in done.out
    info = probe_video(out)
    panel = 2 * round(160 * probe_video(spoken).width / probe_video(spoken).height / 2)
    assert (info.width, info.height, info.fps) == (2 * (panel + 4) + 4, 2 * 160 + 20 + 8, 25)
    shown = np.stack([rgb for _, rgb in iter_frames(out)][:60]).astype(np.int16)
    assert len(load_sound(out)) == pytest.approx(135 * 640, abs=640)
    left, right = shown[:, 24 : 24 + 160, 4 : 4 + panel], shown[:, 24 : 24 + 160, 8 + panel : -4]
    assert np.abs(np.diff(left, axis=0)).mean() > 3 * np.abs(np.diff(right, axis=0)).mean()
    points = shown[:, 24 + 160 : -4, 4 : 4 + panel]
    assert 0.003 < (points.max(-1) > 150).mean() < 0.2, "points are drawn below"
    done = mssync_cli("compare", f"talks={spoken}", "-o", out)
    assert done.code == 2 and "--force" in done.err


def test_the_bench(
    mssync_cli: Run,
    photo: Path,
    voice_samples: NDArray[np.float32],
    spoken: Path,
    tmp_path: Path,
    talking_head: TalkingHead,
) -> None:
    folder = tmp_path / "suite"
    folder.mkdir()
    for name, part in (("one", voice_samples[:32_000]), ("two", voice_samples[-32_000:])):
        save_wav(folder / f"{name}.wav", part, 16_000, True)
    (folder / "real.mp4").write_bytes(spoken.read_bytes())
    (folder / "other.mp4").write_bytes(spoken.read_bytes() + b"\0")
    (folder / "items.csv").write_text(
        f"photo,speech,real\n{photo},one.wav,real.mp4\n{photo},two.wav,other.mp4\n", encoding="utf-8"
    )
    done = mssync_cli("bench-suite", folder, "--size", 160)
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert lines[1].split() == ["sync", "closures", "silence", "head", "picture"]
    for line, system in zip(lines[2:7], ("still photo", "audio shuffled", "lips only", "nearest", "our model")):
        assert line.startswith(system)
    assert lines[2].split()[-2] == "worse", "a still photo does not move its head"
    result = json.loads((folder / "bench" / "bench.json").read_text("utf-8"))
    speed = {k: v for k, v in values(result, "head.pitch_speed").items() if k.startswith("one")}
    assert speed["one still photo"] < 0.3 * speed["one our model"]
    assert speed["one lips only"] < speed["one our model"]
    (entry,) = (e for e in result["summary"] if e["key"] == "picture.background_change")
    assert set(entry["systems"]) == set(result["systems"])
    assert (folder / "bench" / "bench.html").stat().st_size > 50_000
    films = sorted((folder / "bench" / "videos").rglob("*.mp4"))
    assert len(films) == 10
    assert all(abs(len(load_sound(f)) - 32_000) < 700 for f in films)
    times = [f.stat().st_mtime_ns for f in films]
    films[0].unlink()
    bench = Bench.open(talking_head, folder, folder / "bench", clips=None, seed=0, size=160, force=False)
    assert [problem for _, _, problem in bench.make_videos()] == [""] * 10
    assert [f.stat().st_mtime_ns for f in films[1:]] == times[1:] and films[0].is_file(), "only what is missing is made"
    done = mssync_cli("bench-suite", folder, "--size", 160, "--seed", 5)
    assert done.code == 2 and "other settings" in done.err
    done = mssync_cli("bench-suite", folder, "--out", folder)
    assert done.code == 2 and "something else" in done.err


def test_a_bench_of_one_clip_says_what_it_cannot_make(
    mssync_cli: Run, spoken: Path, photo: Path, voice_samples: NDArray[np.float32], tmp_path: Path
) -> None:
    save_wav(tmp_path / "one.wav", voice_samples[:32_000], 16_000, True)
    (tmp_path / "items.csv").write_text(f"photo;speech;real\n{photo};one.wav;{spoken}\n", encoding="utf-8")
    out = tmp_path / "bench"
    done = mssync_cli("bench-suite", tmp_path, "--size", 160)
    assert done.code == 0, done.err
    assert "'audio shuffled' cannot be made: It needs two different speeches" in done.err
    assert "'nearest training motion' cannot be made: It needs other real footage" in done.err
    result = read_result(out / "bench.json")
    assert result["systems"] == [REAL, "still photo", "lips only", "our model"]
    assert "two different speeches" in result["config"]["not made: audio shuffled"]
    (out / "bench-plan.json").write_text("[" * 100_000)
    done = mssync_cli("bench-suite", tmp_path, "--size", 160)
    assert done.code == 2 and "other settings; use --force" in done.err


@pytest.mark.parametrize(("option", "name"), [("--report", "page.html"), ("--json", "r.json")])
def test_a_result_never_lands_on_what_the_list_names(mssync_cli: Run, tmp_path: Path, option: str, name: str) -> None:
    (tmp_path / name).write_text("a reference under an odd name")
    (tmp_path / "a.mp4").write_text("a")
    (tmp_path / "l.csv").write_text(f"generated,reference\na.mp4,{name}\n")
    done = mssync_cli("evaluate", tmp_path / "l.csv", option, tmp_path / name, "--force")
    assert done.code == 2 and "is an input too" in " ".join(done.err.split())
    assert (tmp_path / name).read_text() == "a reference under an odd name"


def test_a_list_of_missing_files_is_told_briefly_and_in_whole_in_the_json(mssync_cli: Run, tmp_path: Path) -> None:
    (tmp_path / "l.csv").write_text("generated\n" + "".join(f"gone{n}.mp4\n" for n in range(50)))
    done = mssync_cli("evaluate", tmp_path / "l.csv", "--json", tmp_path / "r.json")
    lines = done.err.splitlines()
    assert done.code == 2 and len(lines) == 21 and lines[-1].startswith("Skipped: 30 more")
    rows = read_result(tmp_path / "r.json")["rows"]
    assert len(rows) == 50 and all("does not exist" in row["problem"] for row in rows)
