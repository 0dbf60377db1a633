"""A set under construction: plan, groups of samples, drafts; resumable at any moment."""
