"""Methods: one per word that may follow `by` in a question, with its typed options.

The words are those of `opengames.methods`, and this package does their work; what does it is imported when it is
asked for. A word that is known and not available yet has a sentence that says what is missing, so that a text can
be refused honestly.
"""

from opengames.methods import METHODS, MethodWord, Option, wrong_option

__all__ = ["METHODS", "MethodWord", "Option", "wrong_option"]
