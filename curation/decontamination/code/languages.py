"""Which language a piece of code is in: as its fence names it, or guessed from what only some of them write."""

import re

LANGUAGES = ("python", "javascript", "java", "cpp", "go", "rust")
"""What can be read. JavaScript stands for TypeScript too and C++ for C: each grammar takes both."""

_NAMES = {
    "python": "python py python3 py3 pycon ipython sage cython",
    "javascript": "javascript js jsx mjs node nodejs typescript ts tsx ecmascript",
    "java": "java",
    "cpp": "c cpp c++ cc cxx h hpp objc arduino cuda cu",
    "go": "go golang",
    "rust": "rust rs",
}
_BY_NAME = {name: language for language, names in _NAMES.items() for name in names.split()}
GUESSED_FROM = 20_000  # characters

_INDENTED = re.compile(
    r":[ \t\r]*(?:#.*)?$|^[ \t]*(?:elif|except|from \S+ import)\b|\b(?:None|True|False|self)\b", re.MULTILINE
)
_BRACED = re.compile(r"[;{}][ \t\r]*(?://.*)?$", re.MULTILINE)
_SIGNS = {
    "javascript": r"\bfunction\b|=>|\b(?:const|let|var) [\w{\[]+|[!=]==|\bconsole\.|\bMath\.|\.length\b|\bundefined\b",
    "java": r"\bpublic (?:static |class |final |[A-Z])|\bString\b|\bSystem\.|\bnew (?:Array|Hash)|\bimport java",
    "cpp": r"#include|\bstd::|\bint main\b|\b(?:printf|malloc|sizeof|strlen|cout|size_t)\b|\bchar ?\*|\w->\w|\bvector<",
    "go": r":=|\bfunc\b|^package \w|\bfmt\.|\brange \w|\b(?:nil|interface\{\})",
    "rust": r"\bfn \w|\blet mut\b|\bimpl\b|\b\w+!\(|&mut\b|\bpub fn\b|\b(?:usize|i32|i64|u8|u32|Vec<)|\bSome\(",
}
_SIGNS_OF = {language: re.compile(signs, re.MULTILINE) for language, signs in _SIGNS.items()}


def named(label: str) -> str:
    """The language that a fence names; empty where it names none that is known."""
    return _BY_NAME.get(label.lower(), "")


def guess(code: str) -> str:
    """The likeliest language. What has no line that ends as braces or statements do is Python."""
    sample = code[:GUESSED_FROM]
    if len(_BRACED.findall(sample)) <= len(_INDENTED.findall(sample)):
        return "python"
    counts = {language: len(signs.findall(sample)) for language, signs in _SIGNS_OF.items()}
    best = max(counts, key=lambda language: counts[language])
    return best if counts[best] else "cpp"
