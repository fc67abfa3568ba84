#!/usr/bin/env python3
"""Writes tests/golden/text/jinja.json: what Jinja2 makes of small templates, in the environment of transformers' chat
templates. Needs jinja2 (made with 3.1.6); run without arguments. tests/text/jinja_test.cpp compares.
"""
import json
import pathlib

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

VARIABLES = {'messages': [{'role': 'user', 'content': 'Hello  World\n'},
              {'role': 'assistant', 'content': 'ärger ßtraße İ', 'n': 3},
              {'role': 'user', 'content': None, 'tool_calls': [{'id': 1}]}],
 's': '  a,b ,c  ',
 'u': '日本語 テキスト',
 'x': 5,
 'f': 1.5,
 'z': 0,
 'neg': -7,
 't': True,
 'no': None,
 'l': [3, 1, 2],
 'names': ['b', 'A', 'c', 'B'],
 'd': {'b': 1, 'a': '2', 'C': [1, {'k': None}]},
 'e': '',
 'el': [],
 'ed': {},
 'nl': 'l1\nl2\n\nl4\n',
 'objs': [{'a': {'b': 2}, 'g': 'x'}, {'a': {'b': 1}, 'g': 'y'}, {'g': 'x'}],
 'big': 123456789012,
 'fl': [0.1, 1e-05, 1e+16, 1000000000000000.0, 123456.789, 2.0, 1e+22, -0.0, 1e+100]}

