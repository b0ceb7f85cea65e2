"""The traffic light in words."""

from services.assessor.texts import APPEARANCE, REASON_TEXT, in_language
from services.assessor.web.messages import MESSAGES
from signalbox.contracts.light import Light, LightReason
from signalbox.contracts.routes import ROUTES


def test_every_light_and_reason_has_its_words():
    assert set(APPEARANCE) == set(Light)
    assert set(REASON_TEXT) == set(LightReason)
    for words in [*(a.word for a in APPEARANCE.values()), *REASON_TEXT.values()]:
        assert set(words) == {"en", "de"}
        assert all(words.values())
    assert len({a.symbol for a in APPEARANCE.values()}) == len(Light)


def test_every_route_and_light_has_its_messages():
    keys = {f"route_{route}{part}" for route in ROUTES for part in ("", "_hint")}
    keys |= {f"{part}_{light.value}" for light in Light for part in ("meaning", "legend")}
    assert keys <= set(MESSAGES)


def test_a_language_without_a_translation_is_shown_in_english():
    assert in_language(APPEARANCE[Light.RED].word, "fr") == "Withheld"
