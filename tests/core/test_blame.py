"""Whatever a plugin says for itself becomes one line that can be printed."""

from hypothesis import given
from hypothesis import strategies as st

from progressive_core.plugins.blame import LONGEST, describe_error, one_line, safe_repr


@given(st.text() | st.text(st.characters(categories=["Cc", "Zs", "Zl"])).map(lambda text: text * 50))
def test_words_of_a_plugin_become_one_bounded_line_that_can_be_printed(text: str) -> None:
    line = one_line(text)
    assert len(line) <= LONGEST and line.isprintable() and line == line.strip()
    assert "".join(text.split()).startswith(line.removesuffix("...").replace(" ", "")) or not text.isprintable()
    assert describe_error(ValueError(text)) in (f"ValueError: {line}", "ValueError")


def test_what_cannot_be_shown_is_told_all_the_same() -> None:
    class Silent(Exception):
        def __str__(self) -> str:
            raise SystemExit(1)

        __repr__ = __str__

    assert describe_error(Silent()) == "Silent: <a Silent whose str() raised SystemExit>"
    assert safe_repr(Silent()) == "<a Silent whose repr() raised SystemExit>"
    assert describe_error(SystemExit()) == "it called sys.exit()"
