"""Which language a text is written in, of the nine that the simulator speaks.

Scripts settle Chinese, Japanese, Korean, Russian and Arabic; common small words settle Spanish,
French and German against English.
"""

import re
from collections import Counter

_SCRIPTS: tuple[tuple[str, re.Pattern[str], int], ...] = (
    ("ja", re.compile("[\u3041-\u30ff]"), 5),
    ("ko", re.compile("[\uac00-\ud7af\u1100-\u11ff]"), 5),
    ("zh", re.compile("[\u3400-\u9fff\uf900-\ufaff]"), 5),
    ("ru", re.compile("[\u0400-\u04ff]"), 1),
    ("ar", re.compile("[\u0600-\u06ff\u0750-\u077f]"), 1),
)
"""Letters of a script, and how many Latin letters one of them weighs."""
_LATIN = re.compile("[A-Za-z\u00c0-\u024f]")
_WORD = re.compile("[a-z\u00df-\u024f']+")
_HALF = 500
"""Characters looked at, at the start of a text and again at its end."""

_SMALL_WORDS: dict[str, frozenset[str]] = {
    "en": frozenset(
        "the a an is are was of to and in that it for on with what how you your this be as do does"
        " can i me my please who where when why which tell about write hello there have not".split()
    ),
    "es": frozenset(
        "el la los las de que y en un una es por con para qué cómo cuál dónde del se no me mi tu su"
        " al lo como hola está estás eres hay puedes dime más sobre".split()
    ),
    "fr": frozenset(
        "le la les des de du que et en un une est pour avec dans quel quelle comment je tu vous"
        " nous il elle ce cette sur pas ne qui au aux bonjour c'est peux es où mon ma".split()
    ),
    "de": frozenset(
        "der die das und ist ein eine einen nicht mit wie was für von zu den dem ich du sie wir es"
        " auf im in kann wo wer warum bitte hallo mir mein über sind wird".split()
    ),
}
_TELLING: dict[str, re.Pattern[str]] = {
    "es": re.compile("[ñ¿¡]"),
    "fr": re.compile("[çœèêàùûî]"),
    "de": re.compile("[äöüß]"),
}
"""Letters that hardly occur in the other three."""


def detect(text: str) -> str | None:
    """The language of a text as a key of ``phrases.PHRASES``; ``None`` when it holds no letters."""
    sample = text if len(text) <= 2 * _HALF else f"{text[:_HALF]} {text[-_HALF:]}"
    latin = len(_LATIN.findall(sample))
    if sample.isascii():
        return _latin_language(sample) if latin else None
    weights = {name: len(letters.findall(sample)) * weight for name, letters, weight in _SCRIPTS}
    if weights["ja"]:
        # Kana means Japanese, and the Chinese characters around it are then Japanese too.
        weights["ja"] += weights.pop("zh")
    best = max(weights, key=lambda name: weights[name])
    if weights[best] and weights[best] >= latin:
        return best
    return _latin_language(sample) if latin else None


def _latin_language(text: str) -> str:
    lowered = text.lower()
    counts = Counter(_WORD.findall(lowered))
    scores = {
        name: sum(counts[word] for word in small & counts.keys())
        for name, small in _SMALL_WORDS.items()
    }
    if not lowered.isascii():
        for name, letters in _TELLING.items():
            scores[name] += 2 * len(letters.findall(lowered))
    best = max(scores, key=lambda name: scores[name])
    return best if scores[best] > scores["en"] else "en"
