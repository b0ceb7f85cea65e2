"""Owned GPUs as people write them."""

import pytest

from signalbox.capacity.hardware.inventory import Pool, merge, parse_gpu, parse_gpus
from signalbox.capacity.models import catalogue
from signalbox.errors import InputError

ROWS = catalogue.load()


@pytest.mark.parametrize(
    ("text", "count", "name"),
    [
        ("L4", None, "l4"),
        ("1xL4", 1, "l4"),
        ("2 x Tesla T4", 2, "t4"),
        ("8*H100-SXM5-80GB", 8, "h100"),
        ("4\u00d7a100", 4, "a100-80gb"),
        ("2\u00d7 H100-NVL", 2, "h100-nvl"),
        ("2xRTX 4090", 2, "rtx-4090"),
        ("NVIDIA-H100-80GB-HBM3", None, "h100"),
    ],
)
def test_a_count_goes_before_the_name(text, count, name):
    number, gpu = parse_gpu(text, ROWS.gpu)
    assert (number, gpu.name) == (count, name)


@pytest.mark.parametrize("text", ["0xL4", "-2xL4", "99999xL4"])
def test_a_count_out_of_range_is_named(text):
    with pytest.raises(InputError, match=rf"--gpu: got '{text}'. The count must be between 1 and"):
        parse_gpu(text, ROWS.gpu)


def test_an_unknown_gpu_suggests_similar_names():
    with pytest.raises(InputError, match=r"unknown GPU `L5` did you mean `l4`, `l40` or `l40s`\?"):
        parse_gpu("2xL5", ROWS.gpu)


def test_pools_are_listed_by_kind():
    pools = parse_gpus("2xT4, 1xL4,T4", ROWS.gpu)
    assert [(pool.name, pool.in_one_node) for pool in pools] == [("3xt4", 3), ("1xl4", 1)]


@pytest.mark.parametrize("text", ["", " , "])
def test_an_empty_list_says_how_to_write_one(text):
    with pytest.raises(InputError, match="2xT4,1xL4"):
        parse_gpus(text, ROWS.gpu)


def test_nodes_stay_apart():
    l4 = ROWS.gpu("l4")
    assert merge([Pool(l4, 2, 2), Pool(l4, 4, 4), Pool(l4, 1, 1)]) == (Pool(l4, 7, 4),)
