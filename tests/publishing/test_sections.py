from dataclasses import replace

from core.config.schema import Definition
from core.publishing import sections
from core.publishing.sections import DataDescription

DESCRIBED = DataDescription("sample.csv", "0" * 64, 9, 3, (), ())


def test_the_card_says_that_the_sample_is_no_research_data() -> None:
    assert "not research data" not in sections.data_section(DESCRIBED)
    assert "not research data" in sections.data_section(replace(DESCRIBED, is_sample=True))


def test_the_card_says_what_is_distilled_and_the_language_if_it_is_known() -> None:
    limits = sections.limits_section(replace(DESCRIBED, language="en"), ())
    assert "For research on empathetic responses to short dialogues, in English, in the style of" in limits
    definition = Definition(name="politeness", adjective="polite", text="Politeness is regard.")
    other = sections.limits_section(replace(DESCRIBED, definition=definition), ())
    assert "For research on polite responses to short dialogues, in the style of" in other
