from dataclasses import replace

from core.publishing import sections
from core.publishing.sections import DataDescription


def test_the_card_says_that_the_sample_is_no_research_data() -> None:
    described = DataDescription("sample.csv", "0" * 64, 9, 3, (), ())
    assert "not research data" not in sections.data_section(described)
    assert "not research data" in sections.data_section(replace(described, is_sample=True))
