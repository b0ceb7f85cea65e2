"""A task from a file of labeled texts: `signalbox task init`."""

from signalbox.new_task.draft import Draft, Options, make_draft
from signalbox.new_task.files import write_task
from signalbox.new_task.table import Table, read_table

__all__ = ["Draft", "Options", "Table", "make_draft", "read_table", "write_task"]
