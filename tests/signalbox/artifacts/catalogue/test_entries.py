"""The catalogue's own entries, and files of further models."""

import re

import pytest

from signalbox.artifacts.catalogue.entries import find_model, load_catalogue
from signalbox.artifacts.catalogue.listing import languages, presence
from signalbox.artifacts.catalogue.places import located, model_folder
from signalbox.artifacts.models import gguf_file
from signalbox.errors import InputError, NotFoundError, SetupError
from signalbox.settings import Settings
from tests.signalbox.artifacts.catalogue.origin import model, write_models

OWN = load_catalogue()


def test_the_models_have_the_sizes_and_checksums_of_their_makers():
    by_name = {entry.name: entry for entry in OWN}
    assert list(by_name) == [
        "minilm-l6",
        "use-multilingual",
        "smollm2-135m",
        "qwen2.5-coder-0.5b",
        "qwen2.5-coder-1.5b",
    ]
    (small,), (large,) = (by_name[f"qwen2.5-coder-{size}"].files for size in ("0.5b", "1.5b"))
    assert (small.size, len(small.packages)) == (491_400_064, 6)
    assert small.sha256 == "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32"
    assert (large.size, len(large.packages)) == (1_117_320_768, 22)
    assert large.sha256 == "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046"


def test_the_parts_are_in_the_order_of_their_numbers():
    for entry in OWN:
        for file in entry.files:
            if len(file.packages) > 1:
                numbers = [int(re.findall(r"\d+", carrier.package)[-1]) for carrier in file.packages]
                assert numbers == list(range(1, len(numbers) + 1))
                assert all(
                    carrier.member.endswith(f"part{number:02d}.bin")
                    for number, carrier in zip(numbers, file.packages, strict=True)
                )


@pytest.mark.parametrize("name", ["minilm-l6", "use-multilingual", "smollm2-135m"])
def test_an_installed_package_is_used_where_it_is(name, tmp_path):
    entry = find_model(name, OWN)
    folder = located(entry, tmp_path)
    assert folder is not None
    assert "site-packages" in folder.parts
    assert presence(entry, tmp_path) == "installed"


def test_a_model_that_is_not_there_has_the_command_that_brings_it(tmp_path):
    with pytest.raises(SetupError) as error:
        model_folder(find_model("qwen2.5-coder-0.5b", OWN), tmp_path)
    assert error.value.message == "The model `qwen2.5-coder-0.5b` is not on this machine."
    assert error.value.hint == "signalbox models pull qwen2.5-coder-0.5b"


def test_a_file_of_another_size_is_not_there(tmp_path):
    (entry,) = [entry for entry in OWN if entry.name == "qwen2.5-coder-0.5b"]
    folder = tmp_path / "models" / entry.name
    folder.mkdir(parents=True)
    (folder / entry.files[0].name).write_bytes(b"half")
    assert located(entry, tmp_path) is None


def test_further_models_are_added_and_replace_those_of_the_same_name(tmp_path):
    more = write_models(tmp_path / "more.yaml", model(b"x"), model(b"y", name="smollm2-135m"))
    entries = load_catalogue(more)
    assert [entry.name for entry in entries][-1] == "toy"
    assert len(entries) == len(OWN) + 1
    assert find_model("smollm2-135m", entries).repository == "toys/toy"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"kind": "translator"}, "models.0.kind"),
        ({"sha": "x"}, "models.0.sha"),
        ({"languages": []}, "models.0.languages"),
        ({"name": "../toy"}, "models.0.name"),
        ({"name": "hf:toy"}, "models.0.name"),
        ({"files": []}, "models.0.files"),
        ({"repository": None}, "models.0"),
    ],
)
def test_a_wrong_entry_is_an_error_that_names_its_field(tmp_path, change, field):
    path = write_models(tmp_path / "more.yaml", model(b"x", **change))
    with pytest.raises(InputError) as error:
        load_catalogue(path)
    assert error.value.field == f"{path}: {field}"


@pytest.mark.parametrize("change", [{"sha256": "abc"}, {"size": 0}, {"path": "a/.."}, {"path": ""}])
def test_a_wrong_file_of_an_entry_is_an_error(tmp_path, change):
    entry = model(b"x")
    entry["files"][0] |= change
    with pytest.raises(InputError, match=r"models\.0"):
        load_catalogue(write_models(tmp_path / "more.yaml", entry))


@pytest.mark.parametrize("content", ["", "models: [", "- x", "models: {}", "\x00"])
def test_a_file_that_is_no_catalogue_is_an_error_that_names_it(tmp_path, content):
    path = tmp_path / "more.yaml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=r"more\.yaml"):
        load_catalogue(path)
    with pytest.raises(InputError, match=r"cannot be read"):
        load_catalogue(tmp_path / "none.yaml")


def test_upper_case_is_the_same_name():
    assert find_model("SmolLM2-135M", OWN).name == "smollm2-135m"
    with pytest.raises(NotFoundError):
        find_model("", OWN)


def test_a_decoder_of_the_catalogue_is_a_name_for_the_setting(tmp_path):
    settings = Settings(cache_dir=tmp_path)
    assert gguf_file("smollm2-135m", settings).name == "SmolLM2-135M-Instruct.Q4_1.gguf"
    with pytest.raises(InputError, match=r"Give smollm2-135m, qwen2\.5-coder-0\.5b, .*or the path of a GGUF"):
        gguf_file("minilm-l6", settings)


def test_many_languages_are_counted():
    assert languages(("en",)) == "en"
    assert languages(("ar", "de", "en", "es", "fr")) == "en, de, 3 more"
    assert languages(("ar", "bg", "cs", "da", "el")) == "ar, 4 more"
