"""`RuleStore` as commits on a branch: written by git's plumbing, so that no working tree and no index is touched."""

import os
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from triage.errors import Refused
from triage.ports import RulesWritten

_SECONDS = 60.0
_AUTHOR = {
    "GIT_AUTHOR_NAME": "triage",
    "GIT_AUTHOR_EMAIL": "triage@localhost",
    "GIT_COMMITTER_NAME": "triage",
    "GIT_COMMITTER_EMAIL": "triage@localhost",
}


class RuleBranch:
    """Files below ``folder`` on ``branch`` of ``repository``; a branch that is not there is made from ``base``."""

    def __init__(
        self, repository: str | Path, branch: str, *, base: str = "main", folder: str = "", push: str | None = None
    ) -> None:
        self.repository = Path(repository)
        self.branch, self.base, self.folder, self.push = branch, base, folder, push

    def read(self, name: str) -> str:
        tip = self._tip()
        if not tip:
            return ""
        found = self._git("cat-file", "-p", f"{tip}:{self._place(name)}", missing=True)
        return found or ""

    def write(self, files: Mapping[str, str | None], message: str) -> RulesWritten:
        own = self._own()
        before = own or self._tip()
        if not before:
            raise Refused(
                f"{self.repository} has neither a branch '{self.branch}' nor '{self.base}'",
                hint="correct prevention.git.base in triage.yaml",
            )
        tree = self._tree(before, files)
        if tree == self._git("rev-parse", f"{before}^{{tree}}").strip() and own:
            return self._written(before, "nothing to commit")
        commit = self._git("commit-tree", tree, "-p", before, "-m", message, environment=_AUTHOR).strip()
        # The last argument makes git refuse where the branch has moved since it was read.
        self._git(
            "update-ref", "-m", "triage rules", f"refs/heads/{self.branch}", commit, own or "0" * 40, conflict=True
        )
        return self._written(commit, "committed")

    def holds(self, files: Mapping[str, str | None]) -> bool:
        return bool(self._own()) and all(self.read(name) == (text or "") for name, text in files.items())

    def check(self) -> str:
        if not self._tip():
            raise Refused(
                f"{self.repository} has neither a branch '{self.branch}' nor '{self.base}'",
                hint="correct prevention.git in triage.yaml",
            )
        return f"rules go to branch {self.branch} of {self.repository}"

    def _own(self) -> str:
        return (self._git("rev-parse", "--verify", "--quiet", f"refs/heads/{self.branch}", missing=True) or "").strip()

    def _tip(self) -> str:
        """The commit that the branch is at, or would begin at."""
        base = f"refs/heads/{self.base}"
        return self._own() or (self._git("rev-parse", "--verify", "--quiet", base, missing=True) or "").strip()

    def _place(self, name: str) -> str:
        if name.startswith("/") or ".." in name.split("/"):
            raise Refused(f"'{name}' is outside the rules folder", hint="please report it")
        return f"{self.folder}/{name}" if self.folder else name

    def _tree(self, commit: str, files: Mapping[str, str | None]) -> str:
        with tempfile.TemporaryDirectory(prefix="triage-git-") as folder:
            index = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
            self._git("read-tree", commit, environment=index)
            for name, text in files.items():
                place = self._place(name)
                if text is None:
                    self._git("update-index", "--force-remove", "--", place, environment=index)
                    continue
                blob = self._git("hash-object", "-w", "--stdin", given=text).strip()
                self._git("update-index", "--add", "--cacheinfo", f"100644,{blob},{place}", environment=index)
            return self._git("write-tree", environment=index).strip()

    def _written(self, commit: str, words: str) -> RulesWritten:
        if self.push:
            self._git("push", "--quiet", self.push, f"refs/heads/{self.branch}:refs/heads/{self.branch}", conflict=True)
            words += f", pushed to {self.push}"
        return RulesWritten(
            f"{self.branch}@{commit[:12]} of {self.repository}", None, f"{words}; CI takes it from there"
        )

    def _git(
        self,
        *arguments: str,
        given: str | None = None,
        environment: Mapping[str, str] | None = None,
        missing: bool = False,
        conflict: bool = False,
    ) -> str:
        """Git's words. With ``missing`` what it does not find is no words at all. Raises Refused."""
        command = ["git", "-C", str(self.repository), "-c", "core.hooksPath=/dev/null", *arguments]
        quiet = {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
        try:
            done = subprocess.run(
                command,
                input=given.encode() if given is not None else None,
                capture_output=True,
                timeout=_SECONDS,
                check=False,
                env={**os.environ, **quiet, **(environment or {})},
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Refused(f"git {arguments[0]} in {self.repository}: {error}", hint="is git installed?") from error
        if done.returncode == 0:
            return done.stdout.decode("utf-8", "replace")
        words = done.stderr.decode("utf-8", "replace").strip()[-300:]
        if missing and (not words or "does not exist" in words or "exists on disk" in words):
            return ""
        moved = f"somebody else moved '{self.branch}': look at it, merge or remove it, and apply again"
        hint = moved if conflict else "correct prevention.git in triage.yaml"
        raise Refused(f"git {arguments[0]} in {self.repository}: {words or f'exit {done.returncode}'}", hint=hint)
