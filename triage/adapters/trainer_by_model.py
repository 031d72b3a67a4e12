"""`Trainer` that gives each model's jobs to the trainer which the catalogue names for it."""

from collections.abc import Mapping

from triage.errors import Refused
from triage.ports import Trainer, TrainingJob, TrainingState


class TrainerByModel:
    """A job's document names its model; its key is known to the trainer that started it."""

    def __init__(self, trainers: Mapping[str, Trainer]) -> None:
        self._trainers = trainers

    def start(self, job: TrainingJob) -> None:
        model = str(job.document.get("model", ""))
        if model not in self._trainers:
            raise Refused(
                f"the catalogue does not say how '{model}' is trained", hint="add training to the model in triage.yaml"
            )
        self._trainers[model].start(job)

    def state(self, key: str) -> TrainingState | None:
        states = (trainer.state(key) for trainer in self._trainers.values())
        return next((state for state in states if state is not None), None)

    def cancel(self, key: str) -> None:
        for trainer in self._trainers.values():
            trainer.cancel(key)
