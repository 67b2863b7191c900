"""What pages take from elsewhere: `<!-- generated: NAME -->` from the program's declarations, `<!-- code: FILE -->` from a file of
code, and `<!-- picture: NAME -->` from one of the pictures, which so have the colours of the page."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from progressive_app.config.declarations import CORE, PROGRAM_ITSELF, Declaration
from progressive_app.config.installed import installed_declarations
from progressive_core import PROGRAM
from progressive_core.contract.setting import When
from progressive_front.command_arguments import COMMANDS, TRAIN, command_in

ROOT = Path(__file__).parents[2]
GENERATED_HERE = re.compile(r"^<!-- generated: (\w+) -->$", re.MULTILINE)
CODE_HERE = re.compile(r"^<!-- code: (.+) -->$", re.MULTILINE)
PICTURE_HERE = re.compile(r"^<!-- picture: (.+) -->$", re.MULTILINE)
LANGUAGES = {".py": "python", ".toml": "toml"}
MAY_CHANGE: Mapping[When, str] = {
    "any time": "yes",
    "later buckets": "for buckets that have not begun",
    "never": "no (`--fork`)",
}


def on_page_markdown(markdown: str, **_: object) -> str:
    """The page with its marks replaced: the event of this name of mkdocs."""
    markdown = GENERATED_HERE.sub(lambda mark: GENERATED[mark[1]](), markdown)
    markdown = PICTURE_HERE.sub(lambda mark: picture(ROOT / f"docs/images/{mark[1]}.svg"), markdown)
    return CODE_HERE.sub(lambda mark: code_of(ROOT / mark[1]), markdown)


def picture(file: Path) -> str:
    """A picture, which scrolls by itself where the page is narrower than its letters allow."""
    return f'<div class="scroll">\n{file.read_text("utf-8")}</div>'


def code_of(file: Path) -> str:
    """A file as a fenced block."""
    return f"```{LANGUAGES[file.suffix]}\n{file.read_text('utf-8')}```"


def command_line() -> str:
    """A section for training and for each command: usage, meaning, arguments."""
    parts = []
    for command, module in (((), TRAIN), *(((name,), module) for name, module in COMMANDS.items())):
        parser = command_in(module).parser()
        parts.append(f"## `{' '.join((PROGRAM, *command))}`\n\n{_cell(parser.description or '')}\n")
        for group in sorted(parser._action_groups, key=lambda group: group.title == "options"):
            rows = [row for action in group._group_actions for row in _argument(action)]
            if rows:
                parts.append("\n".join([f"**{group.title}**\n", "| argument | meaning |", "|---|---|", *rows, ""]))
        if command and parser.epilog:
            parts.append(f"{_cell(parser.epilog)}\n")
    return "\n".join(parts)


def _argument(action: argparse.Action) -> Iterator[str]:
    """A row of the table, none for --help."""
    if action.dest == "help":
        return
    value = action.metavar or ("{" + ",".join(map(str, action.choices)) + "}" if action.choices else "")
    names = [f"`{name} {value}`" if value and action.nargs != 0 else f"`{name}`" for name in action.option_strings]
    yield f"| {', '.join(names) or f'`{value}`'} | {_cell(action.help or '')} |"


def settings() -> str:
    """A table for each owner, the program's first."""
    by_owner: dict[tuple[str, ...], list[Declaration]] = {}
    for declaration in installed_declarations().by_key.values():
        by_owner.setdefault(declaration.owners, []).append(declaration)
    return "\n".join(_settings_of(owners, declared) for owners, declared in by_owner.items())


def _settings_of(owners: tuple[str, ...], declared: list[Declaration]) -> str:
    import json

    from progressive_app.json_values import json_values

    title = {CORE: "The core", PROGRAM_ITSELF: "The program"}.get(owners[0], f"Declared by {', '.join(owners)}")
    rows = [
        f"| `{each.key}` | `{json.dumps(json_values(each.default))}` | {_cell(each.meaning)} | {_cell(each.allowed)} | "
        f"{MAY_CHANGE[each.may_change]} |"
        for each in (declaration.setting for declaration in declared)
    ]
    head = "| key | default | meaning | expected | may change in a begun run |"
    return "\n".join([f"## {title}\n", head, "|---|---|---|---|---|", *rows, ""])


def presentation() -> str:
    """The docstring of every public name."""
    from progressive_training import presentation as public

    return "\n\n".join(f"::: {public.__name__}.{name}" for name in public.__all__)


def _cell(text: str) -> str:
    """`text` on one line, as Markdown shows it letter by letter."""
    return re.sub(r"([|<>*_\[\]{}])", r"\\\1", " ".join(text.split()))


GENERATED: Mapping[str, Callable[[], str]] = {
    "command_line": command_line,
    "settings": settings,
    "presentation": presentation,
}
