"""The `openai` package, unmodified, against a running Yoke.

Without YOKE_TEST_URL (a server's address) the module starts its own pair with SmolLM2. The tests ask about
shapes, counts and repeatability, not about wit: any model that completes a text will do.
"""

import json
import os
import urllib.error
import urllib.request

import openai
import pytest

from conftest import Cluster

KEY = os.environ.get("YOKE_TEST_KEY", "none")
CHAT = [{"role": "user", "content": "Tell me about the sea."}]
PROMPT = "The sea is"


@pytest.fixture(scope="module")
def url(smollm2, tmp_path_factory):
    given = os.environ.get("YOKE_TEST_URL")
    if given:
        yield given.rstrip("/")
        return
    folder = tmp_path_factory.mktemp("openai")
    cluster = Cluster(dict(os.environ, XDG_RUNTIME_DIR=str(folder)), folder, smollm2)
    yield cluster.url
    cluster.stop()


@pytest.fixture(scope="module")
def client(url):
    with openai.OpenAI(base_url=url + "/v1", api_key=KEY, max_retries=0, timeout=120) as opened:
        yield opened


@pytest.fixture(scope="module")
def model(client):
    return client.models.list().data[0].id


def text_of(stream):
    return "".join(c.delta.content or "" for chunk in stream for c in chunk.choices)


def test_models_are_listed_and_found(client, model):
    assert client.models.retrieve(model).id == model
    with pytest.raises(openai.NotFoundError) as caught:
        client.models.retrieve("no-such-model")
    assert model in caught.value.message


def test_chat(client, model):
    answer = client.chat.completions.create(model=model, messages=CHAT, max_tokens=16, temperature=0)
    assert answer.object == "chat.completion"
    assert answer.id.startswith("chatcmpl-")
    assert answer.choices[0].message.role == "assistant"
    assert answer.choices[0].message.content
    assert answer.choices[0].finish_reason in ("stop", "length")
    assert 0 < answer.usage.completion_tokens <= 16
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def test_streamed_chat_says_the_same(client, model):
    whole = client.chat.completions.create(model=model, messages=CHAT, max_tokens=16, temperature=0)
    chunks = list(
        client.chat.completions.create(
            model=model, messages=CHAT, max_tokens=16, temperature=0, stream=True, stream_options={"include_usage": True}
        )
    )
    assert text_of(chunks) == whole.choices[0].message.content
    assert chunks[-1].choices == []
    assert chunks[-1].usage == whole.usage
    assert all(chunk.usage is None for chunk in chunks[:-1])
    assert [c.delta.role for chunk in chunks for c in chunk.choices if c.delta.role] == ["assistant"]
    reasons = [c.finish_reason for chunk in chunks for c in chunk.choices if c.finish_reason]
    assert reasons == [whole.choices[0].finish_reason]
    assert len({chunk.id for chunk in chunks}) == 1


def test_without_include_usage_there_is_none(client, model):
    stream = client.chat.completions.create(model=model, messages=CHAT, max_tokens=4, stream=True)
    assert all(chunk.usage is None and chunk.choices for chunk in stream)


def test_content_may_be_text_parts(client, model):
    parts = [{"role": "user", "content": [{"type": "text", "text": CHAT[0]["content"]}]}]
    ask = dict(model=model, max_tokens=8, temperature=0)
    one = client.chat.completions.create(messages=CHAT, **ask)
    other = client.chat.completions.create(messages=parts, **ask)
    assert one.choices[0].message.content == other.choices[0].message.content


def test_an_answer_can_be_sent_back(client, model):
    first = client.chat.completions.create(model=model, messages=CHAT, max_tokens=8)
    turns = CHAT + [first.choices[0].message, {"role": "user", "content": "Go on."}]
    second = client.chat.completions.create(model=model, messages=turns, max_tokens=8)
    assert second.usage.prompt_tokens > first.usage.prompt_tokens


