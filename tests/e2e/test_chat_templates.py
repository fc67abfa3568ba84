"""Chat templates that the operator or a request brings, on a running cluster."""

import json
import urllib.error

import pytest

TELLING = """{%- if tools %}<tools>{% for tool in tools %}{{ tool.function.name }} {% endfor %}</tools>{% endif -%}
{%- for m in messages %}{{ '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n' }}{% endfor -%}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif -%}
"""
TOOL = {"type": "function", "function": {"name": "tide", "parameters": {"type": "object"}}}
HELLO = [{"role": "user", "content": "Hello"}]


def refusal(cluster, path, body):
    with pytest.raises(urllib.error.HTTPError) as caught:
        cluster.post(path, body)
    return caught.value.code, json.loads(caught.value.read())["error"]


def seen(cluster, **fields):
    """What the model would read of a chat request."""
    tokens = cluster.post("/tokenize", {"messages": HELLO, **fields})["tokens"]
    return cluster.post("/detokenize", {"tokens": tokens})["prompt"]


def test_an_operators_template_stands_for_the_models_own(start, smollm2, tmp_path):
    file = tmp_path / "telling.jinja"
    file.write_text(TELLING)
    cluster = start(smollm2, "--chat-template", str(file), "--allow-request-templates")
    assert seen(cluster) == "<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n"
    assert seen(cluster, tools=[TOOL]).startswith("<tools>tide </tools><|im_start|>user")
    assert seen(cluster, tools=[TOOL], tool_choice="none").startswith("<|im_start|>user")

    assert seen(cluster, chat_template="{{ messages[0].content }}!") == "Hello!"
    endless = "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}"
    code, error = refusal(cluster, "/v1/chat/completions", {"model": "x", "messages": HELLO})
    assert (code, error["param"]) == (404, "model")
    for template, word in ((endless, "steps"), ("{{ raise_exception('no luck') }}", "no luck"), ("{% if %}", "line 1"), ("{{ a | nosuch }}", "nosuch")):
        code, error = refusal(cluster, "/tokenize", {"messages": HELLO, "chat_template": template})
        assert code == 400 and word in error["message"], error


@pytest.mark.parametrize("source, word", [("hello\n{{ x | nosuch }}", "nosuch"), ("hello\n{% if %}", "line 2")])
def test_an_operators_broken_template_ends_the_start_with_its_line(yoke, smollm2, tmp_path, source, word):
    file = tmp_path / "broken.jinja"
    file.write_text(source)
    done = yoke("serve", smollm2, "--port", "0", "--control-port", "0", "--chat-template", file)
    assert done.returncode != 0
    shown = done.stdout + done.stderr
    assert "broken.jinja" in shown and "line 2" in shown and word in shown


def test_a_template_file_that_is_missing_is_named(yoke, smollm2, tmp_path):
    done = yoke("serve", smollm2, "--port", "0", "--control-port", "0", "--chat-template", tmp_path / "none.jinja")
    assert done.returncode != 0 and "none.jinja" in done.stdout + done.stderr
