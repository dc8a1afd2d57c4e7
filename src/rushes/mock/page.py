"""The one page of the rehearsal backend, for a person who opens its address."""

from __future__ import annotations

from html import escape

from rushes.mock.words import MEANING

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Rehearsal backend</title>
<style>
:root {{ color-scheme: light dark }}
body {{ font: 1rem/1.6 system-ui, sans-serif; max-width: 42rem; margin: 3rem auto }}
body {{ padding: 0 1rem }}
code {{ background: color-mix(in srgb, currentColor 10%, transparent); padding: .1em .3em }}
dt {{ margin-top: .6rem }}
</style>
</head>
<body>
<h1>Rehearsal backend</h1>
<p>This server stands in for a real text-to-video service. It understands no prompt: it paints
a landscape, writes your words into it and sends a real clip, so that everything around it can be
tried without a key, without cost and without anything leaving this machine.</p>
<h2>It speaks like</h2>
<dl>{dialects}</dl>
<h2>Words that rehearse trouble</h2>
<p>Put one anywhere in a prompt.</p>
<dl>{words}</dl>
<h2>What it saw</h2>
<p><a href="_mock/stats">_mock/stats</a> counts the jobs that were really taken.</p>
</body>
</html>
"""


def render_page(dialects: dict[str, str]) -> str:
    """Return the page; `dialects` maps a base path to the server it speaks like."""
    return _PAGE.format(
        dialects=_terms(dialects), words=_terms({str(word): text for word, text in MEANING.items()})
    )


def _terms(meanings: dict[str, str]) -> str:
    return "".join(
        f"<dt><code>{escape(term)}</code></dt><dd>{escape(text)}</dd>"
        for term, text in meanings.items()
    )