def test_completion(client, model):
    answer = client.completions.create(model=model, prompt=PROMPT, max_tokens=12, temperature=0)
    assert answer.object == "text_completion"
    assert answer.choices[0].text
    stream = client.completions.create(model=model, prompt=PROMPT, max_tokens=12, temperature=0, stream=True)
    assert "".join(chunk.choices[0].text for chunk in stream) == answer.choices[0].text


def test_several_prompts_and_echo(client, model):
    answer = client.completions.create(model=model, prompt=[PROMPT, "A cat"], max_tokens=4, temperature=0, echo=True)
    assert [choice.index for choice in answer.choices] == [0, 1]
    assert answer.choices[0].text.startswith(PROMPT)
    assert answer.choices[1].text.startswith("A cat")


def test_token_ids_go_in_and_come_out(client, model):
    ask = dict(model=model, max_tokens=6, temperature=0, extra_body={"return_token_ids": True, "ignore_eos": True})
    by_text = client.completions.create(prompt=PROMPT, **ask)
    ids = by_text.choices[0].prompt_token_ids
    by_ids = client.completions.create(prompt=ids, **ask)
    assert by_ids.choices[0].text == by_text.choices[0].text
    assert by_ids.choices[0].token_ids == by_text.choices[0].token_ids
    assert len(by_ids.choices[0].token_ids) == 6
    assert by_ids.usage.prompt_tokens == len(ids)


def test_a_seed_repeats_and_choices_differ(client, model):
    ask = dict(model=model, messages=CHAT, max_tokens=24, temperature=1.5, n=3)
    one = client.chat.completions.create(seed=7, **ask)
    two = client.chat.completions.create(seed=7, **ask)
    other = client.chat.completions.create(seed=8, **ask)
    texts = [choice.message.content for choice in one.choices]
    assert texts == [choice.message.content for choice in two.choices]
    assert texts != [choice.message.content for choice in other.choices]
    assert len(set(texts)) > 1
    assert [choice.index for choice in one.choices] == [0, 1, 2]


def test_streamed_choices_are_told_apart_by_index(client, model):
    ask = dict(model=model, messages=CHAT, max_tokens=12, temperature=1.5, n=2, seed=11)
    whole = client.chat.completions.create(**ask)
    texts = ["", ""]
    for chunk in client.chat.completions.create(stream=True, **ask):
        for choice in chunk.choices:
            texts[choice.index] += choice.delta.content or ""
    assert texts == [choice.message.content for choice in whole.choices]


