"""The short form of bench/crash.py: twenty-five deaths, one call in ten going wrong, and the same end as in peace."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

CRASH = Path(__file__).resolve().parents[2] / "bench" / "crash.py"


def test_killed_twenty_five_times_nothing_is_lost_and_nothing_is_done_twice() -> None:
    played = subprocess.run([sys.executable, str(CRASH), "--quick"], capture_output=True, text=True, check=False)
    assert played.returncode == 0, played.stdout + played.stderr
