"""The handler of each command."""

from __future__ import annotations

from quickstudy.deploy.core import commands as core
from quickstudy.deploy.core import handlers as core_handlers
from quickstudy.deploy.core.context import Context
from quickstudy.deploy.core.contract import Decided
from quickstudy.deploy.core.dispatcher import Handler
from quickstudy.deploy.decisions import commands as decisions
from quickstudy.deploy.decisions import disputes, expiry, feedback, lifecycle, predict
from quickstudy.deploy.guardrails import commands as guardrails
from quickstudy.deploy.guardrails import handlers as guardrail_handlers
from quickstudy.deploy.hosting import commands as hosting
from quickstudy.deploy.hosting import handlers as hosting_handlers
from quickstudy.deploy.runs import commands as runs
from quickstudy.deploy.runs import handlers as run_handlers
from quickstudy.deploy.versions import commands as versions
from quickstudy.deploy.versions import exam
from quickstudy.deploy.versions import handlers as version_handlers


def expire(context: Context, command: core.Expire) -> Decided[int]:
    """Expire cases, feedback without a prediction, and runs."""
    cases = yield from expiry.expire(context)
    ended = yield from run_handlers.expire(context)
    return cases + ended


HANDLERS: dict[type, Handler] = {
    core.Delete: core_handlers.delete,
    core.MakeKey: core_handlers.make_key,
    core.RevokeKey: core_handlers.revoke_key,
    core.Expire: expire,
    decisions.Create: lifecycle.create,
    decisions.Change: lifecycle.change,
    decisions.Predict: predict.predict,
    decisions.RecordFeedback: feedback.record_feedback,
    decisions.ResolveDispute: disputes.resolve,
    decisions.RecordClaim: lifecycle.claimed,
    hosting.Refitted: lifecycle.refitted,
    hosting.Checkpoint: lifecycle.checkpoint,
    hosting.Quarantine: hosting_handlers.quarantine,
    versions.Challenge: version_handlers.challenge,
    versions.Promote: version_handlers.promote,
    versions.Rollback: version_handlers.rollback,
    versions.Refuse: version_handlers.refuse,
    versions.PinCases: exam.pin,
    versions.Unpin: exam.unpin,
    guardrails.SetLimits: guardrail_handlers.limit,
    guardrails.SetPause: guardrail_handlers.pause,
    guardrails.Resume: guardrail_handlers.resume,
    runs.CreateValue: run_handlers.create,
    runs.ChangeValue: run_handlers.change,
    runs.StartRun: run_handlers.start,
    runs.TakeStep: run_handlers.step,
    runs.EndRun: run_handlers.end,
    runs.ExpireRun: run_handlers.close,
    runs.GetStateHash: run_handlers.get_state_hash,
    runs.GetReport: run_handlers.get_report,
    runs.TakeSnapshot: run_handlers.take_snapshot,
}
