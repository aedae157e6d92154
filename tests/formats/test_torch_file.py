"""A file of torch.save gives what PyTorch itself reads from it, or is refused; and takes no more memory than it has bytes."""

from __future__ import annotations

import io
import json
import random
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import torch

from yolov3.errors import UserError
from yolov3.formats.checkpoint import load_checkpoint, save_checkpoint
from yolov3.formats.safetensors_file import load_safetensors, save_safetensors
from yolov3.formats.torch_file import TYPES, TorchFileFault, read_torch_file
from yolov3.models.yolov3 import YOLOv3
from yolov3.structures import ModelMeaning, Preprocessing


def tiny() -> YOLOv3:
    torch.manual_seed(0)
    return YOLOv3(num_classes=2, variant="yolov3-tiny", width=0.0625)


def saved(path: Path, content: object) -> Path:
    torch.save(content, path)
    return path


def rewritten(path: Path, change: dict[str, bytes], *, packed: bool = False) -> None:
    """The file again with other contents of some records, by the ends of their names."""
    with zipfile.ZipFile(path) as archive:
        records = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED) as archive:
        for name, content in records.items():
            archive.writestr(name, next((new for end, new in change.items() if name.endswith(end)), content))


@pytest.mark.parametrize("kind", TYPES.values(), ids=str)
def test_tensors_of_all_types_are_those_that_pytorch_reads(tmp_path, kind):
    numbers = torch.arange(24).to(kind)
    content = {
        "plain": numbers,
        "turned": numbers.view(2, 3, 4).permute(2, 0, 1),
        "part": numbers[3:9:2],
        "one": numbers[5],
        "none": numbers[:0].view(0, 3),
        "last": torch.rand(1, 3, 4, 4).to(memory_format=torch.channels_last),
        "parameter": torch.nn.Parameter(torch.ones(3)),
    }
    path = saved(tmp_path / "a.pt", content)
    ours, theirs = read_torch_file(path), torch.load(path, weights_only=True)
    assert ours.keys() == theirs.keys()
    for name, tensor in ours.items():
        assert tensor.dtype == theirs[name].dtype and tensor.stride() == theirs[name].stride()
        assert torch.equal(tensor, theirs[name])


def test_the_state_of_a_network_and_its_optimiser_too(tmp_path):
    network = tiny()
    optimiser = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
    network(torch.rand(2, 3, 32, 32))[0].sum().backward()
    optimiser.step()
    path = saved(tmp_path / "a.pt", {"network": network.state_dict(), "optimiser": optimiser.state_dict()})
    ours, theirs = read_torch_file(path), torch.load(path, weights_only=True)
    assert all(torch.equal(ours["network"][name], tensor) for name, tensor in theirs["network"].items())
    assert ours["optimiser"]["param_groups"] == theirs["optimiser"]["param_groups"]
    for number, state in theirs["optimiser"]["state"].items():
        assert all(torch.equal(ours["optimiser"]["state"][number][name], tensor) for name, tensor in state.items())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"x": torch.zeros(1).expand(10**6)}, "repeat the same numbers"),
        ({"x": [torch.zeros(1000).expand(1000, 1000)]}, "repeat the same numbers"),
        ({"x": [numbers := torch.zeros(10**5), *(numbers[:-1] for _ in range(20))]}, "repeat the same numbers"),
        ({"x": torch.zeros(3).to_sparse()}, "never loaded"),
        ({"x": torch.zeros(3, device="meta")}, "never loaded"),
        ({"x": torch.zeros(3, dtype=torch.complex64)}, "no numbers of the type"),
        ({"x": Path("a")}, "never loaded"),
    ],
)
def test_what_takes_more_than_it_has_or_is_not_plain_is_refused(tmp_path, content, message):
    with pytest.raises(TorchFileFault, match=message):
        read_torch_file(saved(tmp_path / "a.pt", content))


def test_records_that_are_not_what_they_should_be_are_refused(tmp_path):
    path = tmp_path / "a.pt"
    changes = {
        "/byteorder": (b"big", "byte order"),
        "/data/0": (bytes(12), "12 bytes of numbers in place of 16"),
        "/data.pkl": (b"", "damaged"),
    }
    for name, (content, message) in changes.items():
        saved(path, {"x": torch.zeros(4)})
        rewritten(path, {name: content})
        with pytest.raises(TorchFileFault, match=message):
            read_torch_file(path)
    saved(path, {"x": torch.zeros(10**6)})
    rewritten(path, {}, packed=True)
    with pytest.raises(TorchFileFault, match="its records are packed"):
        read_torch_file(path)
    old = io.BytesIO()
    torch.save({"x": torch.zeros(4)}, old, _use_new_zipfile_serialization=False)
    path.write_bytes(old.getvalue())
    with pytest.raises(TorchFileFault, match="no archive"):
        read_torch_file(path)