def test_stop_ends_before_the_stop_string(client, model):
    ask = dict(model=model, prompt=PROMPT, max_tokens=24, temperature=0)
    text = client.completions.create(**ask).choices[0].text
    stop = text[len(text) // 2 : len(text) // 2 + 3]
    expected = text[: text.index(stop)]
    stopped = client.completions.create(stop=[stop, "\0never"], **ask).choices[0]
    assert (stopped.text, stopped.finish_reason) == (expected, "stop")
    stream = list(client.completions.create(stop=stop, stream=True, **ask))
    assert "".join(chunk.choices[0].text for chunk in stream) == expected
    assert stream[-1].choices[0].finish_reason == "stop"


def test_chat_logprobs(client, model):
    answer = client.chat.completions.create(
        model=model, messages=CHAT, max_tokens=6, temperature=0, logprobs=True, top_logprobs=3
    ).choices[0]
    assert answer.logprobs.content
    for token in answer.logprobs.content:
        assert token.logprob <= 0
        assert len(token.top_logprobs) == 3
        assert token.top_logprobs[0].logprob >= token.top_logprobs[1].logprob
    assert b"".join(bytes(token.bytes) for token in answer.logprobs.content).decode(errors="replace") == answer.message.content
    stream = client.chat.completions.create(model=model, messages=CHAT, max_tokens=6, temperature=0, logprobs=True, stream=True)
    streamed = [t.token for chunk in stream for c in chunk.choices if c.logprobs for t in c.logprobs.content]
    assert streamed == [token.token for token in answer.logprobs.content]


def test_completion_logprobs_with_echo_score_the_prompt(client, model):
    scored = client.completions.create(model=model, prompt=PROMPT, max_tokens=0, echo=True, logprobs=2)
    choice = scored.choices[0]
    assert choice.text == PROMPT
    assert scored.usage.completion_tokens == 0
    assert choice.logprobs.token_logprobs[0] is None
    assert all(logprob <= 0 for logprob in choice.logprobs.token_logprobs[1:])
    assert len(choice.logprobs.tokens) == scored.usage.prompt_tokens
    for token, offset in zip(choice.logprobs.tokens, choice.logprobs.text_offset):
        assert PROMPT[offset:].startswith(token) or token not in PROMPT


def test_sampling_fields_are_accepted(client, model):
    answer = client.chat.completions.create(
        model=model,
        messages=CHAT,
        max_completion_tokens=4,
        temperature=0.7,
        top_p=0.9,
        presence_penalty=0.1,
        frequency_penalty=-0.1,
        logit_bias={"5": -100},
        user="me",
        extra_body={"top_k": 20, "min_p": 0.05, "repetition_penalty": 1.1},
    )
    assert answer.usage.completion_tokens <= 4


@pytest.mark.parametrize(
    "fields, param",
    [
        ({"temperature": 3}, "temperature"),
        ({"top_p": -1}, "top_p"),
        ({"n": 0}, "n"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"stop": ["a"] * 5}, "stop"),
        ({"logit_bias": {"x": 1}}, "logit_bias.x"),
        ({"top_logprobs": 2}, "top_logprobs"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"extra_body": {"temprature": 1}}, "temprature"),
    ],
)
def test_bad_fields_are_refused_by_name(client, model, fields, param):
    for stream in (False, True):
        with pytest.raises(openai.BadRequestError) as caught:
            client.chat.completions.create(model=model, messages=CHAT, stream=stream, **fields)
        assert caught.value.param == param
        assert caught.value.body["message"]


TOOL = {"type": "function", "function": {"name": "tide", "description": "When the sea rises", "parameters": {"type": "object"}}}


def test_a_tool_that_the_template_does_not_read_is_refused(client, model):
    """A model that was never shown its tools would answer as if there were none. SmolLM2's template has no place for them."""
    if "YOKE_TEST_URL" in os.environ:
        pytest.skip("another server's model may well read tools")
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model=model, messages=CHAT, tools=[TOOL])
    assert caught.value.param == "tools"
    assert "--chat-template" in caught.value.message
    hidden = client.chat.completions.create(model=model, messages=CHAT, tools=[TOOL], tool_choice="none", max_tokens=1)
    assert hidden.choices


def test_a_call_cannot_be_forced(client, model):
    for choice in ("required", {"type": "function", "function": {"name": "tide"}}):
        with pytest.raises(openai.BadRequestError) as caught:
            client.chat.completions.create(model=model, messages=CHAT, tools=[TOOL], tool_choice=choice)
        assert caught.value.param == "tool_choice"


def test_a_conversation_with_tools_is_read(client, model):
    call = {"id": "c1", "type": "function", "function": {"name": "tide", "arguments": '{"where": "Brest"}'}}
    turns = CHAT + [
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "at noon"},
    ]
    answer = client.chat.completions.create(model=model, messages=turns, max_tokens=4)
    assert answer.usage.prompt_tokens > client.chat.completions.create(model=model, messages=CHAT, max_tokens=1).usage.prompt_tokens


def test_switches_of_templates_are_accepted(client, model):
    answer = client.chat.completions.create(
        model=model,
        messages=CHAT,
        max_tokens=1,
        reasoning_effort="low",
        parallel_tool_calls=True,
        extra_body={"chat_template_kwargs": {"enable_thinking": False}, "documents": []},
    )
    assert answer.choices
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model=model, messages=CHAT, extra_body={"chat_template": "{{ messages }}"})
    assert caught.value.param == "chat_template"
    assert "--allow-request-templates" in caught.value.message


