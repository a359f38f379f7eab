"""Text to program: grammar, syntax tree, types and units, diagnostics, elaboration, formatter."""
