"""When the local stack trains: there is no release, or it is not one of this task."""

import json
from pathlib import Path

import pytest

from local.startup import is_trained
from signalbox.settings import Settings

MEDICAL, TICKETS = Path("tasks/medical"), Path("tasks/tickets")
TICKET_LABELS = ["access", "hardware", "software", "request", "question"]


def settings(folder, task, description):
    release = folder / "releases" / "encoder-v1"
    release.mkdir(parents=True)
    (folder / "releases" / "current").write_text("encoder-v1\n")
    if description is not None:
        (release / "release.json").write_text(json.dumps(description))
    return Settings(task=task, state_dir=folder)


@pytest.mark.parametrize(
    ("task", "description", "is_one"),
    [
        (MEDICAL, {"task": "medical"}, True),
        (MEDICAL, {"task": "medical", "labels": ["yes", "no"]}, True),
        (TICKETS, {"task": "tickets", "labels": TICKET_LABELS}, True),
        (TICKETS, {"task": "tickets", "labels": TICKET_LABELS[::-1]}, True),
        (TICKETS, {"task": "tickets", "labels": TICKET_LABELS[1:]}, False),
        (TICKETS, {"task": "tickets", "labels": [*TICKET_LABELS, "other"]}, False),
        (TICKETS, {"task": "tickets"}, False),
        (TICKETS, {"task": "medical"}, False),
        (MEDICAL, {"task": "tickets", "labels": TICKET_LABELS}, False),
        (MEDICAL, ["no object"], False),
        (MEDICAL, None, False),
    ],
)
def test_only_a_release_with_the_labels_of_the_task_is_served(tmp_path, task, description, is_one):
    assert is_trained(settings(tmp_path, task, description)) is is_one


def test_without_a_release_the_stack_trains(tmp_path):
    assert not is_trained(Settings(task=MEDICAL, state_dir=tmp_path))
