"""All probabilities of a release, in the order of its labels, by both protocols."""

import json

import numpy as np
import pytest
from kserve.protocol.infer_type import InferInput, InferRequest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from services.encoder.model import EncoderModel
from services.encoder.runtime import JoinedEmbedder, Labels, TfidfHead, cut_off
from signalbox.contracts.encoders import MAX_TOKENS
from signalbox.contracts.record import ModelRelease
from signalbox.models.encoder import _answer, _replies

RELEASE = ModelRelease(name="toy", revision="1", engine="onnxruntime", quantization="none")
HEAD = {"terms": ["urgent"], "idf": [1.0], "weights": [2.0], "bias": 0.0}


class Table:
    """An encoder that gives every text the same probabilities."""

    def __init__(self, names, row):
        self.release, self.labels, self._row = RELEASE, Labels(names, names[0]), row

    def answers(self, texts):
        return [(dict(zip(self.labels.names, self._row, strict=True)), text == "long") for text in texts]


THREE = Table(("Netz/Intranet", "Größe", "חירום"), (0.25, 0.5, 0.25))
BINARY = Table(("yes", "no"), (0.25, 0.75))


def request(*texts):
    tensor = InferInput("text", [len(texts)], "BYTES", data=list(texts))
    return InferRequest(model_name="encoder", infer_inputs=[tensor])


async def by_v2(encoder, *texts):
    model = EncoderModel(encoder)
    response = await model.predict(await model.preprocess(request(*texts)))
    body = response.to_rest()
    return body[0] if isinstance(body, tuple) else body


def answers_of(body):
    texts = next(output["shape"][0] for output in body["outputs"])
    return [_answer(reply, 0.1, None) for reply in _replies(body, texts)]


async def test_v1_names_each_label():
    model = EncoderModel(THREE)
    body = await model.predict(await model.preprocess({"instances": [{"text": "x"}]}))
    (prediction,) = body["predictions"]
    assert list(prediction["probabilities"].items()) == [
        ("Netz/Intranet", 0.25),
        ("Größe", 0.5),
        ("חירום", 0.25),
    ]
    assert prediction["verdict"] == "Größe"
    assert "p_yes" not in prediction


async def test_v2_has_a_column_for_each_label_and_their_names():
    body = await by_v2(THREE, "x", "y")
    outputs = {output["name"]: output for output in body["outputs"]}
    assert outputs["probabilities"]["shape"] == [2, 3]
    assert outputs["probabilities"]["data"] == [0.25, 0.5, 0.25] * 2
    assert outputs["verdict"]["data"] == ["Größe", "Größe"]
    assert "p_yes" not in outputs
    assert json.loads(body["parameters"]["labels"]) == list(THREE.labels.names)


async def test_the_old_fields_stay_for_yes_and_no():
    outputs = {output["name"]: output for output in (await by_v2(BINARY, "x"))["outputs"]}
    assert outputs["p_yes"]["data"] == [0.25]
    assert outputs["verdict"]["data"] == ["no"]


async def test_the_client_learns_which_texts_were_cut_off():
    """An answer to a part of a text can never be green."""
    answers = answers_of(await by_v2(BINARY, "x", "long"))
    assert [answer.truncated for answer in answers] == [False, True]


def test_a_text_with_more_tokens_than_are_read_is_cut_off():
    tokenizer = Tokenizer(WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.enable_truncation(MAX_TOKENS)
    tokenizer.enable_padding()
    texts = ["word " * MAX_TOKENS, "word " * (MAX_TOKENS + 1), "w" * 5000, "short"]
    assert cut_off(tokenizer.encode_batch_fast(texts)) == [False, True, False, False]


def test_one_network_that_does_not_read_the_end_is_enough():
    class Fixed:
        def __init__(self, *flags):
            self.flags = list(flags)

        def read(self, texts):
            return np.ones((len(texts), 2)), self.flags

    joined = JoinedEmbedder([Fixed(False, True, False), Fixed(False, False, True)])
    vectors, are_cut_off = joined.read(["a", "b", "c"])
    assert are_cut_off == [False, True, True]
    assert vectors.shape == (3, 4)


async def test_a_predictor_of_an_earlier_version_says_nothing_of_it():
    body = await by_v2(BINARY, "long")
    body["outputs"] = [output for output in body["outputs"] if output["name"] != "truncated"]
    assert [answer.truncated for answer in answers_of(body)] == [False]


@pytest.mark.parametrize("encoder", [THREE, BINARY])
async def test_the_client_reads_what_the_model_writes(encoder):
    first, second = answers_of(await by_v2(encoder, "x", "y"))
    assert first.probabilities == second.probabilities == encoder.answers(["x"])[0][0]
    assert list(first.probabilities) == list(encoder.labels.names)


def test_a_release_of_the_first_version_has_the_labels_yes_and_no():
    assert Labels.of_release({"task": "medical"}) == Labels(("yes", "no"), "yes")
    assert Labels.of_release({"labels": ["a", "b"], "positive": "b"}) == Labels(("a", "b"), "b")
    assert Labels.of_release({"labels": ["a", "b", "c"]}).names == ("a", "b", "c")


@pytest.mark.parametrize(("positive", "column"), [("ruhig", 0), ("eilig", 1)])
def test_a_head_with_one_score_fills_the_column_of_its_positive_label(positive, column):
    rows = TfidfHead(HEAD, Labels(("ruhig", "eilig"), positive)).read(["urgent", "calm"])[0]
    assert rows.shape == (2, 2)
    assert rows.sum(axis=1) == pytest.approx([1.0, 1.0])
    assert rows[:, column] == pytest.approx([1 / (1 + np.exp(-2.0)), 0.5])
