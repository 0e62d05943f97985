"""What a deployment shows: learners, cases, asks, reports. Nothing of it changes anything."""

from __future__ import annotations

import time

from quickstudy.api.admin import Event
from quickstudy.api.decisions import Ask, Case, LearnerInfo, Report
from quickstudy.api.runs import ValueInfo
from quickstudy.api.sizes import Sizes
from quickstudy.deploy.core.context import Context
from quickstudy.deploy.core.failures import answering
from quickstudy.deploy.decisions import forms, queries
from quickstudy.deploy.hosting.learner import HostedLearner, OutOfService
from quickstudy.deploy.runs.hosted import HostedValue
from quickstudy.encode.values import plain_scalar
from quickstudy.errors import InputError
from quickstudy.log.store import Store, read_events
from quickstudy.types import Explanation, Label

MOST_AT_ONCE = 1000  # rows in one call


class ReadMethods:
    """The reading half of `Deployment`."""

    store: Store
    context: Context
    sizes: Sizes

    def learners(self) -> list[LearnerInfo | ValueInfo]:
        """All learners on duty, by name: classifiers and value learners."""
        return [self.learner(name) for name in sorted(self.context.names().values())]

    def learner(self, name: str) -> LearnerInfo | ValueInfo:
        """One learner, of either kind.

        Raises:
            NotFoundError: there is none of that name.
        """
        one = self.context.anyone(name)
        return self._value(one) if isinstance(one, HostedValue) else self._classifier(one)

    def _value(self, hosted_value: HostedValue) -> ValueInfo:
        with self.store.reading() as connection:
            tally = queries.tally(connection, hosted_value.number)
        return ValueInfo(
            name=hosted_value.name,
            settings=hosted_value.settings,
            created=hosted_value.created,
            runs=tally["runs"],
            steps=tally["steps"],
            open=tally["open"],
            quarantined=tally.get("quarantined", 0),
            out_of_service=str(hosted_value.failed or ""),
        )

    def _classifier(self, hosted: HostedLearner | OutOfService) -> LearnerInfo:
        examples, labels, why = 0, tuple[Label, ...](), ""
        if isinstance(hosted, OutOfService):
            why = str(hosted.failed)
        else:
            with hosted.replicas.reading() as learner:
                examples, labels = learner.examples, learner.labels
        with self.store.reading() as connection:
            tally = queries.tally(connection, hosted.number)
        return LearnerInfo(
            name=hosted.name,
            settings=hosted.settings,
            created=hosted.created,
            examples=examples,
            labels=labels,
            quarantined=tally.get("quarantined", 0),
            out_of_service=why,
        )

    def asks(self, name: str, *, limit: int = 50) -> list[Ask]:
        """Cases that wait for a label, those that teach most first."""
        hosted = self.context.hosted(name)
        with self.store.reading() as connection:
            return queries.asks(connection, hosted.number, name, limit=checked_limit(limit))

    def history(self, prediction_id: str) -> Case:
        """A prediction with all that happened to it.

        Raises:
            NotFoundError: there is none of that id.
        """
        with self.store.reading() as connection:
            row = queries.case_row(connection, prediction_id)
            return queries.history(connection, row, queries.names(connection))

    def explain(self, prediction_id: str) -> Explanation:
        """Why the learner answers the record of this prediction as it does now.

        Raises:
            NotFoundError, NotReadyError: there is no such prediction, or nothing was learned yet.
        """
        case = self.history(prediction_id)
        hosted = self.context.hosted(case.learner)
        with answering(case.learner):
            with hosted.replicas.reading() as learner:
                copy = learner.copy()  # explaining takes long, and predictions must not wait for it
            return copy.explain(case.record)

    def cases(
        self,
        name: str,
        *,
        text: str = "",
        decision: str | None = None,
        status: str | None = None,
        label: Label | None = None,
        before: int | None = None,
        limit: int = 50,
    ) -> list[Case]:
        """Predictions, newest first; `before` is the seq of the last one seen, to page on."""
        hosted = self.context.hosted(name)
        if label is not None and not hosted.has_label(plain_scalar(label)):
            label = self.sizes.label(label)
        with self.store.reading() as connection:
            return queries.cases(
                connection,
                hosted.number,
                name,
                text=text,
                decision=decision,
                status=status,
                label=label,
                before=before,
                limit=checked_limit(limit),
            )

    def report(self, name: str) -> Report:
        """How a learner does, at a glance."""
        hosted = self.context.hosted(name)
        with hosted.replicas.reading() as learner:
            experts = learner.experts if learner.examples else ()
        with self.store.reading() as connection:
            tally = queries.tally(connection, hosted.number)
            share, low, high, audits = queries.precision(connection, hosted.number)
            policies, alarms, attempt = queries.policies(hosted.control)
            return Report(
                learner=self._classifier(hosted),
                cases=tally["cases"],
                acted=tally["acted"],
                labels_used=tally["labels"],
                share_handled=queries.share_handled(connection, hosted.number),
                precision=share if audits else None,
                precision_low=low if audits else None,
                precision_high=high if audits else None,
                audits=audits,
                waiting=tally["waiting"],
                contested=tally["contested"],
                expired=tally["expired"],
                lag=self.lag(name),
                policies=policies,
                alarms=alarms,
                attempt=attempt,
                curve=queries.curve(connection, hosted.number),
                sources=queries.sources(connection, hosted.number),
                experts=experts,
                seq=self.store.head[0],
                quarantined=queries.quarantined(connection, hosted.number),
                unfamiliar=tally.get("unfamiliar", 0),
                form=forms.notice(tally),
            )

    def events(self, after: int = 0, limit: int = 1000, learner: str | None = None) -> list[Event]:
        """Events with a number above `after`, in order."""
        number = None if learner is None else self.context.anyone(learner).number
        with self.store.reading() as connection:
            names = queries.names(connection)
            found = read_events(connection, after=after, learner=number, limit=checked_limit(limit))
            return [queries.event_of(event, names) for event in found]

    def lag(self, name: str) -> int:
        """Feedbacks that are logged and not yet learned."""
        trainer = self.context.hosted(name).trainer
        return trainer.lag if trainer else 0

    def now(self) -> float:
        """Seconds since 1970."""
        return time.time()

    def faults(self) -> list[str]:
        """What keeps learners from learning; empty when all is well."""
        trainers = [
            (hosted.name, hosted.trainer) for hosted in list(self.context.hosted_learners.values())
        ]
        found = [f"{name}: {w.failed}" for name, w in trainers if w is not None and w.failed]
        found += [str(out.failed) for out in list(self.context.out_of_service.values())]
        hosted_values = list(self.context.hosted_values.by_name.values())
        return found + [
            str(hosted_value.failed) for hosted_value in hosted_values if hosted_value.failed
        ]


def checked_limit(limit: int) -> int:
    """The limit itself, if it is 1 to 1,000."""
    if not 0 < limit <= MOST_AT_ONCE:
        raise InputError(f"limit is {limit}; it must be 1 to {MOST_AT_ONCE}")
    return limit
