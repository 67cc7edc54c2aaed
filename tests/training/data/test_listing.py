"""Lists of clips: what spreadsheets and strangers write, and what is done without one."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mssync.errors import InputError
from mssync.training.data.listing import (
    ACTED,
    NATURAL,
    OWN,
    Entry,
    natural,
    own_list,
    read_list,
    role_weights,
    save_list,
)

HEAD = "path,split,family,speaker\n"
GOOD = HEAD + "a/one.mp4,train,f,anna\na/two.mp4,dev,f,anna\n"
WANT = [Entry("a/one", "train", "f", "anna"), Entry("a/two", "dev", "f", "anna")]


def _read(tmp_path: Path, data: str | bytes, names: set[str] = set()) -> list[Entry]:  # noqa: B006
    path = tmp_path / "clips.csv"
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return read_list(path, names)


@pytest.mark.parametrize(
    "data",
    [
        GOOD.encode(),
        GOOD.encode("utf-8-sig"),
        GOOD.encode("utf-16"),
        GOOD.replace(",", ";").encode(),
        ("sep=;\n" + GOOD.replace(",", ";")).encode(),
        GOOD.replace(",", "\t").replace("\n", "\r\n").encode(),
        GOOD.replace("a/one", "a\\one").replace("train", " Train ").encode(),
        GOOD.replace("path,split", "Path,Split").replace("\na", "\n\n,,,\na").encode(),
        ("note," + GOOD.replace("\na", "\n,a")).encode(),
    ],
)
def test_lists_of_every_spreadsheet_are_read(tmp_path: Path, data: bytes) -> None:
    assert _read(tmp_path, data) == WANT


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ("path,split,family\na,train,f\n", "first line must name the columns"),
        ("", "is empty"),
        ("\n\n", "first line must name the columns"),
        (HEAD, "names no clip"),
        (HEAD + "a,train,f\n", "Line 2 .* no usable speaker"),
        (HEAD + ",train,f,s\n", "no usable path"),
        (HEAD + "a,,f,s\n", "no usable split"),
        (HEAD + "/etc/passwd,train,f,s\n", "from the folder of the videos"),
        (HEAD + "../a,train,f,s\n", "from the folder of the videos"),
        (HEAD + "b/..\\..\\a,train,f,s\n", "from the folder of the videos"),
        (HEAD + "C:\\a,train,f,s\n", "from the folder of the videos"),
        (HEAD + ".,train,f,s\n", "from the folder of the videos"),
        (HEAD + "a.mp4,train,f,s\nb,train,f,s\na.mp4,dev,f,s\n", "Line 4 .* a second time .*line 2"),
        (HEAD + "a\0b,train,f,s\n", "no usable path"),
        (HEAD + "a,train,f\u202e,s\n", "no usable family"),
        (HEAD + "a" * 2000 + ",train,f,s\n", "no usable path"),
        (HEAD + '"a,train,f,s\n', "Line 2 .* cannot be read as CSV|no usable"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\xff" * 9, "first line must name the columns"),
        (HEAD + "a,train,f," + "s" * 200_000 + "\n", "cannot be read as CSV|no usable speaker"),
    ],
)  # fmt: skip
def test_what_is_no_list_is_one_sentence(tmp_path: Path, data: str | bytes, says: str) -> None:
    with pytest.raises(InputError, match=says) as error:
        _read(tmp_path, data)
    assert len(str(error.value)) < 500 and "\n" not in str(error.value)


def test_a_path_may_name_the_ending_where_two_videos_differ_in_it_only(tmp_path: Path) -> None:
    text = HEAD + "a.mov,train,f,s\na.mp4,train,f,s\nb.mp4,dev,f,s\n"
    assert [e.name for e in _read(tmp_path, text, {"a.mov", "a.mp4", "b"})] == ["a.mov", "a.mp4", "b"]


def test_lines_that_are_not_used_are_told(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="1 of 2 lines .* name no preprocessed clip: a/two"):
        _read(tmp_path, GOOD, {"a/one"})
    with pytest.warns(UserWarning, match="split test are left out"):
        _read(tmp_path, GOOD.replace("dev", "test"))


def test_without_a_list_a_tenth_is_kept_aside() -> None:
    alone = own_list(["talk"])
    assert alone == [Entry("talk", "train", OWN, "talk")]
    for names in (["a", "b"], [f"c{i}" for i in range(40)], [f"anna/{i}" for i in range(20)]):
        made = own_list(names)
        dev = [e for e in made if e.split == "dev"]
        assert len(made) == len(names) and len(dev) == max(1, round(len(names) / 10))
        assert made == own_list(reversed(names))
    people = own_list([f"p{i}/day{i % 2}/{k}" for i in range(10) for k in range(4 + i)])
    aside = {e.speaker for e in people if e.split == "dev"}
    # Whole people, and few of them.
    assert 1 <= len(aside) <= 3 and aside.isdisjoint(e.speaker for e in people if e.split == "train")


def test_a_list_that_was_made_is_read_back(tmp_path: Path) -> None:
    entries = own_list(['odd, "name"/x', "b/y", "ü;|/z"])
    save_list(tmp_path / "l.csv", entries)
    assert read_list(tmp_path / "l.csv", {e.name for e in entries}) == entries


def test_roles_without_weights_weigh_alike_and_missing_ones_are_named() -> None:
    assert role_weights({}, ["a", "b"]) == {"a": 0.5, "b": 0.5}
    assert role_weights({"a": 3, "b": 1, "x": 9}, ["b", "a"]) == {"a": 0.75, "b": 0.25}
    with pytest.warns(UserWarning, match="no weight: b"):
        assert role_weights({"a": 1}, ["a", "b"]) == {"a": 1.0}
    with pytest.raises(
        InputError, match=r"names read, the clips' roles .* are own, pets\. Write `roles: {own: 1, pets: 1}`"
    ):
        role_weights({"read": 1}, ["own", "pets"])


def test_a_list_may_have_roles_and_families_stand_in_for_them(tmp_path: Path) -> None:
    assert [e.role for e in _read(tmp_path, HEAD + "a,train,f,s\nb,dev,g,s\n")] == ["f", "g"]
    head = "role,path,split,family,speaker\n"
    found = _read(tmp_path, head + "Natural,a,train,f,s\nacted,b,dev,f,t\n")
    assert [(e.family, e.role) for e in found] == [("f", NATURAL), ("f", ACTED)]
    with pytest.raises(InputError, match=r"Line 3 .* has no usable role"):
        _read(tmp_path, head + "natural,a,train,f,s\n,b,dev,f,t\n")


def test_natural_people_are_those_of_the_role_or_all() -> None:
    entries = [Entry(str(i), "train", "f", "s", role) for i, role in enumerate((NATURAL, "read", NATURAL))]
    assert natural(entries, lambda e: e) == [entries[0], entries[2]]
    own = [Entry("a", "train", "own", "s"), Entry("b", "train", "own", "s")]
    assert natural(own, lambda e: e) == own
    with pytest.warns(UserWarning, match=r"No clip has the role natural \(there are g, read\)"):
        assert len(natural([Entry("a", "train", "g", "s"), entries[1]], lambda e: e)) == 2


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_mutated_lists_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    raw = bytearray(GOOD.encode(data.draw(st.sampled_from(["utf-8", "utf-16"]))))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw)))
        raw[at : at + data.draw(st.integers(0, 6))] = data.draw(
            st.one_of(
                st.sampled_from([b'"', b"..", b"/", b"\0", b"\r", b",,", b";", "\u2028".encode()]),
                st.binary(max_size=4),
            )
        )
    path = tmp_path_factory.mktemp("lists") / "l.csv"
    path.write_bytes(raw)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = read_list(path, {"a/one"})
        except InputError as error:
            assert str(path) in str(error)
        else:
            assert all(e.name and not Path(e.name).is_absolute() and ".." not in e.name.split("/") for e in found)
