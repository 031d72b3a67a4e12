"""What MLflow and its stores raise, as errors of ours that say what to do."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from triage.errors import NotFound, Refused, SourceUnavailable, TriageError


def shown(uri: str) -> str:
    """``uri`` without a password."""
    return re.sub(r"(//[^/:@]*):[^/@]*@", r"\1:…@", uri)


@contextmanager
def explained(uri: str, doing: str) -> Iterator[None]:
    """Errors while ``doing`` something at the registry, as NotFound, Refused or SourceUnavailable."""
    from mlflow.exceptions import MlflowException

    where = f"the registry at {shown(uri)}"
    try:
        yield
    except TriageError:
        raise
    except MlflowException as error:
        code, reason = str(error.error_code), _first_line(str(error.message))
        if code in ("RESOURCE_DOES_NOT_EXIST", "NOT_FOUND"):
            raise NotFound(f"{doing}: {reason}", hint="'triage doctor' shows what the registry has") from error
        if code in ("PERMISSION_DENIED", "403") or " 403" in reason:
            raise Refused(
                f"{where} does not permit {doing}", hint="ask for the permission, or use another user"
            ) from error
        if "readonly" in str(error.message).replace("-", ""):
            raise Refused(
                f"{where} is read-only: {doing} is not possible", hint="make the database writable"
            ) from error
        if code in ("UNAUTHENTICATED", "CUSTOMER_UNAUTHORIZED") or " 401" in reason:
            raise SourceUnavailable(f"{where} does not know us", hint="check registry.auth in the catalogue") from error
        raise SourceUnavailable(f"{where} failed at {doing}: {reason}", hint=_hint(uri, str(error))) from error
    except Exception as error:  # stores raise what their drivers raise
        if "readonly" in str(error).replace("-", "") or isinstance(error, PermissionError):
            raise Refused(
                f"{where} is read-only: {doing} is not possible", hint="make it writable for this user"
            ) from error
        raise SourceUnavailable(
            f"{where} failed at {doing}: {_first_line(str(error)) or type(error).__name__}", hint=_hint(uri, str(error))
        ) from error


def _hint(uri: str, message: str) -> str:
    if "schema" in message and "upgrade" in message:
        return f"back the database up, then run: mlflow db upgrade {shown(uri)}"
    if uri.startswith("http"):
        return "check that the server runs, and registry.uri in the catalogue"
    return "check registry.uri in the catalogue"


def _first_line(text: str) -> str:
    return re.sub(r"(//[^/:@\s]*):[^/@\s]*@", r"\1:…@", (text.strip().splitlines() or [""])[0])[:300]