BOMBS = """
import json, resource, sys
from pathlib import Path
from yolov3.errors import UserError
from yolov3.formats.load import load_model
load_model(Path(sys.argv[1]) / "sound.pt")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
told = {}
for name in sys.argv[2:]:
    try:
        told[name] = ["loaded", 0]
        load_model(Path(sys.argv[1]) / name)
    except UserError as error:
        told[name][0] = str(error)
    told[name][1] = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
print(json.dumps(told))
"""


def test_small_files_take_little_memory(tmp_path):
    network, meaning = tiny(), ModelMeaning(("a", "b"), Preprocessing((64, 64)))
    save_checkpoint(tmp_path / "sound.pt", network, meaning=meaning)
    content = torch.load(tmp_path / "sound.pt", weights_only=True)
    with torch.device("meta"):
        wide = YOLOv3(num_classes=2, variant="yolov3-tiny", width=20)
    model = {**content["model"], "width": 20}
    shapes = {
        name: torch.zeros((), dtype=tensor.dtype).expand(tensor.shape) for name, tensor in wide.state_dict().items()
    }
    saved(tmp_path / "wide.pt", {**content, "model": model})
    saved(tmp_path / "expanded.pt", {**content, "model": model, "weights": shapes})
    saved(tmp_path / "packed.pt", {**content, "more": torch.zeros(10**8)})
    rewritten(tmp_path / "packed.pt", {}, packed=True)
    saved(tmp_path / "array.pt", content)
    rewritten(tmp_path / "array.pt", {"/data.pkl": b"\x80\x02cbuiltins\nbytearray\nJ\0\0\0\x70\x85R."})
    bombs = ["wide.pt", "expanded.pt", "packed.pt", "array.pt"]
    done = subprocess.run([sys.executable, "-c", BOMBS, str(tmp_path), *bombs], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout)
    for name, (said, taken) in told.items():
        assert said.startswith(f"{tmp_path / name}: ") and taken < 64 << 20, (said, taken)
        assert (tmp_path / name).stat().st_size < 1 << 20
    assert "weights of another network" in told["wide.pt"][0]


def mutated(data: bytes, generator: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(generator.randint(1, 6)):
        kind, place = generator.randrange(4), generator.randrange(len(changed))
        if kind == 0:
            changed[place] = generator.randrange(256)
        elif kind == 1:
            del changed[place : place + generator.randint(1, 9)]
        elif kind == 2:
            changed[place:place] = generator.randbytes(generator.randint(1, 9))
        else:
            changed[place] = generator.choice(b"\0\1\x7f\xff(.0NQRbctu}]ahqs\"'{[:,9")
    return bytes(changed)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("count", [300, pytest.param(10_000, marks=[pytest.mark.slow, pytest.mark.timeout(3000)])])
@pytest.mark.parametrize("part", ["/data.pkl", "file", "header", "content"])
def test_changed_files_are_models_or_refused_in_words(tmp_path, part, count):
    """In the pickle, anywhere in the file, in the description of a safetensors, in the values of a sound pickle."""
    generator = random.Random(part)
    meaning = ModelMeaning(("a", "b"), Preprocessing((64, 64)))
    save_checkpoint(tmp_path / "a.pt", tiny(), meaning=meaning)
    (tmp_path / "a.pt.sha256").unlink()
    model = load_checkpoint(tmp_path / "a.pt")
    content = read_torch_file(tmp_path / "a.pt")
    save_safetensors(tmp_path / "a.safetensors", model)
    with zipfile.ZipFile(tmp_path / "a.pt") as archive:
        pickled = next(archive.read(name) for name in archive.namelist() if name.endswith("/data.pkl"))
    whole, header = (tmp_path / "a.pt").read_bytes(), (tmp_path / "a.safetensors").read_bytes()
    length = int.from_bytes(header[:8], "little")
    path = tmp_path / ("b.safetensors" if part == "header" else "b.pt")
    values = [
        None,
        3,
        -1,
        0.5,
        float("nan"),
        1e9,
        "text",
        "a\ud800",
        "\x1b[2J",
        [],
        {},
        [None],
        [1, "b"],
        torch.zeros(2),
    ]
    loaded = 0
    for _ in range(count):
        path.unlink(missing_ok=True)
        if part == "/data.pkl":
            path.write_bytes(whole)
            rewritten(path, {part: mutated(pickled, generator)})
        elif part == "file":
            path.write_bytes(mutated(whole, generator))
        elif part == "header":
            changed = mutated(header[8 : 8 + length], generator)
            path.write_bytes(len(changed).to_bytes(8, "little") + changed + header[8 + length :])
        else:
            key = generator.choice(list(content))
            inner = content[key]
            value = generator.choice(values)
            if isinstance(inner, dict) and generator.random() < 0.7:
                value = {**inner, generator.choice(list(inner)): value}
            saved(path, {**content, key: value})
        try:
            (load_safetensors if part == "header" else load_checkpoint)(path)
            loaded += 1
        except UserError as error:
            assert str(error).startswith(f"{path}: ") and "\n" not in str(error) and str(error).isprintable()
    assert loaded < count
