"""Shapes that several rule files share."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from crmsync.config.document import FileModel
from crmsync.decisions.scoring import Title

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=60)]
"""What other files, columns and reports call a rule: it must never need quoting."""

Temperature = Annotated[str, Field(pattern="^(hot|warm|cold)$")]
Share = Annotated[float, Field(ge=0, le=1)]


class TitleFile(FileModel):
    """The name that people read, in both languages."""

    ja: str = Field(min_length=1)
    en: str = Field(min_length=1)

    def value(self) -> Title:
        """As the core knows it."""
        return Title(self.ja, self.en)
