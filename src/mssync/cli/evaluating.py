"""``evaluate``, ``compare``, ``bench-suite``: what is good, measured, and shown."""

from __future__ import annotations

from contextlib import ExitStack
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mssync.cli.console import extra, progress, quiet_natives, say, tell
from mssync.cli.options import DeviceOption, ForceOption, ModelOption, load_head

if TYPE_CHECKING:
    from mssync.evaluation.results.result import Result
    from mssync.face.tracking import FaceTracker

SOME_FAILED = 2
SHOWN_PROBLEMS = 20  # of videos that were skipped


class Suite(StrEnum):
    """How thoroughly an evaluation looks."""

    quick = "quick"
    full = "full"


SuiteOption = Annotated[
    Suite, typer.Option("--suite", help="full looks at every frame's pixels, quick at every fifth.")
]
WorkersOption = Annotated[int, typer.Option("--workers", metavar="N", min=1, help="Processes.")]
SyncNetOption = Annotated[
    Path | None, typer.Option("--syncnet", metavar="FILE", help="The published SyncNet weights, for LSE-C and LSE-D.")
]
PictureNetOption = Annotated[
    Path | None, typer.Option("--fid-net", metavar="FILE", help="ONNX file of Inception, for the FID.")
]
ClipNetOption = Annotated[
    Path | None, typer.Option("--fvd-net", metavar="FILE", help="ONNX file of I3D, for the FVD.")
]  # fmt: skip

AllOption = Annotated[bool, typer.Option("--all", help="Print all scores, not the verdict alone.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(evaluate)
    app.command()(compare)
    app.command("bench-suite")(bench_suite)


def evaluate(
    generated: Annotated[
        Path, typer.Argument(metavar="GENERATED", help="A video, a folder of videos, or a CSV file (generated,...).")
    ],
    *,
    reference: Annotated[
        Path | None, typer.Option("--reference", help="Real footage of the same words: a video, or a folder.")
    ] = None,
    audio: Annotated[
        Path | None, typer.Option("--audio", help="Sound instead of the videos' own: a file, or a folder.")
    ] = None,
    text: Annotated[
        str, typer.Option("--text", help="What is said: the words, a .txt file, or a folder of them.")
    ] = "",
    photo: Annotated[
        Path | None, typer.Option("--photo", help="The picture they were made from: a file, or a folder.")
    ] = None,
    suite: SuiteOption = Suite.quick,
    json: Annotated[Path | None, typer.Option("--json", metavar="R.json", help="Write all numbers.")] = None,
    report: Annotated[
        Path | None, typer.Option("--report", metavar="R.html", help="Write one HTML page with pictures and films.")
    ] = None,
    workers: WorkersOption = 1,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Of chance levels and intervals.")] = 0,
    syncnet: SyncNetOption = None,
    fid_net: PictureNetOption = None,
    fvd_net: ClipNetOption = None,
    everything: AllOption = False,
    force: ForceOption = False,
) -> None:
    """Score any talking-head video, whoever made it, beside real footage.

    The verdict comes first: sync, closures, silence, head and picture as better, like or worse than the reference.
    Everything is measured from pixels and sound. In **folders**, files of the same name before the ending belong
    together; one file may serve all. A **CSV file** has a line of column names, `generated` and any of `reference`,
    `audio`, `text`, `photo`; its paths count from its folder.

    A run that was stopped goes on where it was: finished videos are kept in R.json.parts until all went well. A bad
    file is reported and left out; the exit code is 2 when there was one.
    """
    from mssync.files import check_run, readable_file, ready_file, scratch_folder

    nets = (syncnet, fid_net, fvd_net)
    for target, ending in ((json, ".json"), (report, ".html")):
        if target is not None:
            _ending(target, ending)
            given = (generated, reference, audio, photo, *nets)
            ready_file(target, force=force, inputs=[p for p in given if p is not None])
    for net in nets:
        if net is not None:
            readable_file(net, "network")
    with extra("eval"):
        from mssync.evaluation.run.items import read_items
        from mssync.evaluation.run.runner import parts_folder

        if report is not None:
            import_module("mssync.evaluation.report.page")  # what it lacks is said before the work
        from mssync.evaluation.run.suite import Settings
    items = read_items(generated, reference, audio, text, photo)
    kept = json or report
    # What a folder or a CSV file names is read too.
    read = [p for item in items for p in (*item.videos.values(), item.reference, item.audio, item.photo)]
    made = (json, report, None if kept is None else parts_folder(kept))
    check_run([p for p in made if p is not None], [p for p in read if p is not None])
    settings = Settings(suite.value, seed, *nets)
    with ExitStack() as stack:
        parts = stack.enter_context(scratch_folder()) if kept is None else parts_folder(kept)
        result, failed = _run(items, settings, parts, workers)
        _write(result, json, report, everything, force)
    if failed:
        raise typer.Exit(SOME_FAILED)


def compare(
    videos: Annotated[list[str], typer.Argument(metavar="NAME=VIDEO ...", help="Videos and the names above them.")],
    *,
    out: Annotated[Path, typer.Option("--out", "-o", help="The film to make: .mp4 or .webm.")],
    audio: Annotated[
        Path | None, typer.Option("--audio", help="The sound. Default: that of the first video that has one.")
    ] = None,
    grid: Annotated[
        str | None, typer.Option("--grid", metavar="RxC", help="Rows and columns, for example 2x3.")
    ] = None,
    landmarks: Annotated[bool, typer.Option("--landmarks", help="Below each picture its 68 face points.")] = False,
    height: Annotated[int, typer.Option("--height", metavar="PX", help="Of one picture.")] = 360,
    force: ForceOption = False,
) -> None:
    """Show videos side by side, each under its name, with one sound.

    The film is as long as the longest video; shorter ones hold their last frame, the sound is cut or filled up.
    """
    from mssync.evaluation.report.compare import Panel, parse_grid
    from mssync.evaluation.report.compare import compare as run
    from mssync.media.targets import ready_video
    from mssync.timing import FPS

    panels = [Panel.parse(text) for text in videos]
    ready_video(out, force=force, inputs=[p.video for p in panels] + ([] if audio is None else [audio]))
    shape = parse_grid(grid, len(panels))
    tracker = _quiet_tracker() if landmarks else None
    with progress(out.name) as update:
        frames = run(panels, out, audio=audio, grid=shape, height=height, tracker=tracker, force=force, progress=update)
    tell(f"{out}: {len(panels)} videos in {shape[0]} x {shape[1]}, {frames / FPS:.2f} s")


def bench_suite(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="A folder with items.csv (photo,speech,real, perhaps text).")
    ],
    *,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder for videos, numbers and the page. Default: DIR/bench.")
    ] = None,
    clips: Annotated[
        Path | None, typer.Option("--clips", help="Real training videos for the nearest-motion baseline.")
    ] = None,
    suite: SuiteOption = Suite.quick,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Of the motion.")] = 0,
    size: Annotated[int, typer.Option("--size", metavar="PX", help="Longer side of the videos made.")] = 512,
    model: ModelOption = "default",
    device: DeviceOption = "cpu",
    workers: WorkersOption = 1,
    everything: AllOption = False,
    force: ForceOption = False,
) -> None:
    """Hold a model against real footage and against baselines that know nothing.

    Rows: *real*, *still photo*, *audio shuffled* (the motion of another speech), *lips only* (head still), *nearest
    training motion* and *our model*. A score on which the still photo or the shuffled audio beats the model is marked
    with `!`. A run that was stopped goes on where it was; `--force` begins anew.
    """
    with extra("eval"):
        import_module("mssync.evaluation.report.page")  # what it lacks is said before the work
        from mssync.evaluation.run.bench import Bench
        from mssync.evaluation.run.suite import Settings
    from mssync.files import ready_folder

    out = ready_folder(out or folder / "bench")
    bench = Bench.open(load_head(model, device), folder, out, clips=clips, seed=seed, size=size, force=force)
    for system, why in bench.not_made.items():
        say(f"Note: the baseline {system!r} cannot be made: {why}")
    with progress("videos") as update:
        for done, total, problem in bench.make_videos():
            update(done, total)
            if problem:
                say(f"Skipped: {problem}")
    result, failed = _run(bench.items(), Settings(suite.value), bench.parts, workers)
    result["config"] |= {f"not made: {system}": why for system, why in bench.not_made.items()}
    _write(result, out / "bench.json", out / "bench.html", everything, True)
    if failed or bench.problems:
        raise typer.Exit(SOME_FAILED)


