from dataclasses import replace

from core.publishing import sections
from core.publishing.sections import DataFacts


def test_the_card_says_that_the_sample_is_no_research_data() -> None:
    facts = DataFacts("sample.csv", "0" * 64, 9, 3, (), ())
    assert "not research data" not in sections.data_section(facts)
    assert "not research data" in sections.data_section(replace(facts, is_sample=True))
