"""What only a git repository and KServe can get wrong."""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.routed import MODEL, Cluster, git, kserved
from triage.adapters import git_tree
from triage.adapters.kserve import KServeRouter
from triage.errors import NotFound, Refused, SourceUnavailable
from triage.ports import Rollout

CANARY = Rollout("1", "2", weight=0.1)


@dataclass(slots=True)
class Made:
    router: KServeRouter
    cluster: Cluster
    tree: Path

    @property
    def path(self) -> Path:
        return self.tree / "models/shop.yaml"

    def commits(self) -> int:
        return int(git(self.tree, "rev-list", "--count", "HEAD"))

    def commit(self, message: str = "by hand") -> None:
        git(self.tree, "add", "-A")
        git(self.tree, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "-m", message)


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Made]:
    router, cluster = kserved(tmp_path)
    router.apply(MODEL, Rollout("1"), "first")
    yield Made(router, cluster, tmp_path / "tree")
    cluster.stop()


def test_the_manifest_is_what_kserve_reads_and_one_commit_a_change(made: Made) -> None:
    made.router.apply(MODEL, CANARY, "m-1/canary")
    made.router.apply(MODEL, CANARY, "m-1/canary")
    assert made.commits() == 3
    manifest = yaml.safe_load(made.path.read_text())
    assert manifest["spec"]["predictor"] == {
        "model": {"modelFormat": {"name": "mlflow"}, "protocolVersion": "v2", "storageUri": "models:/shop/2"},
        "canaryTrafficPercent": 10,
    }
    assert git(made.tree, "status", "--porcelain") == ""
    assert git(made.tree, "log", "-1", "--format=%B").splitlines() == [
        "shop: version 1, 10% to version 2",
        "",
        "Triage-Key: m-1/canary",
    ]
    made.router.apply(MODEL, Rollout("2"), "m-1/promote")
    assert "canaryTrafficPercent" not in made.path.read_text()


def test_what_others_wrote_into_the_manifest_stays(made: Made) -> None:
    manifest = yaml.safe_load(made.path.read_text())
    manifest["spec"]["predictor"]["minReplicas"] = 2
    manifest["spec"]["predictor"]["model"]["resources"] = {"limits": {"memory": "2Gi"}}
    manifest["metadata"]["annotations"]["team"] = "shops"
    made.path.write_text(yaml.safe_dump(manifest))
    made.commit()
    made.router.apply(MODEL, CANARY, "m-1/canary")
    after = yaml.safe_load(made.path.read_text())
    assert after["spec"]["predictor"]["minReplicas"] == 2
    assert after["spec"]["predictor"]["model"]["resources"] == {"limits": {"memory": "2Gi"}}
    assert after["metadata"]["annotations"]["team"] == "shops"


def test_a_version_is_fetched_from_where_the_catalogue_says(tmp_path: Path) -> None:
    router, cluster = kserved(tmp_path, status=False, storage_uri="{source}")
    router.apply(MODEL, Rollout("7"), "first")
    manifest = yaml.safe_load((tmp_path / "tree/models/shop.yaml").read_text())
    assert manifest["spec"]["predictor"]["model"]["storageUri"] == "s3://models/7"
    assert router.serving(MODEL) == ()
    assert router.applied(MODEL) == "first"
    cluster.stop()


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda tree: (tree / "README").write_text("mine"), "changes that are not committed: README"),
        (lambda tree: git(tree, "switch", "--quiet", "-c", "other"), "has 'other' checked out, not 'main'"),
        (lambda tree: git(tree, "checkout", "--quiet", "--detach"), "has 'no branch' checked out"),
    ],
)
def test_a_work_tree_that_somebody_works_in_is_left_alone(made: Made, spoil: Any, says: str) -> None:
    spoil(made.tree)
    with pytest.raises(Refused, match=says) as raised:
        made.router.apply(MODEL, CANARY, "m-1/canary")
    assert raised.value.hint
    assert made.commits() == 2


