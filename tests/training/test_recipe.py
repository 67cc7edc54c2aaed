"""Recipes: what a file may hold, and what is said of one that holds something else."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mssync.errors import InputError
from mssync.training.config import GeneratorConfig, SyncerConfig
from mssync.training.recipe import load_config, shipped_recipes

ROOT = Path(__file__).resolve().parents[2]


def _load(tmp_path: Path, text: str | bytes) -> GeneratorConfig:
    path = tmp_path / "r.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_config(path, GeneratorConfig)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("steps: 10\nnet: {width: 2}\n", r"'net\.width' is wrong"),
        ("stepz: 10\n", "'stepz' is wrong"),
        ("a: [1\n", "YAML recipe"),
        ("steps: 2024-13-45\n", "'steps' is wrong"),
        ("name: 2024-13-45T99:99:99\nsteps: -1\n", "'steps' is wrong"),
        (f"steps: {'9' * 5000}\n", "YAML recipe"),
        (f"steps: {'9' * 4000}\n", "'steps' is wrong"),
        (f"seed: -0x{'f' * 5000}\n", "'seed' is wrong"),
        ("lr: 1e999\n", "'lr' is wrong"),
        ("loss: {velocity: .inf}\n", r"'loss\.velocity' is wrong"),
        ("nudge: .nan\n", "'nudge' is wrong"),
        ("roles: {a: .nan}\n", r"'roles\.a' is wrong"),
        ("roles: {a: -1}\n", r"'roles\.a' is wrong"),
        ("batch: 1000000000\n", "'batch' is wrong"),
        ("a: &a [*a]\n", "aliases"),
        ("a: &a {<<: *a}\n", "aliases"),
        ("a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n", "aliases"),
        ("a: " + "[" * 2000 + "]" * 2000, "nested too deeply"),
        ("a:\n" + "".join(" " * n + "a:\n" for n in range(1, 400)), "nested too deeply"),
        ("steps: 10\nsteps: 20\n", "line 2: 'steps' is named twice"),
        ("net: {width: 16, width: 32}\n", "'width' is named twice"),
        ("steps:\t10\n\tbatch: 2\n", "YAML recipe"),
        ("steps: !!python/object/apply:os.system ['true']\n", "YAML recipe"),
        ("steps: !!int ''\n", "YAML recipe"),
        ("mirror: !!bool perhaps\n", "YAML recipe"),
        ("name: !!timestamp 2024-99-99\n", "YAML recipe"),
        ("? [1]\n: 2\n", "YAML recipe"),
        ("- steps\n", "no lines like `steps: 400`"),
        ("steps\n", "no lines like `steps: 400`"),
        ("steps: 10\n---\nsteps: 20\n", "YAML recipe"),
        (b"\x00\x01\x02\xff\xfe", "YAML recipe"),
        (b"name: \xe9t\xe9\n", "UTF-8"),
        (b"name: " + b"x" * 2**20 + b"\n", "megabyte"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "YAML recipe"),
        ("frames: 32\nwarm_min: 20\n", "warm_min must be at most"),
        ("frames: 16\nburn_in: 12\n", "burn_in must be at most"),
        ("settle: 4\nburn_in: 4\n", "settle is the older name of burn_in"),
        ("loss: {synchrony: {nose: 1}}\n", r"'loss\.synchrony\.nose"),
    ],
)  # fmt: skip
def test_what_is_no_recipe_is_one_sentence(tmp_path: Path, text: str | bytes, says: str) -> None:
    with pytest.raises(InputError, match=says) as error:
        _load(tmp_path, text)
    assert len(str(error.value)) < 600 and "\n" not in str(error.value)


def test_recipes_of_every_editor_are_read(tmp_path: Path) -> None:
    text = "steps: 10  # few\nrelease: 0.3\nlr: 8e-4\nskip_speakers: [12, anna]\n"
    for data in (text.encode(), text.encode("utf-16"), text.encode("utf-8-sig"), text.replace("\n", "\r\n").encode()):
        recipe = _load(tmp_path, data)
        assert (recipe.steps, recipe.release, recipe.lr, recipe.skip_speakers) == (10, "0.3", 8e-4, ["12", "anna"])
    assert _load(tmp_path, "# nothing\n") == GeneratorConfig()


def test_recipes_of_older_versions_are_read(tmp_path: Path) -> None:
    text = "settle: 3\nmemory: 0.5\nnet: {leak: 7}\nloss: {head_speed: 0.1, mouth_speed: 0.2}\n"
    recipe = _load(tmp_path, text)
    assert (recipe.burn_in, recipe.gradient_scale, recipe.net.decay) == (3, 0.5, 7)
    assert (recipe.loss.head_velocity, recipe.loss.mouth_velocity) == (0.1, 0.2)
    old = {"ear": "mel", "families": {"a": 1}, "families_of": {"head": {"a": 2}}}
    syncer = SyncerConfig.model_validate(old)
    assert (syncer.features, syncer.roles, syncer.roles_of) == ("mel", {"a": 1}, {"head": {"a": 2}})
    old = {"families": {"a": 1}, "memory": 0.5, "net": {"leak": 7}, "loss": {"head_speed": 0.1}}
    assert GeneratorConfig.renamed(old) == {
        "roles": {"a": 1}, "gradient_scale": 0.5, "net": {"decay": 7}, "loss": {"head_velocity": 0.1},
    }  # fmt: skip


def test_names_in_recipes_are_bounded_and_clean(tmp_path: Path) -> None:
    assert "\u202e" not in _load(tmp_path, 'name: "a\\u202eb\\e[31m"\n').name
    with pytest.raises(InputError, match="'name' is wrong"):
        _load(tmp_path, f"name: {'x' * 100}\n")


def test_matched_windows_need_a_view_that_shows_the_lips(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_text("matched: 0.5\nviews: [lips, yaw]\n")
    with pytest.raises(InputError, match="views that show the lips"):
        load_config(path, SyncerConfig)
    path.write_text("matched: 0.5\nviews: [lips]\n")
    assert load_config(path, SyncerConfig).matched == 0.5


def test_a_missing_recipe_or_a_folder_is_named(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.yaml", Path("a\0b")):
        with pytest.raises(InputError, match="recipe"):
            load_config(path, GeneratorConfig)


def test_closure_steps_follow_the_run(tmp_path: Path) -> None:
    assert [GeneratorConfig().closure.steps_of(n) for n in (1, 12, 1200, 10**6)] == [1, 15, 1500, 1500]
    assert _load(tmp_path, "closure: {steps: 7}\n").closure.steps_of(1200) == 7


def test_shipped_recipes_go_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert {"default", "judge", "judge-axes", "judge-content", "own", "syncer"} <= set(shipped_recipes())
    assert load_config("default", GeneratorConfig).release == "0.3"
    assert load_config("judge", SyncerConfig).features == "mel"
    assert load_config("syncer", SyncerConfig).features == "bands"
    assert (
        load_config("judge-axes", SyncerConfig).features == load_config("judge-content", SyncerConfig).features == "mel"
    )
    with pytest.raises(InputError, match="no recipe defaul; use one of default, judge, "):
        load_config("defaul", GeneratorConfig)
    # A bare name is the shipped recipe even beside a folder of that name; a path is always the file.
    (tmp_path / "default").mkdir()
    (tmp_path / "default.yaml").write_text("steps: 10\n")
    monkeypatch.chdir(tmp_path)
    assert load_config("default", GeneratorConfig).steps == 600
    assert load_config("default.yaml", GeneratorConfig).steps == 10


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_mutated_recipes_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from([GeneratorConfig, SyncerConfig]))
    source = "steps: 4\nname: a\nlr: 1.0e-3\nroles: {a: 0.5, b: 0.5}\nseed: 3\nmirror: true\nskip_speakers: [a, b]\n"
    words = ["!!", "&a ", "*a", "[", "{", "'", "\n", "\t", ": ", "9" * 40, ".nan", "0b", "1_0", "\ud7ff", "~", "? "]
    raw = bytearray(source.encode())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw)))
        raw[at : at + data.draw(st.integers(0, 6))] = data.draw(
            st.one_of(st.sampled_from(words).map(str.encode), st.binary(max_size=4))
        )
    path = tmp_path_factory.mktemp("recipes") / "r.yaml"
    path.write_bytes(raw)
    try:
        load_config(path, kind)
    except InputError as error:
        assert str(path) in str(error)