def _run(items: list[Any], settings: Any, parts: Path, workers: int) -> tuple[Result, int]:
    """Evaluate under a progress bar; bad files are said at once. Returns the result and how many items had one."""
    from mssync.evaluation.run.runner import run

    failed = 0
    single = len(items) == 1
    tracker = _quiet_tracker() if workers == 1 else None
    with progress(items[0].name if single else "videos") as update:

        def done(count: int, total: int, rows: list[dict[str, Any]]) -> None:
            nonlocal failed
            bad = [row for row in rows if row["problem"]]
            failed += bool(bad)
            for row in bad if failed <= SHOWN_PROBLEMS else ():
                say(f"Skipped: {row['name']} ({row['system']}): {row['problem']}")
            if not single:
                update(count, total)

        watch = update if single else None
        result = run(items, settings, parts, workers=workers, tracker=tracker, done=done, frames=watch)
    if failed > SHOWN_PROBLEMS:
        say(f"Skipped: {failed - SHOWN_PROBLEMS} more; --json and --report name all.")
    return result, failed


def _write(result: Result, json: Path | None, report: Path | None, everything: bool, force: bool) -> None:
    """The table on the terminal, the numbers and the page as files."""
    from mssync.evaluation.report.tables import print_result
    from mssync.evaluation.results.result import write_json

    if json is not None:
        write_json(json, result, force=force)
    if report is not None:
        from mssync.evaluation.report.page import write_report

        with progress(report.name) as update:
            write_report(result, report, force=force, progress=update)
    print_result(result, everything=everything)
    for path in (json, report):
        if path is not None:
            tell(f"written: {path}")


def _quiet_tracker() -> FaceTracker:
    from mssync.face.tracking import FaceTracker

    with quiet_natives():
        return FaceTracker()


def _ending(path: Path, ending: str) -> None:
    from mssync.errors import InputError

    if path.suffix.lower() != ending:
        raise InputError(f"This file ends in {ending}, not {path.name!r}; choose another name.")