def test_a_final_message_is_continued(client, model):
    turns = CHAT + [{"role": "assistant", "content": PROMPT}]
    ask = dict(model=model, max_tokens=8, temperature=0, extra_body={"continue_final_message": True, "return_token_ids": True})
    answer = client.chat.completions.create(messages=turns, **ask).choices[0]
    assert answer.message.content and not answer.message.content.startswith(PROMPT)


def test_a_prompt_beyond_the_context_is_a_400_with_the_numbers(client, model):
    with pytest.raises(openai.BadRequestError) as caught:
        client.completions.create(model=model, prompt="a sea, " * 100_000)
    assert caught.value.code == "context_length_exceeded"
    assert caught.value.param == "prompt"
    assert "maximum context length" in caught.value.message


def test_max_tokens_of_a_coding_agent_is_normal(client, model):
    stream = client.chat.completions.create(model=model, messages=CHAT, max_tokens=32000, stream=True)
    assert next(iter(stream)).choices
    stream.close()


def test_an_unknown_model_is_a_404_that_lists_the_names(client, model):
    with pytest.raises(openai.NotFoundError) as caught:
        client.chat.completions.create(model="no-such-model", messages=CHAT)
    assert caught.value.code == "model_not_found"
    assert model in caught.value.message


def test_a_stream_can_be_left_early(client, model):
    stream = client.chat.completions.create(model=model, messages=CHAT, max_tokens=200, stream=True)
    next(iter(stream))
    stream.close()
    assert client.chat.completions.create(model=model, messages=CHAT, max_tokens=1).choices


def fetch(url, method, path, body=None):
    """Status and body, past the client's own checks."""
    request = urllib.request.Request(url + path, data=body, method=method, headers={"Authorization": f"Bearer {KEY}"})
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def post(url, path, body):
    status, answer = fetch(url, "POST", path, json.dumps(body).encode())
    assert status == 200, answer
    return json.loads(answer)


def test_text_goes_to_tokens_and_back(client, model, url):
    for text in (PROMPT, " two  spaces\n\n\ttab", "naïve — 東京 🌊🏄", "a < b && c > d", ""):
        counted = post(url, "/tokenize", {"model": model, "prompt": text, "add_special_tokens": False, "return_token_strs": True})
        assert counted["count"] == len(counted["tokens"]) == len(counted["token_strs"])
        assert counted["max_model_len"] == client.models.retrieve(model).max_model_len
        same = post(url, "/tokenize", {"content": text, "with_pieces": True})["tokens"]
        assert [piece["id"] for piece in same] == counted["tokens"]
        whole = b"".join(p["piece"].encode() if isinstance(p["piece"], str) else bytes(p["piece"]) for p in same)
        assert whole.decode() == text
        back = post(url, "/detokenize", {"model": model, "tokens": counted["tokens"]})
        assert back == {"prompt": text, "content": text}


def test_a_chat_is_tokenized_as_it_will_be_read(client, model, url):
    counted = post(url, "/tokenize", {"model": model, "messages": CHAT})
    answer = client.chat.completions.create(model=model, messages=CHAT, max_tokens=1, extra_body={"return_token_ids": True})
    assert counted["count"] == answer.usage.prompt_tokens
    assert counted["tokens"] == answer.model_extra["prompt_token_ids"]


@pytest.mark.parametrize(
    "method, path, body, expected",
    [
        ("POST", "/v1/chat/completions", b"{", 400),
        ("POST", "/v1/chat/completions", b"\xff", 400),
        ("POST", "/v1/completions", b"[" * 10000, 400),
        ("GET", "/v1/completions", None, 405),
        ("GET", "/v1/nothing", None, 404),
    ],
)
def test_what_is_no_request_gets_an_error_in_openais_shape(url, method, path, body, expected):
    status, answer = fetch(url, method, path, body)
    assert status == expected
    assert set(json.loads(answer)["error"]) == {"message", "type", "param", "code"}


def test_health_and_metrics_answer(url):
    assert fetch(url, "GET", "/health/live")[0] == 200
    assert fetch(url, "GET", "/health/ready")[0] == 200
    status, page = fetch(url, "GET", "/metrics")
    assert status == 200 and b"vllm:num_requests_running" in page
