"""Which clips a training command takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from mssync.errors import InputError
from mssync.training.data.index import Record, write_report
from mssync.training.prepare import chosen_clips


def test_acted_clips_and_skipped_speakers_teach_nothing_but_the_space(tmp_path: Path) -> None:
    write_report(tmp_path, {name: Record() for name in "abc"})
    listing = tmp_path / "l.csv"
    listing.write_text("path,split,family,speaker,role\na,train,f,s,natural\nb,train,f,t,acted\nc,dev,f,u,read\n")
    assert [e.name for e in chosen_clips(tmp_path, listing, None)] == ["a", "c"]
    assert [e.name for e in chosen_clips(tmp_path, listing, None, acted=True)] == ["a", "b", "c"]
    assert [e.name for e in chosen_clips(tmp_path, listing, None, ["s"])] == ["c"]
    with pytest.raises(InputError, match="no preprocessed clips"):
        chosen_clips(tmp_path / "none", listing, None)
