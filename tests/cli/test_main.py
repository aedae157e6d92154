"""The command line as a whole: its commands, its help, its exit codes, and what it does when nobody listens."""

from __future__ import annotations

import argparse
import errno
import importlib
import logging
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import yolov3
from yolov3.cli import COMMANDS, main
from yolov3.errors import UserError

ROOT = Path(__file__).resolve().parents[2]


def program(*words: str, code: str = "", **settings: object) -> subprocess.CompletedProcess[str]:
    """The command line in a process of its own; ``code`` runs before it there."""
    start = f"import sys; from yolov3.cli import main\n{code}\nsys.exit(main(sys.argv[1:]))"
    return subprocess.run([sys.executable, "-c", start, *words], capture_output=True, text=True, cwd=ROOT, **settings)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_complete(name: str) -> None:
    module = importlib.import_module(COMMANDS[name])
    assert module.HELP and "\n" not in module.HELP
    module.add_arguments(argparse.ArgumentParser())
    assert callable(module.parse) and callable(module.run) and (module.__doc__ or "").startswith(f"``yolov3 {name}")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith(f"usage: yolov3 {name} ")
    assert "(default: None)" not in printed


def test_help_lists_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    width = max(map(len, COMMANDS))
    for name, place in COMMANDS.items():
        assert f"  {name:<{width}}  {importlib.import_module(place).HELP}" in lines


