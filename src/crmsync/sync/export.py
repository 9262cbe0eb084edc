"""Sheets as files for whatever reads tables: one file for each, and `sheets.json` with what their columns hold and what is missing.

The same figures are the same bytes: nothing of the moment of writing is in them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import orjson
import polars as pl

from crmsync.errors import StopConnector
from crmsync.figures.sheet import Question, Sheet

INDEX = "sheets.json"


def export(sheets: Sequence[Sheet], question: Question, directory: Path, suffix: str) -> tuple[Path, ...]:
    """Write the sheets and their index into the directory, which is made where it is not there; files of these names are replaced
    whole. `suffix` is one of FORMATS. Raises StopConnector where nothing can be written there."""
    files = {f"{sheet.name}.{suffix}": FORMATS[suffix](sheet.rows) for sheet in sheets}
    files[INDEX] = orjson.dumps(_index(sheets, question), option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            half = directory / f".{name}.half"
            half.write_bytes(content)
            half.replace(directory / name)
    except OSError as error:
        raise StopConnector("figures.not_written", where=str(directory), detail=error.strerror or str(error)) from error
    return tuple(directory / name for name in files)


def _csv(rows: pl.DataFrame) -> bytes:
    """UTF-8 with a byte-order mark, or spreadsheets would take Japanese for something else; instants as ISO 8601 in UTC."""
    buffer = BytesIO()
    rows.write_csv(buffer, include_bom=True, datetime_format="%Y-%m-%dT%H:%M:%S%.6fZ", date_format="%Y-%m-%d")
    return buffer.getvalue()


def _parquet(rows: pl.DataFrame) -> bytes:
    buffer = BytesIO()
    rows.write_parquet(buffer, compression="zstd")
    return buffer.getvalue()


FORMATS: Mapping[str, Callable[[pl.DataFrame], bytes]] = {"csv": _csv, "parquet": _parquet}


def _index(sheets: Sequence[Sheet], question: Question) -> dict[str, Any]:
    """What was asked, and of each sheet its columns in order, what each holds, how many rows there are and what is missing."""
    asked = {"first": question.first, "last": question.last, "zone": question.zone.name, "by": question.by}
    told = {
        sheet.name: {
            "columns": [{"name": column.name, "kind": column.kind} for column in sheet.columns],
            "rows": sheet.rows.height,
            "missing": list(sheet.missing),
        }
        for sheet in sheets
    }
    return {"asked": {**asked, "split": list(question.split), "cohort": question.as_cohort}, "sheets": told}