def test_a_folder_that_is_no_repository_or_inside_one_is_refused(made: Made, tmp_path: Path) -> None:
    inside = made.router._routing.model_copy(update={"repository": str(made.tree / "models")})
    outside = made.router._routing.model_copy(update={"repository": str(tmp_path)})
    for routing in (inside, outside):
        with pytest.raises(Refused, match="is not the top of a git work tree"):
            KServeRouter(MODEL, routing, str).current(MODEL)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "can't be read as YAML"),
        ("[]", "no InferenceService that KServe takes"),
        ("kind: Deployment", "no InferenceService that KServe takes"),
        ("\x00", "can't be read as YAML"),
    ],
)
def test_a_manifest_that_is_none_is_said_and_not_overwritten(made: Made, text: str, says: str) -> None:
    made.path.write_text(text)
    made.commit()
    with pytest.raises(Refused, match=says):
        made.router.apply(MODEL, CANARY, "m-1/canary")
    assert made.path.read_text() == text


@pytest.mark.parametrize("percent", [101, -1, "ten", 0.5, True])
def test_a_share_that_is_no_percentage_does_not_fit_the_schema(made: Made, percent: Any) -> None:
    manifest = yaml.safe_load(made.path.read_text())
    manifest["spec"]["predictor"]["canaryTrafficPercent"] = percent
    made.path.write_text(yaml.safe_dump(manifest))
    made.commit()
    with pytest.raises(Refused, match=r"spec\.predictor\.canaryTrafficPercent"):
        made.router.current(MODEL)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"sklearn": {"storageUri": "s3://x"}}, "exactly one of model and sklearn may be specified"),
        ({"minReplicas": 3, "maxReplicas": 2}, "minReplicas is above maxReplicas"),
        ({"maxReplicas": -1}, "maxReplicas"),
    ],
)
def test_what_kserve_would_refuse_at_its_door_is_refused_before_the_commit(
    made: Made, change: dict[str, Any], says: str
) -> None:
    manifest = yaml.safe_load(made.path.read_text())
    manifest["spec"]["predictor"] |= change
    made.path.write_text(yaml.safe_dump(manifest))
    made.commit()
    before = made.commits()
    with pytest.raises(Refused, match=says):
        made.router.apply(MODEL, CANARY, "m-1/canary")
    assert made.commits() == before


def test_a_service_whose_name_begins_with_a_digit_is_no_name_for_kserve(tmp_path: Path) -> None:
    router, cluster = kserved(tmp_path, status=False, service="2shops")
    cluster.stop()
    with pytest.raises(Refused, match=r"metadata\.name"):
        router.apply(MODEL, Rollout("1"), "first")


def test_a_manifest_of_another_service_is_refused(made: Made) -> None:
    made.path.write_text(made.path.read_text().replace("name: shop\n", "name: other\n"))
    made.commit()
    with pytest.raises(Refused, match="is about shops/other, not shops/shop"):
        made.router.apply(MODEL, CANARY, "m-1/canary")


def test_a_manifest_without_our_words_does_not_say_what_it_serves(made: Made) -> None:
    manifest = yaml.safe_load(made.path.read_text())
    del manifest["metadata"]["annotations"]
    made.path.write_text(yaml.safe_dump(manifest))
    made.commit()
    with pytest.raises(SourceUnavailable, match="does not say which version it serves"):
        made.router.current(MODEL)


