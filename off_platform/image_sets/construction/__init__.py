"""The folder `.building` of a set: plan, rows, containers, and how they become the set."""
