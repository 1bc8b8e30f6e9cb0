"""What is said: language, honesty, length, limits, media, JSON; equal requests, equal answers."""

from typing import Any

import pytest

from dragoman.codec import jsonio
from dragoman.simulator.answer import cut
from dragoman.simulator.languages import detect
from dragoman.simulator.phrases import PHRASES
from dragoman.simulator.tokens import pieces

from .asking import OPUS5, document, formatted, image, text, user
from .conftest import HAIKU, Bench, parsed, text_of
from .pictures import gif, jpeg, pdf, png, webp

QUESTIONS = {
    "en": "What is the capital of France?",
    "zh": "你好，给我科普一下量子力学吧",
    "ja": "量子力学について教えてください",
    "ko": "양자역학에 대해 알려 주세요",
    "ru": "Расскажи мне о квантовой механике",
    "ar": "أخبرني عن ميكانيكا الكم",
    "es": "¿Qué es la mecánica cuántica?",
    "fr": "Qu'est-ce que la mécanique quantique et comment est-elle utilisée ?",
    "de": "Was ist die Quantenmechanik und wie wird sie benutzt?",
}


@pytest.mark.parametrize("language", list(PHRASES))
def test_answers_come_in_the_language_of_the_question(bench: Bench, language: str) -> None:
    question = QUESTIONS[language]
    assert detect(question) == language
    said = text_of(bench.ask(question))
    assert any(said.startswith(intro) for intro in PHRASES[language].intro)
    assert question[:20] in said
    assert HAIKU in said


@pytest.mark.parametrize("language", list(PHRASES))
def test_every_language_says_that_it_is_a_simulator(language: str) -> None:
    words = {"zh": "模拟器", "ja": "シミュレーター", "ko": "시뮬레이터", "ru": "симулятор"}
    latin = {"ar": "محاكي", "es": "simulador", "fr": "simulateur", "de": "Simulator"}
    word = {"en": "simulator", **words, **latin}[language]
    assert all(word in intro.replace("Dragoman's ", "") for intro in PHRASES[language].intro)


@pytest.mark.parametrize(
    ("said", "language"),
    [
        ("Hello!", "en"),
        ("Hola, ¿cómo estás?", "es"),
        ("Bonjour, comment vas-tu ?", "fr"),
        ("Hallo, wie geht es dir?", "de"),
        ("Please translate 你好 for me, will you", "en"),
        ("用 Python 写一个 hello world", "zh"),
        ("1 + 1 = ?", None),
        ("", None),
    ],
)
def test_languages(said: str, language: str | None) -> None:
    assert detect(said) == language


def test_a_question_without_letters_keeps_the_language_of_the_conversation(bench: Bench) -> None:
    messages = [
        {"role": "user", "content": "用中文回答我"},
        {"role": "assistant", "content": "好的"},
        {"role": "user", "content": "1+1=?"},
    ]
    assert "模拟器" in text_of(bench.ask("", messages=messages))


def test_notes_of_a_client_are_not_the_question(bench: Bench) -> None:
    note = text("<system-reminder>Use the tools wisely.</system-reminder>")
    said = text_of(bench.ask([note, text("Wie spät ist es bitte?")]))
    assert "„Wie spät ist es bitte?“" in said


def test_the_same_request_gets_the_same_answer() -> None:
    one, other = Bench().ask("Tell me a joke"), Bench().ask("Tell me a joke")
    assert one["content"] == other["content"]
    assert Bench().ask("Tell me a story about a whale")["content"] != one["content"]


def test_ids_are_used_once(bench: Bench) -> None:
    ids = {bench.ask("Hi")["id"] for _ in range(50)}
    assert len(ids) == 50
    assert all(one.startswith("msg_01") for one in ids)


def test_longer_answers_are_longer(bench: Bench) -> None:
    short = bench.ask("Tell me about bees")["usage"]["output_tokens"]
    brief = bench.ask("Tell me about bees briefly")["usage"]["output_tokens"]
    detailed = bench.ask("Tell me about bees in detail")["usage"]["output_tokens"]
    counted = bench.ask("Tell me about bees in 600 words")["usage"]["output_tokens"]
    assert brief < short < detailed < counted
    assert 840 <= counted < 900
    zh = bench.ask("写一篇800字的文章", max_tokens=5000)
    assert len(text_of(zh)) > 800


@pytest.mark.parametrize("most", [1, 2, 7, 30])
def test_max_tokens_really_cuts(bench: Bench, most: int) -> None:
    whole = text_of(bench.ask("Tell me about bees"))
    message = bench.ask("Tell me about bees", max_tokens=most)
    assert message["stop_reason"] == "max_tokens"
    assert message["usage"]["output_tokens"] == most
    assert len(pieces(text_of(message))) == most
    assert whole.startswith(text_of(message))


def test_max_tokens_zero_only_warms_the_cache(bench: Bench) -> None:
    message = bench.ask("Hi", max_tokens=0)
    assert message["content"] == []
    assert message["usage"]["output_tokens"] == 0


def test_stop_sequences_cut_before_themselves(bench: Bench) -> None:
    message = bench.ask("Say ONE TWO THREE", stop_sequences=["THREE", "TWO"])
    assert message["stop_reason"] == "stop_sequence"
    assert message["stop_sequence"] == "TWO"
    assert text_of(message).endswith("Say ONE ")


