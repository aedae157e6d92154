"""Readers of settings, lists, names, saved results and archives."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import tarfile
import zipfile
from pathlib import Path

from fuzzing.containers import change_zip
from fuzzing.mutations import change_bytes, change_json, change_text, change_yaml
from fuzzing.reader import MIB, Reader

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = ROOT / "configs"
NAMES = ("cat", "dog", "bird")
MOST_LETTERS = 5000  # of an address or an override, which come from a command line


def small_cfg() -> bytes:
    """A network of two levels and two classes in Darknet's language."""
    convolution = "[convolutional]\nfilters={}\nsize=3\nstride=2\npad=1\nbatch_normalize=1\nactivation={}\n"
    head = "[convolutional]\nfilters=14\nsize=1\nactivation=linear\n[yolo]\nnum=2\nclasses=2\nanchors="
    layers = "".join(convolution.format(*each) for each in ((4, "leaky"), (4, "mish"), (8, "leaky"), (8, "leaky")))
    other = "[route]\nlayers=-3\n" + convolution.format(8, "leaky") + f"{head}40,60, 80,50\n"
    first = f"{head}10,14, 23,27\nscale_x_y=1.1\nnms_kind=diounms\nbeta_nms=0.6\n"
    return f"[net]\nwidth=64\nheight=96\nchannels=3\n{layers}{first}{other}".encode()


def _cfgs(_: Path) -> list[bytes]:
    return [small_cfg(), small_cfg(), (CONFIGS / "darknet" / "yolov3-tiny.cfg").read_bytes()]


def _read_cfg(path: Path) -> None:
    from yolov3.darknet.cfg import read_cfg
    from yolov3.darknet.cfg_to_plan import plan_from_cfg
    from yolov3.darknet.meaning import meaning_of

    cfg = read_cfg(path)
    meaning_of(cfg)
    plan_from_cfg(cfg)


def _read_names(path: Path) -> None:
    from yolov3.files.class_names import read_names

    read_names(path)


def _data_files(folder: Path) -> list[bytes]:
    (folder / "train.txt").write_text("images/one.png\n")
    (folder / "x.names").write_text("cat\ndog\n")
    (folder / "backup").mkdir()
    return [b"classes = 2\ntrain = train.txt\nvalid = train.txt\nnames = x.names\nbackup = backup\neval=coco\n# more\n"]


def _read_data(path: Path) -> None:
    from yolov3.catalogue.naming import resolve_data
    from yolov3.datasets.darknet_data import read_data

    data = read_data(path)
    if data.names:
        data.find(data.names)
    resolve_data(path)


def _experiments(folder: Path) -> list[bytes]:
    (folder / "data").mkdir()
    (folder / "x.pt").write_bytes(b"x")
    own = (
        b"recipe: modern\ndata:\n  root: data\n  format: voc\n  names: [cat, dog]\n"
        b"model:\n  variant: yolov3-tiny\n  width: 0.25\n"
        b"train:\n  epochs: 3\n  batch_size: 4\n  weights: x.pt\n  multi_scale: [320, 608]\n"
        b"  cache: disk\noptimiser:\n  learning_rate: 0.001\n  steps: [0.5, 0.9]\n"
        b"augment:\n  scale: [0.5, 2]\nloss:\n  level_weights: [1, 2]\n"
    )
    shipped = [(CONFIGS / f"{name}.yaml").read_bytes() for name in ("yolov3_tiny_bccd", "yolov3_coco")]
    return [own, own, *(_with_data_here(seed) for seed in shipped)]


def _with_data_here(seed: bytes) -> bytes:
    """An experiment whose data are here and whose other files are left out."""
    kept = (line for line in seed.split(b"\n") if not line.strip().startswith((b"weights:", b"cfg:")))
    return re.sub(rb"(?m)^  file: .*$", b"  root: data", b"\n".join(kept))


def _read_experiment(path: Path) -> None:
    from yolov3.config.loading import load_experiment

    load_experiment(path)


def _override_lines(_: Path) -> list[bytes]:
    return [
        b"train.epochs=3\naugment.mosaic=0.5\ndata.names=[a, b]",
        b"model.width=0.5\ntrain.multi_scale=[320, 608]\nmodel.image_size=416",
    ]


def _read_overrides(path: Path) -> None:
    from yolov3.config.loading import load_experiment

    load_experiment(None, path.read_text(encoding="utf-8", errors="surrogateescape")[:MOST_LETTERS].split("\n")[:3])


def _threshold_files(_: Path) -> list[bytes]:
    return [b"about: found on val\niou: 0.45\nmulti_label: false\nthresholds:\n  cat: 0.25\n  dog: 0.4\n  bird: 0.31\n"]


