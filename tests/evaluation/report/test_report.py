"""The page: what it says, that it needs nothing from outside, and that a browser shows it."""

from __future__ import annotations

import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pil
from report_samples import HASH, film, result, row, scores

from mssync.errors import OutputError
from mssync.evaluation.report.charts import colour, curves, relative_bars, sync_matrix
from mssync.evaluation.report.page import report_page, write_report
from mssync.evaluation.report.parts import split_key
from mssync.evaluation.results.result import Result
from mssync.evaluation.results.systems import GENERATED, OUR_MODEL, REAL, SHUFFLED, STILL
from mssync.evaluation.scores.score import Score

VOID = {"meta", "br", "hr", "img", "input", "link"}


class Tree(HTMLParser):
    """Checks nesting and gathers what a page refers to."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.tags: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [v or "" for k, v in attrs if k in ("src", "href", "poster", "action", "srcset", "data")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def tree(page: str) -> Tree:
    parser = Tree()
    parser.feed(page)
    parser.close()
    assert parser.open == []
    return parser


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Result:
    folder = tmp_path_factory.mktemp("report")
    real, ours = film(folder / "real.mp4", (200, 80, 40)), film(folder / "ours.mp4", (40, 80, 200))
    return result(
        [
            row("one & only", REAL, real, scores(0.1, 0.5)),
            row("one & only", GENERATED, ours, scores(0.2, 0.3)),
            row("<script>alert(1)</script>", REAL, real, scores(0.12, 0.55)),
            row("<script>alert(1)</script>", GENERATED, folder / "gone.mp4", scores(0.3, 0.35)),
            row("bad", GENERATED, folder / "bad.mp4", [], problem="bad.mp4 is <no> video; give one."),
        ]
    )


@pytest.fixture(scope="module")
def page(made: Result) -> str:
    return report_page(made)


def test_everything_is_inside_the_page(page: str) -> None:
    found = tree(page)
    assert found.links and all(link.startswith("data:") for link in found.links)
    assert "script" not in found.tags and "link" not in found.tags and "iframe" not in found.tags
    assert "default-src 'none'" in page
    assert not re.search(r"url\(|@import", page)
    assert len(page) < 600_000


def test_all_text_is_escaped(page: str) -> None:
    assert "<script>" not in page and "<no>" not in page and "<i>b" not in page and "<b>weights" not in page
    text = "".join(tree(page).text)
    for words in ("<script>alert(1)</script>", "one & only", "bad.mp4 is <no> video", "a <i>b</i>", "<b>weights</b>"):
        assert words in text


def test_the_verdict_comes_first(page: str) -> None:
    assert page.index("<h2>Verdict</h2>") < page.index("<h2>At a glance</h2>") < page.index("<h2>Scores</h2>")
    assert re.search(r'Silence <span class="verdict worse">worse</span>', page), "gaps of 0.2 and 0.3 for 0.1"
    assert re.search(r'Closures <span class="verdict unclear">unclear</span>', page)


def test_no_folder_and_no_hidden_sign_reaches_the_page(made: Result, tmp_path: Path) -> None:
    home = Path.home() / ".cache" / "net.onnx"
    odd = "a\u202egnp.exe \x1b[31m\udce9"
    path = tmp_path / "very" / "private place" / f"{'n' * 100}.mp4"
    bad = row(
        odd, GENERATED, path, [], problem=f"{path} is no video; see {home} and C:\\Users\\me\\x.dll. " + "z" * 900
    )
    data = dict(made, rows=[*made["rows"], bad], hashes={**made["hashes"], str(path): HASH, "/other/x.mp4": HASH})
    page = report_page(data)
    text = "".join(tree(page).text)
    assert not {"\u202e", "\x1b", "\udce9"} & set(page)
    assert "private place" not in page and str(tmp_path) not in page and str(home.parent) not in page
    assert "Users" not in page and "/other" not in page
    assert f"{'n' * 100}.mp4 is no video; see net.onnx and x.dll." in text
    assert "z" * 501 not in page
    assert text.count("x.mp4") == 2, "two files of one name are both named"
    assert "deg/s" in report_page(result([row("a", REAL, path, [Score("head.yaw_speed", 1.0, "deg/s", "real")])]))


def test_what_the_page_says(page: str) -> None:
    text = "".join(tree(page).text)
    for words in (
        "Evaluation of 3 clips", "Left out", "At a glance", "Real footage", "Generated", "Chance level",
        "Synchrony: lips only", "Sync matrices", "Clip by clip", "not run".capitalize(), HASH, "level 0 confidence",
        "yaw", "lip gap", "AA", "mssync", "seed",
    ):  # fmt: skip
        assert words in text, words
    first, second = re.findall(r"<tr class=\"(\w+)\"><th scope=\"row\">([^<]+)", page)[:2]
    assert (first, second) == (("real", "Real footage"), ("gen", "Generated"))


def test_a_film_per_clip_and_a_word_where_there_is_none(page: str) -> None:
    assert page.count("<video") == 1, "of the second clip a file is gone"
    assert page.count("data:video/mp4;base64,") == 1
    assert "No film:" in page


def test_pictures_have_words(page: str) -> None:
    svgs = re.findall(r"<svg[^>]*>", page)
    assert len(svgs) > 8
    assert all('role="img"' in svg and "aria-label=" in svg for svg in svgs)
    assert '<html lang="en">' in page
    assert page.count("<table>") == page.count("<thead>") and 'scope="col"' in page


def test_baselines_that_win_are_marked(tmp_path: Path) -> None:
    path = film(tmp_path / "x.mp4", (9, 9, 9))
    rows = [
        row("a", s, path, scores(g, 0.3)) for s, g in ((OUR_MODEL, 0.3), (REAL, 0.1), (SHUFFLED, 0.4), (STILL, 0.2))
    ]
    page = report_page(result(rows))
    names = re.findall(r"<tr class=\"\w+\"><th scope=\"row\">([^<]+)", page)[:5]
    assert names == ["Real footage", "Still photo", "Audio shuffled", "Our model", "Chance level"]
    assert re.search(r'0\.3 <span class="mark">!</span><small>beaten by still photo</small>', page)


def test_written_aside_and_not_over_another(made: Result, tmp_path: Path) -> None:
    out = tmp_path / "r.html"
    seen: list[tuple[int, int | None]] = []
    write_report(made, out, force=False, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 3), (2, 3), (3, 3)]
    with pytest.raises(OutputError, match="--force"):
        write_report(made, out, force=False)
    assert list(tmp_path.iterdir()) == [out]


def test_nothing_at_all_is_a_page_too() -> None:
    assert "Evaluation of 0 clips" in report_page(result([]))
    tree(report_page(result([row("bad", GENERATED, Path("b.mp4"), [], problem="no")])))


def test_groups_of_scores() -> None:
    assert split_key("sync.head.level2.offset") == ("sync.head", "level 2 offset")
    assert split_key("sync.lse_c") == ("sync", "lse c")
    assert split_key("blinks.rate") == ("life", "blinks rate")
    assert split_key("head.yaw_std") == ("head", "yaw std")
    assert split_key("sync") == ("sync", "sync")


def test_the_scale_runs_from_dark_to_bright() -> None:
    light = [sum(map(int, re.findall(r"\d+", colour(s)))) for s in np.linspace(0, 1, 30)]
    assert all(np.diff(light) > 0)
    assert colour(-1) == colour(0) and colour(2) == colour(1)


def test_the_best_offset_is_framed() -> None:
    level = {"lags": [-1, 0, 1], "cosine": [0.0, 0.2, 0.9], "best": 1}
    svg = sync_matrix({"0": level, "10": {**level, "cosine": [None, 0.1, 0.2]}}, "t<", 0.0, 1.0)
    cells = re.findall(r'<rect x="(\d+)" y="\d+" width="16"', svg)
    best = re.findall(r'class="best" x="(\d+)"', svg)
    assert int(best[0]) - 1 == int(cells[2])
    assert "t&lt;" in svg and svg.index("level 0") < svg.index("level 10")


def test_curves_of_a_long_clip_are_cut_and_thinned() -> None:
    t = np.arange(25 * 300) / 25
    line = {"t": t.tolist(), "yaw": t.tolist(), "pitch": [None] * t.size, "roll": t.tolist(), "lip_gap": t.tolist()}
    svg = curves({"gen": {**line, "loudness": t.tolist(), "speech": np.ones(t.size).tolist()}}, [], "x")
    assert len(svg) < 150_000
    assert "60 s" in svg and "65 s" not in svg


def test_bars_that_are_too_long_end_in_an_arrow() -> None:
    svg = relative_bars([("a", 1.0, 0.5, 9.0, "w"), ("b", 7.0, None, None, "w")], "x")
    assert svg.count("l6 5l-6 5") == 1


def browser() -> str | None:
    return next(
        (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
    )


@pytest.mark.skipif(browser() is None, reason="needs chromium on the PATH")
def test_a_browser_opens_it_offline_and_without_a_complaint(page: str, tmp_path: Path) -> None:
    file, picture = tmp_path / "r.html", tmp_path / "r.png"
    file.write_text(page.replace("<details>", "<details open>"), "utf-8")
    program = browser()
    assert program is not None
    options = [
        program, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
        f"--user-data-dir={tmp_path / 'profile'}", "--host-resolver-rules=MAP * ~NOTFOUND",
        "--enable-logging=stderr", "--window-size=1280,3000",
    ]  # fmt: skip
    done = subprocess.run(
        [*options, "--dump-dom", file.as_uri()], capture_output=True, text=True, check=False, timeout=120
    )
    assert "Evaluation of 3 clips" in done.stdout and "<video" in done.stdout
    complaints = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    assert complaints == []
    subprocess.run([*options, f"--screenshot={picture}", file.as_uri()], capture_output=True, check=False, timeout=120)
    pixels = np.asarray(Pil.open(picture).convert("RGB"))
    assert pixels.shape[:2] == (3000, 1280)
    assert pixels.std() > 20 and (pixels == pixels[0, 0]).all(2).mean() < 0.95, "something is drawn"
