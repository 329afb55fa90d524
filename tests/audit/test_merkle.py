"""The tree of RFC 6962, by the vectors of the Certificate Transparency reference implementation."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsportal.audit.verifier import from_spans, leaf_hash, merkle_root, node_hash, to_spans

INPUTS = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


@pytest.mark.parametrize("count", range(1, 9))
def test_it_gives_the_published_roots(count):
    leaves = [leaf_hash(bytes.fromhex(data)) for data in INPUTS[:count]]
    assert merkle_root(leaves).hex() == ROOTS[count - 1]


def test_the_empty_tree_is_the_hash_of_nothing():
    assert merkle_root([]).hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def split_at_the_largest_power_of_two(leaves):
    """RFC 6962, 2.1, as it is written there."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return node_hash(*(split_at_the_largest_power_of_two(part) for part in (leaves[:split], leaves[split:])))


@given(st.lists(st.binary(max_size=4), max_size=70))
def test_pairing_by_level_is_the_tree_of_the_definition(inputs):
    leaves = [leaf_hash(data) for data in inputs]
    assert merkle_root(leaves) == split_at_the_largest_power_of_two(leaves)


@given(st.lists(st.integers(1, 60), unique=True))
def test_spans_keep_ids_and_their_order(ids):
    assert list(from_spans(to_spans(ids))) == ids


def test_neighbours_are_one_span():
    assert to_spans([4, 5, 6, 9, 2]) == [[4, 6], [9, 9], [2, 2]]
