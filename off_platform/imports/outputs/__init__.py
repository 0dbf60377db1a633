"""Report, corrected copy, findings and verdict, for people and programs."""
