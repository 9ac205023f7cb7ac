"""The add-on in other languages: one JSON file a language, English to translation, and how a sentence with values in it
is found there.

Labels, tooltips and names are looked up by Blender itself, in what `texts` registers. Sentences of the add-on and of
its engine are made in English everywhere, and so are logs, batch output and JSON; `texts.translated` turns one into
the user's language where it is shown.

Imports: nothing.
"""
