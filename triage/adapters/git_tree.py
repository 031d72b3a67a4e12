"""One file in a git work tree, committed (and pushed) whole: never on top of somebody's unfinished work."""

import hashlib
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from triage.errors import NotFound, Refused, SourceUnavailable
from triage.plain import one_line, visible

_PENDING = "triage-pending"


class GitTree:
    """``file`` on ``branch`` of the work tree at ``folder``; commits go to ``remote``, where one is named."""

    def __init__(self, folder: Path, file: str, branch: str, remote: str, timeout_seconds: float) -> None:
        self._folder, self._file, self._branch, self._remote = folder, file, branch, remote
        self._seconds = timeout_seconds

    def committed(self) -> str:
        """The file as it is committed. Raises NotFound, SourceUnavailable."""
        self._head()
        found = self._run("show", f"HEAD:{self._file}", fine=(0, 128))
        if found.returncode:
            raise NotFound(
                f"there is no {self._file} on branch '{self._branch}' of {self._folder}",
                hint="correct router.file in the catalogue, or roll out the first version",
            )
        return found.stdout

    def begin(self) -> None:
        """Make sure that a commit would hold nothing but the file, on top of what the remote has.

        What a killed commit of ours left in the work tree is taken back. Raises Refused, SourceUnavailable.
        """
        self._head()
        self._take_back()
        dirty = [line[3:] for line in self._run("status", "--porcelain", "--untracked-files=no").stdout.splitlines()]
        if dirty:
            names = visible(", ".join(dirty[:5]) + (", …" if len(dirty) > 5 else ""), 300)
            raise Refused(
                f"the git work tree {self._folder} has changes that are not committed: {names}",
                hint="commit or stash them, then resume; triage commits nothing that is not its own",
            )
        if self._remote:
            self._run("fetch", "--quiet", self._remote, self._branch)
            if self._run("merge", "--quiet", "--ff-only", "FETCH_HEAD", fine=(0, 1, 128)).returncode:
                raise Refused(
                    f"branch '{self._branch}' of {self._folder} and {self._remote} have gone different ways",
                    hint=f"git -C {self._folder} pull --rebase {self._remote} {self._branch}, then resume",
                )

    def commit(self, body: str, message: str) -> None:
        """Commit the file as ``body`` and push it; nothing where it is that already. `begin` comes first.

        Raises SourceUnavailable: then the commit is taken back, unless it was pushed.
        """
        path = self._folder / self._file
        before = self._run("rev-parse", "HEAD").stdout.strip()
        if self._run("show", f"HEAD:{self._file}", fine=(0, 128)).stdout != body:
            self._write(path, body)
            self._run("add", "--", self._file)
            self._run("commit", "--quiet", "--no-verify", "-m", message, "--", self._file)
            (self._git_folder() / _PENDING).unlink(missing_ok=True)
        if self._remote:
            try:
                self._run("push", "--quiet", self._remote, f"HEAD:refs/heads/{self._branch}")
            except SourceUnavailable:
                self._run("reset", "--quiet", "--keep", before)
                raise

    def check(self) -> str:
        """Raises Refused, SourceUnavailable."""
        head = self._head()
        return f"{self._folder} on '{self._branch}' at {head[:12]}"

    def _head(self) -> str:
        """The commit that is checked out. Raises Refused where it is not the branch's."""
        top = self._run("rev-parse", "--show-toplevel", fine=(0, 128))
        if top.returncode or Path(top.stdout.strip()).resolve() != self._folder.resolve():
            raise Refused(
                f"{self._folder} is not the top of a git work tree", hint="correct router.repository in the catalogue"
            )
        here = self._run("symbolic-ref", "--quiet", "--short", "HEAD", fine=(0, 1)).stdout.strip()
        if here != self._branch:
            raise Refused(
                f"{self._folder} has '{here or 'no branch'}' checked out, not '{self._branch}'",
                hint=f"git -C {self._folder} switch {self._branch}",
            )
        return self._run("rev-parse", "--quiet", "--verify", "HEAD", fine=(0, 1)).stdout.strip()

    def _write(self, path: Path, body: str) -> None:
        draft = self._git_folder() / "triage-draft"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            (self._git_folder() / _PENDING).write_text(_digest(body.encode()), encoding="utf-8")
            with draft.open("w", encoding="utf-8") as file:
                file.write(body)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        except OSError as error:
            raise SourceUnavailable(
                f"{path} can't be written: {error.strerror}",
                hint="make the work tree writable, or room on its disk; nothing was committed",
            ) from error

    def _take_back(self) -> None:
        pending, path = self._git_folder() / _PENDING, self._folder / self._file
        if not pending.exists():
            return
        ours = path.exists() and pending.read_text(encoding="utf-8") == _digest(path.read_bytes())
        if ours and self._run("checkout", "--quiet", "HEAD", "--", self._file, fine=(0, 1, 128)).returncode:
            self._run("rm", "--quiet", "--force", "--cached", "--ignore-unmatch", "--", self._file)
            path.unlink()
        pending.unlink()

    def _git_folder(self) -> Path:
        return self._folder / self._run("rev-parse", "--git-dir").stdout.strip()

    def _run(self, *arguments: str, fine: Sequence[int] = (0,)) -> "subprocess.CompletedProcess[str]":
        quiet = {"GIT_TERMINAL_PROMPT": "0", "GIT_EDITOR": "true", "LC_ALL": "C"}
        named = {"GIT_AUTHOR_NAME": "triage", "GIT_COMMITTER_NAME": "triage"}
        address = {"GIT_AUTHOR_EMAIL": "triage@localhost", "GIT_COMMITTER_EMAIL": "triage@localhost"}
        try:
            done = subprocess.run(
                ["git", "-C", str(self._folder), *arguments],
                capture_output=True,
                text=True,
                errors="replace",
                stdin=subprocess.DEVNULL,
                timeout=self._seconds,
                env={**named, **address, **os.environ, **quiet},
                check=False,
            )
        except FileNotFoundError:
            raise SourceUnavailable("there is no git on this machine", hint="install git") from None
        except subprocess.TimeoutExpired:
            raise SourceUnavailable(
                f"git {arguments[0]} in {self._folder} took longer than {self._seconds:g} s",
                hint="check the network and the remote; router.timeout in the catalogue",
            ) from None
        if done.returncode not in fine:
            last = visible(one_line(done.stderr or done.stdout), 300) or f"exit code {done.returncode}"
            raise SourceUnavailable(
                f"git {arguments[0]} in {self._folder} failed: {last}", hint="mend it by hand, then resume"
            )
        return done


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
