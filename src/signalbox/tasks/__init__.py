"""A task is a folder: `task.yaml` (labels, prompts) and `data.jsonl` (labeled texts). No code."""

from signalbox.tasks.certificate import CertificateSpec
from signalbox.tasks.labels import ABSTAIN_WORDS, AnswerForm, TaskLabel
from signalbox.tasks.languages import LanguageSpec
from signalbox.tasks.loading import (
    Split,
    check_families,
    check_ids,
    check_tiers,
    evaluation_rows,
    known_tasks,
    load_all,
    load_data,
    load_task,
    of_today,
    select_tiers,
    tiers_of,
)
from signalbox.tasks.task import Task
from signalbox.tasks.turns import Turn

__all__ = [
    "ABSTAIN_WORDS",
    "AnswerForm",
    "CertificateSpec",
    "LanguageSpec",
    "Split",
    "Task",
    "TaskLabel",
    "Turn",
    "check_families",
    "check_ids",
    "check_tiers",
    "evaluation_rows",
    "known_tasks",
    "load_all",
    "load_data",
    "load_task",
    "of_today",
    "select_tiers",
    "tiers_of",
]