# Expressions, with " | " between them: filters are written without spaces.
EXPRESSIONS = r"""
x + 1 | x - 2 * 3 | x / 2 | x // 2 | neg // 2 | neg % 3 | 7 % neg | x ** 2 | -x ** 2 | 2 ** -1 | f * 2
x ~ 'a' ~ f | 'a' 'b' "c" | 1 == 1.0 | t + 1 | 'a' * 3 | 3 * 'ab' | l * 2 | l + [4] | (1,2) + (3,)
[1] == [1] | d == d | not t | not not x | x > 3 and x < 10 | 1 < x < 10 | 1 < x > 3 | x or 'no' | z or 'no'
e or no | no and x | x if t | x if z | x if z else 'q' | ('a' if z else 'b' if t else 'c') | 'a' in 'abc'
'z' not in l | 3 in l | 'b' in d | no in l | 'x' < 'y' | [1,2] < [1,3] | s.strip() | s.lstrip() | s.rstrip()
s.strip(' ac') | s.split(',') | s.split() | s.split(',', 1) | s.split(',')[-1] | s.replace('b','X')
s.replace('', '-') | s.replace(' ', '', 2) | s.startswith(' ') | s.endswith(('c','c  ')) | s.upper()
'aBC dE'.title() | 'aBC dE'.capitalize() | u[0] | u[-1] | u[1:3] | u[::-1] | u[::2] | u|length | u.upper()
'x{}y{}'.format(1,u) | ','.join(names) | s.rsplit(',',1) | 'abc'.find('c') | 'a\nb\r\nc'.splitlines()
'abcabc'.count('bc') | 'abc'.removeprefix('a') | 'abc'.removesuffix('bc') | l[0] | l[-1] | l[10] is defined
l[1:] | l[:-1] | l[::-1] | l[5:] | l[-2:] | d.b | d['b'] | d.nope is defined | d.get('zz') | d.get('zz', 4)
d.get('b') | d.items()|list | d.keys()|list | d.values()|list | messages[0].content | messages[0]['role']
messages[2].content is none | messages[2].tool_calls[0].id | nope is undefined | nope | nope.foo is defined
nope['a'] | x|string | f|string | t|string | no|string | l|string | d|string | x|tojson | d|tojson
d|tojson(indent=2) | d|tojson(indent=4) | u|tojson | u|tojson(ensure_ascii=True) | d|tojson(sort_keys=True)
d|tojson(separators=(',',':')) | el|tojson(indent=2) | ed|tojson(indent=2) | fl|tojson | fl
'a"\\\n\t/<>&\u2028\x7f\x01'|tojson | d|tojson(indent='--') | '😀'|tojson(ensure_ascii=true) | s|trim
s|trim(' a') | s|length | l|length | l|sort | l|sort(reverse=true) | names|sort
names|sort(case_sensitive=true) | objs[:2]|sort(attribute='a.b')|tojson | names|unique|list | names|join('-')
l|join | objs|join(',', attribute='g') | l|min | l|max | l|sum | l|first | l|last | l|reverse|list
'abc'|reverse | d|dictsort | d|dictsort(by='key', reverse=true) | names|map('upper')|list
objs|map(attribute='g')|list | objs|map(attribute='a.b')|list | objs|map(attribute='a', default='none')|list
objs|selectattr('a')|list|length | objs|selectattr('g','equalto','x')|list|tojson
objs|rejectattr('a','defined')|list|tojson | l|select('odd')|list | l|reject('equalto',1)|list
l|select('gt', 1)|list | [0,1,'']|select|list | '12'|int | 'x'|int | 'x'|int(7) | 3.9|int | -3.9|int
'1.5'|float | neg|abs | nope|default('d') | e|default('d') | e|default('d', true) | no|default('d')
no|default('d', boolean=true) | nope|d | nl|indent | nl|indent(2, first=true) | nl|indent(2, blank=true)
e|indent | 'aBc'|lower | 'straße ÄÖ'|upper | 'hello wORLD'|capitalize | "they're bill's friends"|title
'a-b'|replace('-','+') | d|items|list | nope|items|list | 'abc'|list | d|list | s|safe | 5|default
x is number | f is number | t is number | t is boolean | x is integer | f is float | t is integer
s is string | d is mapping | l is iterable | x is iterable | s is iterable | l is sequence | d is sequence
nope is iterable | no is none | x is odd | x is even | x is divisibleby 5 | x is divisibleby(3) | x is eq 5
x is equalto 4 | t is true | x is true | z is false | t is not false | x is not none | x in [5]
x is in [1,5] | s is defined and x is number | nope is not defined or z | x is sameas 5
namespace is callable | {'a': 1, 'b': [1,2]} | {'a': 1}['a'] | {'a':1, 'a':2} | [] | () | (1,)
(1, 'a', none) | [1, [2, (3,)]] | none | true | False | None | 1_000 | 1.5e3 | 0.1 + 0.2 | 1e5 | 'it\'s'
["it's", 'q"q', 'b\\s', 'n\n'] | [true, none, 1.0] | range(3)|list | range(1,4)|list | range(5,0,-2)|list
dict(a=1, b=2) | dict({'q': 1}, z=2) | 5|string + 'x' | (x|string).split('5') | x.foo is defined
s.nope is defined | '%' ~ 5 | - 3 | +3 | 1 - -1 | not x == 4 | not (x in l) | x not in l | 'a' ~ 1 + 2 ~ 'b'
(messages|selectattr('role','equalto','user')|list)[-1].content is none
messages|map(attribute='role')|join(',') | messages|length == 3 | messages[1:]|length
messages[::2]|map(attribute='role')|list | messages[-1]['tool_calls'][0]['id']
(messages|map(attribute='content')|list)[1] | 'true' if (l|select) else 'false'
(l|map('string')) is sequence | l|batch | 'a' < 1 | l + 'a' | 'a' + 1 | no + 'a' | no.x.y | x() | d.nope()
[] | first | x|tojson(indent=none) | 1/0 | 1 % 0 | l.append(1) | d.pop('a') | 'a'.nosuch() | x[0] is defined
x['a'] is defined | no[0] is defined | nope == nope2 | nope == none | nope|length | nope|list | nope|join
nope|trim | nope|upper | nope ~ 'x' | nope in l | 'a' in nope | nope > 1 | nope + 1 | -nope | -s | nope|tojson
{1:'a', none:'b', true:'c'} | {1:'a'}[1] | {1:'a'}[true] | 1 in {1:2} | {1: 2, 'a': none}|tojson | none|select|list
none|map('upper')|list | {0: 1}.get(0) | {0: 1}.get(1.0, 'x') | '%s-%d-%05.2f|%-4s|%4s|%%|%r' % ('a', 3, 2.5, 'b', 'c', 'd')
'%s' % x | '%s' % ((1,2),) | '%(k)s!' % {'k': 5} | '%x %X %o %+d % d %e %g' % (255, 255, 8, 3, 4, 1.5, 0.0001)
'%d' % 3.9 | '%s' % none | '%s %s' % (1,) | '%d' % 'a' | 'a%' % 1 | '%s, %s!'|format('Hi', name) | '%s, %s!'|format('Hi', 3)
'%(a)s'|format(a=1) | '{0}{1}{0}'.format('a', 'b') | '{a}-{b}'.format(a=1, b='x') | '{:>5}|{:<5}|{:^5}|{:*^6}'.format(1, 'a', 'b', 'c')
'{:05d} {:+} {:,} {:_} {:x} {:#x} {:b}'.format(42, 3, 1234567, 1234567, 255, 255, 5) | '{:.2f} {:8.3f} {:e} {:g} {:%}'.format(1.005, 2.5, 12345.678, 0.00001, 0.25)
'{!r} {!s}'.format('a', 'b') | '{:s}'.format('x') | '{:.2}'.format('abc') | '{} {}'.format(1) | '{'.format() | '{:d}'.format('a')
'{:10}|'.format(none) | '{:5}|'.format(true) | '{:>4}'.format(u) | 'abc'.center(8) | 'abc'.center(7, '*') | 'ab'.center(7, '*')
'ab'.ljust(5, '.') | 'ab'.rjust(5) | '-5'.zfill(4) | '5'.zfill(3) | 'abc'.zfill(2) | 'aXbXc'.rfind('X') | 'abc'.find('z')
'abcabc'.find('c', 3) | 'abcabc'.find('a', 1, 3) | 'abc'.index('b') | 'abc'.index('z') | 'abcabc'.rindex('b') | 'aaa'.count('a', 1)
'a-b-c'.partition('-') | 'a-b-c'.rpartition('-') | 'abc'.partition('-') | 'abc'.rpartition('-') | 'a b  c'.rsplit() | ' a b  c '.rsplit(none, 1)
'abc'.isalpha() | 'ab1'.isalpha() | 'ab1'.isalnum() | '12'.isdigit() | '1.2'.isdigit() | ''.isdigit() | ' \t'.isspace() | 'aB'.islower()
'ab1'.islower() | 'AB'.isupper() | '1'.isupper() | u.isalpha() | 'é'.isascii() | 'aBc'.swapcase() | '½'.isnumeric() | '²'.isdigit()
'a\x0bb\x1cc\u2028d'.splitlines() | 'a\nb\n'.splitlines(true) | l.index(1) | l.index(9) | l.count(3) | (1,2,1).count(1)
2.5|round | 3.5|round | 2.675|round(2) | 2.1|round(0, 'ceil') | 2.9|round(method='floor') | 5|round | '1.9'|int | '0x1F'|int(0, 16) | '1e3'|int
[1,2,3,4,5]|batch(2)|list | [1,2,3]|batch(2, 'x')|list | [1,2,3,4,5]|slice(2)|list | [1,2,3,4,5]|slice(3, 'x')|list
objs|groupby('g')|list|length | objs|groupby('g')|map('first')|list | 'foo bar baz qux'|truncate(9) | 'foo bar baz qux'|truncate(9, true)
'foo bar baz qux'|truncate(11) | 'foo bar baz qux'|truncate(11, false, '...', 0) | 'a b, c-d'|wordcount | 'abc'|center(9) | 'a b/c?é'|urlencode
'ab' is lower | 'AB' is upper | 'aB' is upper | d|attr('b') is defined | ['\x7f', '\u200b', '\xa0', '\ue000', '\U000e0001', 'é', '\x85']
'\x7f\x80'|tojson(ensure_ascii=true) | dict(**{'a': 1}) | [[1, 2], [3]]|sum(start=[]) | 'x'.join(d) | 'a,b'.split(',')|last
{'a': 1}|items|list | l|max | names|max | 'abc'|first | (l|sort)[0] | [3,1]|sort|join | 1.0|string | -7 // 2 | -7 % 3 | 7.5 // 2 | -7.5 % 2
u|replace('語','X') | 'ab'[5] is defined | 'ab'[5] | l['x'] is defined | l[1.5] is defined
"""

