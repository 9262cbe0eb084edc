"""figures.yaml and its tables: what is read, and what is said of everything that is wrong."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmsync.config.figures import VisitRow, load_inputs
from crmsync.config.rows import read_rows
from crmsync.errors import FixConfig, Problem
from crmsync.figures.inputs import Inputs
from crmsync.messages import LANGUAGES, say

FILE = "inputs: {visits: visits.csv, spend: spend.csv}\n"


def _load(directory: Path, **files: str) -> Inputs:
    """Files by name, `_` for the dot."""
    for name, text in files.items():
        (directory / name.replace("_", ".")).write_text(text, encoding="utf-8")
    return load_inputs(directory / "figures.yaml")


def _problems(directory: Path, **files: str) -> list[Problem]:
    with pytest.raises(FixConfig) as wrong:
        _load(directory, **files)
    for problem in wrong.value.problems:
        assert all(say(problem.code, language, **problem.params) for language in LANGUAGES)
    return list(wrong.value.problems)


def _places(problems: list[Problem]) -> list[tuple[str, int, int, str]]:
    return [(p.file, p.line, p.column, p.code) for p in problems]


def test_without_the_file_nobody_gave_anything(tmp_path: Path) -> None:
    assert load_inputs(tmp_path / "figures.yaml") == Inputs()


def test_days_and_months_are_read_as_the_days_that_they_stand_for(tmp_path: Path) -> None:
    found = _load(
        tmp_path,
        figures_yaml=FILE,
        visits_csv="day,source,method,visitors\n2026-05-01,inbound,seo,120\n2026/5/2,,web_ad,80\n",
        spend_csv="month,campaign,amount\n2026-02,Spring fair,280000\n",
    )
    assert found.visits is not None
    assert found.spend is not None
    assert found.visits.rows() == [
        (date(2026, 5, 1), date(2026, 5, 1), "inbound", "seo", None, 120.0),
        (date(2026, 5, 2), date(2026, 5, 2), None, "web_ad", None, 80.0),
    ]
    assert found.spend.rows() == [(date(2026, 2, 1), date(2026, 2, 28), None, None, "Spring fair", 280000.0)]
    assert found.headcounts is None


def test_yaml_says_the_same_as_csv(tmp_path: Path) -> None:
    by_hand = "rows:\n  - {day: 2026-05-01, method: seo, visitors: 120}\n"
    exported = "day,method,visitors\n2026-05-01,seo,120\n"
    frames = [
        _load(tmp_path, figures_yaml="inputs: {visits: visits.yaml}\n", visits_yaml=by_hand).visits,
        _load(tmp_path, figures_yaml="inputs: {visits: visits.csv}\n", visits_csv=exported).visits,
    ]
    assert frames[0] is not None
    assert frames[0].equals(frames[1])


@pytest.mark.parametrize(
    "text",
    [
        "\ufeffday,visitors\r\n2026-05-01,1200\r\n",
        "day;visitors\n2026-05-01;1200\n",
        "day\tvisitors\n2026/5/1\t1,200\n",
        'day,visitors\n2026-05-01,"1,200"\n',
        "visitors,day\n１２００,2026-05-01\n\n",
    ],
)
def test_what_spreadsheets_write_is_read(tmp_path: Path, text: str) -> None:
    found = _load(tmp_path, figures_yaml="inputs: {visits: visits.csv}\n", visits_csv=text).visits
    assert found is not None
    assert found["value"].to_list() == [1200.0]


def test_money_is_read_as_spreadsheets_print_it(tmp_path: Path) -> None:
    found = _load(
        tmp_path,
        figures_yaml="inputs: {spend: spend.csv}\n",
        spend_csv='day,method,amount\n2026-05-01,seo,"￥1,500"\n2026-05-02,seo,"2,000円"\n',
    ).spend
    assert found is not None
    assert found["value"].to_list() == [1500.0, 2000.0]


def test_a_quoted_cell_may_hold_anything(tmp_path: Path) -> None:
    text = 'day,campaign,visitors\n2026-05-01,"Tokyo, ""spring""\nfair",3\n2026-05-02,b,4\n'
    found = _load(tmp_path, figures_yaml="inputs: {visits: visits.csv}\n", visits_csv=text).visits
    assert found is not None
    assert found["campaign"].to_list() == ['Tokyo, "spring"\nfair', "b"]


def test_every_problem_of_every_file_is_said_where_it_stands(tmp_path: Path) -> None:
    problems = _problems(
        tmp_path,
        figures_yaml=FILE,
        visits_csv="day,visitors\n2026-05-01,many\n2026-13-01,5\n2026-05-02,-1\n",
        spend_csv="day,month,method,amount\n2026-05-01,2026-05,seo,5\n,2026-14,seo,5\n,,,6\n",
    )
    assert sorted(_places(problems)) == [
        ("spend.csv", 2, 1, "config.one_time"),
        ("spend.csv", 3, 2, "rules.no_month"),
        ("spend.csv", 4, 1, "config.of_nothing"),
        ("spend.csv", 4, 1, "config.one_time"),
        ("visits.csv", 2, 12, "config.wrong_value"),
        ("visits.csv", 3, 1, "config.wrong_value"),
        ("visits.csv", 4, 12, "config.wrong_value"),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("day,visiters\n", [(1, 5, "config.unknown_key"), (1, 1, "config.missing_key")]),
        ("day,visitors,day\n", [(1, 14, "rules.duplicate")]),
        ("", [(1, 1, "config.no_header")]),
        ("day,visitors\n2026-05-01,1,200\n", [(2, 14, "config.too_many_cells")]),
        ('day,visitors\n2026-05-01,"12\n', [(2, 12, "config.open_quote")]),
    ],
)
def test_a_table_that_is_none_is_said_once(tmp_path: Path, text: str, expected: list[tuple[int, int, str]]) -> None:
    problems = _problems(tmp_path, figures_yaml="inputs: {visits: visits.csv}\n", visits_csv=text)
    assert sorted((p.line, p.column, p.code) for p in problems) == sorted(expected)


def test_the_nearest_name_is_told(tmp_path: Path) -> None:
    found = {
        p.code: p.params for p in _problems(tmp_path, figures_yaml="inputs: {visits: visits.csv}\n", visits_csv="day,visiters\n")
    }
    assert found["config.unknown_key"] == {"key": "visiters", "nearest": "visitors"}


@pytest.mark.parametrize(
    ("name", "code"), [("gone.csv", "config.file_missing"), ("visits.xlsx", "config.no_table"), ("latin.csv", "config.not_utf8")]
)
def test_a_table_that_cannot_be_read_is_named(tmp_path: Path, name: str, code: str) -> None:
    (tmp_path / "latin.csv").write_bytes("日,訪問者".encode("cp932"))
    [problem] = _problems(tmp_path, figures_yaml=f"inputs: {{visits: {name}}}\n")
    assert (problem.file, problem.code) == (name, code)


CELLS = st.text(st.sampled_from('ab,";\n 1'), max_size=6).map(str.strip)


@settings(deadline=None, max_examples=40)
@given(st.lists(CELLS, min_size=1, max_size=5))
def test_what_is_quoted_comes_back_as_it_was(tmp_path_factory: pytest.TempPathFactory, cells: list[str]) -> None:
    path = tmp_path_factory.mktemp("csv") / "visits.csv"
    quoted = ['"' + cell.replace('"', '""') + '"' for cell in cells]
    path.write_text("visitors,campaign\n" + "".join(f"1,{cell}\n" for cell in quoted), encoding="utf-8")
    read = [row.get("campaign", "") for row in read_rows(path, VisitRow, "visits.csv").data["rows"]]
    assert read == cells
