"""Ground truth from people: store it and count how often it agrees with the prediction."""

from __future__ import annotations

from services.assessor.metrics import Metrics
from services.assessor.schemas import FeedbackRequest
from signalbox.contracts.record import Feedback
from signalbox.store import Store
from signalbox.store.base import unknown_prediction
from signalbox.tasks import Task


async def add_feedback(request: FeedbackRequest, task: Task, store: Store, metrics: Metrics) -> Feedback:
    """Store and count the ground truth of one prediction.

    Raises NotFoundError for an unknown prediction, and InputError for a label that the task does not have.
    """
    label = task.check_label(request.label)
    record = await store.get(request.prediction_id)
    if record is None:
        raise unknown_prediction(request.prediction_id)
    feedback = Feedback(prediction_id=request.prediction_id, label=label, comment=request.comment)
    await store.add_feedback(feedback)
    metrics.count_feedback(record, agrees=task.verdict_of(label) == task.verdict_of(record.verdict))
    return feedback
