"""CSV files as people have them: encodings, delimiters, quotes, and what is wrong with them."""

import pytest

from signalbox.errors import InputError
from signalbox.new_task import read_table

TEXT = "Text{0}Kategorie\nDie Größe stimmt nicht{0}Maße\n„Zitat“ am Anfang{0}Wort\n"


def write(folder, content, encoding="utf-8"):
    path = folder / "labels.csv"
    path.write_bytes(content.encode(encoding))
    return path


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize(
    ("encoding", "name"),
    [("utf-8", "utf-8"), ("utf-8-sig", "utf-8"), ("utf-16", "utf-16"), ("cp1252", "cp1252")],
)
def test_encoding_and_delimiter_are_detected(tmp_path, delimiter, encoding, name):
    table = read_table(write(tmp_path, TEXT.format(delimiter), encoding))
    assert (table.encoding, table.delimiter, table.columns) == (name, delimiter, ("Text", "Kategorie"))
    assert [row.cells[0] for row in table.rows] == ["Die Größe stimmt nicht", "„Zitat“ am Anfang"]


def test_a_comma_in_the_texts_does_not_hide_the_semicolon(tmp_path):
    rows = "".join(f"Erstens, zweitens{', drittens' * (n % 3)};a\n" for n in range(9))
    table = read_table(write(tmp_path, f"text;label\n{rows}"))
    assert table.delimiter == ";"


def test_a_row_has_the_line_on_which_it_starts(tmp_path):
    content = 'text,label\n"one\ntwo, ""three""",a\n\n,\nfour,b\n'
    table = read_table(write(tmp_path, content))
    assert [(row.line, row.cells) for row in table.rows] == [
        (2, ('one\ntwo, "three"', "a")),
        (6, ("four", "b")),
    ]


def test_without_a_header_columns_have_numbers(tmp_path):
    table = read_table(write(tmp_path, "one,a\ntwo,b\n"), header=False)
    assert (table.columns, len(table.rows)) == (("1", "2"), 2)


@pytest.mark.parametrize(
    ("content", "options", "message", "hint"),
    [
        ("", {}, "is empty", "labeled text"),
        ("just one column\nand a text\n", {}, "only one column", "semicolon"),
        ("text,label\na,b\nc, d, e\n", {}, "labels.csv:3: 3 cells, but line 1 has 2", "double quotes"),
        ('text,label\n"a,b\n', {}, "labels.csv:2: unexpected end of data", "close each quote"),
        ("text,text\na,b\n", {}, "'text'", "name of its own"),
        ("text,label\na,b\n", {"delimiter": "x"}, "--delimiter: got 'x'", "semicolon"),
        ("text,label\na,b\n", {"encoding": "utf-9"}, "--encoding: got 'utf-9'", "cp1252"),
        ("text,label\na,ö\n", {"encoding": "ascii"}, "labels.csv:2: byte 0xc3", "--encoding"),
    ],
)
def test_a_file_that_is_unusable_is_an_error_with_its_place(tmp_path, content, options, message, hint):
    with pytest.raises(InputError) as caught:
        read_table(write(tmp_path, content), **options)
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_text_that_is_no_text_is_an_error(tmp_path):
    with pytest.raises(InputError, match="NUL bytes"):
        read_table(write(tmp_path, "text,label\na,b\n", "utf-16-le"))
    with pytest.raises(InputError, match="not recognized"):
        read_table(write(tmp_path, "text,label\na,\x81\n", "latin-1"))
    with pytest.raises(InputError, match="No such file"):
        read_table(tmp_path / "missing.csv")
    with pytest.raises(InputError, match="directory"):
        read_table(tmp_path)
