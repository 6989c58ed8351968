"""The page of the report: one HTML file without scripts and without anything from elsewhere."""

import jinja2

from vigia.report.figures import Figures
from vigia.report.sections import sections
from vigia.report.words import Words

_TEMPLATE = """<!doctype html>
<html lang="{{ language }}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{{ w.say('title') }}</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; color: #22303c; background: #f4f6f8; margin: 0; }
main { max-width: 940px; margin: 0 auto; padding: 24px 20px 60px; }
h1 { font-size: 27px; line-height: 1.25; margin: 12px 0; }
h2 { font-size: 20px; margin: 0 0 14px; }
h3 { font-size: 15px; font-weight: 600; margin: 20px 0 6px; }
section { background: #fff; border: 1px solid #d9dfe4; border-radius: 8px; padding: 20px 26px 14px; margin: 22px 0; break-inside: avoid; }
svg { max-width: 100%; height: auto; font-family: system-ui, sans-serif; display: block; }
p.told { margin: 10px 0; }
p.do { background: #eef5f0; border-left: 4px solid #2f7d4f; padding: 8px 12px; margin: 12px 0; }
.about { color: #5c6b77; margin: 4px 0; }
table { border-collapse: collapse; width: 100%; margin: 8px 0 14px; }
th, td { text-align: left; padding: 6px 10px; border-bottom: 1px solid #d9dfe4; vertical-align: top; overflow-wrap: anywhere; }
</style>
</head>
<body>
<main>
<h1>{{ w.say('title') }}</h1>
<p class="about">{{ w.say('about', customers=w.number(f.customers), until=f.until, policy=f.policy) }}</p>
{% if f.currency %}<p class="about">{{ w.say('money', currency=f.currency) }}
{% if f.other_currencies %}{{ w.say('others', n=w.number(f.other_currencies)) }}{% endif %}</p>{% endif %}
{% for section in sections %}
<section>
<h2>{{ section.title }}</h2>
<p class="told"><b>{{ w.say('shows') }}</b> {{ section.shows }}</p>
{% if section.do %}<p class="do"><b>{{ w.say('do') }}</b> {{ section.do }}</p>{% endif %}
{% for picture in section.pictures %}
{% if picture.head %}<h3>{{ picture.head }}</h3>{% endif %}
{{ picture.drawn }}
{% endfor %}
{% if section.rows %}
<table><tr>{% for head in section.heads %}<th>{{ head }}</th>{% endfor %}</tr>
{% for row in section.rows %}<tr>{% for cell in row %}<td>{{ cell }}</td>{% endfor %}</tr>
{% endfor %}</table>
{% endif %}
</section>
{% endfor %}
</main>
</body>
</html>
"""


def page(figures: Figures, language: str = "en") -> str:
    """The report as HTML; everything that comes from outside is escaped."""
    words = Words.of(language)
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    template = environment.from_string(_TEMPLATE)
    return template.render(f=figures, w=words, language=language, sections=sections(figures, words))
