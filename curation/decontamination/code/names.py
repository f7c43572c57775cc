"""Names that nobody changes who copies a program: what the languages and their standard libraries call so.

Only where it is called does a known name stand for itself; every other name is one of the program's own.
"""

_NAMES = (
    # Python's functions and types
    "abs all any bin bool bytes callable chr complex dict dir divmod enumerate eval filter float format frozenset"
    " getattr hasattr hash hex id input int isinstance issubclass iter len list map max min next object oct open ord"
    " pow print property range repr reversed round set setattr slice sorted str sum super tuple type zip"
    " ValueError TypeError KeyError IndexError RuntimeError Exception"
    # methods of its texts, lists, dictionaries and sets
    " append extend insert remove pop clear index count sort reverse copy keys values items get setdefault update add"
    " discard union intersection difference join split rsplit splitlines strip lstrip rstrip lower upper title"
    " capitalize swapcase startswith endswith find rfind replace isdigit isalpha isalnum isspace islower isupper"
    " encode decode zfill partition match search findall sub group most_common sqrt floor ceil log gcd"
    # JavaScript
    " push shift unshift splice concat forEach reduce some every includes indexOf charAt charCodeAt fromCharCode"
    " parseInt parseFloat toString toFixed toLowerCase toUpperCase trim substring substr isNaN Number String Array"
    " Map Set has delete"
    # C and C++
    " printf scanf sprintf malloc calloc realloc free strlen strcpy strcmp strcat memcpy memset sizeof isupper tolower"
    " toupper push_back begin end size empty insert"
    # Java, Go, Rust
    " println length equals containsKey put contains isEmpty hashCode valueOf append make panic Println Printf Sprintf"
    " unwrap collect iter into_iter chars clone to_string"
)
KNOWN = frozenset(_NAMES.split())