TEMPLATES = [
    '{% for m in messages %}{{ loop.index }}{{ loop.index0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.revindex }}{{ loop.revindex0 }}{{ m.role }};{% endfor %}',
    "{% for m in messages if m.role == 'user' %}{{ loop.index }}{{ loop.last }}{{ loop.previtem is defined }}{{ loop.nextitem is defined }}{% endfor %}",
    '{% for a, b in d.items() %}{{ a }}={{ b }};{% else %}none{% endfor %}',
    '{% for a in el %}x{% else %}none{% endfor %}',
    '{% for a in l %}{% if a == 1 %}{% continue %}{% endif %}{{ a }}{% if loop.index == 3 %}{% break %}{% endif %}{% endfor %}',
    "{% set ns = namespace(a=1, b='x') %}{% for i in l %}{% set ns.a = ns.a + i %}{% set q = i %}{% endfor %}{{ ns.a }}{{ q is defined }}{{ ns.c is defined }}",
    '{% set x = 1 %}{% for i in l %}{% set x = x + i %}{{ x }},{% endfor %}{{ x }}',
    '{% if z %}a{% elif x == 5 %}b{% else %}c{% endif %}',
    "{% macro f(a, b='q', c=none) %}[{{ a }}{{ b }}{{ c }}]{% endmacro %}{{ f(1) }}{{ f(1, 2) }}{{ f(b=3, a=4) }}{{ f() }}",
    '{% macro f(n) %}{% if n > 0 %}{{ n }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(5) }}',
    '{% macro f() %}{{ y }}{% endmacro %}{% set y = 3 %}{{ f() }}',
    '{% macro f(x) %}{% set x = x + 1 %}{{ x }}{% endmacro %}{{ f(1) }}{{ x }}',
    '{% for i in l %}{% macro g() %}{{ i }}{% endmacro %}{{ g() }}{% endfor %}',
    '{% set a %}hello {{ x }}{% endset %}{{ a }}{{ a is string }}|{{ a|length }}',
    '{% set a | upper | trim %} hello {{ x }} {% endset %}[{{ a }}]',
    '{% filter upper %}abc {{ u }}{% endfilter %}',
    "{% filter replace('a', 'b') | upper %}aa{% endfilter %}",
    '{% set a, b = 1, 2 %}{{ a }}{{ b }}{% set (c, e2) = (3, 4) %}{{ c }}',
    '{% for (a, b) in d.items() %}{{ a }}{% endfor %}',
    '{% for a, b in [(1,2),[3,4]] %}{{ a+b }}{% endfor %}',
    "{% for c in 'a\xf1b' %}{{ c }}.{% endfor %}{% for k in d %}{{ k }}{% endfor %}",
    '  {% if t %}\n  a\n  {% endif %}\n  b\n',
    'a\n   {%- if t -%}   \n  x  \n {%- endif -%} \n b',
    'a {#- c -#} b {# c #}\n  c\n {# x #}\n d',
    'x\n  {%+ if t %}\n y {%+ endif %}\n z',
    'x {% if t +%}\n y{% endif %}\n\n',
    '{{ x }}\n{{ x }}\n\n',
    "{{- ' a ' -}}   b  {{- x }} c {{ x -}}  \n d",
    '{% raw %}{{ x }} {% if %}{% endraw %} z',
    '{%- raw -%}  {{ x }}  {%- endraw -%}  z',
    '   {% raw %}\n {{ x }}\n  {% endraw %}\n z',
    'a\r\nb\rc\n',
    "{{ 'a\r\nb' }}",
    '\n\n{% set a = 1 %}\n\n{{ a }}\n\n',
    '{{ \'{{\' }}{{ \'}}\' }}{{ "%}" }}{{ {\'a\': {\'b\': 1}} }}{{ {\'a\':{\'b\':1}}}}',
    "a{b} {c {{ '\\x41\\u00e9\\U0001F600\\101\\q\\\\' }}",
    "{% set loop_messages = messages %}{% for message in loop_messages %}{% set content = '<|' + message['role'] + '|>' + message['content']|string | trim + '!' %}{% if loop.index0 == 0 %}{% set content = 'BOS' + content %}{% endif %}{{ content }}{% endfor %}",
    "{{ raise_exception('my own words') }}",
    "{% if x == 4 %}{{ raise_exception('no') }}{% endif %}ok",
    '{% set ns = namespace() %}{% set ns.q = [1] %}{% set ns.q = ns.q + [2] %}{{ ns.q }}',
    "{% set ns = namespace({'a': 4}) %}{{ ns.a }}{{ ns.items is defined }}",
    '{% for i in range(3) %}{% for j in range(2) %}{{ loop.index }}{{ i }}{% endfor %}{{ loop.index }}{% endfor %}',
    "{% for i in l %}{{ loop.cycle('a','b') }}{% endfor %}",
    "{% for i in l|sort %}{{ i }}{{ ',' if not loop.last }}{% endfor %}",
    "{{ (messages[0].content if messages[0].content is string else 'x')|trim }}",
    "{% set m = messages[1] %}{% if m['n'] is defined and m.n == 3 and 'role' in m %}yes{% endif %}",
    "{% if messages[0]['role'] == 'user' and not (messages[0].role == 'x' or 'tool_calls' in messages[0]) %}ok{% endif %}",
    '{{ x }}{{ }}',
    '{% if %}',
    '{% for %}',
    '{{ x',
    '{% if t %}a',
    "{{ 'a }}",
    '{% endif %}',
    '{{ x | }}',
    '{{ (1 }}',
    '{# a',
    '{{ 1 + }}',
    '{{ a b }}',
    '{% for a, b in l %}{% endfor %}',
    '{% set a.b = 1 %}',
    '{{ d.items()|list|length }}{{ d|length }}',
    '{% set a = namespace(x=1) %}{% macro f() %}{% set a.x = a.x + 1 %}{% endmacro %}{{ f() }}{{ f() }}{{ a.x }}',
    '{%- for message in messages[::-1] %}{%- set index = (messages|length - 1) - loop.index0 %}{{ index }}{% endfor %}',
    "{{ 'a' if x > 3 else 'b' }}{{ 'c' if not t }}",
    '{{ [1,2,3][1:][0] }}',
    "{{ 'a.b.c'.split('.')[-1].strip() }}",
    '{{ "</think>" in \'x</think>y\' }}{{ \'x</think>y\'.split(\'</think>\')[0].rstrip(\'\\n\').split(\'<think>\')[-1].lstrip(\'\\n\') }}',
    '{{ l|tojson|length }}',
    '{{ x.__class__ }}',
    "{{ ''.__class__ is defined }}",
    '{% set q = [] %}{% for i in l %}{% set _ = q.append(i) %}{% endfor %}{{ q }}',
    "{{ 'a' ~ (1 + 2) ~ none ~ true ~ 1.0 ~ [1] }}",
    "{{ 'x' is string and 'y' }}",
    "{{ x is string or 'z' }}",
    '{%if t%}a{%endif%}{%-   if t   -%} b {%-endif%}',
    '{{x}}{{-x-}} {{x}}',
    '\t {%- set a=1 %}\n\t{{ a }}',
    "{{ {'z':1,'a':2}|dictsort }}{{ {'z':1,'a':2}|items|list }}",
    "{% macro f(a) %}{{ a }}{{ varargs }}{{ kwargs }}{% endmacro %}{{ f(1, 2, 3, k=4) }}",
    "{% macro f(a) %}{{ a }}{% endmacro %}{{ f(1, 2) }}",
    "{% macro f(a) %}{{ a }}{% endmacro %}{{ f(b=2) }}",
    "{% macro f(x) %}<{{ caller(x) }}>{% endmacro %}{% call(y) f(3) %}[{{ y }}]{% endcall %}",
    "{% macro f() %}<{{ caller() }}>{% endmacro %}{% call f() %}in {{ x }}{% endcall %}{{ f() }}",
    "{% macro f() %}<{{ caller is defined }}>{% endmacro %}{{ f() }}",
    "{% macro f() %}x{% endmacro %}{% call f() %}y{% endcall %}",
    "{% macro f(a, b=2) %}{{ a }}{{ b }}{% endmacro %}{{ f(*[1, 5]) }}{{ f(**{'a': 7}) }}{{ f(*l[:1], **{'b': 9}) }}",
    "{% with a = 1, b = 2 %}{{ a }}{{ b }}{% set c = 3 %}{{ c }}{% endwith %}{{ a is defined }}{{ c is defined }}",
    "{% with %}{% set x = 9 %}{{ x }}{% endwith %}{{ x }}",
    "{% set t = [{'n': 1, 'c': [{'n': 2, 'c': [{'n': 3}]}, {'n': 4}]}] %}{% for i in t recursive %}{{ loop.depth }}{{ loop.depth0 }}:{{ i.n }}{% if i.c %}({{ loop(i.c) }}){% endif %}{% endfor %}",
    "{% for i in l %}{{ loop(l) }}{% endfor %}",
    "{% for i in [1, 1, 2, 2, 1] %}{{ loop.changed(i) }}{% endfor %}",
    "{% for a, (b, c) in [(1, (2, 3)), [4, [5, 6]]] %}{{ a }}{{ b }}{{ c }};{% endfor %}",
    "{% set a, (b, c) = 1, (2, 3) %}{{ a }}{{ b }}{{ c }}",
    "{% set ns = namespace(f=none) %}{% macro m(x) %}<{{ x }}>{% endmacro %}{% set ns.f = m %}{{ ns.f(1) }}",
    "{% set ns = namespace(_a=1) %}{{ ns }}",
    "{% set ns = namespace() %}{% set ns._a = 1 %}",
    "{% for x in none %}{% endfor %}",
    "{% for i in range(3) %}{% for j in range(i) %}{% if j == 1 %}{% break %}{% endif %}{{ i }}{{ j }};{% else %}e{% endfor %}{% endfor %}",
    "{% if x %}a{% else %}b{% endif %}{%- if z -%} c {%- elif t -%} d {%- else -%} e {%- endif %}",
    "{{ x if x is defined else 'n' }}{{ (nope|default({})).a is defined }}{{ (nope or {}).a }}",
    "{% set d2 = {'k': [1, {'z': none}]} %}{{ d2 }}{{ d2|string|length }}",
    "{{ '\u20acuro'|tojson(ensure_ascii=true, indent=2) }}",
    '{{ [1,[2,[]],{}]|tojson(indent=1) }}',
]


