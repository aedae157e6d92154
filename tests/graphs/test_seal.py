"""A file's own digest within the file: every change is noticed, wherever it is."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yolov3.graphs.seal import OPEN_SEAL, SEAL_KEY, SealError, check_seal, seal

OPEN = b"what comes before " + f'{SEAL_KEY} value="{OPEN_SEAL}"'.encode() + b" and after"
SEALED = seal(OPEN)
DAMAGED = r"^damaged: its content does not match its own checksum$"
UNKNOWN = r"^not exported by this program \(it does not describe itself\), or cut off$"


def test_a_seal_is_the_digest_of_the_open_content_in_its_place():
    digest = hashlib.sha256(OPEN).hexdigest()
    assert OPEN.replace(OPEN_SEAL.encode(), digest.encode()) == SEALED
    check_seal(SEALED)


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_any_content_can_be_sealed(before, after):
    sealed = seal(before + f"{SEAL_KEY}={OPEN_SEAL}".encode() + after)
    check_seal(sealed)
    with pytest.raises(SealError):
        check_seal(sealed + b"\0")
    with pytest.raises(SealError):
        check_seal(b"\0" + sealed)


@pytest.mark.parametrize("flipped", [0x01, 0x20, 0x80, 0xFF])
def test_every_changed_byte_is_noticed(flipped):
    for place in range(len(SEALED)):
        changed = bytearray(SEALED)
        changed[place] ^= flipped
        with pytest.raises(SealError):
            check_seal(bytes(changed))


def test_every_cut_is_noticed():
    for length in range(len(SEALED)):
        with pytest.raises(SealError):
            check_seal(SEALED[:length])
        with pytest.raises(SealError):
            check_seal(SEALED[len(SEALED) - length :])


def test_what_is_wrong_is_told():
    with pytest.raises(SealError, match=DAMAGED):
        check_seal(SEALED.replace(b"before", b"behind"))
    with pytest.raises(SealError, match=DAMAGED):
        check_seal(OPEN)
    for unknown in (b"", b"a text", SEALED.replace(SEAL_KEY.encode(), b"another_key"), SEALED[:60]):
        with pytest.raises(SealError, match=UNKNOWN):
            check_seal(unknown)


def test_a_file_is_sealed_once():
    with pytest.raises(AssertionError, match="a seal is set once"):
        seal(SEALED)


def test_there_is_no_seal_without_a_place_for_it():
    for content in (
        b"nothing",
        SEAL_KEY.encode(),
        OPEN_SEAL.encode(),
        SEAL_KEY.encode() + b" " * 200 + OPEN_SEAL.encode(),
    ):
        with pytest.raises(SealError, match=UNKNOWN):
            seal(content)


def test_the_key_may_stand_in_the_content_too():
    content = f"{SEAL_KEY} is {OPEN_SEAL}, says the text; {SEAL_KEY}: {OPEN_SEAL}".encode()
    sealed = seal(content)
    assert sealed.startswith(f"{SEAL_KEY} is {OPEN_SEAL}".encode())
    check_seal(sealed)


def test_another_key_is_another_seal():
    content = f"mine {OPEN_SEAL}".encode()
    check_seal(seal(content, key="mine"), key="mine")
    with pytest.raises(SealError, match=UNKNOWN):
        check_seal(seal(content, key="mine"))
