"""A run goes on as it was begun: another recipe or other data are refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from mssync.errors import InputError
from mssync.training.config import GeneratorConfig, LossConfig
from mssync.training.data.index import Record, write_report
from mssync.training.data.listing import Entry
from mssync.training.resume import check_data, check_recipe, fingerprints

RUN = Path("runs") / "mine"
BEGUN = GeneratorConfig(lr=1e-3, roles={"a": 1.0}, loss=LossConfig(head=0.5))


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"lr": 2e-3}, r"lr 0\.001, not 0\.002"),
        ({"roles": {"a": 1.0, "b": 1.0}}, "roles"),
        ({"loss": LossConfig(head=0.6)}, r"loss\.head 0\.5, not 0\.6"),
        ({"init": "default"}, "init"),
        ({"seed": 1, "batch": 2, "carry": 0.1, "nudge": 0.1}, "and 1 more"),
    ],
)
def test_another_recipe_is_refused_by_name(changed: dict[str, object], says: str) -> None:
    with pytest.raises(InputError, match=says) as caught:
        check_recipe(RUN, BEGUN.model_dump(mode="json"), BEGUN.model_copy(update=changed))
    assert str(RUN) in str(caught.value) and "another folder" in str(caught.value)


def test_a_run_may_be_longer_and_saved_more_often() -> None:
    longer = {"steps": 9000, "save_every": 7, "dev_every": 3, "sample_every": 5, "patience": 2, "threads": 2}
    check_recipe(RUN, BEGUN.model_dump(), BEGUN.model_copy(update=longer))


def test_a_field_that_is_newer_than_the_run_had_its_default() -> None:
    old = BEGUN.model_dump(mode="json")
    del old["betas"], old["loss"]["face"]
    check_recipe(RUN, old, BEGUN)
    with pytest.raises(InputError, match="betas"):
        check_recipe(RUN, old, BEGUN.model_copy(update={"betas": (0.0, 0.99)}))


def test_a_run_of_an_older_version_had_other_names() -> None:
    old = BEGUN.model_dump(mode="json")
    for place, was, now in (
        (old, "settle", "burn_in"), (old, "memory", "gradient_scale"), (old, "families", "roles"),
        (old["net"], "leak", "decay"), (old["loss"], "head_speed", "head_velocity"),
    ):  # fmt: skip
        place[was] = place.pop(now)
    check_recipe(RUN, old, BEGUN)
    old["memory"] = 0.5
    with pytest.raises(InputError, match=r"gradient_scale 0\.5, not 0\.93"):
        check_recipe(RUN, old, BEGUN)


@pytest.mark.parametrize("before", [None, [], "x", {"lr": -1}, {"nothing": 1}])
def test_what_is_no_recipe_is_refused(before: object) -> None:
    with pytest.raises(InputError, match="no run of this kind"):
        check_recipe(RUN, before, BEGUN)


def test_other_clips_other_offsets_other_people_are_other_data(tmp_path: Path) -> None:
    def marks(
        content: bytes = b"x", offset: int | None = 0, speaker: str = "s", split: str = "train"
    ) -> dict[str, str]:
        (tmp_path / "a.npz").write_bytes(content)
        write_report(tmp_path, {"a": Record(offset=offset)})
        return fingerprints(tmp_path, [Entry("a", split, "f", speaker)])

    begun = marks()
    check_data(RUN, begun, marks())
    check_data(RUN, None, marks())
    for changed, says in (
        ({"content": b"y"}, "other clips"),
        ({"split": "dev"}, "other clips"),
        ({"offset": 2}, "other av-offsets"),
        ({"speaker": "t"}, "other roles and speakers"),
    ):
        with pytest.raises(InputError, match=says):
            check_data(RUN, begun, marks(**changed))  # type: ignore[arg-type]