@pytest.mark.parametrize("at", ["add", "commit"])
@pytest.mark.parametrize("new", [False, True])
def test_what_a_killed_commit_left_is_taken_back_and_made_once(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str, new: bool
) -> None:
    router, tree = made.router, made.tree
    if new:
        router, cluster = kserved(tmp_path / "new", status=False)
        cluster.stop()
        tree = tmp_path / "new" / "tree"
    before = git(tree, "rev-list", "--count", "HEAD")
    run = git_tree.GitTree._run

    def killed(self: git_tree.GitTree, *arguments: str, **options: Any) -> "subprocess.CompletedProcess[str]":
        if arguments[0] == at:
            raise KeyboardInterrupt
        return run(self, *arguments, **options)

    with monkeypatch.context() as patched:
        patched.setattr(git_tree.GitTree, "_run", killed)
        with pytest.raises(KeyboardInterrupt):
            router.apply(MODEL, CANARY, "m-1/canary")
    assert git(tree, "status", "--porcelain") != ""
    router.apply(MODEL, Rollout("1"), "m-1/rollback")  # something else than what was begun
    assert git(tree, "status", "--porcelain") == ""
    assert int(git(tree, "rev-list", "--count", "HEAD")) == int(before) + 1
    assert router.current(MODEL) == Rollout("1")


@pytest.fixture
def shared(made: Made, tmp_path: Path) -> tuple[Path, KServeRouter]:
    """A bare repository that the work tree pushes to."""
    bare = tmp_path / "bare.git"
    git(tmp_path, "clone", "--quiet", "--bare", str(made.tree), str(bare))
    git(made.tree, "remote", "add", "origin", str(bare))
    return bare, KServeRouter(MODEL, made.router._routing.model_copy(update={"remote": "origin"}), str)


def elsewhere(bare: Path, folder: Path, name: str) -> None:
    """Somebody else pushes the file ``name``."""
    git(folder.parent, "clone", "--quiet", str(bare), str(folder))
    (folder / name).write_text("theirs")
    git(folder, "add", "-A")
    git(folder, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "-m", "theirs")
    git(folder, "push", "--quiet", "origin", "main")


def test_commits_are_pushed_on_top_of_what_others_pushed(
    made: Made, shared: tuple[Path, KServeRouter], tmp_path: Path
) -> None:
    bare, router = shared
    elsewhere(bare, tmp_path / "theirs", "other")
    router.apply(MODEL, CANARY, "m-1/canary")
    assert git(bare, "rev-parse", "main") == git(made.tree, "rev-parse", "HEAD")
    assert (made.tree / "other").exists()


def test_branches_that_went_different_ways_are_a_persons_to_join(
    made: Made, shared: tuple[Path, KServeRouter], tmp_path: Path
) -> None:
    bare, router = shared
    elsewhere(bare, tmp_path / "theirs", "other")
    (made.tree / "mine").write_text("mine")
    made.commit()
    with pytest.raises(Refused, match="have gone different ways") as raised:
        router.apply(MODEL, CANARY, "m-1/canary")
    assert "pull --rebase" in raised.value.hint


def test_a_push_that_is_rejected_takes_the_commit_back(made: Made, shared: tuple[Path, KServeRouter]) -> None:
    bare, router = shared
    hook = bare / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho 'protected branch' >&2\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(SourceUnavailable, match=r"git push .* failed"):
        router.apply(MODEL, CANARY, "m-1/canary")
    assert git(made.tree, "rev-parse", "HEAD") == git(bare, "rev-parse", "main")
    assert made.router.current(MODEL) == Rollout("1")
    assert git(made.tree, "status", "--porcelain") == ""


def test_a_change_that_is_not_live_is_not_taken_for_served(made: Made) -> None:
    made.cluster.behind = True
    with pytest.raises(SourceUnavailable, match=r"is committed, and not live after 0\.3 s: Ready is False"):
        made.router.apply(MODEL, CANARY, "m-1/canary")
    assert made.router.applied(MODEL) == ""
    with pytest.raises(SourceUnavailable, match="has not rolled 'shop' out"):
        made.router.serving(MODEL)
    made.cluster.behind = False
    made.router.apply(MODEL, CANARY, "m-1/canary")
    assert made.router.applied(MODEL) == "m-1/canary"
    assert made.commits() == 3


def test_a_first_manifest_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    router, cluster = kserved(tmp_path, status=False)
    with pytest.raises(NotFound, match=r"no models/shop\.yaml on branch 'main'"):
        router.current(MODEL)
    assert router.applied(MODEL) == ""
    cluster.stop()
