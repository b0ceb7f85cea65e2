"""The margin of a task: a share, 5 points by default."""

import pytest
import yaml

from signalbox.errors import InputError
from signalbox.tasks import load_task

TASK = {
    "name": "toy",
    "title": {},
    "question": {},
    "languages": {"en": {"system": "s", "words": {"yes": ["Yes"], "no": ["No"]}, "turns": []}},
}


def loaded(folder, **changes):
    (folder / "task.yaml").write_text(yaml.safe_dump(TASK | changes), encoding="utf-8")
    return load_task(folder)


def test_the_margin_is_five_points_unless_the_task_has_another(tmp_path):
    assert loaded(tmp_path).margin == 0.05
    assert loaded(tmp_path, margin=0.03).margin == 0.03


@pytest.mark.parametrize("margin", [5, 0, -0.1, 1, float("nan"), "many"])
def test_a_margin_that_is_no_share_is_named(tmp_path, margin):
    with pytest.raises(InputError) as error:
        loaded(tmp_path, margin=margin)
    assert "margin" in error.value.field


def test_points_are_answered_with_the_share(tmp_path):
    with pytest.raises(InputError) as error:
        loaded(tmp_path, margin=5)
    assert "5 points are 0.05" in error.value.hint