def test_what_is_noted_is_told_once_on_the_error_output(capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        main(["models"])
        logging.getLogger("yolov3.formats").info("a note")
        logging.getLogger("another").info("nothing of ours")
        told = capsys.readouterr()
        assert told.err == "a note\n" and "a note" not in told.out


def test_help_is_there_at_once() -> None:
    heavy = "{'torch', 'cv2', 'numpy', 'pydantic', 'rich', 'yaml', 'pycocotools'}"
    done = program(
        "--help", code=f"import atexit; atexit.register(lambda: print('heavy:', {heavy} & set(sys.modules)))"
    )
    assert done.returncode == 0 and done.stdout.endswith("heavy: set()\n"), done
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        program("--help")
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.5


def test_only_the_chosen_command_is_imported() -> None:
    code = "import atexit; atexit.register(lambda: print(sorted(n for n in sys.modules if n.startswith('yolov3.'))))"
    done = program("evaluate", "--help", code=code)
    expected = [
        "yolov3.cli", "yolov3.cli.evaluate", "yolov3.dialogue", "yolov3.dialogue.answer", "yolov3.dialogue.numbers",
        "yolov3.dialogue.parser", "yolov3.dialogue.streams", "yolov3.dialogue.suggestions", "yolov3.errors",
        "yolov3.limits", "yolov3.options", "yolov3.options.model_options", "yolov3.watching", "yolov3.watching.printable",
    ]  # fmt: skip
    assert done.stdout.endswith(f"{expected}\n")


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"yolov3 {yolov3.__version__}\n"


def test_no_command_is_an_error_with_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    out, err = capsys.readouterr()
    assert out == "" and "evaluate" in err


def test_an_unknown_command_is_an_error_with_a_suggestion(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evalute"]) == 2
    assert capsys.readouterr().err == (
        f"yolov3: error: no command 'evalute' (did you mean evaluate?); the commands are {', '.join(COMMANDS)}\n"
    )
    assert main(["--wieghts", "x"]) == 2


def test_wrong_arguments_are_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate"]) == 2
    message = "evaluate: the following arguments are required: --weights; see yolov3 evaluate --help"
    assert capsys.readouterr() == ("", f"yolov3: error: {message}\n")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["detect", "--wieghts", "x", "--source", "y"], "detect: no option --wieghts (did you mean --weights?)"),
        (["evaluate", "--weigh", "x"], "evaluate: no option --weigh (did you mean --weights?)"),  # no abbreviations
        (
            ["evaluate", "--weights", "x", "--split", "vla"],
            "evaluate: --split: found 'vla' (did you mean val?); must be",
        ),
        (["train", "a.yaml", "--epochs", "5"], "train: no option --epochs (did you mean train.epochs=5?)"),
        (["train", "a.yaml", "epochs=5"], "a.yaml: "),
        (["train", "epochs=5"], "command line: unknown key epochs (did you mean train.epochs=5?)"),
        (
            ["benchmark", "evaluate.every=5"],
            "command line: unknown key evaluate.every (did you mean train.evaluate_every=5?)",
        ),
        (
            ["evaluate", "weights=a.pt"],
            "evaluate: the following arguments are required: --weights (did you mean --weights a.pt?)",
        ),
        (["trian"], "no command 'trian' (did you mean train?)"),
        (["settings", "trian"], "no settings 'trian' (did you mean train?)"),
    ],
)
def test_a_wrong_word_is_told_with_the_one_that_was_meant(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith(f"yolov3: error: {message}") and err.count("\n") == 1


def replaced_run(monkeypatch: pytest.MonkeyPatch, failure: BaseException) -> None:
    def run(words: object) -> int:
        raise failure

    monkeypatch.setattr("yolov3.cli.models.run", run)


def test_what_a_user_can_mend_is_a_line_and_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    replaced_run(monkeypatch, UserError("x.yaml: line 3: no"))
    assert main(["models"]) == 2
    assert capsys.readouterr() == ("", "yolov3: error: x.yaml: line 3: no\n")


def test_ctrl_c_is_130(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    replaced_run(monkeypatch, KeyboardInterrupt())
    assert main(["models"]) == 130
    assert capsys.readouterr() == ("", "yolov3: stopped\n")


def test_a_fault_of_ours_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    replaced_run(monkeypatch, ValueError("ours"))
    with pytest.raises(ValueError, match="ours"):
        main(["models"])


def test_a_file_for_which_there_is_no_space_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    replaced_run(monkeypatch, OSError(errno.ENOSPC, "No space left on device", "/full/results.csv"))
    assert main(["models"]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith(
        "yolov3: error: /full/results.csv: cannot be written: No space left on device ("
    )


def test_other_faults_of_the_system_are_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    replaced_run(monkeypatch, OSError(errno.EBADF, "Bad file descriptor"))
    with pytest.raises(OSError, match="Bad file"):
        main(["models"])


PRINTING = """
import sys
import yolov3.cli.models
from yolov3.cli import main
def run(words):
    for number in range(COUNT):
        print(number)
    return 0
yolov3.cli.models.run = run
sys.exit(main())
"""


@pytest.mark.parametrize("count", [10, 100_000])
def test_a_reader_that_leaves_is_no_traceback(count: int) -> None:
    words = [sys.executable, "-c", PRINTING.replace("COUNT", str(count)), "models"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT) as writer:
        assert writer.stdout and writer.stderr
        writer.stdout.close()
        assert (writer.wait(timeout=60), writer.stderr.read()) == (141, "")


WORKING = """
import sys
import yolov3.cli.models
from yolov3.cli import main
def run(words):
    from rich.console import Console
    from yolov3.watching.watcher import Bar
    with Bar("working") as bar:
        for number in range(50):
            print("line " * 100, flush=True)
            Console().print("line")
            bar.report("line")
            bar.warn("beware")
    open(FILE, "w").write("written")
    return CODE
yolov3.cli.models.run = run
sys.exit(main())
"""


@pytest.mark.parametrize(
    ("redirection", "code", "expected"),
    [
        ("| head -1", 0, 141),
        ("2>&1 | head -1", 0, 141),
        (">&-", 0, 0),
        (">&- 2>&-", 0, 0),
        ("<&- >&- 2>&-", 1, 1),
        ("> /dev/full", 0, 2),
        ("> /dev/full 2> /dev/full", 0, 2),
        ("2> /dev/full > /dev/null", 0, 0),
        ("| head -1", 1, 1),
    ],
)
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_the_work_does_not_end_with_its_reader(tmp_path: Path, redirection: str, code: int, expected: int) -> None:
    file = tmp_path / "result"
    program = WORKING.replace("FILE", repr(str(file))).replace("CODE", str(code))
    script = f'exec 3>&1; "$0" -c "$1" models {redirection}; echo "code ${{PIPESTATUS[0]}}" >&3'
    done = subprocess.run(["bash", "-c", script, sys.executable, program], capture_output=True, text=True, cwd=ROOT)
    assert file.read_text() == "written"
    assert f"code {expected}\n" in done.stdout
    assert "Traceback" not in done.stderr and "Exception" not in done.stderr
    if redirection == "> /dev/full":
        assert "yolov3: error: the output: cannot be written: No space left on device\n" in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_an_error() -> None:
    words = [sys.executable, "-c", PRINTING.replace("COUNT", "10"), "models"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    message = "yolov3: error: the output: cannot be written: No space left on device\n"
    assert (done.returncode, done.stderr) == (2, message)


def test_the_package_runs_as_a_program() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "yolov3", "--version"], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert done.stdout == f"yolov3 {yolov3.__version__}\n"


def test_options_may_stand_between_a_file_and_its_settings(tmp_path, capsys):
    assert main(["anchors", str(tmp_path / "missing.yaml"), "--seed", "1", "train.epochs=2"]) == 2
    error = capsys.readouterr().err
    assert "missing.yaml" in error and "unrecognized" not in error


def test_a_mistake_in_a_setting_is_told_before_torch_is_imported() -> None:
    code = "import atexit; atexit.register(lambda: print({'torch', 'albumentations'} & set(sys.modules)))"
    for command in (["train"], ["benchmark"], ["anchors", "configs/yolov3_tiny_bccd.yaml"]):
        done = program(*command, "data.root=/", "train.epoch=5", code=code)
        assert (done.returncode, done.stdout) == (2, "set()\n") and "train.epochs=5?" in done.stderr


@pytest.mark.parametrize("name", ["train", "evaluate", "detect"])
def test_the_scripts_of_a_checkout_need_no_installation(name: str, tmp_path: Path) -> None:
    """Without site-packages nothing is installed, and help needs nothing."""
    script = ROOT / "scripts" / f"{name}.py"
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-S", str(script), "--help"], capture_output=True, text=True, cwd=tmp_path, env=environment
    )
    assert (done.returncode, done.stderr) == (0, "") and done.stdout.startswith(f"usage: yolov3 {name} ")
