"""What the nodes of the grammars count as: node kinds of tree-sitter's Python, TypeScript, Java, C++, Go and Rust."""

NAME, NUMBER, TEXT, TYPE = "name", "0", "''", "type"


def each(kinds: str) -> frozenset[str]:
    return frozenset(kinds.split())


# Comments, imports, what only decorates a declaration, types where a language can do without.
LEFT_OUT = each(
    "comment line_comment block_comment html_comment line_continuation import_statement import_from_statement"
    " future_import_statement import_declaration package_declaration package_clause use_declaration preproc_include"
    " using_declaration modifiers accessibility_modifier visibility_modifier storage_class_specifier type_qualifier"
    " mutable_specifier attribute_item inner_attribute_item lifetime type type_annotation type_arguments"
    " type_parameters type_parameter type_alias_declaration interface_declaration empty_statement"
)
TEXTS = each(
    "string concatenated_string template_string regex string_literal raw_string_literal char_literal rune_literal"
    " character_literal interpreted_string_literal system_lib_string"
)
_NUMBERS = each(
    "integer float number number_literal int_literal float_literal imaginary_literal integer_literal"
    " decimal_integer_literal hex_integer_literal octal_integer_literal binary_integer_literal"
    " decimal_floating_point_literal hex_floating_point_literal"
)
_TYPES = each(
    "primitive_type sized_type_specifier integral_type floating_point_type boolean_type void_type generic_type"
    " array_type slice_type map_type pointer_type reference_type scoped_type_identifier qualified_type template_type"
    " type_identifier placeholder_type_specifier channel_type"
)
AS_ONE = dict.fromkeys(TEXTS, TEXT) | dict.fromkeys(_NUMBERS, NUMBER) | dict.fromkeys(_TYPES, TYPE)
AS_ONE |= {kind: kind for kind in ("true", "false", "self", "super")} | {"this": "self"}
AS_ONE |= dict.fromkeys(["none", "null", "nil", "undefined"], "none")
AS_ONE |= {"ellipsis": "...", "keyword_separator": "*", "positional_separator": "/"}
"""Nodes that are one token, whatever is in them."""
SAME = {"const": "let", "var": "let", "===": "==", "!==": "!="}
DROPPED = each("; export inline async await")
GROUPED = each("parenthesized_expression tuple tuple_pattern condition_clause")
"""Where parentheses change nothing that is kept here: not everybody writes them."""
DEFINING = each("def function func fn class type")
"""After these a name is one of the program's own, whatever it is called."""