def test_cutting() -> None:
    assert cut("a b c", 99, []) == ("a b c", "end_turn", None)
    assert cut("a b c", 99, ["x"]) == ("a b c", "end_turn", None)
    assert cut("a b c", 99, ["c", "b"]) == ("a ", "stop_sequence", "b")
    assert cut("a b c", 2, []) == ("a b", "max_tokens", None)
    assert cut("a b c", 2, ["c"]) == ("a b", "max_tokens", None)
    assert cut("a b c", 1, ["b"]) == ("a", "max_tokens", None)
    assert cut("", 5, ["x"]) == ("", "end_turn", None)


@pytest.mark.parametrize(
    "said",
    ["Hello, world! 12345", "你好，世界", "e\u0301 👩‍👩‍👧 👍🏽 ✈️", "\u2028\u0085\x0b", " \n\t "],
)
def test_pieces_lose_nothing_and_split_no_character(said: str) -> None:
    cut_up = pieces(said)
    assert "".join(cut_up) == said
    for piece in cut_up:
        assert not piece.startswith(("\u0301", "\u200d", "\ufe0f", "\U0001f3fd"))


@pytest.mark.parametrize(
    ("data", "media_type", "expected"),
    [
        (png(640, 480), "image/png", "PNG of 640 × 480 pixels"),
        (jpeg(31, 17), "image/jpeg", "JPEG of 31 × 17 pixels"),
        (gif(5, 6), "image/gif", "GIF of 5 × 6 pixels"),
        (webp(90, 12), "image/webp", "WebP of 90 × 12 pixels"),
    ],
)
def test_images_are_described_by_what_they_are(
    bench: Bench, data: bytes, media_type: str, expected: str
) -> None:
    said = text_of(bench.ask([text("What is in it?"), image(data, media_type)]))
    assert expected in said
    assert f"({len(data)} bytes)" in said


def test_images_in_chinese_and_by_url(bench: Bench) -> None:
    said = text_of(bench.ask([text("这张图片里有什么？"), image(png(3, 4), "image/png")]))
    assert "图片 1 是 PNG，3 × 4 像素" in said
    url = "https://example.com/cat.jpg"
    block = {"type": "image", "source": {"type": "url", "url": url}}
    said = text_of(bench.ask([text("What is in it?"), block, image(png(3, 4), "image/png")]))
    assert f"Image 1 was given as the URL {url}, which a simulator does not fetch." in said
    assert "Image 2 is a PNG" in said


def test_documents_are_described(bench: Bench) -> None:
    block = {**document(pdf(2)), "title": "Report"}
    said = text_of(bench.ask([block, text("Summarize")]))
    assert f"Document 1 (Report) is a PDF of {len(pdf(2))} bytes." in said
    plain = {"type": "text", "media_type": "text/plain", "data": "abc"}
    said = text_of(bench.ask([{"type": "document", "source": plain}, text("Summarize")]))
    assert "text/plain of 3 bytes" in said


SCHEMA = {
    "type": "object",
    "properties": {"answer": {"type": "string"}, "sure": {"type": "boolean"}},
    "required": ["answer", "sure"],
    "additionalProperties": False,
}


def test_structured_output_is_json_that_satisfies_its_schema(bench: Bench) -> None:
    message = bench.ask("What is 2 + 2?", model=OPUS5, output_config=formatted(SCHEMA))
    made = jsonio.decode(text_of(message).encode())
    assert set(made) == {"answer", "sure"}
    assert isinstance(made["sure"], bool)


@pytest.mark.parametrize(
    "more",
    [
        {"system": "Reply with one JSON object only. No fences."},
        {"system": [text("You must respond only with valid JSON.")]},
        {"system": "请只返回 JSON 格式"},
    ],
)
def test_json_asked_for_in_words(bench: Bench, more: dict[str, Any]) -> None:
    made = jsonio.decode(text_of(bench.ask("Describe a bee", **more)).encode())
    assert isinstance(made, dict)
    assert made["question"] == "Describe a bee"


def test_json_keys_and_schemas_in_words(bench: Bench) -> None:
    question = "Return JSON only with the keys name, age and city for Ann, 31, in Oslo"
    made = jsonio.decode(text_of(bench.ask(question)).encode())
    assert made == {"name": "Ann", "age": "31", "city": "Oslo"}
    system = "Reply with JSON only. Schema: " + jsonio.encode(SCHEMA).decode() + " Thank you."
    made = jsonio.decode(text_of(bench.ask("Is it raining?", system=system)).encode())
    assert set(made) == {"answer", "sure"}


def test_a_begun_json_text_is_continued(bench: Bench) -> None:
    messages = [
        {"role": "user", "content": "Reply with one JSON object."},
        {"role": "assistant", "content": "{"},
    ]
    said = text_of(bench.ask("", messages=messages))
    assert isinstance(jsonio.decode(b"{" + said.encode()), dict)


def test_talking_about_json_is_not_asking_for_it(bench: Bench) -> None:
    assert text_of(bench.ask("What does JSON stand for?"))[0] != "{"


def test_the_test_string_for_refusals(bench: Bench) -> None:
    magic = (
        "ANTHROPIC_MAGIC_STRING_TRIGGER_REFUSAL_"
        "1FAEFB6177B4672DEE07F9D3AFC62588CCD2631EDCF22E8CCC1FB35B501C9C86"
    )
    message = bench.ask(magic)
    assert message["stop_reason"] == "refusal"
    assert message["stop_details"]["type"] == "refusal"
    answer = bench.post(
        {
            "model": HAIKU,
            "max_tokens": 9,
            "stream": True,
            "messages": [user(text(magic))],
        }
    )
    assert answer.events is not None
    delta = parsed(b"".join(answer.events))[-2][1]["delta"]
    assert (delta["stop_reason"], delta["stop_details"]["type"]) == ("refusal", "refusal")
