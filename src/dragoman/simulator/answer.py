"""What is said: in the language of the question, about the question, and honest about who says it.

The text is made of whole sentences chosen by the content of the request, so the same request always
gets the same answer. It grows when a longer answer is asked for; cutting it to ``max_tokens`` and
at stop sequences happens afterwards, on the finished text.
"""

import re

from dragoman.simulator.hints import mentions
from dragoman.simulator.media import Facts, Gallery
from dragoman.simulator.phrases import PHRASES, Phrases
from dragoman.simulator.prompt import Prompt, quoted
from dragoman.simulator.shape import Json, blocks_of, text_of
from dragoman.simulator.tokens import pieces

MAX_TOKENS_SAID = 30_000
"""However long an answer is asked for, it is not longer than this."""
_LONG_TOKENS = 400
_WORDS = re.compile(
    r"(\d{2,6})\s*[- ]?(words?|tokens?|字|词|文字|語|단어|자|слов|كلمة|palabras|mots|wörter|worte)",
    re.I,
)
_COUNTED = re.compile(
    r"(\d{1,4})\s*[- ]?"
    r"(sentences?|paragraphs?|lines?|句|段|行|문장|предложени|جمل|frases|phrases|sätze)",
    re.I,
)
_LONG = (
    *"long longer detailed detail essay thorough elaborate comprehensive story article".split(),
    *"详细 詳細 长文 长篇 作文 文章 故事 詳しく 長い 자세히 길게".split(),
    *"подробно эссе بالتفصيل مقال".split(),
    *"detallada detallado ensayo détaillé détaillée dissertation ausführlich aufsatz".split(),
)
_SHORT = (
    *("briefly", "in one sentence", "one word", "short answer"),
    *"一句话 简短 一言で 簡潔".split(),
)
_TOKENS_PER_WORD = 1.4
_TOKENS_PER_SENTENCE = 20
_RESULT_CHARS = 600

_KINDS = {
    "image/png": "PNG",
    "image/jpeg": "JPEG",
    "image/gif": "GIF",
    "image/webp": "WebP",
    "application/pdf": "PDF",
    "text/plain": "text/plain",
}


def compose(prompt: Prompt, gallery: Gallery, input_tokens: int) -> str:
    """The whole text of an answer, before any limit is applied to it."""
    phrases = PHRASES[prompt.language]
    quote = quoted(prompt.question)
    said = [prompt.pick(phrases.intro, 0)]
    said += _on_results(prompt, phrases)
    if not prompt.results:
        said.append(phrases.quote.format(quote=quote) if quote else phrases.nothing)
    said += _on_media(prompt, gallery, phrases)
    if not mentions(prompt.wish, _SHORT):
        said.append(
            phrases.facts.format(
                messages=len(prompt.messages), tokens=input_tokens, model=prompt.model.id
            )
        )
        said.append(prompt.pick(phrases.close, 1))
    text = phrases.space.join(said)
    wanted = _wanted_tokens(prompt.wish)
    return _lengthen(text, wanted, phrases, quote) if wanted else text


def _wanted_tokens(question: str) -> int:
    """Tokens asked for; 0: no wish."""
    words = _WORDS.search(question)
    if words:
        return min(MAX_TOKENS_SAID, int(int(words.group(1)) * _TOKENS_PER_WORD))
    counted = _COUNTED.search(question)
    if counted:
        return min(MAX_TOKENS_SAID, int(counted.group(1)) * _TOKENS_PER_SENTENCE)
    return _LONG_TOKENS if mentions(question, _LONG) else 0


def _lengthen(text: str, wanted: int, phrases: Phrases, quote: str) -> str:
    parts = [text]
    count = len(pieces(text))
    number = 1
    while count < wanted:
        sentence = phrases.filler[(number - 1) % len(phrases.filler)]
        made = sentence.format(n=number, quote=quote)
        count += len(pieces(made))
        parts.append("\n\n" + made if number % 5 == 1 else phrases.space + made)
        number += 1
    return "".join(parts)


def _on_results(prompt: Prompt, phrases: Phrases) -> list[str]:
    said: list[str] = []
    for result in prompt.results:
        inner = blocks_of(result.get("content"))
        text = "\n".join(text_of(block, "text") for block in inner if block.get("type") == "text")
        name = prompt.tool_names.get(text_of(result, "tool_use_id"), "?")
        template = phrases.failed if result.get("is_error") is True else phrases.result
        said.append(template.format(tool=name, result=quoted(text, _RESULT_CHARS) or "∅"))
    return said


def _on_media(prompt: Prompt, gallery: Gallery, phrases: Phrases) -> list[str]:
    said: list[str] = []
    numbers = {"image": 0, "document": 0}
    for block in prompt.media:
        kind: str = block["type"]
        numbers[kind] += 1
        facts = gallery.of(block)
        if kind == "image":
            said.append(_on_image(numbers[kind], facts, phrases))
        else:
            said.append(_on_document(numbers[kind], block, facts, phrases))
    return said


def _on_image(number: int, facts: Facts, phrases: Phrases) -> str:
    if facts.url or facts.file_id:
        return phrases.image_url.format(n=number, url=facts.url or facts.file_id)
    kind = _KINDS.get(facts.media_type, facts.media_type)
    template = phrases.image if facts.width and facts.height else phrases.image_unsized
    return template.format(
        n=number, kind=kind, width=facts.width, height=facts.height, size=facts.size_bytes
    )


def _on_document(number: int, block: Json, facts: Facts, phrases: Phrases) -> str:
    if facts.url or facts.file_id:
        return phrases.image_url.format(n=number, url=facts.url or facts.file_id)
    title = text_of(block, "title")
    return phrases.document.format(
        n=number,
        title=f" ({title})" if title else "",
        kind=_KINDS.get(facts.media_type, facts.media_type or "?"),
        size=facts.size_bytes,
    )


def cut(text: str, max_tokens: int, stop_sequences: list[str]) -> tuple[str, str, str | None]:
    """Apply the request's limits: (text, stop reason, stop sequence).

    The earliest stop sequence wins and is not part of the text; ``max_tokens`` pieces are kept.
    """
    found: tuple[int, str] | None = None
    for sequence in stop_sequences:
        at = text.find(sequence)
        if at >= 0 and (found is None or at < found[0]):
            found = (at, sequence)
    if found is not None:
        before = text[: found[0]]
        if len(pieces(text[: found[0] + len(found[1])])) <= max_tokens:
            return before, "stop_sequence", found[1]
        text = before
    cut_up = pieces(text)
    if len(cut_up) > max_tokens:
        return "".join(cut_up[:max_tokens]), "max_tokens", None
    return text, "max_tokens" if found is not None else "end_turn", None
