"""Product imports: a strict, helpful gate for producers' files."""
