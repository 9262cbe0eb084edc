"""`crmsync figures --export`: what the screen shows is in files, the same bytes for the same facts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from crmsync.sync.views import VIEWS


def files(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(directory.iterdir())}


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_the_same_facts_are_the_same_bytes(story: Any, tmp_path: Path, suffix: str) -> None:
    written = []
    for name in ("one", "two"):
        answer = story.desk.here("figures", "--export", str(tmp_path / name), "--format", suffix, "--from", "2025-01-01")
        assert answer.code == 0, answer.err
        assert answer.requests == ()
        written.append(files(tmp_path / name))
    assert written[0] == written[1]
    assert all(name.endswith((suffix, "sheets.json")) for name in written[0])


def test_a_file_holds_what_json_says(story: Any, tmp_path: Path) -> None:
    asked = ("figures", "chain", "--by", "month", "--split", "method", "--from", "2025-01-01")
    told = story.desk.here(*asked, "--json", "--export", str(tmp_path), "--format", "parquet").json
    assert set(files(tmp_path)) == {"chain.parquet", "sheets.json"}
    rows = pl.read_parquet(tmp_path / "chain.parquet").to_dicts()
    assert json.loads(json.dumps(rows, default=str)) == told["chain"]["rows"]
    index = json.loads((tmp_path / "sheets.json").read_text())
    assert [column["name"] for column in index["sheets"]["chain"]["columns"]] == list(rows[0])
    assert index["sheets"]["chain"]["missing"] == ["visits"]
    assert index["asked"]["split"] == ["method"]


def test_csv_says_the_same_as_parquet_and_opens_in_a_spreadsheet(story: Any, tmp_path: Path) -> None:
    for suffix in ("csv", "parquet"):
        story.desk.here("figures", "chain", "--by", "day", "--export", str(tmp_path), "--format", suffix)
    assert (tmp_path / "chain.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    columns = pl.read_parquet(tmp_path / "chain.parquet")
    assert pl.read_csv(tmp_path / "chain.csv", schema=columns.schema).equals(columns)


def test_without_a_view_every_view_is_exported(story: Any, tmp_path: Path) -> None:
    shown = story.desk.here("figures", "--export", str(tmp_path))
    index = json.loads((tmp_path / "sheets.json").read_text())
    assert {f"{sheet}.csv" for sheet in index["sheets"]} | {"sheets.json"} == set(files(tmp_path))
    assert len(index["sheets"]) >= len(VIEWS)
    assert all(name in shown.out for name in ("chain.csv", "sla.csv"))


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [(("--format", "xlsx"), 2, "'xlsx' is no format"), ((), 1, "cannot be written")],
)
def test_what_cannot_be_written_is_said(desk: Any, tmp_path: Path, words: tuple[str, ...], code: int, told: str) -> None:
    (tmp_path / "a file").write_text("")
    answer = desk.here("figures", "sla", "--export", str(tmp_path / "a file" / "below"), *words)
    assert (answer.code, told in answer.err) == (code, True), answer.err
