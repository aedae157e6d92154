"""The memory that a file's reader may take."""

from fuzzing.mutations import change_bytes
from fuzzing.reader import MIB, Reader


def test_memory_grows_with_the_file():
    reader = Reader("x", "x.bin", lambda folder: [b"a"], lambda path: None, change_bytes, constant=2 * MIB, factor=3)
    assert (reader.memory(0), reader.memory(10)) == (2 * MIB, 2 * MIB + 30)
