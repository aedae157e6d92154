"""The command ``yolov3``: finds the command's module, runs it, turns what goes wrong into a line and an exit code.

A command module has ``HELP`` (one line), ``add_arguments(parser)``, ``parse(arguments) -> options`` and ``run(options) ->
exit code``, and imports nothing heavy before it parses, so that help is there at once. Beyond ``parse`` nobody sees what
argparse made; what a command does stands below the command line, in a function of its own.

Exit codes: 0 done, 2 something the user can mend, 130 stopped by Ctrl-C, 143 by SIGTERM, 129 by SIGHUP, 141 done, but
nobody read the output to its end (the work does not end with its reader: files are written all the same). An output that is
closed is one that nobody wanted.
"""

from __future__ import annotations

import contextlib
import importlib
import logging
import sys
import warnings
from collections.abc import Sequence
from types import ModuleType

from yolov3 import __version__
from yolov3.dialogue.parser import WordParser
from yolov3.dialogue.streams import guarded_streams
from yolov3.dialogue.suggestions import did_you_mean
from yolov3.errors import UserError

COMMANDS = {
    "train": "yolov3.cli.train",
    "evaluate": "yolov3.cli.evaluate",
    "compare": "yolov3.cli.measuring.compare",
    "detect": "yolov3.cli.detect",
    "serve": "yolov3.cli.serve",
    "demo": "yolov3.cli.demo",
    "doctor": "yolov3.cli.data_sets.doctor",
    "anchors": "yolov3.cli.anchors",
    "convert": "yolov3.cli.convert",
    "export": "yolov3.cli.export",
    "download": "yolov3.cli.download",
    "train-classifier": "yolov3.cli.train_classifier",
    "split": "yolov3.cli.data_sets.split",
    "convert-data": "yolov3.cli.data_sets.convert_data",
    "models": "yolov3.cli.models",
    "benchmark": "yolov3.cli.measuring.benchmark",
    "settings": "yolov3.cli.settings",
    "configs": "yolov3.cli.configs",
    "completion": "yolov3.cli.completion",
}

SECOND_WORDS = {"benchmark": {"detect": "yolov3.cli.measuring.benchmark_detect"}}
"""Commands of two words; a first word alone is a command of its own."""

READ_IMAGES = (
    "train", "evaluate", "compare", "detect", "demo", "doctor", "anchors", "export", "train-classifier",
    "split", "convert-data", "benchmark", "serve",
)  # fmt: skip
"""The commands that need OpenCV."""

USER_ERROR = 2
STOPPED = 130
NO_READER = 141  # as shells report a program that ended by SIGPIPE


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line ``argv`` (default: the program's own) and return its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    with guarded_streams() as output:
        try:
            code = _dispatch(words)
        except UserError as error:
            code = _complain(str(error))
        except KeyboardInterrupt as stop:
            code = _stopped(stop)
        except OSError as error:
            code = _complain_of_system(error)
        except Exception as error:
            code = _complain_of_memory(error)
        sys.stdout.flush()
        if isinstance(output.failure, BrokenPipeError):
            code = code or NO_READER
        elif output.failure is not None:
            code = code or _complain(f"the output: cannot be written: {output.failure.strerror or output.failure}")
    return code


def parser_of(name: str) -> WordParser:
    """The parser of a command."""
    command = _load(name)
    parser = WordParser(name, description=command.HELP, settings=_names_of_settings)
    command.add_arguments(parser)
    return parser


def _names_of_settings() -> list[str]:
    from yolov3.config.experiment import Experiment
    from yolov3.config.kinds import setting_names

    return setting_names(Experiment)


def _dispatch(words: list[str]) -> int:
    if not words:
        print(_overview(), file=sys.stderr)
        return USER_ERROR
    name, *rest = words
    if name in ("-h", "--help", "help"):
        print(_overview())
        return 0
    if name == "--version":
        print(f"yolov3 {__version__}")
        return 0
    if name not in COMMANDS:
        raise UserError(f"no command {name!r}{did_you_mean(name, COMMANDS)}; the commands are {', '.join(COMMANDS)}")
    if rest and rest[0] in SECOND_WORDS.get(name, {}):
        name, rest = f"{name} {rest[0]}", rest[1:]
    try:
        arguments = parser_of(name).parse_words(rest)
    except SystemExit as stop:  # argparse has printed its help
        return stop.code if isinstance(stop.code, int) else USER_ERROR
    from yolov3.processes.interruption import stops_raise

    with stops_raise():
        try:
            _prepare_process()
            if name.partition(" ")[0] in READ_IMAGES:
                _check_opencv()
            command = _load(name)
            code: int = command.run(command.parse(arguments))
        except KeyboardInterrupt as stop:
            code = _stopped(stop)
    return code


def _prepare_process() -> None:
    """What a program may decide and a library may not."""
    from yolov3.machine.allocator import keep_freed_memory

    keep_freed_memory()
    _show_notes()
    # Pillow tells of metadata that nobody asked for; what is wrong with an image is told in words of our own.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    logging.getLogger("PIL").setLevel(logging.CRITICAL)


def _check_opencv() -> None:
    from yolov3.machine.opencv import mixed_opencv_note, require_opencv
    from yolov3.processes.launch import is_first_process

    require_opencv()
    note = mixed_opencv_note()
    if note is not None and is_first_process():
        print(f"yolov3: warning: {note}", file=sys.stderr)


def _show_notes() -> None:
    from yolov3.watching.lines import NoteLines

    logger = logging.getLogger(__package__.partition(".")[0])
    logger.setLevel(logging.INFO)
    logger.handlers = [each for each in logger.handlers if not isinstance(each, NoteLines)]
    logger.addHandler(NoteLines())  # a new one, that has shown nothing yet


def _load(name: str) -> ModuleType:
    first, _, second = name.partition(" ")
    return importlib.import_module(SECOND_WORDS[first][second] if second else COMMANDS[first])


def _overview() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {_load(name).HELP}" for name in COMMANDS]
    end = "yolov3 COMMAND --help explains a command; yolov3 --version tells the version"
    return "\n".join(("usage: yolov3 COMMAND [...]", "", "commands:", *lines, "", end))


def _stopped(stop: KeyboardInterrupt) -> int:
    from yolov3.processes.stopping import Stopping

    if Stopping.current is not None:
        Stopping.current.told = True
    with contextlib.suppress(OSError):  # the terminal may be what has gone
        print("yolov3: stopped", file=sys.stderr)
    return int(getattr(stop, "exit_code", STOPPED))


def _complain(message: str) -> int:
    from yolov3.watching.lines import print_line

    print_line(f"yolov3: error: {_without_logins(message)}", sys.stderr)
    return USER_ERROR


def _complain_of_system(error: OSError) -> int:
    """Tell what the system answered about a file or a disk of the user's. Raises what is no such answer."""
    from yolov3.files.refusals import refused_path

    refused = refused_path(error)
    if refused is None:
        raise error
    return _complain(str(refused))


def _complain_of_memory(error: Exception) -> int:
    """Tell that there is too little of it. Raises an error that says something else."""
    from yolov3.machine.memory import first_line, is_short_of_memory

    if not is_short_of_memory(error):
        raise error
    return _complain(f"there is not enough memory: {first_line(error)}")


def _without_logins(message: str) -> str:
    from yolov3.sources.address import without_logins  # where something is wrong, and no sooner

    return without_logins(message)