def environment():
    made = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )

    def tojson(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    class TemplateNamespace(jinja2.utils.Namespace):
        def __init__(*args, **kwargs):
            self, args = args[0], args[1:]
            attributes = dict(*args, **kwargs)
            if any(name.startswith("_") for name in attributes):
                raise jinja2.exceptions.SecurityError("underscore")
            jinja2.utils.Namespace.__init__(self, attributes)

        def __setitem__(self, name, value):
            if name.startswith("_"):
                raise jinja2.exceptions.SecurityError("underscore")
            jinja2.utils.Namespace.__setitem__(self, name, value)

    def raise_exception(message):
        raise jinja2.exceptions.TemplateError(message)

    made.filters["tojson"] = tojson
    made.globals["raise_exception"] = raise_exception
    made.globals["namespace"] = TemplateNamespace
    return made


def main():
    made = environment()
    rows = []
    templates = ["{{ " + one.strip() + " }}" for line in EXPRESSIONS.strip().splitlines() for one in line.split(" | ")]
    for template in templates + TEMPLATES:
        try:
            rows.append({"template": template, "text": made.from_string(template).render(**VARIABLES)})
        except Exception as error:  # every failure is a row of the golden
            rows.append({"template": template, "error": type(error).__name__})
    lines = ",\n".join(json.dumps(row) for row in rows)
    head = json.dumps({"jinja2": jinja2.__version__, "variables": VARIABLES})[:-1]
    path = pathlib.Path(__file__).parent.parent / "golden/text/jinja.json"
    path.write_text(head + ', "rows": [\n' + lines + "\n]}\n")
    print(f"{path}: {len(rows)} rows")


if __name__ == "__main__":
    main()
