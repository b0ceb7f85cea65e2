"""Ground truth from people: store it and count how often it agrees with the prediction."""

from __future__ import annotations

from services.assessor.metrics import Metrics
from services.assessor.schemas import FeedbackRequest
from signalbox.contracts.record import Feedback
from signalbox.store import Store
from signalbox.store.base import unknown_prediction


async def add_feedback(request: FeedbackRequest, store: Store, metrics: Metrics) -> Feedback:
    """Store and count the ground truth of one prediction. Raises NotFoundError for an unknown prediction."""
    record = await store.get(request.prediction_id)
    if record is None:
        raise unknown_prediction(request.prediction_id)
    feedback = Feedback(prediction_id=request.prediction_id, label=request.label, comment=request.comment)
    await store.add_feedback(feedback)
    metrics.count_feedback(record, feedback)
    return feedback
