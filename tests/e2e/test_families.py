"""A folder of each family, served end to end: what is streamed is what is answered whole, character for character and token for
token. Weights are random, so answers are nonsense, full of rare characters and cut ones: all the better."""

import json

import openai
import pytest

from made_families import MADE, REAL, write_made, write_real

CHAT = [{"role": "user", "content": "Why is the sky blue? 你好 <|im_end|></s>"}]
SEEDS = (1, 2)


@pytest.fixture
def serve(start, tmp_path):
    """serve(family) -> (openai client, the folder)."""
    def begin(family):
        write = write_real if family in REAL else write_made
        folder = write(tmp_path / family, family)
        if folder is None:
            pytest.skip(f"the tokenizer of {family} is not here: set YOKE_SHARED")
        cluster = start(folder, "--tp", "1", "--allow-request-templates")
        return openai.OpenAI(base_url=cluster.url + "/v1", api_key="none", max_retries=0, timeout=60), folder

    return begin


class Answer:
    """What a chat answered, whole or in chunks, in one form."""

    def __init__(self):
        self.content, self.reasoning, self.ids, self.tokens = "", "", [], []
        self.roles, self.reasons, self.usage, self.prompt = [], [], None, None

    def add(self, choice, part):
        self.content += part.content or ""
        self.reasoning += getattr(part, "reasoning_content", None) or ""
        self.ids += getattr(choice, "token_ids", None) or []
        self.tokens += choice.logprobs.content if choice.logprobs else []
        self.roles += [part.role] if part.role else []
        self.reasons += [choice.finish_reason] if choice.finish_reason else []

    def same(self):
        return (self.content, self.reasoning, self.ids, [t.model_dump() for t in self.tokens], self.roles, self.reasons, self.usage,
                self.prompt)

    def text_of_logprobs(self):
        return b"".join(bytes(token.bytes) for token in self.tokens).decode("utf-8", errors="replace")


def ask(client, **fields):
    """One request whole and one streamed, which must agree; the answer."""
    extra = {"return_token_ids": True, **fields.pop("extra", {})}
    request = dict(model=client.models.list().data[0].id, messages=CHAT, max_tokens=40, logprobs=True, top_logprobs=2, extra_body=extra,
                   **fields)
    whole, streamed = Answer(), Answer()
    reply = client.chat.completions.create(**request)
    whole.add(reply.choices[0], reply.choices[0].message)
    whole.usage, whole.prompt = reply.usage, reply.prompt_token_ids
    chunks = list(client.chat.completions.create(stream=True, stream_options={"include_usage": True}, **request))
    for chunk in chunks[:-1]:
        assert chunk.usage is None
        streamed.add(chunk.choices[0], chunk.choices[0].delta)
        streamed.prompt = getattr(chunk, "prompt_token_ids", None) or streamed.prompt
        assert "\ufffd" not in (chunk.choices[0].delta.content or "") or "\ufffd" in whole.content, "half a character"
    assert chunks[-1].choices == []
    streamed.usage = chunks[-1].usage
    assert streamed.same() == whole.same()
    assert (whole.roles, len(whole.reasons)) == (["assistant"], 1)
    assert whole.usage.completion_tokens == len(whole.ids)
    assert whole.usage.prompt_tokens == len(whole.prompt)
    return whole


def check_streams(client, folder, family):
    """Undivided answers: their streams, their tokens' bytes, their prompts as ids, and a stop string in the middle."""
    extra = {"reasoning_format": "none"}
    if family != "mistral_v1":
        extra["chat_template_kwargs"] = {"thinking": False, "enable_thinking": False}
    ends = json.loads((folder / "generation_config.json").read_text())["eos_token_id"]
    for seed in SEEDS:
        answer = ask(client, seed=seed, extra=extra)
        assert answer.content and not answer.reasoning
        assert answer.text_of_logprobs() == answer.content
        assert answer.reasons == ["stop" if answer.ids[-1] in ends else "length"]
    again = client.completions.create(model=client.models.list().data[0].id, prompt=answer.prompt, max_tokens=40, seed=seed,
                                      extra_body={"return_token_ids": True})
    assert again.choices[0].token_ids == answer.ids, "the chat's prompt, as ids"
    middle = len(answer.content) // 2
    stop = answer.content[middle:middle + 2]
    stopped = ask(client, seed=seed, stop=stop, extra=extra)
    assert stopped.content == answer.content[:answer.content.index(stop)]
    assert answer.ids[:len(stopped.ids)] == stopped.ids


def thinking_of(family, folder):
    """The template that begins to think, and the token that ends it."""
    if family == "gptoss":
        return (folder / "chat_template.jinja").read_text() + "<|channel|>analysis<|message|>", "<|end|>"
    own = json.loads((folder / "tokenizer_config.json").read_text())["chat_template"]
    return own + ("<think>\n" if family in ("qwen3", "glm") else ""), "</think>"


def check_thinking(client, folder, family):
    """A model that is pushed to close its thinking, by a bias: what stands before is reasoning, what follows is content."""
    template, tag = thinking_of(family, folder)
    close = next(t["id"] for t in json.loads((folder / "tokenizer.json").read_text())["added_tokens"] if t["content"] == tag)
    request = dict(logit_bias={str(close): 9})
    extra = {"chat_template": template, "chat_template_kwargs": {"thinking": True}, "ignore_eos": True}
    closed = 0
    for seed in SEEDS:
        answer = ask(client, seed=seed, extra=extra, **request)
        thought = answer.ids.index(close) + 1 if close in answer.ids else len(answer.ids)
        assert answer.usage.completion_tokens_details.reasoning_tokens >= thought
        assert tag not in answer.reasoning
        assert answer.content in answer.text_of_logprobs() or family == "gptoss", "gpt-oss's messages stand on lines of their own"
        closed += 1 < thought < len(answer.ids) and bool(answer.reasoning) and bool(answer.content)
    dropped = ask(client, seed=seed, extra={**extra, "include_reasoning": False}, **request)
    assert (dropped.content, dropped.reasoning, dropped.ids) == (answer.content, "", answer.ids)
    assert closed, "no seed has closed its thinking: bias the tag more"


@pytest.mark.parametrize("family", [*REAL, *MADE])
def test_a_folder_of_the_family_is_served_end_to_end(serve, family):
    client, folder = serve(family)
    check_streams(client, folder, family)
    if family in ("qwen3", "gptoss", *MADE):
        check_thinking(client, folder, family)
