"""Words and numbers as a language has them; one catalogue a language, English in the source."""
