"""What a report or a notice must not show."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from triage.catalog.fields import Name, Part
from triage.document import Wrong


def _expression(pattern: str) -> str:
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise Wrong(f"is no regular expression: {error}") from None
    if compiled.match(""):
        raise Wrong("matches nothing at all", "let it match at least one character")
    return pattern


class Redaction(Part):
    """Text that is replaced wherever it stands."""

    pattern: Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_expression)]
    """A regular expression."""
    by: str = "[redacted]"


class Reporting(Part):
    """What reports and notices leave out. Passwords in addresses, tokens and e-mail addresses are always left out."""

    redact: tuple[Redaction, ...] = ()
    hide_values_of: tuple[Name, ...] = ()
    """Features whose single values (the groups of a chart, a segment's name) are not shown."""