def _read_thresholds(path: Path) -> None:
    from yolov3.selecting.thresholds import read_thresholds

    read_thresholds(path).of(NAMES, str(path))


def _metric_files(_: Path) -> list[bytes]:
    source = {"data": {"root": "data", "format": "voc", "names": list(NAMES)}, "split": "val", "weights": "x.pt"}
    return [
        json.dumps({"settings": {"confidence": 0.001}, "source": source, "coco": {"AP": 0.5}, "classes": []}).encode()
    ]


def _read_metrics(path: Path) -> None:
    from yolov3.evaluation.saved import read_metrics, source_of

    source_of(path.parent, read_metrics(path.parent))


def _source_lists(folder: Path) -> list[bytes]:
    (folder / "one.png").write_bytes(b"x")
    (folder / "two.mp4").write_bytes(b"x")
    (folder / "a b.jpg").write_bytes(b"x")
    return [
        b"# cameras\none.png\ntwo.mp4\nrtsp://user:word@camera/stream?x=1\nhttp://host:80/a.jpg\na b.jpg\n",
        b"one.png\r\ntwo.mp4\r\n",
    ]


def _read_sources(path: Path) -> None:
    from yolov3.sources.find import find_items

    find_items(str(path))


def _addresses(_: Path) -> list[bytes]:
    return [
        b"rtsp://user:pa/ss@camera:554/a?b=c",
        b"http://u:p@host/x.jpg#y",
        b"https://[::1]:80/stream.m3u8?token=abc",
        b"0",
    ]


def _read_address(path: Path) -> None:
    from yolov3.sources.address import is_address, split_login, without_logins
    from yolov3.sources.find import find_items

    text = path.read_text(encoding="utf-8", errors="surrogateescape")[:MOST_LETTERS]
    without_logins(text)
    if os.path.isdir(text):  # noqa: PTH112 - asks about any text; all that lies in a folder is no matter of reading its name
        return
    if is_address(text):
        with contextlib.suppress(ValueError):  # what it says it raises
            split_login(text)
    find_items(text)


def _tables(_: Path) -> list[bytes]:
    head = "epoch,train/loss,train/box,train/obj,train/cls,metrics/AP50,metrics/AP,learning_rate,class,AP"
    return [f"{head}\n0,3.5,1,1,1.5,0.1,0.05,0.001,cat,0.1\n1,2.5,1,1,0.5,0.2,0.1,0.001,dog,0.2\n".encode()]


def _read_tables(path: Path) -> None:
    from yolov3.reporting.training import read_rows

    read_rows(path)


def _archives(_: Path) -> list[bytes]:
    packed, taped = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("images/one.txt", b"1" * 400)
        archive.writestr("two.txt", b"two")
    with tarfile.open(fileobj=taped, mode="w:gz") as tape:
        entry = tarfile.TarInfo("images/one.txt")
        entry.size = 400
        tape.addfile(entry, io.BytesIO(b"1" * 400))
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "images/one.txt"
        tape.addfile(link)
    return [packed.getvalue(), taped.getvalue()]


def _zips(folder: Path) -> list[bytes]:
    return _archives(folder)[:1]


def _read_archive(path: Path) -> None:
    from yolov3.downloads.unpack import unpack

    unpack(path, path.parent / "unpacked")
    beside = {name for name in os.listdir(path.parent) if name not in ("unpacked", "pipe", path.name)}  # noqa: PTH208
    assert not beside, f"unpacked outside of its folder: {beside}"


READERS = [
    Reader("cfg", "x.cfg", _cfgs, _read_cfg, change_text),
    Reader("names", "x.names", lambda _: [b"cat\ndog\nbird\n", b"\xef\xbb\xbfa b\r\nc\r\n"], _read_names, change_text),
    Reader("darknet-data", "x.data", _data_files, _read_data, change_text),
    Reader("experiment", "x.yaml", _experiments, _read_experiment, change_yaml),
    Reader("overrides", "x.txt", _override_lines, _read_overrides, change_text),
    Reader("thresholds", "thresholds.yaml", _threshold_files, _read_thresholds, change_yaml),
    Reader("metrics", "metrics.json", _metric_files, _read_metrics, change_json),
    Reader("sources", "x.txt", _source_lists, _read_sources, change_text),
    Reader("address", "x.txt", _addresses, _read_address, change_text),
    Reader("tables", "results.csv", _tables, _read_tables, change_text),
    Reader("zip", "x.zip", _zips, _read_archive, change_zip, constant=128 * MIB),
    Reader("archive", "x.tar.gz", _archives, _read_archive, change_bytes, constant=128 * MIB),
]
