"""What one look found."""

from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "failed", "warning", "skipped"]


@dataclass(frozen=True, slots=True)
class Check:
    """``what`` was looked at, how it is (``detail``), and what to do (``hint``) unless it is ``ok``."""

    what: str
    status: Status
    detail: str
    hint: str = ""


Finding = tuple[Status, str, str]
