"""Code by its structure: who copies a program may change every name, literal, comment and line break of it.

`finding` finds code in a text, `grammars` takes its tokens (`python_tokens` where no grammar is installed), `structure`
makes words of them, and `tables` compares those as n-grams with a rarity of their own.
"""
