"""One text, or one column of texts, to a value or the rule it breaks."""
