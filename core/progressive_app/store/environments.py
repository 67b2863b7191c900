"""In which environments a run trained, and from where on, as its manifest records it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import asdict, evolve, frozen

from progressive_app.config.stages import BucketStages, flat
from progressive_app.machine.environment import Environment, environment_here
from progressive_app.store.atomic_files import write_json, writes
from progressive_app.store.progress import Standing, standing_of
from progressive_app.store.run_documents import MANIFEST, TrainedIn, now_in_words, read_manifest
from progressive_app.store.validated import validated
from progressive_core.contract.catalogue import THIS_PROCESS
from progressive_core.contract.errors import RunError
from progressive_core.contract.store import Progress


@frozen
class Environments:
    """Those of the run at `directory`. The last one counts: a run is told where this process is another."""

    directory: Path

    def changes(self, progress: Progress) -> list[str]:
        """How this environment differs from the one that a run which goes on from `progress` was last trained in."""
        return self.last(progress).changes_to(environment_of(read_manifest(self.directory)))

    def last(self, progress: Progress) -> Environment:
        """The one that a run which stands at `progress` was last trained in."""
        return _trained_in(read_manifest(self.directory), standing_of(self.directory, progress))[-1]

    def check(self, progress: Progress) -> None:
        """Hold a run that goes on from `progress` to the environment that it was trained in.

        :raise RunError: this one is another.
        """
        if changes := self.changes(progress):
            raise RunError(
                f"{self.directory}: it was trained in another environment: {'; '.join(changes)}. Go on in that one, or without "
                "--strict"
            )

    @writes
    def enter(self, progress: Progress) -> str:
        """Record the environment that the run goes on in from `progress` on, where it is another one than before.

        :return: what differs, or "".
        """
        manifest, standing = read_manifest(self.directory), standing_of(self.directory, progress)
        here, trained = environment_of(manifest), _trained_in(manifest, standing)
        changes = trained[-1].changes_to(here)
        self._record(manifest, trained if not changes else [*trained, *_from_here_on(here, manifest, standing)])
        return "; ".join(changes)

    @writes
    def take(self, member: Path, progress: Progress) -> None:
        """Record in which environments the member of a stage that is merged after `progress` trained, where in others than the run."""
        manifest, standing = read_manifest(self.directory), standing_of(self.directory, progress)
        trained = [each for each in _trained_in(manifest, standing) if each.bucket != member.name]
        mates = {directory.name for directory in member.parent.iterdir()}
        before: Environment = [each for each in trained if each.bucket not in mates][-1]
        for each in map(_as_trained, read_manifest(member)["environments"]):
            if before.changes_to(each):
                trained.append(evolve(each, bucket=member.name))
            before = each
        here = environment_of(manifest)
        if trained[-1].changes_to(here):
            trained += _from_here_on(here, manifest, standing)
        self._record(manifest, trained)

    def _record(self, manifest: Mapping[str, Any], trained: Sequence[TrainedIn]) -> None:
        environments = [asdict(each) for each in trained]
        if environments != manifest["environments"]:
            write_json(self.directory / MANIFEST, {**manifest, "environments": environments})


def environment_of(manifest: Mapping[str, Any]) -> Environment:
    """This process's, in what counts for the run of a manifest: with the packages that its plugins are of."""
    return environment_here(manifest["device"], filter(None, (_package(origin)[0] for origin in _origins(manifest))))


def _origins(manifest: Mapping[str, Any]) -> list[str]:
    return [origin for origin in manifest["plugins"].values() if origin != THIS_PROCESS]


def _package(origin: str) -> tuple[str, str]:
    """Name and version in an origin like "acme-buckets 1.2"."""
    name, _, version = origin.rpartition(" ")
    return name, version


def begun_here(manifest: Mapping[str, Any], since: str) -> dict[str, Any]:
    """What a manifest says of the environment of a run that begins in this process: its `versions`, and `environments`."""
    begun = TrainedIn(since=since, **asdict(environment_of(manifest)))
    return {"versions": begun.versions, "environments": [asdict(begun)]}


def _as_trained(document: Mapping[str, Any]) -> TrainedIn:
    return validated(document, TrainedIn)


def _trained_in(manifest: Mapping[str, Any], standing: Standing) -> list[TrainedIn]:
    """The environments that a run was begun in and went on in, but those in which nothing was trained of what it has.

    An earlier version recorded the versions of the first one alone.
    """

    def is_held(each: TrainedIn) -> bool:
        bucket = each.bucket
        return bucket is None or bucket in standing.finished or each.episode < standing.training.get(bucket, 0)

    recorded = list(map(_as_trained, manifest["environments"]))
    first = (
        evolve(recorded[0], bucket=None, episode=0)
        if recorded
        else TrainedIn(since=manifest["started"], versions=manifest["versions"])
    )
    *before, last = [first, *filter(is_held, recorded[1:])]
    plugins_since = dict(_package(origin) for origin in _origins(manifest))  # such as came with a change of PLUGINS
    return [*before, evolve(last, versions={**plugins_since, **last.versions})]


def _from_here_on(here: Environment, manifest: Mapping[str, Any], standing: Standing) -> list[TrainedIn]:
    """This environment as that of what is trained from where a run stands: for each bucket that trains, or else for the next one."""
    begun = {*standing.finished, *standing.training}
    ahead = [name for name in flat(BucketStages().check(manifest["sequence"])) if name not in begun]
    places: Sequence[tuple[str | None, int]] = [*standing.training.items()] or [(next(iter(ahead), None), 0)]
    since, what = now_in_words(), asdict(here)
    return [TrainedIn(since=since, bucket=bucket, episode=episode, **what) for bucket, episode in places]
